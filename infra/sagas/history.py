"""Follows the histories of all sagas of a name as they are written.

For whoever watches; reading.py answers single questions. Nothing is committed, no group is
joined, and only committed entries are seen, so nothing is told that is taken back later.

Laws:
1. Entries of one saga come in order, each once.
2. An entry that cannot be read is raised, never passed over.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import final

from penstock.events.log import LogReader, Partition
from penstock.events.names import saga_history_topic
from penstock.infra.sagas.reading import SagaReader, SagaSources
from penstock.sagas.records import Transition

__all__ = ["SagaHistory", "follow_history"]


@asynccontextmanager
async def follow_history(sources: SagaSources, sagas: SagaReader) -> AsyncIterator["SagaHistory"]:
    """Follow all histories of a saga from their beginning.

    Args:
        sources: what reading takes.
        sagas: reads the sagas of that name.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    topic = saga_history_topic(sources.app, sagas.saga)
    partitions = [Partition(topic, number) for number in range(sagas.partitions)]
    reader = await sources.open_reader(partitions)
    try:
        yield SagaHistory(reader, sagas)
    finally:
        await reader.close()


@final
class SagaHistory:
    """The histories of a saga, read on from where the last reading ended."""

    def __init__(self, reader: LogReader, sagas: SagaReader) -> None:
        """Read with a reader of all their partitions; see `follow_history`."""
        self._reader = reader
        self._sagas = sagas

    async def read(self, *, timeout_s: float) -> list[Transition]:
        """Return what has been written since; nothing after the timeout.

        Raises:
            SagaRecordUnreadable: an entry cannot be read.
        """
        records = await self._reader.read(timeout_s=timeout_s)
        return [
            await self._sagas.transition(record) for record in records if record.value is not None
        ]
