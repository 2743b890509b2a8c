"""Reading several partitions over one link: fetches what is hungry, gives out in turn, waits.

Reader and group member share it. Committed records only.

Law: no partition starves: each call begins behind the partition that was served last.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import Partition
from penstock.infra.embedded.log.log_answers import LogRead
from penstock.infra.memory.arrivals import Wait
from penstock.infra.memory.committed_records import committed_records
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.memory_record import MemoryRecord
from penstock.infra.memory.partition_cursor import PartitionCursor
from penstock.infra.memory.request_kind import RequestKind

__all__ = ["Fetcher", "OutOfRange"]

FETCH_BYTES: Final = 2 * 1024 * 1024
"""Of one partition in one fetch; as infra/kafka."""
_AGAIN_S: Final = 0.1
"""After a fetch that failed."""


class OutOfRange(Exception):
    """The log does not hold the position that is to be read."""

    def __init__(self, partition: Partition, position: int) -> None:
        """Name it."""
        self.partition = partition
        self.position = position
        super().__init__(f"{partition} does not hold {position}")


@final
class Fetcher:
    """The partitions that are read, and where each stands."""

    def __init__(self, broker: MemoryBroker, clock: Clock, link: Link) -> None:
        """Read nothing yet."""
        self._broker = broker
        self._clock = clock
        self._link = link
        self._cursors: dict[Partition, PartitionCursor] = {}
        self._wait: Wait | None = None
        self._answers = 0
        self.is_held = False
        """True while nothing may be given out, as in a rebalance."""

    def topics(self) -> set[str]:
        """The topics of what is read now."""
        return {partition.topic for partition in self._cursors}

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Read these from now on, each from nowhere until `seek`; forget all others."""
        self._cursors = {partition: PartitionCursor() for partition in sorted(partitions)}
        self.nudge()

    def cursor(self, partition: Partition) -> PartitionCursor | None:
        """Return where a partition stands; None where it is not read."""
        return self._cursors.get(partition)

    def nudge(self) -> None:
        """Let `take` look again: something that it cannot see from the log has changed."""
        if self._wait is not None:
            self._wait.ring()

    async def take(self, *, until_s: float, most: int) -> Mapping[Partition, list[MemoryRecord]]:
        """Give out records, as soon as there are any.

        Args:
            until_s: how long to wait for some, in the clock's monotonic seconds.
            most: how many at most.

        Returns:
            By partition, in order within each; nothing where none came.

        Raises:
            OutOfRange: a log does not hold what is to be read.
        """
        await asyncio.sleep(0)  # whoever reads on and on must let the others in
        while True:
            if not self.is_held and (found := self._give(most)):
                return found
            fetched = None if self.is_held else await self._fetch(until_s)
            if fetched and not self.is_held and (found := self._give(most)):
                return found
            if self._clock.monotonic() >= until_s:
                return {}
            if fetched:
                continue  # past markers, or past what was aborted: there may be more
            again_s = until_s
            if fetched is None and not self.is_held:
                again_s = min(until_s, self._clock.monotonic() + _AGAIN_S)
            await self._wait_until(again_s)

    def _give(self, most: int) -> dict[Partition, list[MemoryRecord]]:
        found: dict[Partition, list[MemoryRecord]] = {}
        for partition, cursor in list(self._cursors.items()):
            taken = cursor.take(most)
            if taken:
                found[partition] = taken
                most -= len(taken)
                # Behind all others: dictionaries keep the order of their making.
                del self._cursors[partition]
                self._cursors[partition] = cursor
            if most <= 0:
                break
        return found

    async def _fetch(self, until_s: float) -> bool | None:
        """Fetch once.

        Returns:
            Whether anything came, or moved a position; None where there was no answer.
        """
        cursors, wanted = self._cursors, self._hungry()
        if not wanted:
            return False
        try:
            reads = await self._link.ask(
                RequestKind.FETCH,
                lambda _: {each: self._read(each, offset) for each, offset in wanted.items()},
                lambda error: dict.fromkeys(wanted, LogRead(error=error)),
                until_s=until_s,
            )
        except (NeverSent, NoAnswer):
            return None  # reading twice does no harm, and the next fetch asks again
        if self._cursors is not cursors:
            return False  # others are read by now
        self._answers += 1
        came = [self._put(each, wanted[each], read) for each, read in reads.items()]
        failed = any(read.error is not ErrorCode.none for read in reads.values())
        return True if any(came) else None if failed else False

    def _read(self, partition: Partition, offset: int) -> LogRead:
        log = self._broker.core.log(*partition)
        if log is None:
            return LogRead(error=ErrorCode.unknown_topic_or_partition)
        return log.read(offset, max_bytes=FETCH_BYTES, committed=True, at_least_one=True)

    def _put(self, partition: Partition, asked_offset: int, read: LogRead) -> bool:
        cursor = self._cursors[partition]
        if read.error is ErrorCode.offset_out_of_range and cursor.position == asked_offset:
            raise OutOfRange(partition, asked_offset)
        if read.error is not ErrorCode.none:
            return False  # it may come back; whoever watches is told of missing topics
        cursor.end, cursor.answer = read.last_stable_offset, self._answers
        return cursor.put(asked_offset, committed_records(partition, read, asked_offset))

    async def _wait_until(self, until_s: float) -> None:
        hungry = {} if self.is_held else self._hungry()
        self._wait = wait = self._broker.arrivals.begin(tuple(hungry))
        over = self._broker.timers.at(until_s, wait.ring)
        self._broker.watch()
        try:
            # Between the broker's answer and now a record may have come.
            if not any(self._has_more(each, offset) for each, offset in hungry.items()):
                await wait.future
        finally:
            over.cancel()
            self._wait = None
            self._broker.arrivals.end(wait)
            self._broker.watch()

    def _hungry(self) -> dict[Partition, int]:
        return {
            partition: cursor.position
            for partition, cursor in self._cursors.items()
            if cursor.is_hungry and cursor.position is not None
        }

    def _has_more(self, partition: Partition, offset: int) -> bool:
        log = self._broker.core.log(*partition) if self._broker.is_up else None
        return log is not None and log.readable_end(committed=True) > offset
