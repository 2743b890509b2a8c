"""What a saga may be told. The shell makes these of records and timers; `decide` takes them.

Data is framed bytes by the definition's own schemas: whoever makes an input has read the writer's
schema and judged the bytes already.
"""

from dataclasses import dataclass

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Verb
from penstock.sagas.engine.notes import ParkingCode

__all__ = [
    "Cancelled",
    "Erred",
    "Input",
    "Operated",
    "OutputsRefused",
    "Refused",
    "Replied",
    "Signalled",
    "Started",
    "Succeeded",
    "TimersDue",
    "Unreadable",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Begin, or say what became of the one that has begun."""

    key: str
    input: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """It was done."""

    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It certainly was not done and will not be."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erred:
    """Nobody knows whether it was done."""

    code: str
    text: str = ""
    retryable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An answer whose data do not decode, or do not fit what the step is answered with (S16)."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A service has answered."""

    step: str
    direction: Direction
    attempt: int
    answer: Succeeded | Refused | Erred | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class TimersDue:
    """Look at the timers: whatever is due by now has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    """An event has come that no step awaits in this version of the language."""

    event: str
    """Its full name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Somebody wants it turned round."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """An operator decides about a parked saga (saga-rules S11)."""

    verb: Verb
    step: str
    actor: str
    reason: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsRefused:
    """What was to follow is certain not to: park the saga without it (formats.md F18)."""

    reason: str
    """What the broker said, twice; or what it would say, or what went wrong in here."""
    code: ParkingCode = ParkingCode.NOT_SENT
    """What the parking says; NOT_ANNOUNCED where the event of the saga's end was among it."""


Input = Started | Replied | TimersDue | Signalled | Cancelled | Operated | OutputsRefused
