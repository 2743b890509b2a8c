"""The shell around a partition's life, where no broker is needed to see what it does.

Its life on a real one is in tests/integration/test_partition_task.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.events.alarm import Alarm
from penstock.events.event import Event
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.infra.clock import SeededEntropy
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import BarrierRecord
from penstock.workers.group_commit import Effects
from penstock.workers.offsets import Finished, metadata_of
from penstock.workers.partition_context import PartitionContext
from penstock.workers.partition_life import Phase
from penstock.workers.partition_signals import Revoked
from penstock.workers.partition_task import PartitionTask
from penstock.workers.ports import Membership, Transaction, TransactionDoubt
from penstock.workers.state import PartitionState, StateView
from penstock.workers.suspicion import Condemnation
from penstock.workers.timer_watch import CATCH_UP_LIMIT_S
from penstock.workers.work_seams import Committer, WorkLimits
from tests.workers.reminders import Reminders, reminder

INPUT = Partition("shop.orders", 0)
CHANGELOG = Partition("shop.changelog", 0)


@dataclass(frozen=True)
class Stored:
    """A record as it lies in a log."""

    offset: int
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    topic: str = "shop.orders"
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class World:
    """A broker in memory, with one input and its changelog; fulfils the ports of a partition.

    Its transactions always succeed, and its only member stays one.
    """

    def __init__(self) -> None:
        """Hold nothing, with an offset committed at the beginning."""
        self.input_end = 0
        self.asked: list[Partition] = []
        self.changelog: list[NewRecord] = [NewRecord(b"s/", None, [], 0)]
        self.offset = (0, metadata_of(0, Finished()))
        self.read_to = 0
        self.fences: list[str] = []

    # --- the group ---

    async def poll(
        self, *, timeout_s: float, max_records: int
    ) -> Mapping[Partition, Sequence[LogRecord]]:
        """Give nothing: a test offers records itself."""
        raise NotImplementedError

    def pause(self, partition: Partition) -> None:
        """Nothing is fetched anyway."""

    def resume(self, partition: Partition) -> None:
        """Nothing is fetched anyway."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from here."""
        assert partition == INPUT
        self.read_to = offset

    def position(self, partition: Partition) -> int | None:
        """Where reading stands."""
        assert partition == INPUT
        return self.read_to

    def end(self, partition: Partition) -> int | None:
        """The input's end."""
        assert partition == INPUT
        return self.input_end

    def missing(self) -> Sequence[str]:
        """Nothing is."""
        return ()

    async def membership(self) -> Membership:
        """It is one."""
        return Membership.MEMBER

    async def committed(self, partition: Partition) -> tuple[int, str] | None:
        """The last committed offset."""
        assert partition == INPUT
        return self.offset

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """First offset and end."""
        self.asked.append(partition)
        return 0, self.input_end if partition == INPUT else len(self.changelog)

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Nobody asks: workers begin at offsets."""
        raise NotImplementedError

    async def commit(self, partition: Partition, offset: int, metadata: str) -> None:
        """Refuse: offsets are committed in transactions here."""
        raise NotImplementedError

    # --- the producer ---

    async def fence(self, transactional_id: str) -> "Producer":
        """Open a producer."""
        self.fences.append(transactional_id)
        return Producer(self)

    async def reader(self, partition: Partition) -> "Reader":
        """Open a reader of the changelog."""
        assert partition == CHANGELOG
        return Reader(self)


@dataclass
class Producer:
    """Writes into the world."""

    world: World
    epoch: int = 1

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """Write, and say where."""
        firsts = {}
        for partition, records in transaction.outputs.items():
            if partition == CHANGELOG:
                firsts[partition] = len(self.world.changelog)
                self.world.changelog.extend(records)
        assert transaction.offset is not None
        self.world.offset = (transaction.offset.position, transaction.offset.metadata)
        return firsts

    def drop(self) -> None:
        """Nothing is held."""

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class Reader:
    """Reads the changelog from its beginning; its first record was compacted away."""

    world: World
    at: int = 1

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """First offset and end."""
        assert partition == CHANGELOG
        return 0, len(self.world.changelog)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from here."""
        assert partition == CHANGELOG
        self.at = offset

    async def read(self, *, timeout_s: float) -> Sequence[LogRecord]:
        """All that is there, at once."""
        assert timeout_s > 0
        start, self.at = self.at, len(self.world.changelog)
        return [
            Stored(start + number, record.key, record.value)
            for number, record in enumerate(self.world.changelog[start:])
        ]

    def position(self, partition: Partition) -> int:
        """Where reading stands."""
        assert partition == CHANGELOG
        return self.at

    async def close(self) -> None:
        """Nothing is held."""


