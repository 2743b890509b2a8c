"""The shell around one partition's life: carries out what the core commands.

    assigned -> [core] -> command -> one awaited call -> input -> [core] -> ...

One task walks through the phases; each command is one method here, and what it reports is the next
input. The group's callbacks (`assigned`, `leave`) may interrupt the task at any await.

Laws:
1. Every decision is the core's (partition_life.py); here stand only calls and their errors.
2. Nothing of a life that has ended reaches the next one: a dropped producer is never used again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, final
from uuid import UUID

from penstock.events.alarm import Alarm
from penstock.events.deadline import before
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.workers.changelog import (
    BARRIER_KEY,
    RESTORE_LIMIT_S,
    barrier_value,
    closing,
    last_barrier,
    restore,
)
from penstock.workers.committers import TransactionalCommitter
from penstock.workers.group_commit import Work
from penstock.workers.offsets import metadata_of, parse_metadata
from penstock.workers.partition_context import PartitionContext
from penstock.workers.partition_life import PLAIN_TRANSITIONS, TRANSITIONS, Life, Phase, advance
from penstock.workers.partition_signals import (
    AskMembership,
    Assigned,
    BarrierCommitted,
    Begin,
    Command,
    CommitBarrier,
    Committed,
    Doubt,
    Drain,
    Drained,
    DropEverything,
    Fail,
    Fault,
    Fence,
    Fenced,
    Hold,
    Input,
    Inspect,
    Inspected,
    Keep,
    Locate,
    Located,
    Member,
    MemberLost,
    MemberUncertain,
    Release,
    Restore,
    Restored,
    Revoked,
    Run,
    Stop,
)
from penstock.workers.partition_work import PartitionWork, WorkStatistics
from penstock.workers.ports import (
    InputOffset,
    Membership,
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
)
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Suspicion
from penstock.workers.timer_watch import restored_timers
from penstock.workers.verdicts import Hopeless, verdict
from penstock.workers.watchdog import Look
from penstock.workers.work_seams import Committer

__all__ = ["PartitionStatistics", "PartitionTask"]

CLOSE_LIMIT_S: Final = 5.0
"""So long a cancelled handler may take to end, before the process gives up on itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatistics:
    """One partition in numbers."""

    partition: Partition
    """Which one."""
    phase: Phase
    """Where its life stands."""
    phase_since_s: float
    """Monotonic seconds at which the phase began."""
    lag: int | None
    """Committed records that are not processed yet; None while unknown."""
    doubts: int
    """Doubts since the process began."""
    commits: int
    """Commits since the process began."""
    records: int
    """Records finished by these commits."""
    entries: int
    """Entries of state in memory; grows while the changelog is read."""
    work: WorkStatistics | None
    """What is in memory, while it runs."""


