"""Where logs end, asked without reading them.

A consumer that reads asks on the connection on which its fetches wait for records, so each question
takes as long as such a wait, a tenth of a second. This one reads nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.abandoned import stop_or_abandon
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe
from penstock.infra.kafka.own_client import adapt

__all__ = ["LogEnds", "open_log_ends"]

LIMIT_S: Final = 10.0
"""Longest wait for a connection, and for an answer."""
CLOSE_LIMIT_S: Final = 5.0


@asynccontextmanager
async def open_log_ends(connection: KafkaConnection) -> "AsyncIterator[LogEnds]":
    """Connect.

    Args:
        connection: how to reach the cluster.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    adapt(consumer._client)  # noqa: SLF001 - it has no other door
    try:
        try:
            async with asyncio.timeout(LIMIT_S):
                await consumer.start()
        except (TimeoutError, KafkaError, OSError) as error:
            raise _unreachable(connection, error) from error
        yield LogEnds(connection, consumer)
    finally:
        await stop_or_abandon(consumer, CLOSE_LIMIT_S)


@final
class LogEnds:
    """An open connection for that question."""

    def __init__(self, connection: KafkaConnection, consumer: AIOKafkaConsumer) -> None:
        """Take over a started consumer; see `open_log_ends`."""
        self._connection = connection
        self._consumer = consumer

    async def ask(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Return the ends of what committed readers may see.

        Args:
            partitions: of topics that exist.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        places = [TopicPartition(*partition) for partition in partitions]
        if not places:
            return {}
        try:
            async with asyncio.timeout(LIMIT_S):
                ends = await self._consumer.end_offsets(places)
        except (TimeoutError, KafkaError) as error:
            raise _unreachable(self._connection, error) from error
        return {Partition(place.topic, place.partition): end for place, end in ends.items()}


def _unreachable(connection: KafkaConnection, error: BaseException) -> KafkaUnreachable:
    return KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error))
