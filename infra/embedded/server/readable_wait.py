"""Fetches that wait for records: woken when a log grows, or when their time is over.

A waiting fetch costs an entry for each of its partitions and one timer of the event loop; nothing
runs for it until one of its logs moves.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final, final

from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["ReadableWait"]

_LONGEST_TIMER_S: Final = 86_400.0
"""The event loop refuses timers of years; a wait that is longer sleeps in several parts."""


@final
class _Waiter:
    __slots__ = ("deadline_ms", "future", "partitions", "timer")

    def __init__(self, partitions: Collection[TopicPartition], deadline_ms: int) -> None:
        self.partitions = partitions
        self.deadline_ms = deadline_ms
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    def end(self, *, moved: bool) -> None:
        if not self.future.done():
            self.future.set_result(moved)


@final
class ReadableWait:
    """All that wait."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Nobody waits.

        Args:
            now_ms: the broker's clock.
        """
        self._now_ms = now_ms
        self._waiters: set[_Waiter] = set()
        self._by_partition: dict[TopicPartition, set[_Waiter]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    async def wait(self, partitions: Collection[TopicPartition], limit_ms: int) -> bool:
        """Wait until one of the partitions moves.

        Args:
            partitions: those of interest.
            limit_ms: how long at most, on the broker's clock; 0 and less: not at all.

        Returns:
            False where the time is over.
        """
        if limit_ms <= 0:
            return False
        waiter = _Waiter(partitions, self._now_ms() + limit_ms)
        self._waiters.add(waiter)
        for partition in partitions:
            self._by_partition.setdefault(partition, set()).add(waiter)
        self._arm(waiter)
        try:
            return await waiter.future
        finally:
            self._forget(waiter)

    def wake(self, moved: Iterable[TopicPartition]) -> None:
        """Wake those who wait for one of these partitions."""
        for partition in moved:
            for waiter in self._by_partition.get(partition, ()):
                waiter.end(moved=True)

    def look_at_clock(self) -> None:
        """Judge every wait anew: the clock was moved."""
        for waiter in self._waiters:
            self._arm(waiter)

    def _arm(self, waiter: _Waiter) -> None:
        if waiter.timer is not None:
            waiter.timer.cancel()
        left_s = (waiter.deadline_ms - self._now_ms()) / 1000
        if left_s <= 0:
            waiter.end(moved=False)
            return
        loop = asyncio.get_running_loop()
        waiter.timer = loop.call_later(min(left_s, _LONGEST_TIMER_S), self._arm, waiter)

    def _forget(self, waiter: _Waiter) -> None:
        if waiter.timer is not None:
            waiter.timer.cancel()
        self._waiters.discard(waiter)
        for partition in waiter.partitions:
            others = self._by_partition.get(partition)
            if others is not None:
                others.discard(waiter)
                if not others:
                    del self._by_partition[partition]
