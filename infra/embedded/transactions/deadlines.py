"""One deadline for each of many names, and which come next.

A heap of all deadlines ever set, of which only each name's last one counts; it is made anew when
most of it no longer counts, so its size stays within twice that of the names.
"""

from heapq import heapify, heappop, heappush
from typing import Final, final

__all__ = ["Deadlines"]

_SLACK: Final = 64
"""Entries that do not count and are not worth the making of a new heap."""


@final
class Deadlines:
    """Deadlines by name. Mutable."""

    def __init__(self) -> None:
        """Have none."""
        self._current: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """How many names have one."""
        return len(self._current)

    @property
    def held(self) -> int:
        """How many entries the heap has, those that no longer count among them."""
        return len(self._heap)

    def set(self, name: str, at_ms: int) -> None:
        """Give a name its deadline, in the place of the one that it had."""
        if self._current.get(name) == at_ms:
            return
        self._current[name] = at_ms
        heappush(self._heap, (at_ms, name))
        if len(self._heap) > 2 * len(self._current) + _SLACK:
            self._heap = [(at, named) for named, at in self._current.items()]
            heapify(self._heap)

    def drop(self, name: str) -> None:
        """Take a name's deadline away, where it has one."""
        self._current.pop(name, None)

    def next_ms(self) -> int | None:
        """Return the earliest deadline, or None where there is none."""
        while self._heap and self._current.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def first_due(self, now_ms: int) -> str | None:
        """Return the name whose deadline came first, as long as it keeps it; None: none has come.

        Args:
            now_ms: A deadline at this time has come.
        """
        at = self.next_ms()
        return self._heap[0][1] if at is not None and at <= now_ms else None
