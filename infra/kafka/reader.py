"""Reading partitions without a group, committed records only; fulfils events.log.RangeReader."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from penstock.events.log import LogRecord, Partition, PositionLost
from penstock.infra.kafka.abandoned import abandon, stop_or_abandon
from penstock.infra.kafka.bounded_records import UnreadableBatches, read_safely
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe
from penstock.infra.kafka.known_topics import find_topics, unanswered, unknown_topics
from penstock.infra.kafka.log_times import ask_time
from penstock.infra.kafka.own_client import adapt

__all__ = ["KafkaReader", "open_reader"]

START_LIMIT_S: Final = 10.0
"""Longest wait for a connection and for bounds."""
CLOSE_LIMIT_S: Final = 5.0
"""Longest wait for an orderly close."""
CHUNK: Final = 2_000
"""Records of one read at the most."""


async def open_reader(
    connection: KafkaConnection, partitions: Sequence[Partition]
) -> "KafkaReader":
    """A reader of these partitions, each at its beginning.

    Raises:
        TopicMissing: one of them does not exist.
        KafkaUnreachable: no broker answered.
    """
    read_safely(connection.unpacked_bytes)
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    adapt(consumer._client)  # noqa: SLF001 - it has no other door
    try:
        async with asyncio.timeout(START_LIMIT_S):
            await consumer.start()
            await find_topics(consumer._client, partitions)  # noqa: SLF001 - knows the cluster
            places = [TopicPartition(*partition) for partition in partitions]
            consumer.assign(places)
            for place, offset in (await consumer.beginning_offsets(places)).items():
                consumer.seek(place, offset)
    except (TimeoutError, KafkaError, OSError) as error:
        abandon(consumer)
        raise KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error)) from error
    except BaseException:
        abandon(consumer)
        raise
    return KafkaReader(connection, consumer)


@final
class KafkaReader:
    """An open reader."""

    def __init__(self, connection: KafkaConnection, consumer: AIOKafkaConsumer) -> None:
        """Take over a started consumer; see `open_reader`."""
        self._connection = connection
        self._consumer = consumer
        self._unreadable = UnreadableBatches(self.position)

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end of what committed readers may see."""
        place = TopicPartition(*partition)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                first = (await self._consumer.beginning_offsets([place]))[place]
                end = (await self._consumer.end_offsets([place]))[place]
        except (TimeoutError, KafkaError) as error:
            raise self._unanswered(partition, error) from error
        return first, end

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins."""
        try:
            async with asyncio.timeout(START_LIMIT_S):
                return await ask_time(self._consumer, partition, timestamp_ms)
        except (TimeoutError, KafkaError) as error:
            raise self._unanswered(partition, error) from error

    def _unanswered(self, partition: Partition, error: BaseException) -> KafkaUnreachable:
        client = self._consumer._client  # noqa: SLF001 - knows the cluster
        reason = unanswered(client, partition, describe(error))
        return KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=reason)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def pause(self, partition: Partition) -> None:
        """Read no more of a partition until it is resumed."""
        self._consumer.pause(TopicPartition(*partition))

    def resume(self, partition: Partition) -> None:
        """Read a partition again."""
        self._consumer.resume(TopicPartition(*partition))

    def missing(self) -> Sequence[str]:
        """Topics that are to be read and the cluster does not know."""
        topics = {place.topic for place in self._consumer.assignment()}
        return unknown_topics(self._consumer._client, topics)  # noqa: SLF001 - knows the cluster

    async def read(self, *, timeout_s: float) -> Sequence[LogRecord]:
        """The next records, in order within each partition; empty after the timeout.

        Raises:
            BatchUnreadable: a batch is broken, or unpacks to more than is allowed.
        """
        self._unreadable.tell()
        try:
            chunks = await self._consumer.getmany(
                timeout_ms=int(timeout_s * 1000), max_records=CHUNK
            )
        except OffsetOutOfRangeError as error:
            place, offset = next(iter(error.args[0].items()))
            partition = Partition(place.topic, place.partition)
            raise PositionLost(partition=partition, position=offset) from error
        except KafkaError as error:
            raise self._unreachable(error) from error
        self._unreadable.take_out(chunks)
        return [record for chunk in chunks.values() for record in chunk]

    def position(self, partition: Partition) -> int:
        """The offset that will be read next."""
        position: int = self._state(partition).position
        return position

    def answered_end(self, partition: Partition) -> tuple[int, int] | None:
        """What the last answer to a fetch said: the stable end, and when, as a stamp."""
        state = self._state(partition)
        return None if state.lso is None else (state.lso, state.timestamp)

    def _state(self, partition: Partition) -> Any:
        # consumer.position() is a coroutine that may wait; here every partition has a position.
        assignment = self._consumer._subscription.subscription.assignment  # noqa: SLF001 - see above
        return assignment.state_value(TopicPartition(*partition))

    def _unreachable(self, error: BaseException) -> KafkaUnreachable:
        return KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=describe(error))

    async def close(self) -> None:
        """Close in an orderly way, or drop where that takes too long."""
        await stop_or_abandon(self._consumer, CLOSE_LIMIT_S)
