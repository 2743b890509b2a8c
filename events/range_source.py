"""A part of the log, read by one reader for itself; fulfils record_source.RecordSource.

    bounds, times -> [reading_range] -> spans -> read -> [intake] -> taken

Nothing is committed. Where the part has an end, a partition is over when the reader's position has
reached that: what lies before it may be records that nobody ever sees.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.intake import Intake
from penstock.events.log import LogRecord, Partition, RangeReader
from penstock.events.reading_range import (
    PartitionAnswers,
    Span,
    Start,
    Until,
    check_range,
    span_of,
    timestamp_ms_of,
)
from penstock.events.record_source import SourceStatistics
from penstock.events.topic_watch import TopicWatch

__all__ = ["RangeSource"]

_POLL_S: Final = 0.5
"""Longest wait of one read: `stop` is heard that often."""
_POLL_RESTING_S: Final = 0.05
"""The same while partitions rest: one that is resumed is waited for so long at the most."""
_PLACE: Final = attrgetter("topic", "partition")


@final
class RangeSource:
    """Some partitions, from where one likes to where one likes."""

    def __init__(
        self,
        reader: RangeReader,
        partitions: Sequence[Partition],
        clock: Clock,
        *,
        start: Start = "beginning",
        until: Until = None,
    ) -> None:
        """Prepare to read.

        Args:
            reader: reads these partitions, for this source alone; closed with it.
            partitions: which ones.
            clock: tells when to look whether the topics are still there.
            start: where to begin.
            until: where to end.

        Raises:
            BadRange: start or until cannot be meant.
        """
        check_range(start, until, partitions)
        self._reader = reader
        self._partitions = tuple(partitions)
        self._clock = clock
        self._watch = TopicWatch(clock.monotonic())
        self._start = start
        self._until = until
        self._spans: dict[Partition, Span] | None = None
        self._unread: set[Partition] = set()
        self._resting: set[Partition] = set()
        self._intake = Intake()
        self._room = asyncio.Event()
        self._stopped = False

    async def begin(self) -> None:
        """Find out where to begin and where to end, and go to the beginning.

        Raises:
            PositionOutside: an offset was named that the log does not reach.
            WorldError: no answer in time.
        """
        if self._spans is not None:
            return
        for partition in self._partitions:
            # While it fetches, each question waits behind a fetch that waits for records.
            self._reader.pause(partition)
        spans = await asyncio.gather(*map(self._span, self._partitions))
        self._spans = dict(zip(self._partitions, spans, strict=True))
        for partition, span in self._spans.items():
            self._intake.open(partition, span.begin)
            self._reader.seek(partition, span.begin)
            if not span.is_over(span.begin):
                self._unread.add(partition)
                self._reader.resume(partition)

    async def _span(self, partition: Partition) -> Span:
        first, end = await self._reader.bounds(partition)
        answers = PartitionAnswers(
            first,
            end,
            await self._offset_of(partition, self._start),
            await self._offset_of(partition, self._until),
        )
        return span_of(partition, self._start, self._until, answers)

    async def _offset_of(self, partition: Partition, wish: Start | Until) -> int | None:
        if not isinstance(wish, datetime):
            return None
        return await self._reader.offset_at(partition, timestamp_ms_of(wish))

    def take(self) -> LogRecord | None:
        """Take the next record of any partition into the hand."""
        return self._intake.take()

    def take_of(self, partition: Partition) -> LogRecord | None:
        """Take the next record of one partition into the hand."""
        return self._intake.take_of(partition)

    def waiting(self) -> Iterable[Partition]:
        """The partitions of which something can be taken now."""
        return self._intake.waiting()

    def finish(self, record: LogRecord) -> None:
        """Lay a record aside."""
        self._intake.finish(record)
        if self._resting and not self._room.is_set():
            partition = Partition(record.topic, record.partition)
            if self._intake.is_hungry(partition):
                self._room.set()

    def put_back(self, record: LogRecord) -> None:
        """Let a record wait again."""
        self._intake.put_back(record)

    async def more(self) -> bool:
        """Read once.

        Returns:
            False where every partition is over, or it was stopped.

        Raises:
            PositionLost: a log no longer holds what is to be read.
            TopicMissing: a topic was deleted.
            WorldError: the log cannot be read.
        """
        await self.begin()
        if not self._unread or self._stopped:
            return False
        await self._make_room()
        if not self._stopped:
            timeout_s = _POLL_RESTING_S if self._resting else _POLL_S
            self._offer(await self._reader.read(timeout_s=timeout_s))
            self._watch.look(self._clock.monotonic(), self._reader.missing)
        return True

    async def _make_room(self) -> None:
        """Let full partitions rest; wait where all of them do."""
        for partition in self._unread - self._resting:
            if self._intake.is_full(partition):
                self._resting.add(partition)
                self._reader.pause(partition)
        self._resume()
        while self._resting == self._unread and not self._stopped:
            self._room.clear()
            await self._room.wait()
            self._resume()

    def _resume(self) -> None:
        self._room.clear()
        for partition in [each for each in self._resting if self._intake.is_hungry(each)]:
            self._resting.discard(partition)
            self._reader.resume(partition)

    def _offer(self, records: Sequence[LogRecord]) -> None:
        assert self._spans is not None, "it has begun"
        for place, found in groupby(records, key=_PLACE):
            partition = Partition(*place)
            kept, end = list(found), self._spans[partition].end
            if end is not None and kept[-1].offset >= end:
                kept = [each for each in kept if each.offset < end]
            self._intake.offer(partition, kept)
        for partition in list(self._unread):
            if self._spans[partition].is_over(self._reader.position(partition)):
                self._unread.discard(partition)
                self._resting.discard(partition)
                self._reader.pause(partition)

    async def commit(self) -> None:
        """Commit nothing: nobody remembers how far it has come."""

    def stop(self) -> None:
        """Read no more, and give nothing more."""
        self._stopped = True
        self._intake.withhold_all()
        self._room.set()

    async def close(self) -> None:
        """Close the reader."""
        await self._reader.close()

    def statistics(self) -> SourceStatistics:
        """Return what is on its way."""
        return SourceStatistics(
            waiting=self._intake.records, waiting_bytes=self._intake.bytes, group=None
        )
