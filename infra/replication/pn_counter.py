"""A counter that goes up and down (PN-Counter), as a value: two counters that only grow.

One holds what was counted up, the other what was counted down, so nothing ever decreases and the
laws of g_counter.py hold for both halves, and so for the whole (Shapiro et al. 2011, specification
7). A counter that only grows is one whose second half is empty.

The value may dip below any value that it had before: a reader can see a decrement of one replica
before an earlier increment of another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from penstock.infra.replication.g_counter import GCounter

__all__ = ["PNCounter"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PNCounter:
    """A counter that goes up and down."""

    increments: GCounter = field(default_factory=GCounter)
    """What was counted up."""
    decrements: GCounter = field(default_factory=GCounter)
    """What was counted down."""

    @property
    def value(self) -> int:
        """What was counted up, less what was counted down."""
        return self.increments.value - self.decrements.value

    @property
    def versions(self) -> Mapping[str, tuple[int, int]]:
        """What has been seen of each replica: increments and decrements, by replica, in order."""
        ups, downs = self.increments.components, self.decrements.components
        return {
            replica: (ups.get(replica, 0), downs.get(replica, 0))
            for replica in sorted(ups.keys() | downs.keys())
        }

    def incremented(self, replica: str, by: int = 1) -> "PNCounter":
        """Return the counter after a replica has counted up.

        Args:
            replica: who counts; nobody else may count as this replica.
            by: how much, 0 or more.

        Raises:
            IllegalComponent: it cannot count that.
        """
        return self.merged(self.increment_delta(replica, by))

    def decremented(self, replica: str, by: int = 1) -> "PNCounter":
        """Return the counter after a replica has counted down; as `incremented`."""
        return self.merged(self.decrement_delta(replica, by))

    def increment_delta(self, replica: str, by: int = 1) -> "PNCounter":
        """Return the little that `incremented` would add: the replica's component alone."""
        return PNCounter(increments=self.increments.increment_delta(replica, by))

    def decrement_delta(self, replica: str, by: int = 1) -> "PNCounter":
        """Return the little that `decremented` would add."""
        return PNCounter(decrements=self.decrements.increment_delta(replica, by))

    def merged(self, other: "PNCounter") -> "PNCounter":
        """Return the least counter that has seen all that these two have."""
        return PNCounter(
            increments=self.increments.merged(other.increments),
            decrements=self.decrements.merged(other.decrements),
        )

    def delta(self, since: "PNCounter") -> "PNCounter":
        """Return the smallest counter that, merged into `since`, gives all that both have seen."""
        return PNCounter(
            increments=self.increments.delta(since.increments),
            decrements=self.decrements.delta(since.decrements),
        )

    def __le__(self, other: "PNCounter") -> bool:
        """Whether the other has seen all that this one has."""
        return self.increments <= other.increments and self.decrements <= other.decrements
