"""What a consumer group gives one of its members; fulfils record_source.RecordSource.

    assigned -> where was it? -> poll -> [intake] -> taken -> finished -> committed ... revoked

Polling goes on in a task of its own, whatever the one who handles records is doing: a member that
does not poll is thrown out. What it brings is bounded (intake.py), and full partitions rest.

Laws:
1. Only what is finished is committed, at an interval, before a partition is let go and at the end.
   The core knows how far that is: never beyond a record that is waiting or in hand.
2. A partition that is taken away is let go when its record in hand is finished, and after a limit
   in any case. What could not be committed then is handled again by its next owner, and an alarm
   says so.
3. Where the group has no offset of a partition, it begins at `start`, and that is committed before
   anything is read. An offset outside of the log ends the reading; nobody is moved in silence.
4. "end" is where a partition ends when reading begins, and not when the group gives it: what is
   written in between is read. A partition that the topic did not have then is read from its first
   record.
"""

import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.group import CommitMissed, GroupReader
from penstock.events.intake import Intake
from penstock.events.log import LogRecord, Partition
from penstock.events.reading_range import (
    PartitionAnswers,
    Start,
    position_inside,
    start_in,
    timestamp_ms_of,
)
from penstock.events.record_source import GroupStatistics, SourceStatistics
from penstock.events.topic_watch import TopicWatch
from penstock.schemas.errors import WorldError

__all__ = ["Assigned", "GroupPlace", "GroupSource", "GroupSourceSettings", "Revoked"]

_POLL_S: Final = 0.2
"""Longest wait of one poll."""
_POLL_RECORDS: Final = 1_000
"""Records of one poll."""
_POLL_AGAIN_S: Final = 10.0
"""So long polling may wait for room: far below the time after which a member has to leave."""
_LOCATE_AGAIN_S: Final = 1.0
_LOCATE_LIMIT_S: Final = 60.0
"""So long it is tried to learn where a partition begins."""
_CLOSE_LIMIT_S: Final = 15.0
"""Longest wait for the last commits."""

Assigned: TypeAlias = Callable[[GroupReader, Sequence[Partition]], None]
"""Called when partitions are given, before anything is awaited."""
Revoked: TypeAlias = Callable[[Sequence[Partition]], Awaitable[None]]
"""Awaited before the group goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSourceSettings:
    """Rhythm and limits."""

    commit_interval_s: float = 1.0
    """Seconds between commits; what is finished in between is handled again after a crash."""
    drain_s: float = 20.0
    """Longest wait for what is in hand, when partitions are taken away (formats.md F27)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlace:
    """How to come into the group and out of it."""

    join: Callable[[Assigned, Revoked], Awaitable[GroupReader]]
    """Joins; called once."""
    leave: Callable[[], Awaitable[None]]
    """Leaves, in bounded time; also where it never joined."""


@final
class _Life:
    """One partition, from its assignment to its end."""

    __slots__ = ("committed", "finding")

    def __init__(self, finding: "asyncio.Task[None]") -> None:
        self.finding = finding
        self.committed: int | None = None
        """The offset that the group has; None until it is known, and nothing is read before."""


