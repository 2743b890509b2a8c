"""What reaches a saga's inbox: one envelope, whatever it holds.

Starts, answers, signals, cancels and the acts of operators lie in one topic keyed by the saga's
key, so that everything about one saga has one order (formats.md F13). The envelope stands in this
room because services write answers into it and know no saga.

Laws:
1. Exactly one part of an envelope is set.
2. What a user's type describes travels as framed bytes, as its author wrote them.
3. These records are on the wire: fields are added with defaults, and none is removed.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, Self

from pydantic import model_validator

from penstock.events.saga_headers import Direction
from penstock.schemas.codec import encoder_of
from penstock.schemas.record import Record

__all__ = [
    "Cancel",
    "InboxMessage",
    "OperatorAct",
    "Outcome",
    "Signal",
    "Start",
    "StepReply",
    "Verb",
    "Way",
    "encode_inbox_message",
]

__namespace__ = "penstock"


class Way(Enum):
    """`Direction`, as Avro writes it: its symbols are the names."""

    DO = Direction.DO
    UNDO = Direction.UNDO


class Outcome(Enum):
    """The three kinds of answers that a service gives to a command; there is no fourth."""

    OK = "ok"
    """It was done."""
    REFUSED = "refused"
    """It certainly was not done and will not be."""
    ERROR = "error"
    """Nobody knows whether it was done."""


class Verb(Enum):
    """What an operator may do with a parked saga."""

    RETRY = "retry"
    SKIP = "skip"
    MARK_DONE = "mark-done"
    MARK_UNDONE = "mark-undone"


class Start(Record):
    """Begin a saga."""

    input: bytes
    """The framed input record."""


class StepReply(Record):
    """A service's answer to one attempt of one step."""

    step: str
    way: Way
    attempt: int
    outcome: Outcome
    data: bytes | None = None
    """The framed reply record, where the command declares one and the outcome is OK."""
    code: str = ""
    """Of a refusal or an error: a short stable name."""
    text: str = ""
    """Of a refusal or an error: more for people, at most 1 024 characters."""
    retryable: bool = True
    """Of an error: whether another attempt may succeed."""


class Signal(Record):
    """An event that a saga waits for."""

    event: bytes
    """The framed event."""


class Cancel(Record):
    """Turn a saga round, as long as that is possible."""

    actor: str
    reason: str


class OperatorAct(Record):
    """What an operator decides about a parked saga."""

    verb: Verb
    step: str
    actor: str
    reason: str
    data: bytes | None = None
    """For MARK_DONE: the framed reply record that the step is taken to have answered."""


class InboxMessage(Record):
    """The envelope."""

    start: Start | None = None
    reply: StepReply | None = None
    signal: Signal | None = None
    cancel: Cancel | None = None
    operator: OperatorAct | None = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        parts = (self.start, self.reply, self.signal, self.cancel, self.operator)
        if sum(part is not None for part in parts) != 1:
            message = "exactly one part of an envelope is set"
            raise ValueError(message)
        return self


encode_inbox_message: Final[Callable[[InboxMessage], bytes]] = encoder_of(InboxMessage)
"""Write an envelope as a framed value."""
