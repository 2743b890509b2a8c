"""Bytes that are kept for clients, of all connections together, with a limit.

As Kafka's memory pool does it: who begins a request while there is room may finish it, whatever its
size, so that nobody waits for room with half a request in hand; the limit is exceeded by one
request at most. Who finds no room waits in line.
"""

from collections import deque
from collections.abc import Callable
from typing import final

__all__ = ["MemoryGauge"]


@final
class MemoryGauge:
    """A limit and what is used of it."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing used.

        Args:
            limit: in bytes.
        """
        self.limit = limit
        self.used = 0
        self._line: deque[Callable[[], None]] = deque()

    @property
    def has_room(self) -> bool:
        """True while something new may begin."""
        return self.used < self.limit

    def change(self, by: int) -> None:
        """Note that more is used, or less; then those in line begin, as far as there is room."""
        self.used += by
        while by < 0 and self._line and self.has_room:
            self._line.popleft()()

    def wait_for_room(self, begin: Callable[[], None]) -> None:
        """Stand in line.

        Args:
            begin: called when there is room. May find that its owner is gone.
        """
        self._line.append(begin)
