"""A worker process: one member of a group, one loop that polls, one task per partition.

    poll -> offer each chunk to its partition's task -> poll ...

Polling goes on in every phase of every partition, paused or not, because a member that does not
poll is thrown out of its group. Handlers never run in this loop.

Laws:
1. `run` returns only when asked to stop, after draining; it raises when a partition has given up.
2. Whatever happens, `run` ends within its limits, and everything that it started has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, final

from penstock.events.clock import Clock
from penstock.events.log import Partition, PositionLost, TopicMissing
from penstock.events.skipped_types import SkippedCounts
from penstock.schemas.errors import ExitCode, PenstockError, WorldError
from penstock.workers.partition_context import PartitionContext
from penstock.workers.partition_signals import Fail, Fault, Revoked, Stop
from penstock.workers.partition_task import PartitionStatistics, PartitionTask
from penstock.workers.ports import Assignments, GroupMember
from penstock.workers.watchdog import Watchdog

__all__ = [
    "PartitionBarred",
    "PartitionGaveUp",
    "PartitionUnsafe",
    "RunnerLimits",
    "WorkerRunner",
    "error_of",
]

POLL_S: Final = 0.2
"""Longest wait of one poll: the loop looks around that often."""
LOOK_AROUND_S: Final = 1.0
"""Seconds between looks at idle partitions."""
WATCH_S: Final = 20.0
"""Seconds between the watchdog's questions to the broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerLimits:
    """How long a process may take to let go, and how much it reads at once."""

    drain_s: float = 20.0
    """Longest drain of all partitions, at a rebalance or at the end (formats.md F27)."""
    poll_records: int = 1_000
    """Records of one poll."""


@dataclass(eq=False, kw_only=True)
class PartitionGaveUp(WorldError):
    """A partition cannot go on, and trying longer would not mend it."""

    partition: Partition
    """Which one."""
    reason: str
    """What happened, doubts included."""

    code: ClassVar[str] = "PEN-W21"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = "The partition {partition} gave up: {reason}."
    why: ClassVar[str] = "Going on without knowing what is committed could lose or repeat effects."
    remedy: ClassVar[str] = (
        "Look at the broker's state and log; a restarted process begins again at the fence."
    )


@dataclass(eq=False, kw_only=True)
class PartitionUnsafe(WorldError):
    """Offset, log and changelog of a partition do not belong together."""

    partition: Partition
    """Which one."""
    reason: str
    """What does not fit."""

    code: ClassVar[str] = "PEN-W22"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The partition {partition} cannot be processed: {reason}."
    why: ClassVar[str] = "Going on would silently skip or repeat records."
    remedy: ClassVar[str] = (
        "Mend it; or, where the reset is meant, start once with --accept-reset {partition}."
    )


@dataclass(eq=False, kw_only=True)
class PartitionBarred(WorldError):
    """Something that a partition needs is not as it must be."""

    partition: Partition
    """Which one."""
    reason: str
    """What is wrong, and what to do about it."""

    code: ClassVar[str] = "PEN-W33"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The partition {partition} cannot be processed: {reason}."
    why: ClassVar[str] = "Another attempt would end alike."
    remedy: ClassVar[str] = "Mend what the reason names, then start again."


_KINDS: Final[Mapping[Fault, type[PartitionUnsafe | PartitionBarred]]] = {
    Fault.OFFSETS: PartitionUnsafe,
    Fault.CHANGELOG: PartitionUnsafe,
    Fault.UNFIT: PartitionBarred,
}


def error_of(partition: Partition, fail: Fail) -> PenstockError:
    """Return what a process says where one of its partitions has given up."""
    kind = _KINDS.get(fail.fault, PartitionGaveUp)
    return kind(partition=partition, reason=fail.why.rstrip("."))


