"""What can be wrong with bytes from a stranger, and with an answer that we make."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import InternalError, WorldError

__all__ = ["AnswerUnknown", "FrameRefused", "UnreadableMessage"]


@dataclass(eq=False, kw_only=True)
class UnreadableMessage(WorldError):
    """The bytes of a message do not make sense."""

    reason: str
    """What is wrong with them."""

    code: ClassVar[str] = "PEN-I126"
    what: ClassVar[str] = "A message cannot be read: {reason}."
    why: ClassVar[str] = "Its bytes are not as Kafka's protocol writes them."
    remedy: ClassVar[str] = "Connect with a Kafka client, and to the port that is meant."


@dataclass(eq=False, kw_only=True)
class FrameRefused(WorldError):
    """A message announces a length that is not allowed."""

    length: int
    """As announced, in bytes."""
    limit: int
    """The greatest length that is allowed, in bytes."""

    code: ClassVar[str] = "PEN-I127"
    what: ClassVar[str] = "A message announces a length of {length} bytes."
    why: ClassVar[str] = "Lengths from 0 to {limit} are allowed; others are not of a Kafka client."
    remedy: ClassVar[str] = (
        "Connect with a Kafka client without TLS, or raise socket.request.max.bytes."
    )


@dataclass(eq=False, kw_only=True)
class AnswerUnknown(InternalError):
    """A handler makes a part of an answer that its API does not have."""

    api_key: int
    """Kafka's number of the request."""
    version: int
    """Of the request."""
    name: str
    """Of the struct."""

    code: ClassVar[str] = "PEN-I128"
    what: ClassVar[str] = "The answer to request {api_key} in version {version} has no {name}."
    why: ClassVar[str] = "Kafka's messages name their structs, and this version has none so named."
    remedy: ClassVar[str] = "Report this as a bug of the embedded broker."
