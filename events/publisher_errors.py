"""What a publisher refuses before anything is sent: closed, not ready, full, or asked too much.

What may become of an event that was taken is said by line.py (`NotSent`) and receipt.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, WorldError

__all__ = ["BadTimeout", "NoRoom", "NotPrepared", "PublisherClosed"]


@dataclass(eq=False, kw_only=True)
class BadTimeout(CallerError):
    """A call asks for more time than the publisher allows, or for none."""

    timeout_s: float
    """The seconds asked for."""
    limit_s: float
    """The seconds allowed."""

    code: ClassVar[str] = "PEN-E34"
    what: ClassVar[str] = "A publish cannot take {timeout_s} seconds."
    why: ClassVar[str] = "It may take more than none and at most {limit_s}, as its batch may."
    remedy: ClassVar[str] = "Ask for less, or raise the publisher's timeout_s."


@dataclass(eq=False, kw_only=True)
class PublisherClosed(CallerError):
    """Something is published after the publisher was closed."""

    code: ClassVar[str] = "PEN-E22"
    what: ClassVar[str] = "The publisher is closed."
    why: ClassVar[str] = "Nobody would wait for the record any more."
    remedy: ClassVar[str] = "Publish before the connection is left."


@dataclass(eq=False, kw_only=True)
class NotPrepared(CallerError):
    """Something is to be published without waiting, and its class is not ready."""

    message_type: str
    """The class."""

    code: ClassVar[str] = "PEN-E47"
    what: ClassVar[str] = "{message_type} cannot be published without waiting yet."
    why: ClassVar[str] = "Its schema and its topic were not confirmed, and that takes waiting."
    remedy: ClassVar[str] = "Await prepare([{message_type}]) first, or the first event's publish()."


@dataclass(eq=False, kw_only=True)
class NoRoom(WorldError):
    """Something is to be published without waiting, and there is no room for it."""

    topic: str
    """Where it was to be written."""
    size_bytes: int
    """Its size."""
    buffered_bytes: int
    """Bytes that wait for their acknowledgement."""
    limit_bytes: int
    """Bytes that may."""

    code: ClassVar[str] = "PEN-E48"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "There is no room for an event of {size_bytes} bytes for {topic}."
    why: ClassVar[str] = (
        "{buffered_bytes} of {limit_bytes} bytes wait for their acknowledgement, and events that "
        "came before this one may be waiting for room. It was not sent."
    )
    remedy: ClassVar[str] = (
        "Await publish(), which waits for room, or a flush; or drop the event where that is right."
    )