@final
class WorkerRunner:
    """Runs one worker's partitions until it is stopped."""

    def __init__(
        self,
        *,
        contexts: Callable[[GroupMember], Mapping[str, PartitionContext]],
        join: Callable[[Assignments], Awaitable[GroupMember]],
        leave: Callable[[], Awaitable[None]],
        clock: Clock,
        limits: RunnerLimits,
        skipped: Callable[[], Mapping[str, SkippedCounts]] = dict,
    ) -> None:
        """Make a runner; nothing happens before `run`.

        Args:
            contexts: By input topic, what its partitions need, given the group's member.
            join: Joins the group; called once.
            leave: Leaves the group, in bounded time.
            clock: The time.
            limits: Of draining and reading.
            skipped: By input topic, how many records of types that nobody handles were skipped.
        """
        self._make_contexts = contexts
        self._join = join
        self._leave = leave
        self._clock = clock
        self._limits = limits
        self._skipped = skipped
        self._contexts: Mapping[str, PartitionContext] = {}
        self._tasks: dict[Partition, PartitionTask] = {}
        # In order: a set's is another one in each process, and a run in virtual time is not.
        self._current: tuple[Partition, ...] = ()
        self._retiring: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._polled_s = clock.monotonic()

    def stop(self) -> None:
        """Ask `run` to drain and return; may be called again, and from a signal handler."""
        self._stopping.set()

    async def run(self) -> None:
        """Process until stopped.

        Raises:
            PartitionGaveUp: a partition cannot go on.
            PartitionUnsafe: a partition's offset and log do not belong together.
            PartitionBarred: something that a partition needs is not as it must be.
            TopicMissing: a topic that is to be read is gone.
            WorldError: the group cannot be reached.
        """
        member = await self._join(Assignments(self._assigned, self._revoked))
        watching = asyncio.ensure_future(self._watch(member))
        try:
            await self._poll_until_stopped(member, watching)
        finally:
            watching.cancel()
            self._stopping.set()
            try:
                await self._drain_all(Stop())
            finally:
                await self._leave()

    async def _poll_until_stopped(
        self, member: GroupMember, watching: "asyncio.Future[None]"
    ) -> None:
        look_around_at = self._clock.monotonic() + LOOK_AROUND_S
        while not self._stopping.is_set():
            self._polled_s = self._clock.monotonic()
            try:
                chunks = await member.poll(timeout_s=POLL_S, max_records=self._limits.poll_records)
            except PositionLost as lost:
                chunks = {}
                self._tasks[lost.partition].fail(str(lost), Fault.OFFSETS)
            for partition, records in chunks.items():
                self._tasks[partition].offer(list(records))
            self._raise_failures()
            if watching.done():
                watching.result()  # it ends by an error only
            if self._clock.monotonic() >= look_around_at:
                look_around_at = self._clock.monotonic() + LOOK_AROUND_S
                for partition in self._current:
                    self._tasks[partition].idle()

    async def _watch(self, member: GroupMember) -> None:
        """Ask the broker now and then whether records wait that the consumer does not give.

        A group goes on without a topic that was deleted, and nobody has its partitions: the process
        would be idle, and look healthy.
        """
        dog, missing = Watchdog(), set[str]()
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + WATCH_S)
            missing_before, missing = missing, set(member.missing())
            if gone := missing & missing_before:
                raise TopicMissing(topics=", ".join(sorted(gone)))
            looks = {}
            for partition, task in list(self._tasks.items()):
                try:
                    look = await task.look()
                except WorldError:
                    continue  # no answer is no proof of silence; the next look asks again
                if look is not None:
                    looks[partition] = look
            for partition, reason in dog.look(looks, self._clock.monotonic()).items():
                self._tasks[partition].fail(reason, Fault.SILENCE)

    def _raise_failures(self) -> None:
        for partition, task in self._tasks.items():
            if task.failure is not None:
                raise error_of(partition, task.failure)

    # --- the group's callbacks ---------------------------------------------------------------

    def _assigned(self, member: GroupMember, partitions: Sequence[Partition]) -> None:
        if self._stopping.is_set():
            # The group may go on giving partitions to a process that drains; nobody begins them.
            for partition in partitions:
                member.pause(partition)
                member.seek(partition, 0)
            return
        if not self._contexts:
            self._contexts = self._make_contexts(member)
        self._current = tuple(sorted(partitions))
        for partition in sorted(self._tasks.keys() - self._current):
            self._retire(partition)
        for partition in partitions:
            if partition not in self._tasks:
                context = self._contexts[partition.topic]
                self._tasks[partition] = PartitionTask(partition, context)
            self._tasks[partition].assigned()

    def _retire(self, partition: Partition) -> None:
        # Closed, but its producer and memory were kept in case it came back. It did not.
        leaving = asyncio.ensure_future(self._tasks.pop(partition).leave(Stop(), 0.0))
        self._retiring.add(leaving)
        leaving.add_done_callback(self._retiring.discard)

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        await self._drain_all(Revoked())
        self._current = tuple(each for each in self._current if each not in partitions)

    async def _drain_all(self, signal: Revoked | Stop) -> None:
        """End all lives side by side; each is bounded by the limit."""
        results = await asyncio.gather(
            *self._retiring,
            *(task.leave(signal, self._limits.drain_s) for task in self._tasks.values()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def done_up_to(self) -> Mapping[Partition, int | None]:
        """Return the offset up to which each partition that it has is read and committed.

        Returns:
            None for a partition that does not run, or has anything in flight.
        """
        return {partition: self._tasks[partition].done_up_to() for partition in self._current}

    def statistics(self) -> "RunnerStatistics":
        """Where the process and its partitions stand."""
        return RunnerStatistics(
            polled_ago_s=self._clock.monotonic() - self._polled_s,
            stopping=self._stopping.is_set(),
            partitions=tuple(self._tasks[partition].statistics() for partition in self._current),
            skipped=self._skipped(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStatistics:
    """A worker process in numbers."""

    polled_ago_s: float
    """Seconds since the last poll."""
    stopping: bool
    """Whether it was asked to stop."""
    partitions: tuple[PartitionStatistics, ...]
    """The partitions that it has now."""
    skipped: Mapping[str, SkippedCounts] = field(default_factory=lambda: MappingProxyType({}))
    """By input topic, records of types that nobody handles here, since the process began."""
