"""A running partition: collect, compute, commit.

    records, timers -> lanes -> handlers -> finish order -> one commit after the other

Records run through their lanes with no transaction open; what they want to happen is kept in
memory, bounded, and taken by the next commit (group_commit.py). Computing goes on while a commit is
in flight.

Laws:
1. One commit at a time, and a commit is never cancelled while its outcome can still be waited for.
2. The first trouble ends the work; whoever runs it drops producer and memory. Nothing is retried
   here except a handler, in its lane.
3. Bounded: beyond the limits of records and bytes the partition is paused.
4. Commits keep their distance only while there is room: where half of it is finished, the next one
   begins at once, so the distance never limits how much is done.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import LogRecord, WriteRefused
from penstock.workers.group_commit import Effects, GroupCommit, Work, finished_work
from penstock.workers.lanes import DueTimer, Lanes
from penstock.workers.partition_signals import Barrier, Run
from penstock.workers.ports import TransactionRefused
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Suspicion
from penstock.workers.timer_watch import TimerWatch
from penstock.workers.timers import Timed, Timers
from penstock.workers.work_seams import Committer, Processor, WorkLimits

__all__ = ["PartitionWork", "WorkStatistics"]

_BREATH = 8
"""Records that a lane handles before others have their turn, where no handler waits. Lanes that
run far ahead of each other finish far out of order, and a commit must take them all at once."""


@final
class PartitionWork:
    """One partition between Run and Drained."""

    def __init__(
        self,
        start: Run,
        *,
        processor: Processor,
        committer: Committer,
        state: PartitionState,
        suspicion: Suspicion,
        limits: WorkLimits,
        clock: Clock,
        on_commit: Callable[[Work], None],
        timed: Timed | None = None,
        timers: Timers | None = None,
    ) -> None:
        """Stand ready at the position of a `Run`.

        Where entries have times, `timed` knows them and `timers` holds those of the whole state.
        """
        self._processor = processor
        self._committer = committer
        self._state = state
        self._suspicion = suspicion
        self._limits = limits
        self._clock = clock
        self._on_commit = on_commit
        self._lanes = Lanes(limits.lanes)
        self._group = GroupCommit(start.position, start.finished, limits.commit)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._waiting_bytes = 0
        self._ready = asyncio.Event()
        self._draining = False
        self._idle_position: int | None = None
        self._one_commit = asyncio.Lock()
        self._last_commit_s = float("-inf")
        self._pressure = asyncio.Event()
        self._trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timed = timed
        self._caught_up_at = start.caught_up_at
        self._timers: TimerWatch | None = None
        if timed is not None:
            assert timers is not None, "the times of a restored state are read before"
            self._timers = TimerWatch(
                timed,
                timers,
                clock,
                begin=self._begin_timer,
                in_flight=lambda: self._group.timers_in_flight,
            )
            self._read_up_to(start.position)
            self._clear_timers_that_are_not_due()
        # Last of all: were something above to fail, nobody would end what runs already.
        self._always = {asyncio.ensure_future(self._commit_for_ever())}
        if self._timers is not None:
            self._always.add(asyncio.ensure_future(self._timers.run()))
        for task in self._always:
            task.add_done_callback(self._ended)

    async def run(self) -> None:
        """Wait for trouble.

        Raises:
            Exception: whatever ended the work.
        """
        await asyncio.shield(self._trouble)

    # --- collect ---------------------------------------------------------------------------

    def offer(self, records: Sequence[LogRecord]) -> None:
        """Take records that were read, in order."""
        if self._draining:
            return
        fresh = [record for record in records if self._group.deliver(record.offset)]
        self._waiting_bytes += sum(len(record.value or b"") for record in fresh)
        for lane in self._lanes.put(fresh):
            self._start_lane(lane)
        if records:
            self._read_up_to(records[-1].offset + 1)

    def _begin_timer(self, state_key: bytes) -> None:
        if self._draining:
            return  # its entry still names it; whoever runs the partition next finds it due
        assert self._timed is not None
        self._group.begin_timer()
        self._start_lane(self._lanes.put_timer(state_key, self._timed.lane_key(state_key)))

    def _start_lane(self, lane: int) -> None:
        if lane not in self._running:
            task = asyncio.ensure_future(self._run_lane(lane))
            self._running[lane] = task
            task.add_done_callback(self._ended)

    def _read_up_to(self, position: int) -> None:
        if self._timers is not None and position >= self._caught_up_at:
            self._timers.caught_up()

    def _clear_timers_that_are_not_due(self) -> None:
        # They ran out by changes that a doubt has dropped and that may never be made again. One
        # that is refused once more is under suspicion once more.
        assert self._timers is not None
        due = self._timers.is_due
        self._suspicion.committed([key for key in self._suspicion.timers if not due(key)])

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return (
            self._group.in_flight >= self._limits.in_flight
            or self._waiting_bytes + self._group.ready_bytes >= self._limits.in_flight_bytes
        )

    @property
    def at_rest(self) -> bool:
        """Whether all that was read, and all timers that have run out, are committed."""
        return not (self._group.in_flight or self._group.timers_in_flight)

    def idle_at(self, position: int) -> None:
        """Everything before this position was read: move over markers that hold no record."""
        self._read_up_to(position)
        if not self._draining and self._group.idle_behind(position):
            self._idle_position = position
            self._ready.set()

    # --- compute ---------------------------------------------------------------------------

    async def _run_lane(self, lane: int) -> None:
        handled = 0
        while (item := self._lanes.take(lane)) is not None:
            if isinstance(item, DueTimer):
                self._finish(item.state_key, self._fire(item.state_key))
            else:
                self._waiting_bytes -= len(item.value or b"")
                condemned = self._suspicion.condemned(item.offset)
                effects = await self._processor.process(item, self._state, condemned)
                self._finish(item.offset, effects)
            handled += 1
            if handled % _BREATH == 0:
                self._press()
                await asyncio.sleep(0)
        self._press()
        # No await since the lane was found empty: what is offered from now on starts a new task.
        del self._running[lane]

    def _fire(self, state_key: bytes) -> Effects:
        assert self._timed is not None
        assert self._timers is not None
        value = self._state.get(state_key)
        if value is None:
            return Effects()
        now_ms, condemned = self._timers.now_ms(), self._suspicion.condemned(state_key)
        effects = self._timed.fire(state_key, now_ms, self._state, condemned)
        if state_key not in effects.state:
            due_ms = self._timed.timing(state_key, value).due_ms
            assert due_ms is None or due_ms > now_ms, "a timer that is due changed nothing"
        return effects

    def _finish(self, item: int | bytes, effects: Effects) -> None:
        if effects.size_bytes:
            self._change_state(effects)
        self._group.finish(item, effects)
        self._ready.set()

    def _change_state(self, effects: Effects) -> None:
        for key, basis in effects.made_from.items():
            assert self._state.get(key) == basis, "a component was overtaken, and would go back"
        for key, value in effects.state.items():
            self._state.apply(key, value)
            if self._timers is not None:
                self._timers.changed(key, value)

    # --- commit ----------------------------------------------------------------------------

    async def _commit_for_ever(self) -> None:
        while True:
            await self._ready.wait()
            await self._pace()
            async with self._one_commit:
                self._ready.clear()
                await self._commit_what_is_ready()

    async def _commit_what_is_ready(self) -> None:
        while (work := self._next_work()) is not None:
            await self._commit(work)
            await self._pace()

    def _next_work(self) -> Work | None:
        position, self._idle_position = self._idle_position, None
        if position is not None:
            work = self._group.skip_to(position)
            if work is not None:
                return work
        return self._group.compose(at_most=self._suspicion.at_most)

    async def _pace(self) -> None:
        due_s = self._last_commit_s + self._limits.commit_interval_s
        if self._draining or self._pressed or due_s <= self._clock.monotonic():
            return
        self._pressure.clear()
        with suppress(TimeoutError):
            await before(self._clock, due_s, self._pressure.wait())

    def _press(self) -> None:
        if self._pressed:
            self._pressure.set()

    @property
    def _pressed(self) -> bool:
        return (
            self._group.ready * 2 >= self._limits.in_flight
            or self._group.ready_bytes * 2 >= self._limits.in_flight_bytes
        )

    async def _commit(self, work: Work) -> None:
        self._last_commit_s = self._clock.monotonic()
        if work.unprepared:
            await self._processor.prepare(work.unprepared)
            work = finished_work(work)
        try:
            await self._committer.commit(work)
        except (TransactionRefused, WriteRefused) as refused:
            self._suspicion.refused((*work.offsets, *work.timers), refused.reason)
            raise
        # A timer whose entry has changed is done too: it may never run out again.
        self._suspicion.committed(chain(work.offsets, work.timers, work.state))
        self._group.committed(work)
        if self._timers is not None:
            self._timers.committed()
        self._on_commit(work)

    def stop(self, error: Exception) -> None:
        """End the work with this trouble."""
        self._break(error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        if not self._trouble.done():
            self._trouble.set_exception(error)
            self._trouble.exception()  # seen: during a drain nobody waits in `run` any more

    @property
    def trouble(self) -> BaseException | None:
        """What ended the work, if anything did."""
        return self._trouble.exception() if self._trouble.done() else None

    # --- the end ---------------------------------------------------------------------------

    async def drain(self, limit_s: float) -> Barrier | None:
        """Stop collecting, finish what runs, commit it, within a limit in seconds.

        Records that wait in lanes and were not begun are forgotten: their next owner reads them.

        Returns:
            Where the next record would be, if nothing finished is uncommitted; else None.
        """
        self._draining = True
        self._pressure.set()  # whoever keeps the distance between two commits holds them up
        self._lanes.clear()
        settling = asyncio.ensure_future(self._settle())
        settling.add_done_callback(self._ended)
        timer = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + limit_s))
        await asyncio.wait({settling, timer, self._trouble}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        if settling.done() and self.trouble is None and not self._group.ready:
            return Barrier(self._group.position, self._group.finished)
        settling.cancel()
        return None

    async def _settle(self) -> None:
        if self._running:
            await asyncio.wait(set(self._running.values()))
        async with self._one_commit:
            await self._commit_what_is_ready()

    async def close(self, limit_s: float) -> bool:
        """Cancel everything; what is not committed is forgotten.

        Returns:
            False where a handler does not end within the limit, in seconds. It may still do
            something outside, so the partition must not be processed again by this process.
        """
        tasks = {*self._always, *self._running.values()}
        self._draining = True
        self._lanes.clear()
        for task in tasks:
            task.cancel()
        timer = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + limit_s))
        ended = asyncio.ensure_future(asyncio.wait(tasks))
        await asyncio.wait({ended, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        ended.cancel()
        return all(task.done() for task in tasks)

    def statistics(self) -> "WorkStatistics":
        """How much is in memory, and how far commits have come."""
        return WorkStatistics(
            position=self._group.committed_position,
            in_flight=self._group.in_flight,
            waiting=self._lanes.waiting,
            ready=self._group.ready,
            bytes=self._waiting_bytes + self._group.ready_bytes,
            timers=0 if self._timers is None else len(self._timers),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatistics:
    """A running partition in numbers."""

    position: int
    """The position of the last commit, or the one it started at."""
    in_flight: int
    """Records read and not committed."""
    waiting: int
    """Records and timers that wait in lanes."""
    ready: int
    """Records and timers that are finished and not yet part of a commit."""
    bytes: int
    """Bytes of what waits and what is finished."""
    timers: int = 0
    """Entries of state that name a time."""
