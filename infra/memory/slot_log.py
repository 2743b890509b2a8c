"""The topic of a set of counters as one slot writes it; fulfils replication.counter_log.SlotLog."""

from collections.abc import Mapping, Sequence
from typing import final

from penstock.events.clock import Clock
from penstock.events.log import LogReader, Partition
from penstock.infra.memory.link import Link
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.partition_bounds import ask_ends
from penstock.infra.memory.reader import open_reader
from penstock.infra.memory.transactions import fence
from penstock.workers.ports import TransactionalWriter

__all__ = ["MemorySlotLog"]


@final
class MemorySlotLog:
    """One slot's way to the topic of its counters."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        link: Link,
        partitions: Sequence[Partition],
        transactional_id: str,
    ) -> None:
        """Stand ready.

        Args:
            broker: of the cluster.
            clock: the time.
            link: the slot's.
            partitions: all of the topic, in order.
            transactional_id: the slot's.
        """
        self._broker = broker
        self._clock = clock
        self._link = link
        self._partitions = tuple(partitions)
        self._transactional_id = transactional_id

    @property
    def partitions(self) -> Sequence[Partition]:
        """All partitions of the topic, in order."""
        return self._partitions

    async def fence(self) -> TransactionalWriter:
        """Start the slot's producer: who had the slot before can commit no more."""
        return await fence(self._broker, self._clock, self._link, self._transactional_id)

    async def ends(self) -> Mapping[Partition, int]:
        """Where partitions end, what is not committed yet included."""
        return await ask_ends(self._broker, self._clock, self._link, self._partitions)

    async def reader(self) -> LogReader:
        """A reader of all partitions, committed records only, each at its beginning."""
        return await open_reader(self._broker, self._clock, self._link, self._partitions)