class Barriers:
    """Knows the schema of barriers."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Find it."""
        schema = declaration_of(BarrierRecord).schema
        return schema if schema.fingerprint == fingerprint else None


@dataclass
class Setting:
    """A processor whose records change the entries that a test names."""

    changes: dict[int, dict[bytes, bytes | None]] = field(default_factory=dict)

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Change what is named for this offset."""
        assert condemned is None
        effects = Effects()
        view = StateView(state, effects)
        for key, value in self.changes.get(record.offset, {}).items():
            view.put(key, value)
        return effects

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Nothing is published."""


@dataclass
class Bench:
    """A partition's task in its world."""

    world: World
    clock: VirtualClock
    setting: Setting
    timed: Reminders | None
    alarms: list[Alarm] = field(default_factory=list)
    task: PartitionTask = field(init=False)
    learned: list[tuple[int, Phase]] = field(default_factory=list)
    doubts: list[TransactionDoubt] = field(default_factory=list)

    async def learn(self) -> None:
        """Note what was in the changelog by then; fail, where a test has said how often."""
        self.learned.append((len(self.world.changelog), self.task.statistics().phase))
        if self.doubts:
            raise self.doubts.pop()

    async def assigned(self) -> None:
        """Begin a life and wait until it runs."""
        self.task.assigned()
        await self.clock.advance(1.0)
        assert self.task.statistics().phase is Phase.RUNNING, self.alarms

    async def revoked(self) -> None:
        """Take the partition away; it drains cleanly."""
        leaving = asyncio.ensure_future(self.task.leave(Revoked(), 20.0))
        await self.clock.advance(1.0)
        await leaving

    def offer(self, *offsets: int) -> None:
        """Records are read."""
        self.world.read_to = offsets[-1] + 1
        self.task.offer([Stored(offset) for offset in offsets])


def on_a_bench(scenario: Callable[[Bench], Awaitable[None]], *, timed: Reminders | None) -> None:
    """Run a scenario on a partition that is ours and runs, with nothing to read."""

    def plain(partition: Partition) -> Committer:
        raise NotImplementedError(partition)

    async def run() -> None:
        world, clock, setting = World(), VirtualClock(), Setting()
        bench = Bench(world, clock, setting, timed)
        bench.task = PartitionTask(
            INPUT,
            PartitionContext(
                group="clerk",
                transactional=True,
                transactional_id=str,
                changelog=lambda _input: CHANGELOG,
                tables=frozenset({b"t/"}),
                plain_committer=plain,
                processor=setting,
                member=world,
                gate=world,
                schemas=Barriers(),
                limits=WorkLimits(),
                clock=clock,
                entropy=SeededEntropy(7),
                alarm=bench.alarms.append,
                timed=timed,
                learn=bench.learn,
            ),
        )
        await bench.assigned()
        await scenario(bench)
        await bench.revoked()
        assert bench.alarms == []

    asyncio.run(run())


