"""The timers of a partition: which entry of its state wants to be looked at, and when.

There is no topic of timers and no list of them: an entry of state says itself when it is due, so a
timer is set, moved and cleared in the transaction that writes the entry, and a restore brings all
of them back. This file is the heap over those times. An entry that is due is handled like a record,
in the lane of its key, and what that does is committed like a record's effects.

Laws:
1. Time never runs back: `now_ms` is the larger of the wall clock and the latest time that any entry
   knows of.
2. An entry is handed out once for each time that it names; whoever changes the entry sets it anew.
3. Pure: time is an argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Protocol, final

from penstock.workers.group_commit import Effects
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation

__all__ = ["Timed", "Timers", "Timing"]

_SPARE = 1_000
"""So many outdated entries of the heap are nothing to clean up for."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one entry of state says of time."""

    due_ms: int | None
    """Wall clock, milliseconds since 1970, at which it wants to be looked at; None: never."""
    seen_ms: int = 0
    """The latest wall clock that it knows of."""


class Timed(Protocol):
    """Knows the times of a partition's entries, and what to do when one is due."""

    def timing(self, key: bytes, value: bytes) -> Timing:
        """Return what an entry says of time. Called for each change and each restored entry.

        Args:
            key: its changelog key.
            value: its framed value.
        """
        ...

    def lane_key(self, key: bytes) -> bytes:
        """Return the record key whose lane an entry belongs to."""
        ...

    def fire(
        self, key: bytes, now_ms: int, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Do what an entry's time asks for.

        The entry may have changed since it was found due: where it no longer is, nothing is done.
        Where it is, its change must take the time away or set a later one.

        Args:
            key: its changelog key.
            now_ms: the time, never earlier than before.
            state: the partition's state.
            condemned: set where the broker refused twice what this entry put out: do without.
        """
        ...


@final
class Timers:
    """The times of one partition's entries."""

    def __init__(self) -> None:
        """Begin without any."""
        self._heap: list[tuple[int, bytes]] = []
        self._dues: dict[bytes, int] = {}
        self._seen_ms = 0

    def fill(self, timings: Iterable[tuple[bytes, Timing]]) -> None:
        """Take all entries of a restored state at once."""
        for key, timing in timings:
            self._seen_ms = max(self._seen_ms, timing.seen_ms)
            if timing.due_ms is not None:
                self._dues[key] = timing.due_ms
        self._rebuild()

    def note(self, key: bytes, timing: Timing) -> bool:
        """Take what an entry says now, in place of what it said before.

        Returns:
            Whether it has become the first of all, so that whoever waits must look again.
        """
        self._seen_ms = max(self._seen_ms, timing.seen_ms)
        if timing.due_ms is None:
            self._dues.pop(key, None)
            return False
        if self._dues.get(key) == timing.due_ms:
            return False
        self._dues[key] = timing.due_ms
        heappush(self._heap, (timing.due_ms, key))
        if len(self._heap) > 2 * len(self._dues) + _SPARE:
            self._rebuild()
        # What other entries said before must not stand in front of it.
        return self.next_due_ms() == timing.due_ms and self._heap[0][1] == key

    def forget(self, key: bytes) -> None:
        """The entry is gone."""
        self._dues.pop(key, None)

    def now_ms(self, wall_ms: int) -> int:
        """Return the time that this partition goes by."""
        self._seen_ms = max(self._seen_ms, wall_ms)
        return self._seen_ms

    def due_ms(self, key: bytes) -> int | None:
        """Return when an entry is due; None where it names no time, or has been handed out."""
        return self._dues.get(key)

    def next_due_ms(self) -> int | None:
        """Return when the first entry is due; None where none is."""
        heap = self._heap
        while heap and self._dues.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now_ms: int, limit: int) -> list[bytes]:
        """Hand out entries that are due, earliest first.

        Args:
            now_ms: the time.
            limit: at most so many.
        """
        taken: list[bytes] = []
        while len(taken) < limit and (due := self.next_due_ms()) is not None and due <= now_ms:
            _, key = heappop(self._heap)
            del self._dues[key]
            taken.append(key)
        return taken

    def _rebuild(self) -> None:
        self._heap = [(due, key) for key, due in self._dues.items()]
        heapify(self._heap)

    def __len__(self) -> int:
        """The number of entries with a time."""
        return len(self._dues)
