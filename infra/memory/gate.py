"""Opens transactional producers, and readers for restoring; fulfils workers.ports.ProducerGate."""

from collections.abc import Callable
from typing import final

from penstock.events.clock import Clock
from penstock.events.log import LogReader, Partition
from penstock.infra.memory.link import Link
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.reader import open_reader
from penstock.infra.memory.transactions import fence
from penstock.workers.ports import TransactionalWriter

__all__ = ["MemoryGate"]


@final
class MemoryGate:
    """All producers and readers of one client come from here."""

    def __init__(
        self, broker: MemoryBroker, clock: Clock, connect: Callable[[str], Link], reader: str
    ) -> None:
        """Stand ready.

        Args:
            broker: of the cluster.
            clock: the time.
            connect: makes a link for a name.
            reader: the name of its readers.
        """
        self._broker = broker
        self._clock = clock
        self._connect = connect
        self._reader = reader

    async def fence(self, transactional_id: str) -> TransactionalWriter:
        """Start a producer: older holders of the id are fenced, their markers are written."""
        link = self._connect(transactional_id)
        return await fence(self._broker, self._clock, link, transactional_id)

    async def reader(self, partition: Partition) -> LogReader:
        """A reader of one partition, at its beginning."""
        return await open_reader(
            self._broker, self._clock, self._connect(self._reader), [partition]
        )
