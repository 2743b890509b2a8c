"""What is due when, for thousands of deadlines that are moved again and again.

A heartbeat only moves a member's deadline to a later time. So a move to a later time changes one
entry of a dictionary and leaves the heap alone; when the heap's old entry comes up, it goes back
in at its true time. A move to an earlier time adds an entry. Dead entries are swept out when they
are more than the living ones, so the heap is never larger than twice the deadlines and a bit.

Laws:
1. Deadlines come up in the order of their times; equal times in a fixed order.
2. Setting, cancelling and asking for the next one take logarithmic time on average.
"""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar, final

__all__ = ["Deadlines"]

_SLACK: Final = 64
"""Dead entries that are never worth a sweep."""

Key = TypeVar("Key", bound=Hashable)


@final
class Deadlines(Generic[Key]):
    """Deadlines by key, each key with at most one."""

    def __init__(self) -> None:
        """Begin with none."""
        self._times: dict[Key, int] = {}
        self._heap: list[tuple[int, int, Key]] = []
        self._queued: dict[Key, int] = {}
        """Time of each key's earliest entry in the heap."""
        self._entries = 0

    def __len__(self) -> int:
        """Count the deadlines."""
        return len(self._times)

    def set(self, key: Key, time_ms: int) -> None:
        """Give a key its deadline; the one that it had is gone.

        Args:
            key: whose deadline.
            time_ms: when it is due.
        """
        self._times[key] = time_ms
        queued = self._queued.get(key)
        if queued is None or queued > time_ms:
            self._push(key, time_ms)

    def cancel(self, key: Key) -> None:
        """Take a key's deadline away; it may have none.

        Args:
            key: whose deadline.
        """
        if self._times.pop(key, None) is not None:
            self._sweep_if_worth_it()

    def next_ms(self) -> int | None:
        """Say when the next deadline is; None without any."""
        while self._heap:
            time_ms, _, key = self._heap[0]
            true_ms = self._times.get(key)
            if true_ms == time_ms:
                return time_ms
            heappop(self._heap)
            if self._queued.get(key) == time_ms:
                del self._queued[key]
                if true_ms is not None:
                    self._push(key, true_ms)
        return None

    def first_due(self, now_ms: int) -> Key | None:
        """Say whose deadline came first; it stays until it is moved or cancelled.

        Args:
            now_ms: what counts as now.

        Returns:
            Its key; None when nothing is due.
        """
        time_ms = self.next_ms()
        return None if time_ms is None or time_ms > now_ms else self._heap[0][2]

    def pop_due(self, now_ms: int) -> tuple[Key, int] | None:
        """Take out the earliest deadline that is due.

        Args:
            now_ms: what counts as now.

        Returns:
            Its key and its time; None when nothing is due.
        """
        time_ms = self.next_ms()
        if time_ms is None or time_ms > now_ms:
            return None
        _, _, key = heappop(self._heap)
        del self._times[key]
        if self._queued.get(key) == time_ms:
            del self._queued[key]
        return key, time_ms

    def _push(self, key: Key, time_ms: int) -> None:
        self._entries += 1
        heappush(self._heap, (time_ms, self._entries, key))
        self._queued[key] = time_ms
        self._sweep_if_worth_it()

    def _sweep_if_worth_it(self) -> None:
        if len(self._heap) <= 2 * len(self._times) + _SLACK:
            return
        self._heap = [
            (time_ms, number, key) for number, (key, time_ms) in enumerate(self._times.items())
        ]
        heapify(self._heap)
        self._entries = len(self._heap)
        self._queued = dict(self._times)
