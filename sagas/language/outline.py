"""A saga file as its author wrote it: every word at its place, before types are asked.

    nodes (yaml_tree.py) -> outline (outline_reader.py)
        -> rules between steps (pivot.py, timing.py) -> types (steps.py)

Laws:
1. What is wrong with a part has been told, and the part stands here as if it had not been said;
   whoever reads on finds less, never something false.
2. Places are kept: later checks tell theirs where the author wrote the thing.
3. This file knows no schemas.
"""

from dataclasses import dataclass

from penstock.sagas.language.source_text import Mark
from penstock.sagas.language.word_values import Told
from penstock.sagas.language.yaml_nodes import MappingNode, TextNode

__all__ = [
    "CompensatedOutline",
    "DefaultsOutline",
    "RetryOutline",
    "SagaOutline",
    "StepOutline",
    "TimingOutline",
    "UndoOutline",
    "ValuesOutline",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOutline:
    """What a `retry` says; None where it says nothing."""

    attempts: Told[int] | None = None
    delay_ms: Told[int] | None = None
    backoff: Told[float] | None = None
    max_delay_ms: Told[int] | None = None
    give_up_ms: Told[int] | None = None
    whole: bool = True
    """False where something in it could not be read, so that nothing may be inferred from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingOutline:
    """How long something may take and how often it is tried."""

    timeout_ms: Told[int] | None = None
    retry: RetryOutline = RetryOutline()
    whole: bool = True
    """As for `RetryOutline`, with the timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsOutline:
    """What `defaults` says."""

    step: TimingOutline = TimingOutline()
    undo: TimingOutline = TimingOutline()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesOutline:
    """A `with`, or its absence."""

    node: MappingNode | None
    """None where nothing is given; then every required field lacks."""
    mark: Mark
    """Where to tell what lacks."""
    readable: bool = True
    """False where something else than a mapping stands there, which has been told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoOutline:
    """An `undo`."""

    mark: Mark
    call: TextNode | None = None
    """The command; None under `undo: none`, and where it cannot be read."""
    values: ValuesOutline
    timing: TimingOutline = TimingOutline()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline:
    """A step."""

    mark: Mark
    """Its name, or where it begins."""
    name: str | None
    call: TextNode | None
    """The command that it calls."""
    emit: TextNode | None
    """The event that it emits. With neither, its kind is unknown."""
    is_emit: bool
    """Whether it is meant to emit; calls are checked by more rules."""
    values: ValuesOutline
    undo: UndoOutline | None
    undo_unknown: Mark | None
    """Where it says `undo_unknown: skip`."""
    timing: TimingOutline
    pivot: Mark | None
    """Where it says `pivot: true`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensatedOutline:
    """A `compensated`: what the saga says when everything is undone."""

    emit: TextNode | None
    """The event; None where it cannot be read."""
    values: ValuesOutline


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaOutline:
    """The whole file."""

    mark: Mark
    name: Told[str] | None
    version: Told[int] | None
    input: TextNode | None
    key: TextNode | None
    deadline_ms: Told[int] | None
    retention_ms: Told[int] | None
    defaults: DefaultsOutline
    steps: tuple[StepOutline, ...]
    compensated: CompensatedOutline | None