def test_timers_of_a_regained_partition_wait_for_what_came_meanwhile() -> None:
    """Nobody has located the end since it was taken away, so it is asked for again."""
    timed = Reminders()

    async def scenario(bench: Bench) -> None:
        bench.setting.changes = {0: {b"t/a/k": reminder(5), b"t/b/k": reminder(5)}}
        bench.offer(0)
        await bench.revoked()
        bench.world.input_end = 3
        await bench.clock.advance(10.0)
        await bench.assigned()
        assert len(bench.world.fences) == 1, "it was kept, and is regained"
        await bench.clock.advance(10.0)
        assert timed.fired == []
        bench.setting.changes = {2: {b"t/a/k": None}}
        bench.offer(1, 2)
        await bench.clock.advance(0.0)
        assert timed.names == [b"t/b/k"]

    on_a_bench(scenario, timed=timed)


def test_timers_of_a_regained_partition_run_out_at_once_where_nothing_came() -> None:
    """There is nothing to wait for."""
    timed = Reminders()

    async def scenario(bench: Bench) -> None:
        bench.setting.changes = {0: {b"t/a/k": reminder(5)}}
        bench.world.input_end = 1
        bench.offer(0)
        await bench.revoked()
        await bench.clock.advance(10.0)
        await bench.assigned()
        assert timed.names == [b"t/a/k"]

    on_a_bench(scenario, timed=timed)


def test_the_catch_up_is_bounded_after_each_start() -> None:
    """Records that never come do not stop the timers of a regained partition."""
    timed = Reminders()

    async def scenario(bench: Bench) -> None:
        bench.setting.changes = {0: {b"t/a/k": reminder(5)}}
        bench.offer(0)
        await bench.revoked()
        bench.world.input_end = 900
        await bench.assigned()
        await bench.clock.advance(CATCH_UP_LIMIT_S)
        assert timed.names == [b"t/a/k"]

    on_a_bench(scenario, timed=timed)


def test_a_partition_without_timers_does_not_ask_where_its_input_ends() -> None:
    """A rebalance costs it one barrier and nothing else."""

    async def scenario(bench: Bench) -> None:
        await bench.revoked()
        bench.world.asked.clear()
        await bench.assigned()
        assert bench.world.asked == []

    on_a_bench(scenario, timed=None)


def test_what_former_owners_knew_is_learned_behind_each_barrier() -> None:
    """No former owner adds anything by then, and nothing was processed yet; regained or not."""

    async def scenario(bench: Bench) -> None:
        assert bench.learned == [(2, Phase.BARRIER)], "one barrier behind what was there"
        await bench.revoked()
        await bench.assigned()
        assert len(bench.world.fences) == 1, "it was kept, and is regained"
        assert bench.learned == [(2, Phase.BARRIER), (3, Phase.BARRIER)]

    on_a_bench(scenario, timed=None)


def test_what_cannot_be_learned_just_now_is_a_doubt() -> None:
    """The partition does not run before it knows."""

    async def scenario(bench: Bench) -> None:
        await bench.revoked()
        bench.doubts.append(TransactionDoubt(reason="no records"))
        await bench.assigned()
        assert [alarm.name for alarm in bench.alarms] == ["partition-doubt"]
        assert len(bench.learned) == 3
        assert len(bench.world.fences) == 2
        bench.alarms.clear()

    on_a_bench(scenario, timed=None)


def test_a_partition_is_done_up_to_where_all_that_was_read_is_committed() -> None:
    """Markers that were passed count; what is in flight, or runs out, or does not run does not."""
    timed = Reminders()

    async def scenario(bench: Bench) -> None:
        assert bench.task.done_up_to() == 0
        bench.setting.changes = {0: {b"t/a/k": reminder(5)}}
        bench.offer(0)
        assert bench.task.done_up_to() is None, "it is at work"
        await bench.clock.advance(1.0)
        assert bench.task.done_up_to() == 1
        bench.world.read_to = 2
        assert bench.task.done_up_to() == 2, "over a marker"
        await bench.revoked()
        assert bench.task.done_up_to() is None, "it does not run"
        await bench.assigned()

    on_a_bench(scenario, timed=timed)