@final
class GroupSource:
    """A share of some topics."""

    def __init__(
        self,
        place: GroupPlace,
        *,
        partitions: Iterable[Partition],
        start: Start,
        clock: Clock,
        raise_alarm: RaiseAlarm,
        settings: GroupSourceSettings = GroupSourceSettings(),
    ) -> None:
        """Prepare to join.

        Args:
            place: the way into the group.
            partitions: all that the topics have now.
            start: where a partition begins of which the group has no offset.
            clock: the time.
            raise_alarm: told what will be handled again.
            settings: rhythm and limits.
        """
        self._place = place
        self._partitions = tuple(partitions)
        self._start = start
        self._clock = clock
        self._raise_alarm = raise_alarm
        self._settings = settings
        self._member: GroupReader | None = None
        self._begun = False
        self._tasks: list[asyncio.Task[None]] = []
        self._polling: asyncio.Task[None] | None = None
        self._lives: dict[Partition, _Life] = {}
        self._ends: dict[Partition, int] = {}
        self._ends_known = asyncio.Event()
        self._resting: set[Partition] = set()
        self._missed: set[Partition] = set()
        self._intake = Intake()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._laid_aside = asyncio.Event()
        self._committing = asyncio.Lock()
        self._failure: BaseException | None = None
        self._stopped = self._closing = False
        self._rebalances = self._commits = self._commits_failed = self._repeats = 0

    # --- for the one who handles records --------------------------------------------------------

    async def begin(self) -> None:
        """Join the group; its partitions come by and by.

        Raises:
            WorldError: the group cannot be reached.
        """
        if self._begun:
            return
        self._begun = True
        self._member = await self._place.join(self._assigned, self._revoked)
        self._polling = self._watched(self._poll(self._member))
        others = (self._commit_regularly(), self._look(self._member))
        self._tasks += [self._polling, *map(self._watched, others)]
        if self._start == "end":
            finding = self._watched(self._find_ends(self._member))
            self._tasks.append(finding)
            await asyncio.wait({finding})
            if self._failure is not None:
                raise self._failure

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
        """Lay a record aside, as done; the next commit says so."""
        self._intake.finish(record)
        self._laid_aside.set()
        if self._resting or not self._room.is_set():
            partition = Partition(record.topic, record.partition)
            if self._intake.is_hungry(partition):
                self._resume(partition)
                self._room.set()

    def put_back(self, record: LogRecord) -> None:
        """Let a record wait again; it counts as not finished."""
        self._intake.put_back(record)
        self._laid_aside.set()
        self._arrived.set()

    async def more(self) -> bool:
        """Wait until something can be taken.

        Returns:
            False where it was stopped.

        Raises:
            PositionOutside: the group's offset, or that of the start, lies outside of the log.
            PositionLost: the log no longer holds what is to be read.
            TopicMissing: a topic is gone.
            WorldError: reading or committing cannot go on.
        """
        await self.begin()
        while not self._stopped:
            if self._failure is not None:
                raise self._failure
            if any(True for _ in self._intake.waiting()):
                return True
            self._arrived.clear()
            await self._arrived.wait()
        return False

    async def commit(self) -> None:
        """Commit what is finished.

        Raises:
            CommitMissed: partitions were let go before that.
            WorldError: an offset was not committed, or nobody knows.
        """
        if (error := await self._commit(self._lives)) is not None:
            raise error
        if self._missed:
            missed, self._missed = self._missed, set()
            raise CommitMissed(partitions=", ".join(map(str, sorted(missed))))

    def stop(self) -> None:
        """Give nothing more."""
        self._stopped = True
        self._intake.withhold_all()
        self._arrived.set()

    async def close(self) -> None:
        """Commit what is finished, and leave the group.

        Raises:
            WorldError: the coordinator does not take the offsets.
        """
        self._closing = True
        self.stop()
        self._laid_aside.set()
        try:
            await self._end_tasks()
            await self._commit_in_time(self._lives, _CLOSE_LIMIT_S)
        finally:
            # What is in hand by now was left so by whoever handled it, and who did that knows.
            self._report(self._lives, in_hand=())
            self._forget(tuple(self._lives))
            await self._place.leave()

    def statistics(self) -> SourceStatistics:
        """Return what is on its way."""
        read = [life for life in self._lives.values() if life.committed is not None]
        return SourceStatistics(
            waiting=self._intake.records,
            waiting_bytes=self._intake.bytes,
            group=GroupStatistics(
                partitions=len(read),
                rebalances=self._rebalances,
                commits=self._commits,
                commits_failed=self._commits_failed,
                repeats=self._repeats,
            ),
        )

    # --- the group's callbacks ------------------------------------------------------------------

    def _assigned(self, member: GroupReader, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            member.pause(partition)
            member.seek(partition, 0)
            if not self._is_over():
                finding = self._watched(self._begin_at(member, partition))
                self._lives[partition] = _Life(finding)
        self._room.set()

    def _is_over(self) -> bool:
        """Whether nothing more is given, so that what the group gives now is for its next owner."""
        return self._stopped or self._failure is not None

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        lives = {each: self._lives[each] for each in partitions if each in self._lives}
        if not lives:
            return
        self._rebalances += 1
        for partition, life in lives.items():
            life.finding.cancel()
            self._intake.withhold(partition)
        deadline_s = self._clock.monotonic() + self._settings.drain_s
        await self._within(deadline_s, self._hands_empty(lives))
        try:
            await self._commit_in_time(lives, _CLOSE_LIMIT_S)
        finally:
            self._report(lives, in_hand=self._intake.in_hand(lives))
            self._forget([each for each in lives if self._lives.get(each) is lives[each]])

    async def _hands_empty(self, lives: Mapping[Partition, _Life]) -> None:
        while self._intake.in_hand(lives) and not self._closing:
            self._laid_aside.clear()
            await self._laid_aside.wait()

    def _report(self, lives: Mapping[Partition, _Life], *, in_hand: Collection[LogRecord]) -> None:
        """Say what the next owners of partitions will handle again."""
        held = {(each.topic, each.partition) for each in in_hand}
        for partition in sorted(lives):
            life = lives[partition]
            if life.committed is None or self._lives.get(partition) is not life:
                continue
            position = self._intake.position(partition)
            if position > life.committed or partition in held:
                self._repeats += 1
                self._missed.add(partition)
                text = (
                    "Let go of a partition with a record in hand, or with finished records that "
                    "could not be committed; its next owner handles them again."
                )
                facts: dict[str, str | int] = {
                    "topic": partition.topic,
                    "partition": partition.number,
                    "committed": life.committed,
                    "finished": position,
                }
                self._raise_alarm(Alarm(name="subscription-repeats", text=text, facts=facts))

    def _forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._intake.forget(partition)
            self._lives.pop(partition, None)
            self._resting.discard(partition)
        self._room.set()

    # --- where a partition begins ---------------------------------------------------------------

    async def _begin_at(self, member: GroupReader, partition: Partition) -> None:
        life = self._lives[partition]
        position = await self._locate_in_time(member, partition)
        if self._lives.get(partition) is not life or self._is_over():
            return  # it was given anew, and that life finds its own beginning; or none begins here
        life.committed = position
        self._intake.open(partition, position)
        member.seek(partition, position)
        member.resume(partition)
        self._room.set()

    async def _locate_in_time(self, member: GroupReader, partition: Partition) -> int:
        deadline_s = self._clock.monotonic() + _LOCATE_LIMIT_S
        while True:
            try:
                return await self._locate(member, partition)
            except WorldError as error:
                # Nothing is changed by asking twice, nor by committing a beginning twice.
                if not error.retryable or self._clock.monotonic() >= deadline_s:
                    raise
            await self._clock.sleep_until(self._clock.monotonic() + _LOCATE_AGAIN_S)

    async def _find_ends(self, member: GroupReader) -> None:
        bounds = await asyncio.gather(*map(member.bounds, self._partitions))
        ends = (end for _, end in bounds)
        self._ends.update(zip(self._partitions, ends, strict=True))
        self._ends_known.set()

    async def _locate(self, member: GroupReader, partition: Partition) -> int:
        # The offset before the bounds: what is committed in between can only move the end.
        answer = await member.committed(partition)
        first, end = await member.bounds(partition)
        start_at = None
        if answer is not None:
            whence = "The offset that the group has committed"
            return position_inside(partition, answer[0], whence, PartitionAnswers(first, end))
        if isinstance(self._start, datetime):
            start_at = await member.offset_at(partition, timestamp_ms_of(self._start))
        if self._start == "end":
            await self._ends_known.wait()
            end = max(first, self._ends.get(partition, first))
        position = start_in(partition, self._start, PartitionAnswers(first, end, start_at))
        await member.commit(partition, position, "")
        return position

    # --- in the background ----------------------------------------------------------------------

    async def _poll(self, member: GroupReader) -> None:
        while True:
            if not self._has_room():
                await self._within(self._clock.monotonic() + _POLL_AGAIN_S, self._some_room())
            for partition in self._read().keys() - self._resting:
                if self._intake.is_full(partition):
                    self._resting.add(partition)
                    member.pause(partition)
            found = await member.poll(timeout_s=_POLL_S, max_records=_POLL_RECORDS)
            for partition, records in found.items():
                if records and self._is_current(member, partition, records[-1]):
                    self._intake.offer(partition, records)
                    self._arrived.set()

    def _is_current(self, member: GroupReader, partition: Partition, last: LogRecord) -> bool:
        """Whether records are of the partition's present life.

        A poll that was held up by a rebalance may bring what was fetched before it. It is told by
        the position, which the present life has set: that is not behind these records.
        """
        life = self._lives.get(partition)
        if life is None or life.committed is None:
            return False
        position = member.position(partition)
        return position is not None and position > last.offset

    def _read(self) -> dict[Partition, _Life]:
        return {each: life for each, life in self._lives.items() if life.committed is not None}

    def _has_room(self) -> bool:
        read = self._read()
        return not read or any(map(self._intake.is_hungry, read))

    async def _some_room(self) -> None:
        while not self._has_room():
            self._room.clear()
            await self._room.wait()

    def _resume(self, partition: Partition) -> None:
        if partition in self._resting and self._member is not None:
            self._resting.discard(partition)
            self._member.resume(partition)

    async def _commit_regularly(self) -> None:
        while True:
            next_s = self._clock.monotonic() + self._settings.commit_interval_s
            await self._clock.sleep_until(next_s)
            await self._commit(self._lives)

    async def _commit(self, lives: Mapping[Partition, _Life]) -> WorldError | None:
        """Commit what is finished of these.

        Returns:
            What went wrong last and may succeed another time.

        Raises:
            WorldError: the coordinator does not take an offset; those of the others are committed.
        """
        trouble: WorldError | None = None
        refusal: WorldError | None = None
        async with self._committing:
            for partition, life in list(lives.items()):
                if life.committed is None or self._member is None:
                    continue
                if self._lives.get(partition) is not life:
                    continue  # let go while another one was committed
                position = self._finished(self._member, partition)
                if position <= life.committed:
                    continue
                try:
                    await self._member.commit(partition, position, "")
                except WorldError as error:
                    self._commits_failed += 1
                    if error.retryable:
                        trouble = error
                    else:
                        refusal = refusal or error
                else:
                    self._commits += 1
                    life.committed = position
        if refusal is not None:
            raise refusal
        return trouble

    def _finished(self, member: GroupReader, partition: Partition) -> int:
        """The offset behind all that is finished, also behind what nobody will ever be given."""
        position = self._intake.position(partition)
        if self._intake.is_idle(partition):
            position = max(position, member.position(partition) or 0)
        return position

    async def _commit_in_time(self, lives: Mapping[Partition, _Life], limit_s: float) -> None:
        await self._within(self._clock.monotonic() + limit_s, self._commit(lives))

    async def _look(self, member: GroupReader) -> None:
        """A group goes on without a topic that was deleted, and would wait for it in silence."""
        watch = TopicWatch(self._clock.monotonic())
        while True:
            await self._clock.sleep_until(watch.due_s)
            watch.look(self._clock.monotonic(), member.missing)

    async def _within(self, deadline_s: float, work: Coroutine[Any, Any, object]) -> None:
        """Wait for something, but not past a deadline; who called looks how far it has come."""
        try:
            await before(self._clock, deadline_s, work)
        except TimeoutError:
            return

    def _watched(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something in the background; `more` raises what ends it."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or task.exception() is None:
            return
        self._failure = self._failure or task.exception()
        if task is not self._polling:
            # Polling goes on, and `more` would be asked only when nothing waits any more: never,
            # where there is always something. Where polling itself ends, what it brought is good.
            self._intake.withhold_all()
        self._arrived.set()

    async def _end_tasks(self) -> None:
        tasks = [*self._tasks, *(life.finding for life in self._lives.values())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
