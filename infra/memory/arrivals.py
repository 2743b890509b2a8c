"""Those who wait for records, woken when a log grows.

Law: who is woken is told nothing but that it should look again.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import final

from penstock.events.log import Partition

__all__ = ["Arrivals", "Wait"]


@final
class Wait:
    """One who waits."""

    __slots__ = ("future", "partitions")

    def __init__(self, partitions: Collection[Partition]) -> None:
        """Wait for these."""
        self.partitions = partitions
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(self) -> None:
        """Wake it; often is fine."""
        if not self.future.done():
            self.future.set_result(None)


@final
class Arrivals:
    """All who wait."""

    def __init__(self) -> None:
        """Nobody does."""
        # Dictionaries, because sets of names have another order in each process.
        self._waits: dict[Wait, None] = {}
        self._by_partition: dict[Partition, dict[Wait, None]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waits)

    def begin(self, partitions: Collection[Partition]) -> Wait:
        """Begin to wait for records of these partitions; `end` it."""
        wait = Wait(partitions)
        self._waits[wait] = None
        for partition in partitions:
            self._by_partition.setdefault(partition, {})[wait] = None
        return wait

    def end(self, wait: Wait) -> None:
        """Wait no more."""
        self._waits.pop(wait, None)
        for partition in wait.partitions:
            others = self._by_partition.get(partition, {})
            others.pop(wait, None)
            if not others:
                self._by_partition.pop(partition, None)

    def wake(self, moved: Iterable[Partition]) -> None:
        """Wake those who wait for one of these partitions."""
        for partition in sorted(moved):
            for wait in self._by_partition.get(partition, ()):
                wait.ring()

    def wake_all(self) -> None:
        """Wake everybody."""
        for wait in self._waits:
            wait.ring()
