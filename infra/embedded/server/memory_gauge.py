"""Bytes that are kept for clients, of all connections together, with a limit.

As Kafka's memory pool does it: who begins a request while there is room may finish it, whatever its
size, so that nobody waits for room with half a request in hand; the limit is exceeded by one
request at most. Who finds no room waits in line.
"""

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
        self._line: dict[Callable[[], None], None] = {}
        """In the order in which they came."""

    @property
    def has_room(self) -> bool:
        """True while something new may begin."""
        return self.used < self.limit

    def change(self, by: int) -> None:
        """Note that more is used, or less; then those in line begin, as far as there is room."""
        self.used += by
        while by < 0 and self._line and self.has_room:
            begin = next(iter(self._line))
            del self._line[begin]
            begin()

    def wait_for_room(self, begin: Callable[[], None]) -> None:
        """Stand in line; who stands there already keeps its place.

        Args:
            begin: called when there is room.
        """
        self._line[begin] = None

    def leave_line(self, begin: Callable[[], None]) -> None:
        """Stand in line no longer; who goes without this is kept for as long as there is no room.

        Args:
            begin: what `wait_for_room` was given; it may be in no line.
        """
        self._line.pop(begin, None)
