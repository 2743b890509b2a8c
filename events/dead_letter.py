"""Records that could not be handled, and why: the headers of a dead letter.

A dead letter is the record itself, with key, value and headers untouched, and a note in further
headers that says where it lay, who could not handle it and why (formats.md F14). So it can be
looked at, and replayed as if it had never been parked.

Laws:
1. A note never contains the payload: only coordinates, names, counts and one bounded message.
2. A dead letter that is parked again carries one note, the newest.
3. This file sends nothing and decides nothing: who parks a record, and when, is workers' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import ValidationError

from penstock.events.headers import Header
from penstock.events.log import Headers, LogRecord
from penstock.schemas.errors import ExitCode, PenstockError, WorldError

__all__ = [
    "MESSAGE_LIMIT",
    "DeadLetterNote",
    "NotADeadLetter",
    "dead_letter_headers",
    "failure_code",
    "failure_message",
    "original_headers",
    "parse_note",
]

MESSAGE_LIMIT: Final = 1_000
"""Characters of a note's message at most, after escaping."""

_DIGITS_LIMIT: Final = 19
"""Digits of every number that fits into 64 bits; more would be work without a limit."""

_PREFIX = "penstock-dlq-"
_ELLIPSIS = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterNote:
    """Why a record was parked, and where it lay."""

    reason: str
    """The class of the failure in one word with hyphens: undecodable, refused, ..."""
    error_code: str
    """The error's stable code, or the qualified name of its class."""
    message: str
    """What happened; at most 1 000 characters, control characters escaped."""
    topic: str
    """The topic where the record lay."""
    partition: int
    """Its partition."""
    offset: int
    """Its offset."""
    timestamp_ms: int
    """Its timestamp, milliseconds since 1970."""
    group: str
    """The consumer group that could not handle it."""
    handler: str
    """The handler that failed; empty where none was reached."""
    attempts: int
    """How often handling was begun, 0 where no handler was reached."""


@dataclass(eq=False, kw_only=True)
class NotADeadLetter(WorldError):
    """A record on a dead-letter topic has no readable note."""

    header: str
    """The header that is missing or unreadable."""

    code: ClassVar[str] = "PEN-E32"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A record is no dead letter: its header {header} is missing or broken."
    why: ClassVar[str] = "Without it nobody can say where the record came from."
    remedy: ClassVar[str] = "Find out who else writes to this topic."


# Header by field. Numbers are decimal text.
_TEXTS = {
    "reason": f"{_PREFIX}reason",
    "error_code": f"{_PREFIX}error-code",
    "message": f"{_PREFIX}message",
    "topic": f"{_PREFIX}topic",
    "group": f"{_PREFIX}group",
    "handler": f"{_PREFIX}handler",
}
_NUMBERS = {
    "partition": f"{_PREFIX}partition",
    "offset": f"{_PREFIX}offset",
    "timestamp_ms": f"{_PREFIX}timestamp",
    "attempts": f"{_PREFIX}attempts",
}


def dead_letter_headers(
    record: LogRecord,
    failure: BaseException,
    *,
    reason: str,
    group: str,
    handler: str = "",
    attempts: int = 0,
) -> tuple[Header, ...]:
    """Return the headers of a dead letter: the record's own, then the note.

    Args:
        record: the record that could not be handled.
        failure: what ended the last attempt.
        reason: the class of the failure, in one word with hyphens.
        group: the consumer group.
        handler: the handler's name within its worker; empty where none was reached.
        attempts: how often handling was begun.
    """
    note = DeadLetterNote(
        reason=reason,
        error_code=failure_code(failure),
        message=failure_message(failure),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        group=group,
        handler=handler,
        attempts=attempts,
    )
    written = tuple(
        (header, str(getattr(note, field)).encode())
        for field, header in (_TEXTS | _NUMBERS).items()
    )
    return (*original_headers(record.headers), *written)


def original_headers(headers: Headers) -> tuple[Header, ...]:
    """Return the headers without a note: those that the record had before it was parked."""
    return tuple(header for header in headers if not header[0].startswith(_PREFIX))


def parse_note(headers: Headers) -> DeadLetterNote:
    """Read the note of a dead letter.

    Raises:
        NotADeadLetter: a part of the note is missing or unreadable.
    """
    values = dict(headers)
    texts = {field: _text(values, header) for field, header in _TEXTS.items()}
    numbers = {field: _number(values, header) for field, header in _NUMBERS.items()}
    return DeadLetterNote(
        reason=texts["reason"],
        error_code=texts["error_code"],
        message=texts["message"],
        topic=texts["topic"],
        group=texts["group"],
        handler=texts["handler"],
        partition=numbers["partition"],
        offset=numbers["offset"],
        timestamp_ms=numbers["timestamp_ms"],
        attempts=numbers["attempts"],
    )


def failure_code(failure: BaseException) -> str:
    """Return the stable code of a penstock error, or the qualified name of any other's class."""
    if isinstance(failure, PenstockError):
        return failure.code
    return f"{type(failure).__module__}.{type(failure).__qualname__}"


def failure_message(failure: BaseException) -> str:
    """Return what a failure says, safe to show: bounded, on one line, without payload.

    Pydantic repeats the input in its messages; here only place and kind of each problem remain.
    What a handler's own exceptions say is its author's choice of words and is kept.
    """
    text = _validation(failure) if isinstance(failure, ValidationError) else str(failure)
    # Cut before escaping, too, so that a text of a gigabyte costs no gigabyte of escapes.
    return _bounded("".join(map(_visible, text[: MESSAGE_LIMIT + 1])))


def _validation(failure: ValidationError) -> str:
    problems = failure.errors(include_url=False, include_context=False, include_input=False)
    # Only the first step of a path is surely a name of the model; a later one may be a map's key.
    return "; ".join(
        f"{problem['loc'][0] if problem['loc'] else failure.title}: {problem['type']}"
        for problem in problems
    )


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _bounded(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT:
        return text
    return text[: MESSAGE_LIMIT - len(_ELLIPSIS)] + _ELLIPSIS


def _text(values: Mapping[str, bytes], header: str) -> str:
    value = values.get(header)
    if value is None:
        raise NotADeadLetter(header=header)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NotADeadLetter(header=header) from None


def _number(values: Mapping[str, bytes], header: str) -> int:
    text = _text(values, header)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_LIMIT):
        raise NotADeadLetter(header=header)
    return int(text)
