"""The headers around a saga's command: which step of which saga asks, and where the answer goes.

A command of a saga is an ordinary record of an ordinary type; what makes it part of a saga stands
in its headers, so that a service can answer it without knowing any saga (formats.md F11, F12).

Laws:
1. The idempotency key depends on saga, step, direction and saga key alone: every attempt has it.
2. A command's id depends on its idempotency key and its attempt alone.
3. An answer goes to a saga's inbox and nowhere else, whatever a header says.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID, uuid5

from penstock.events.headers import Header, UnreadableHeader
from penstock.events.identity import NAMESPACE
from penstock.events.log import Headers
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "CommandHeaders",
    "Direction",
    "NotASagaCommand",
    "command_id",
    "idempotency_key",
]

SAGA: Final = "penstock-saga"
STEP: Final = "penstock-step"
DIRECTION: Final = "penstock-direction"
ATTEMPT: Final = "penstock-attempt"
IDEMPOTENCY_KEY: Final = "penstock-idempotency-key"
DEADLINE: Final = "penstock-deadline"
REPLY_TO: Final = "reply-to"

_NAME = r"[a-z][a-z0-9_-]{0,62}"
_SAGA = re.compile(_NAME)
_STEP = re.compile(r"[a-z][a-z0-9_]{0,62}")
_INBOX = re.compile(rf"_penstock\.{_NAME}\.saga\.({_NAME})\.inbox")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Direction(StrEnum):
    """Whether a step is to be done or to be undone."""

    DO = "do"
    UNDO = "undo"


@dataclass(eq=False, kw_only=True)
class NotASagaCommand(WorldError):
    """The headers of a command name a saga and are not whole."""

    header: str
    """The header that is missing or wrong."""
    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-E40"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A command of a saga has a bad header {header}: {problem}."
    why: ClassVar[str] = "Without it nobody can tell which step the answer belongs to."
    remedy: ClassVar[str] = "Mend the program that wrote the command; sagas write all of them."


def idempotency_key(saga: str, direction: Direction, step: str, key: str) -> str:
    """Return the key under which an effect happens once: `<saga>/<do|undo>/<step>:<saga key>`.

    The free part stands last, so that the parts can be told from the whole.
    """
    return f"{saga}/{direction}/{step}:{key}"


def command_id(effect_key: str, attempt: int) -> UUID:
    """Return the id of one attempt's command.

    Args:
        effect_key: as `idempotency_key` makes it.
        attempt: from 1 on.
    """
    return uuid5(NAMESPACE, f"{effect_key}#{attempt}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandHeaders:
    """What the headers of a saga's command say."""

    saga: str
    """Name of the saga."""
    step: str
    """Name of the step."""
    direction: Direction
    """Whether it is done or undone."""
    attempt: int
    """Number of the attempt in this direction, from 1."""
    idempotency_key: str
    """See `idempotency_key`."""
    deadline_ms: int
    """Wall clock, milliseconds since 1970: from then on nobody waits for this attempt's answer."""
    reply_to: str
    """The inbox topic that takes the answer."""

    def written(self) -> tuple[Header, ...]:
        """Return them as headers of a record."""
        return (
            (SAGA, self.saga.encode()),
            (STEP, self.step.encode()),
            (DIRECTION, self.direction.encode()),
            (ATTEMPT, b"%d" % self.attempt),
            (IDEMPOTENCY_KEY, self.idempotency_key.encode()),
            (DEADLINE, b"%d" % self.deadline_ms),
            (REPLY_TO, self.reply_to.encode()),
        )

    @classmethod
    def parse(cls, headers: Headers) -> "CommandHeaders | None":
        """Read the headers of a command.

        Returns:
            None where it belongs to no saga.

        Raises:
            NotASagaCommand: a header is missing, or is not what its name promises.
            UnreadableHeader: a header is not UTF-8.
        """
        values = dict(headers)
        if SAGA not in values:
            return None
        saga = _match(values, SAGA, _SAGA)
        reply_to = _match(values, REPLY_TO, _INBOX)
        if reply_to.split(".")[3] != saga:
            raise NotASagaCommand(header=REPLY_TO, problem=f"it is not the inbox of {saga}")
        direction = _text(values, DIRECTION)
        if direction not in (Direction.DO, Direction.UNDO):
            raise NotASagaCommand(header=DIRECTION, problem="it is neither do nor undo")
        return cls(
            saga=saga,
            step=_match(values, STEP, _STEP),
            direction=Direction(direction),
            attempt=int(_match(values, ATTEMPT, _NUMBER)),
            idempotency_key=_text(values, IDEMPOTENCY_KEY),
            deadline_ms=int(_match(values, DEADLINE, _NUMBER)),
            reply_to=reply_to,
        )


def _match(values: dict[str, bytes], name: str, pattern: re.Pattern[str]) -> str:
    text = _text(values, name)
    if pattern.fullmatch(text) is None:
        raise NotASagaCommand(header=name, problem=f"it is {text[:64]!a}")
    return text


def _text(values: dict[str, bytes], name: str) -> str:
    raw = values.get(name)
    if raw is None:
        raise NotASagaCommand(header=name, problem="it is missing")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
        raise UnreadableHeader(header=name, reason=reason) from None
