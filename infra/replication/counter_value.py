"""What is known of a counter, and where it stands in its log.

A value is a sum over components that were seen at different times: it is not a cut through the
cluster, and not linearizable. So it comes with what it was made of (`versions`) and with how far
its topic had been read (`offsets`). A token says where an increment was written; whoever reads past
it has seen that increment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from penstock.events.log import Partition

__all__ = ["CounterChange", "CounterToken", "CounterValue", "ReaderLag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterValue:
    """A counter as one reader sees it."""

    value: int
    """The sum. Where counters only grow, a reader never sees it fall. No limit of 64 bits."""
    versions: Mapping[str, tuple[int, int]]
    """What was seen of each replica: its increments and its decrements."""
    offsets: Mapping[Partition, int]
    """The offset of each partition of the topic that is read next: everything before was seen."""


class CounterChange(NamedTuple):
    """A counter that has changed."""

    counter: str
    value: CounterValue


class CounterToken(NamedTuple):
    """Where an increment was written."""

    partition: Partition
    """The partition of its counter."""
    offset: int
    """Its offset; a reader whose position is larger has seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLag:
    """How far a reader is behind."""

    records: int | None
    """Offsets between its positions and the ends at its last look, markers included; None before
    the first look."""
    age_s: float | None
    """Seconds since a moment of which the reader has seen every count that could be seen then; None
    before it has read to an end for the first time. It grows while Kafka cannot be reached. What
    lies behind an open transaction of somebody else cannot be seen, for ten seconds at most."""