@final
class PartitionTask:
    """One partition of one group member, from assignment to close, over and over."""

    def __init__(self, partition: Partition, context: PartitionContext) -> None:
        """Make the task of a partition; nothing happens before `assigned`."""
        self.partition = partition
        self._context = context
        self._table = TRANSITIONS if context.transactional else PLAIN_TRANSITIONS
        self._life = Life(accept_reset=partition in context.accept_reset)
        self._phase_since_s = context.clock.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._writer: TransactionalWriter | None = None
        self._state = PartitionState()
        self._suspicion = Suspicion()
        self._work: PartitionWork | None = None
        self._barrier_nonce: UUID | None = None
        self._paused = True
        self._drained = asyncio.Event()
        self._doubts = self._commits = self._records = 0
        self.failure: Fail | None = None
        """Why the partition gave up, once it has."""
        # One line per command: what the core may order, and who carries it out.
        self._carry_out: dict[type, Callable[[Any], Any]] = {
            AskMembership: self._ask_membership,
            Fence: self._fence,
            Locate: self._locate,
            Inspect: self._inspect,
            CommitBarrier: self._commit_barrier,
            Restore: self._restore,
            Run: self._run,
            DropEverything: self._drop_everything,
            Release: self._release,
        }

    # --- what the group does to it ---------------------------------------------------------

    def assigned(self) -> None:
        """Begin a life: called in the assignment callback, so nothing here waits."""
        for command in self._advance(Assigned()):
            assert isinstance(command, Hold)
            self._paused = True
            self._context.member.pause(self.partition)
            self._context.member.seek(self.partition, 0)
        if self._life.phase is Phase.ASSIGNED:
            self._task = asyncio.ensure_future(self._live())

    async def leave(self, signal: Revoked | Stop, limit_s: float) -> None:
        """End the life within a limit: drain where it runs, drop where it does not."""
        commands = self._advance(signal)
        if self._life.phase is Phase.DRAINING and not commands:
            await self._drained.wait()  # another callback drains already, within its own limit
        for command in commands:
            if isinstance(command, Drain):
                await self._drain(limit_s)
            else:
                await self._end_task()
                await self._do(command)

    async def _drain(self, limit_s: float) -> None:
        work, task = self._work, self._task
        self._drained.clear()
        try:
            rest = None if work is None else await work.drain(limit_s)
            if work is not None and rest is None:
                self._report_unclean(work)
            if self._life.phase is Phase.DRAINING:
                await self._end_task()
                for command in self._advance(Drained(rest)):
                    await self._do(command)
            elif task is not None:
                # The trouble that ended the work reached the task first; it drops everything.
                await asyncio.wait({task}, timeout=CLOSE_LIMIT_S)
        finally:
            self._drained.set()

    async def _end_task(self) -> None:
        task, self._task = self._task, None
        if task is None or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSE_LIMIT_S)

    def fail(self, why: str, fault: Fault) -> None:
        """Give up, because of something that was found outside the task."""
        if self._work is not None:
            self._work.stop(Hopeless(why, fault))

    # --- its records -----------------------------------------------------------------------

    def offer(self, records: list[LogRecord]) -> None:
        """Take records that were read."""
        if self._work is None or self._life.phase is not Phase.RUNNING:
            return  # they will be read again: the position is set when it runs
        self._work.offer(records)
        self._balance()

    def _balance(self) -> None:
        """Pause while memory is full, resume when it no longer is."""
        if self._work is None or self._life.phase is not Phase.RUNNING:
            return
        if self._work.full != self._paused:
            self._paused = not self._paused
            turn = self._context.member.pause if self._paused else self._context.member.resume
            turn(self.partition)

    async def look(self) -> Look | None:
        """What the watchdog wants to know; None where it does not run, or is being given records.

        Raises:
            WorldError: the broker did not say where the log ends.
        """
        position, work = self._context.member.position(self.partition), self._work
        if work is None or position is None or self._life.phase is not Phase.RUNNING:
            return None
        _, end = await self._context.member.bounds(self.partition)
        busy = self._paused or work.statistics().in_flight > 0
        return Look(position=position, end=end, busy=busy)

    def done_up_to(self) -> int | None:
        """The offset that would be read next, where all before it is committed; else None."""
        work = self._work
        if work is None or self._life.phase is not Phase.RUNNING or not work.at_rest:
            return None
        return self._context.member.position(self.partition)

    def idle(self) -> None:
        """Look whether only markers lie between what is done and what was read."""
        position = self._context.member.position(self.partition)
        if self._work is not None and self._life.phase is Phase.RUNNING and position is not None:
            self._work.idle_at(position)

    # --- its life --------------------------------------------------------------------------

    def _advance(self, happened: Input) -> tuple[Command, ...]:
        clock, before = self._context.clock, self._life.phase
        self._life, commands = advance(
            self._life,
            happened,
            now=clock.monotonic(),
            draw=self._context.entropy.random(),
            table=self._table,
        )
        if self._life.phase is not before:
            self._phase_since_s = clock.monotonic()
        if isinstance(happened, Doubt):
            self._doubts += 1
            self._raise_alarm("partition-doubt", f"In doubt while {before}: {happened.why}")
        return commands

    async def _live(self) -> None:
        happened: Input | None = Begin()
        while happened is not None:
            happened = await self._step(self._advance(happened))

    async def _step(self, commands: tuple[Command, ...]) -> Input | None:
        """Carry out commands in order; the last one's report is the next input."""
        report: Input | None = None
        for command in commands:
            try:
                report = await self._do(command)
            except Exception as error:  # noqa: BLE001 - each ends in an input, see verdicts.py
                return verdict(error)
        return report

    async def _do(self, command: Command) -> Input | None:
        if isinstance(command, Fail):
            self.failure = command
            self._raise_alarm("partition-failed", f"Gave up: {command.why}")
            return None
        if isinstance(command, Keep):
            await self._close_work()
            return None
        report: Input | None = await self._carry_out[type(command)](command)
        return report

    async def _ask_membership(self, ask: AskMembership) -> Input:
        await self._wait(ask.after_s)
        answer = await self._context.member.membership()
        if answer is Membership.MEMBER:
            return Member()
        if answer is Membership.LOST:
            return MemberLost()
        return MemberUncertain("a rebalance is under way, or it cannot be reached")

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._context.clock.sleep_until(self._context.clock.monotonic() + seconds)

    async def _fence(self, _: Fence) -> Input:
        self._writer = await self._context.gate.fence(
            self._context.transactional_id(self.partition)
        )
        return Fenced()

    async def _locate(self, locate: Locate) -> Input:
        await self._wait(locate.after_s)
        # The offset before the bounds: what is committed in between can only move the end.
        answer = await self._context.member.committed(self.partition)
        first, end = await self._context.member.bounds(self.partition)
        committed = None if answer is None else parse_metadata(*answer)
        changelog_end = None
        if self._context.transactional:
            changelog = self._context.changelog(self.partition)
            _, changelog_end = await self._context.member.bounds(changelog)
        return Located(committed, first, end, changelog_end)

    async def _inspect(self, _: Inspect) -> Input:
        changelog = self._context.changelog(self.partition)
        async with closing(await self._context.gate.reader(changelog)) as reader:
            return Inspected(await last_barrier(reader, changelog, self._context.schemas))

    async def _commit_barrier(self, command: CommitBarrier) -> Input:
        assert self._writer is not None
        barrier, changelog = command.barrier, self._context.changelog(self.partition)
        self._barrier_nonce = self._context.entropy.uuid()
        value = barrier_value(self._barrier_nonce, self._writer.epoch, barrier.position)
        record = NewRecord(BARRIER_KEY, value, [], self._context.clock.wall_ms())
        offsets = await self._writer.commit(
            Transaction(
                outputs={changelog: [record]},
                offset=InputOffset(
                    group=self._context.group,
                    source=self.partition,
                    position=barrier.position,
                    metadata=metadata_of(barrier.position, barrier.finished),
                ),
            )
        )
        if self._context.learn is not None:
            await self._context.learn()
        return BarrierCommitted(offsets[changelog])

    async def _restore(self, command: Restore) -> Input:
        assert self._barrier_nonce is not None
        changelog = self._context.changelog(self.partition)
        async with closing(await self._context.gate.reader(changelog)) as reader:
            reading = restore(
                reader,
                changelog,
                into=self._state,
                until=command.until,
                nonce=self._barrier_nonce,
                schemas=self._context.schemas,
                readable=self._context.tables,
            )
            deadline_s = self._context.clock.monotonic() + RESTORE_LIMIT_S
            try:
                await before(self._context.clock, deadline_s, reading)
            except TimeoutError as error:
                raise TransactionDoubt(reason="a restore took too long to be whole") from error
        return Restored()

    async def _run(self, run: Run) -> Input:
        """Seek, resume, and work until something ends it."""
        context = self._context
        if run.unmarked:
            await context.member.commit(
                self.partition, run.position, metadata_of(run.position, run.finished)
            )
        if context.timed is not None and run.caught_up_at <= run.position:
            # Regained after a clean close: nobody has located the end since.
            _, end = await context.member.bounds(self.partition)
            run = replace(run, caught_up_at=end)
        timers = None
        if context.timed is not None:
            timers = await restored_timers(context.timed, self._state)
        work = PartitionWork(
            run,
            processor=context.processor,
            committer=self._committer(),
            state=self._state,
            suspicion=self._suspicion,
            limits=context.limits,
            clock=context.clock,
            on_commit=self._committed,
            timed=context.timed,
            timers=timers,
        )
        self._work = work
        context.member.seek(self.partition, run.position)
        context.member.resume(self.partition)
        self._paused = False
        await work.run()
        message = "a partition's work ended without trouble"
        raise AssertionError(message)

    def _committer(self) -> Committer:
        if not self._context.transactional:
            return self._context.plain_committer(self.partition)
        assert self._writer is not None
        return TransactionalCommitter(
            self._writer,
            group=self._context.group,
            source=self.partition,
            changelog=self._context.changelog(self.partition),
            wall_ms=self._context.clock.wall_ms,
        )

    def _committed(self, work: Work) -> None:
        self._commits += 1
        self._records += len(work.offsets)
        if self._life.phase in (Phase.RUNNING, Phase.DRAINING):
            self._advance(Committed())
        self._balance()

    async def _drop_everything(self, _: DropEverything) -> None:
        if self._writer is not None:
            self._writer.drop()
            self._writer = None
        self._state = PartitionState()
        if self._life.phase is Phase.CLOSED:
            self._suspicion.forget()
        self._hold()
        await self._close_work()

    def _hold(self) -> None:
        # While the partition is still ours, nothing may be fetched for memory that is gone.
        if not self._paused and self._life.phase not in (Phase.CLOSED, Phase.FAILED):
            self._paused = True
            self._context.member.pause(self.partition)

    async def _release(self, _: Release) -> None:
        await self._close_work()
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        self._state = PartitionState()

    async def _close_work(self) -> None:
        work, self._work = self._work, None
        if work is None or await work.close(CLOSE_LIMIT_S):
            return
        why = (
            "a handler does not end although it was cancelled; processing its record again beside "
            "it would not be safe"
        )
        self.failure = Fail(why, Fault.BUG)
        self._raise_alarm("handler-does-not-end", f"Gave up: {why}.")
        if self._life.phase is not Phase.CLOSED:
            raise Hopeless(why, Fault.BUG)

    def _report_unclean(self, work: PartitionWork) -> None:
        why = "the limit was met" if work.trouble is None else str(work.trouble)
        text = f"Drained with uncommitted work, which its next owner repeats: {why}."
        self._raise_alarm("partition-drained-uncommitted", text)

    def _raise_alarm(self, name: str, text: str) -> None:
        facts: dict[str, str | int] = {"topic": self.partition.topic}
        facts["partition"] = self.partition.number
        self._context.alarm(Alarm(name=name, text=text, facts=facts))

    def statistics(self) -> PartitionStatistics:
        """Where it stands, in numbers."""
        end = self._context.member.end(self.partition)
        work = None if self._work is None else self._work.statistics()
        return PartitionStatistics(
            partition=self.partition,
            phase=self._life.phase,
            phase_since_s=self._phase_since_s,
            lag=None if work is None or end is None else max(0, end - work.position),
            doubts=self._doubts,
            commits=self._commits,
            records=self._records,
            entries=len(self._state),
            work=work,
        )
