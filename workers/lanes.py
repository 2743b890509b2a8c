"""Lanes: one key is always in order, different keys run side by side.

A partition's records are routed by key into a fixed number of lanes. A lane is a queue that is
worked off by one runner, one record after the other; so the order of a key never depends on how
long a handler takes, and a slow key holds only its lane. Records without a key have no order to
keep and are spread by offset. Beside records, timers that have run out take the lane of their key,
behind whatever waits there already.

This file is pure: it routes and queues, it runs nothing.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from penstock.events.log import LogRecord

__all__ = ["DueTimer", "Lanes", "lane_of"]


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that has run out."""

    state_key: bytes
    """The entry of state that named it."""


def lane_of(key: bytes | None, offset: int, lanes: int) -> int:
    """The lane of a record.

    CRC-32 rather than Python's own hash, whose seed differs in each process: the same records
    take the same lanes in every run, so a failure can be repeated.
    """
    return offset % lanes if key is None else crc32(key) % lanes


class Lanes:
    """A partition's lanes and what waits in them."""

    def __init__(self, count: int) -> None:
        """Make empty lanes.

        Args:
            count: How many; at least 1.
        """
        assert count >= 1
        self._queues: tuple[deque[LogRecord | DueTimer], ...] = tuple(deque() for _ in range(count))

    def put(self, records: Iterable[LogRecord]) -> set[int]:
        """Queue records, in order.

        Returns:
            The lanes that got something.
        """
        queues, touched = self._queues, set[int]()
        count = len(queues)
        for record in records:
            lane = lane_of(record.key, record.offset, count)
            queues[lane].append(record)
            touched.add(lane)
        return touched

    def put_timer(self, state_key: bytes, lane_key: bytes) -> int:
        """Queue a timer.

        Args:
            state_key: The entry of state that named it.
            lane_key: The record key whose lane it takes.

        Returns:
            The lane.
        """
        lane = lane_of(lane_key, 0, len(self._queues))
        self._queues[lane].append(DueTimer(state_key))
        return lane

    def take(self, lane: int) -> LogRecord | DueTimer | None:
        """The next record or timer of a lane, or None where it is empty."""
        queue = self._queues[lane]
        return queue.popleft() if queue else None

    def clear(self) -> None:
        """Forget everything that waits."""
        for queue in self._queues:
            queue.clear()

    @property
    def waiting(self) -> int:
        """Records and timers that wait in all lanes."""
        return sum(map(len, self._queues))
