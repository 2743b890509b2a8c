"""What the catalogue of schemas raises: the turn is lost, the topic unreadable, or made anew.

What a schema itself may do wrong is said by schema_judgement.py.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.events.names import SCHEMAS_TOPIC
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["SchemasCreatedAnew", "SchemasNotRegistered", "SchemasUnreadable", "TurnLost"]


@dataclass(eq=False, kw_only=True)
class TurnLost(WorldError):
    """Another process has taken the turn to write schemas."""

    code: ClassVar[str] = "PEN-E29"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Another process registers schemas now."
    why: ClassVar[str] = "One at a time may, so that two cannot give one fingerprint two meanings."
    remedy: ClassVar[str] = "Try again."


@dataclass(eq=False, kw_only=True)
class SchemasNotRegistered(WorldError):
    """Schemas could not be registered within the attempts allowed."""

    attempts: int
    """Attempts made."""
    reason: str
    """How the last one ended."""

    code: ClassVar[str] = "PEN-E27"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Schemas could not be registered in {attempts} attempts. {reason}"
    why: ClassVar[str] = "No event is written before its schema stands on the schemas topic."
    remedy: ClassVar[str] = "Look after the cluster, then start again."


@dataclass(eq=False, kw_only=True)
class SchemasUnreadable(WorldError):
    """The schemas topic could not be read to its end in time."""

    position: int
    """The offset that was reached."""
    end: int
    """The offset that was to be reached."""
    timeout_s: float
    """Seconds allowed."""

    code: ClassVar[str] = "PEN-E28"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = (
        f"{SCHEMAS_TOPIC} was read to offset {{position}} of {{end}} in {{timeout_s}} seconds."
    )
    why: ClassVar[str] = "Without all schemas neither reading nor registering is safe."
    remedy: ClassVar[str] = "Look after the cluster, then start again."


@dataclass(eq=False, kw_only=True)
class SchemasCreatedAnew(WorldError):
    """The schemas topic was deleted and created again under a process that knows ids of it."""

    position: int
    """The offset up to which it had been read."""
    end: int
    """The end that it has now."""

    code: ClassVar[str] = "PEN-E91"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        f"{SCHEMAS_TOPIC} was read to offset {{position}} and now ends at {{end}}: it was made "
        "anew."
    )
    why: ClassVar[str] = (
        "Its ids are handed out anew, and this process has read or written records by those of "
        "before."
    )
    remedy: ClassVar[str] = (
        "Start every process again that reads or writes by ids; records that carry ids of before "
        "can be read only after the old schemas were put back with theirs."
    )
