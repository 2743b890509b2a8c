"""What `decide` wants to happen outside a saga's own state. Values; the shell carries them out."""

from dataclasses import dataclass

from penstock.events.saga_headers import Direction

__all__ = ["DeadLetter", "Effect", "PublishEvent", "Remove", "SendCommand", "SoundAlarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCommand:
    """Send one attempt's command, keyed by the saga's key."""

    step: str
    direction: Direction
    attempt: int
    type_name: str
    """Full name of the command."""
    topic: str
    value: bytes
    """The framed command."""
    deadline_ms: int
    """When nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvent:
    """Publish an event."""

    step: str
    """The step that emits it; empty where it says that everything is undone."""
    type_name: str
    """Full name of the event."""
    topic: str
    key: bytes | None
    value: bytes
    """The framed event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Park the input record itself: it belongs to nothing here."""

    reason: str
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundAlarm:
    """Tell people."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Forget the saga: its retention is over."""


Effect = SendCommand | PublishEvent | DeadLetter | SoundAlarm | Remove
