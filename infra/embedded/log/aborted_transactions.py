"""The aborted transactions of a log: what a reader of committed records must drop.

Laws:
1. They stand in the order of their markers, as transactions end one after another.
2. One is forgotten when its bytes are gone, not when the log begins after it: a compaction of the
   segment in which the log begins must know it, or drops its marker before its records.
"""

from bisect import bisect_left
from collections.abc import Collection
from typing import NamedTuple, final

from penstock.infra.embedded.log.log_answers import AbortedTransaction

__all__ = ["AbortedRange", "AbortedTransactions"]


class AbortedRange(NamedTuple):
    """An aborted transaction in the log."""

    producer_id: int
    first_offset: int
    last_offset: int
    """The abort marker's offset."""
    stable_offset: int
    """The last stable offset when the marker was written: what ends later begins there or after."""


@final
class AbortedTransactions:
    """All of one log."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        """Begin with none."""
        self._ranges: list[AbortedRange] = []

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ranges)

    def add(self, aborted: AbortedRange) -> None:
        """Add the one whose marker was just written."""
        self._ranges.append(aborted)

    def forget_before(self, offset: int) -> None:
        """Forget those that ended before an offset, where the first segment begins now."""
        del self._ranges[: self._first_ending_at(offset)]

    def forget(self, ranges: Collection[AbortedRange]) -> None:
        """Forget those of which compaction has left nothing."""
        gone = frozenset(ranges)
        self._ranges = [one for one in self._ranges if one not in gone]

    def beginning_before(self, offset: int) -> tuple[AbortedRange, ...]:
        """Return those that begin before an offset."""
        return tuple(one for one in self._ranges if one.first_offset < offset)

    def touching(self, start: int, stop: int) -> tuple[AbortedTransaction, ...]:
        """Return those that touch the offsets from `start` to before `stop`."""
        found: list[AbortedTransaction] = []
        for index in range(self._first_ending_at(start), len(self._ranges)):
            aborted = self._ranges[index]
            if aborted.first_offset < stop:
                found.append(AbortedTransaction(aborted.producer_id, aborted.first_offset))
            if aborted.stable_offset >= stop:
                break
        return tuple(found)

    def _first_ending_at(self, offset: int) -> int:
        return bisect_left(self._ranges, offset, key=lambda one: one.last_offset)
