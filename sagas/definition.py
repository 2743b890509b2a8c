"""A saga as it was checked: steps, messages, times. Made by the language, read by everything else.

Whoever holds a `Definition` holds one whose paths lead somewhere and whose values fit: the language
(language/check.py is its way out) alone makes it. Durations are milliseconds, because time in Kafka
is.

Laws:
1. A definition is a value; a running saga stays on the one that it began with.
2. `digest` covers the text and the full schemas, never a fingerprint: two contents under one
   version are two digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.schemas.schema import AvroSchema

__all__ = [
    "CallStep",
    "CommandUse",
    "Definition",
    "EmitStep",
    "EventUse",
    "ListTemplate",
    "Literal",
    "MappingTemplate",
    "Path",
    "Retry",
    "Root",
    "Step",
    "Template",
    "Undo",
]


class Root(StrEnum):
    """Where a path begins."""

    INPUT = "input"
    STEPS = "steps"
    SAGA = "saga"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value written in the file, converted to what its Avro type holds in Python."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """`$.input.a.b`, `$.steps.<name>.a`, `$.saga.key`, `$.failure.code`."""

    root: Root
    fields: tuple[str, ...]
    """The names behind the root; under STEPS the first is the step's. Checked to lead somewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTemplate:
    """A record or a map, field by field."""

    fields: Mapping[str, "Template"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTemplate:
    """An array, item by item."""

    items: tuple["Template", ...]


Template = Literal | Path | MappingTemplate | ListTemplate
"""How a value is made from what a saga knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When an attempt that failed is repeated (saga-rules S1, S20)."""

    attempts: int | None
    """At most so many; None tries until `give_up_ms` has passed (at and after the pivot)."""
    delay_ms: int
    """Wait after the first attempt."""
    backoff: float
    """Each further wait is so many times as long, 1 to 10."""
    max_delay_ms: int
    """No wait is longer."""
    give_up_ms: int | None = None
    """So long after the first sending an endless retry parks the saga; None where `attempts` is
    given."""

    def wait_ms(self, attempt: int, draw: float) -> int:
        """Return the wait between an attempt that failed and the next.

        Args:
            attempt: the one that failed, from 1.
            draw: 0 to 1; shortens the wait by up to a fifth. 0 is nominal.
        """
        # An exponent beyond 64 is past every max_delay, and a float would overflow.
        nominal = min(self.delay_ms * self.backoff ** min(attempt - 1, 64), self.max_delay_ms)
        return round(nominal * (1 - 0.2 * draw))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandUse:
    """A command and how it is filled."""

    schema: AvroSchema
    """The command's schema."""
    topic: str
    """Where it goes."""
    template: MappingTemplate
    """Its fields; those with a default may be absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How a step is undone."""

    command: CommandUse
    timeout_ms: int
    """How long an attempt waits for its answer."""
    retry: Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep:
    """A command that a service answers."""

    name: str
    command: CommandUse
    reply: AvroSchema | None
    """Schema of the data that it is answered with; None where it has none."""
    undo: Undo | None
    """None where the file says `undo: none`, or where the step is the pivot or behind it."""
    undo_unknown: bool
    """Whether the step is undone where its outcome is unknown; False for `undo_unknown: skip`."""
    timeout_ms: int
    """How long an attempt waits for its answer."""
    retry: Retry
    pivot: bool
    """Whether there is no way back once it is done."""
    forward: bool
    """Whether it is the pivot or stands behind it: tried until it gives up, never undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitStep:
    """An event that the saga publishes."""

    name: str
    event: AvroSchema
    """The event's schema."""
    topic: str
    """Where it goes."""
    key: str | None
    """The field that keys it, if any."""
    template: MappingTemplate


Step = CallStep | EmitStep


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUse:
    """An event and how it is filled."""

    schema: AvroSchema
    """The event's schema."""
    topic: str
    """Where it goes."""
    key: str | None
    """The field that keys it, if any."""
    template: MappingTemplate
    """Its fields; those with a default may be absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A saga in one version."""

    saga: str
    """Its name, `[a-z][a-z0-9_]{0,62}`."""
    version: int
    """1 or more."""
    digest: str
    """SHA-256 of text and schemas, hexadecimal."""
    input: AvroSchema
    """The record that starts it."""
    input_topic: str | None
    """Where events that start it arrive; None where the input is no event and only programs and
    operators start it."""
    key: Path
    """What names one saga; leads to a string, an int, a long or a uuid."""
    deadline_ms: int | None
    """So long after its start a saga that has not sent its pivot turns back."""
    retention_ms: int
    """So long an ended saga is remembered."""
    steps: tuple[Step, ...]
    """In order; at least one."""
    compensated: EventUse | None
    """What the saga publishes once, when it has turned round and everything is undone; None where
    it says nothing then."""
    text: str
    """The YAML, as read."""
    schemas: tuple[str, ...]
    """Full JSON of every schema that it uses, sorted."""
