"""Errors of any kind, put into the same words: those that nobody foresaw, and those of stdout."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.infra.own_code import place_of
from penstock.infra.plain_text import escaped, excerpt
from penstock.schemas.errors import InternalError, PenstockError, WorldError

__all__ = ["OutputRefused", "Unexpected", "known", "one_line", "unexpected"]

_TEXT_LIMIT = 200


@dataclass(eq=False, kw_only=True)
class Unexpected(InternalError):
    """An error of no kind of ours."""

    error: str
    """The name of its class."""
    text: str
    """Its text, cut and escaped."""
    place: str
    """File and line that it came through."""
    where: str
    """How its traceback can be seen, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I9"
    what: ClassVar[str] = "Something unforeseen happened: {error}: {text}"
    why: ClassVar[str] = "It came through {place}."
    remedy: ClassVar[str] = "{where}; please report it, if that line is not yours."


@dataclass(eq=False, kw_only=True)
class OutputRefused(WorldError):
    """What a command printed could not be written."""

    reason: str
    """What the operating system says."""

    code: ClassVar[str] = "PEN-I170"
    what: ClassVar[str] = "The output could not be written: {reason}."
    why: ClassVar[str] = "What came out of this command is not whole."
    remedy: ClassVar[str] = "Make room where stdout goes to, and run it again."


def unexpected(error: BaseException, *, where: str) -> Unexpected:
    """Return the error that tells of another.

    Args:
        error: of no kind of ours.
        where: how its traceback can be seen, as a sentence without its end.
    """
    return Unexpected(
        error=type(error).__name__,
        text=excerpt(str(error), _TEXT_LIMIT),
        place=place_of(error),
        where=where,
    )


def known(error: BaseException) -> PenstockError:
    """Return the error itself if it is ours, or the only one in its group, else one about it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, PenstockError):
        return error
    return unexpected(error, where="The same command with --debug shows its traceback")


def one_line(error: PenstockError) -> str:
    """Return code, message and notes of an error, in one line."""
    return escaped(" ".join((str(error), *getattr(error, "__notes__", ()))))
