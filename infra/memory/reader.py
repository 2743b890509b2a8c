"""Reading partitions without a group, committed records only; fulfils events.log.RangeReader.

It fulfils replication.counter_log.FollowingReader too.
"""

from collections.abc import Sequence
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.log import LogRecord, Partition, PositionLost
from penstock.infra.memory.fetcher import Fetcher, OutOfRange
from penstock.infra.memory.link import Link
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.partition_bounds import ask_bounds, ask_time, find_topics
from penstock.infra.memory.partition_cursor import PartitionCursor

__all__ = ["MemoryReader", "open_reader"]

CHUNK: Final = 2_000
"""Records of one read at the most; as infra/kafka."""


async def open_reader(
    broker: MemoryBroker, clock: Clock, link: Link, partitions: Sequence[Partition]
) -> "MemoryReader":
    """A reader of these partitions, each at its beginning.

    Raises:
        TopicMissing: one of them does not exist.
        KafkaUnreachable: no answer in time.
    """
    await find_topics(broker, clock, link, partitions)
    fetcher = Fetcher(broker, clock, link)
    fetcher.assign(partitions)
    reader = MemoryReader(broker, clock, link, fetcher)
    for partition in partitions:
        first, _ = await reader.bounds(partition)
        reader.seek(partition, first)
    return reader


@final
class MemoryReader:
    """An open reader."""

    def __init__(self, broker: MemoryBroker, clock: Clock, link: Link, fetcher: Fetcher) -> None:
        """Take over what is assigned already; see `open_reader`."""
        self._broker = broker
        self._clock = clock
        self._link = link
        self._fetcher = fetcher

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end of what committed readers may see.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        return await ask_bounds(self._broker, self._clock, self._link, partition)

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        return await ask_time(self._broker, self._clock, self._link, partition, timestamp_ms)

    def pause(self, partition: Partition) -> None:
        """Read no more of a partition until it is resumed."""
        self._cursor(partition).is_paused = True

    def resume(self, partition: Partition) -> None:
        """Read a partition again."""
        self._cursor(partition).is_paused = False
        self._fetcher.nudge()

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset."""
        self._cursor(partition).seek(offset)
        self._fetcher.nudge()

    def missing(self) -> Sequence[str]:
        """Topics that are to be read and the broker does not know."""
        known = self._broker.core.topics
        return [topic for topic in self._fetcher.topics() if known.get(topic) is None]

    async def read(self, *, timeout_s: float) -> Sequence[LogRecord]:
        """The next records, in order within each partition; empty after the timeout.

        Raises:
            PositionLost: a log no longer holds the position that is to be read.
        """
        until_s = self._clock.monotonic() + timeout_s
        try:
            found = await self._fetcher.take(until_s=until_s, most=CHUNK)
        except OutOfRange as lost:
            raise PositionLost(partition=lost.partition, position=lost.position) from lost
        return [record for records in found.values() for record in records]

    def position(self, partition: Partition) -> int:
        """The offset that will be read next."""
        position = self._cursor(partition).position
        assert position is not None, "an open reader stands somewhere in each partition"
        return position

    def answered_end(self, partition: Partition) -> tuple[int, int] | None:
        """What the last answer to a fetch said: the stable end, and that answer's number."""
        cursor = self._cursor(partition)
        return None if cursor.end is None else (cursor.end, cursor.answer)

    def _cursor(self, partition: Partition) -> PartitionCursor:
        cursor = self._fetcher.cursor(partition)
        assert cursor is not None, f"{partition} is not read here"
        return cursor

    async def close(self) -> None:
        """Read nothing any more."""
        self._fetcher.assign(())
