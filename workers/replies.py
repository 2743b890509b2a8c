"""What the handlers of commands return, checked and encoded.

Law: a handler returns exactly what its command's class declares, or nothing where that declares
none; whoever asked reads that and nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, final

from penstock.events.event import Command
from penstock.schemas.codec import encoder_of
from penstock.schemas.errors import CallerError, ExitCode
from penstock.workers.handler import CommandHandler

__all__ = ["BadReply", "Replies"]


@dataclass(eq=False, kw_only=True)
class BadReply(CallerError):
    """The handler of a command returned something else than its reply."""

    handler: str
    """The handler."""
    returned: str
    """The type of what it returned."""
    declared: str
    """What the command's class declares: the name of a reply, or None."""

    code: ClassVar[str] = "PEN-W30"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The handler {handler} returned a {returned}."
    why: ClassVar[str] = "The command's class declares reply={declared}, and who asked reads that."
    remedy: ClassVar[str] = "Return it, or declare another reply."


@final
class Replies:
    """Encodes the replies of some handlers."""

    def __init__(self, handlers: Iterable[CommandHandler]) -> None:
        """Compile an encoder for each handler that replies."""
        self._encoders: dict[type[Command], Callable[[Any], bytes]] = {
            handler.command_type: encoder_of(handler.reply)
            for handler in handlers
            if handler.reply is not None
        }

    def encoded(self, returned: object, handler: CommandHandler) -> bytes | None:
        """Return a reply as a framed value; None where none is declared.

        Raises:
            BadReply: it is another type than declared.
            EncodeError: a value in it cannot be written.
        """
        declared = handler.reply
        if type(returned) is not (type(None) if declared is None else declared):
            raise BadReply(
                handler=handler.name,
                returned=type(returned).__name__,
                declared="None" if declared is None else declared.__name__,
            )
        return None if declared is None else self._encoders[handler.command_type](returned)
