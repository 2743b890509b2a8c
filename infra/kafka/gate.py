"""Opens transactional producers and changelog readers; fulfils workers.ports.ProducerGate."""

from typing import final

from penstock.events.log import LogReader, Partition
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.transactions import fence
from penstock.workers.ports import TransactionalWriter

__all__ = ["KafkaGate"]


@final
class KafkaGate:
    """All producers and readers of one process come from here."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Open through this connection."""
        self._connection = connection

    async def fence(self, transactional_id: str) -> TransactionalWriter:
        """Start a producer: older holders of the id are fenced, their markers are written."""
        return await fence(self._connection, transactional_id)

    async def reader(self, partition: Partition) -> LogReader:
        """A reader of one partition, at its beginning."""
        return await open_reader(self._connection, [partition])
