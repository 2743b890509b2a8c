"""The topic of a set of counters as one slot writes it; fulfils replication.counter_log.SlotLog."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from penstock.events.log import LogReader, Partition
from penstock.infra.kafka.abandoned import abandon, stop_or_abandon
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe
from penstock.infra.kafka.known_topics import find_topics
from penstock.infra.kafka.own_client import adapt
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.transactions import fence
from penstock.workers.ports import TransactionalWriter

__all__ = ["KafkaSlotLog", "log_ends"]

ENDS_LIMIT_S: Final = 10.0
"""Longest wait for a connection and for all ends."""
CLOSE_LIMIT_S: Final = 5.0
"""Longest wait for an orderly close."""


async def log_ends(
    connection: KafkaConnection, partitions: Sequence[Partition]
) -> dict[Partition, int]:
    """Where partitions end, what is not committed yet included.

    A reader of committed records is told the last stable offset instead, which stands still before
    the first record of any transaction that is open.

    Raises:
        TopicMissing: one of them does not exist.
        KafkaUnreachable: no broker answered.
    """
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # What is not committed is not read here; it is only counted in.
        isolation_level="read_uncommitted",
    )
    adapt(consumer._client)  # noqa: SLF001 - it has no other door
    try:
        async with asyncio.timeout(ENDS_LIMIT_S):
            await consumer.start()
            await find_topics(consumer._client, partitions)  # noqa: SLF001 - knows the cluster
            places = [TopicPartition(*partition) for partition in partitions]
            ends = await consumer.end_offsets(places)
    except (TimeoutError, KafkaError, OSError) as error:
        abandon(consumer)
        raise KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error)) from error
    except BaseException:
        abandon(consumer)
        raise
    await stop_or_abandon(consumer, CLOSE_LIMIT_S)
    return {Partition(place.topic, place.partition): end for place, end in ends.items()}


@final
class KafkaSlotLog:
    """One slot's way to the topic of its counters."""

    def __init__(
        self, connection: KafkaConnection, partitions: Sequence[Partition], transactional_id: str
    ) -> None:
        """Connect to nothing yet.

        Args:
            connection: how to reach the cluster.
            partitions: all of the topic, in order.
            transactional_id: the slot's.
        """
        self._connection = connection
        self._partitions = tuple(partitions)
        self._transactional_id = transactional_id

    @property
    def partitions(self) -> Sequence[Partition]:
        """All partitions of the topic, in order."""
        return self._partitions

    async def fence(self) -> TransactionalWriter:
        """Start the slot's producer: who had the slot before can commit no more."""
        return await fence(self._connection, self._transactional_id)

    async def ends(self) -> Mapping[Partition, int]:
        """Where partitions end, what is not committed yet included."""
        return await log_ends(self._connection, self._partitions)

    async def reader(self) -> LogReader:
        """A reader of all partitions, committed records only, each at its beginning."""
        return await open_reader(self._connection, self._partitions)
