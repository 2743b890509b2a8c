"""Collect, compute, commit, with commits and handlers that end when the test says so."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.events import Event
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.group_commit import CommitLimits, Effects, Work
from penstock.workers.offsets import Finished
from penstock.workers.partition_signals import Barrier, Run
from penstock.workers.partition_work import PartitionWork
from penstock.workers.ports import TransactionDoubt, TransactionRefused
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation, Suspicion
from penstock.workers.work_seams import WorkLimits

OUT = Partition("shop.counts", 0)


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    offset: int
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    topic: str = "shop.orders"
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class ByHand:
    """A committer and a processor whose calls end when the test lets them."""

    def __init__(self) -> None:
        """Let handlers end at once and hold commits."""
        self.commits: list[Work] = []
        self.held: list[asyncio.Future[None]] = []
        self.hold_handlers: set[int] = set()
        self.handlers: dict[int, asyncio.Future[None]] = {}
        self.begun: list[int] = []
        self.condemned: dict[int, Condemnation] = {}
        self.prepared: list[object] = []

    async def prepare(self, types: Any) -> None:
        """Take note of types that are made ready before a commit."""
        self.prepared.extend(types)

    async def commit(self, work: Work) -> None:
        """Hold a commit until `let` or `fail`."""
        self.commits.append(work)
        self.held.append(asyncio.get_running_loop().create_future())
        await self.held[-1]

    def let(self) -> None:
        """The commit in flight succeeds."""
        self.held[-1].set_result(None)

    def fail(self, error: Exception) -> None:
        """The commit in flight fails."""
        self.held[-1].set_exception(error)

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """One output and one change of state per record."""
        self.begun.append(record.offset)
        if condemned is not None:
            self.condemned[record.offset] = condemned
        if record.offset in self.hold_handlers:
            self.handlers[record.offset] = asyncio.get_running_loop().create_future()
            await self.handlers[record.offset]
        before = int(state.get(b"s/count") or b"0")
        effects = Effects()
        effects.emit(OUT, NewRecord(record.key, b"%d" % record.offset, [], 0))
        effects.change(b"s/count", b"%d" % (before + 1))
        return effects


@dataclass
class Stand:
    """A running partition on a bench."""

    hand: ByHand
    work: PartitionWork
    clock: VirtualClock
    state: PartitionState
    suspicion: Suspicion
    done: list[Work] = field(default_factory=list)

    async def rest(self) -> None:
        """Let everything that can happen now happen."""
        for _ in range(50):
            await asyncio.sleep(0)


def on_a_stand(
    scenario: Callable[[Stand], Awaitable[None]],
    *,
    limits: WorkLimits | None = None,
    suspicion: Suspicion | None = None,
) -> None:
    """Run a scenario on a fresh partition that begins at offset 0."""

    async def run() -> None:
        hand, clock, state = ByHand(), VirtualClock(), PartitionState()
        doubtful, done = suspicion or Suspicion(), list[Work]()
        work = PartitionWork(
            Run(position=0, finished=Finished(), caught_up_at=0),
            processor=hand,
            committer=hand,
            state=state,
            suspicion=doubtful,
            limits=limits or WorkLimits(),
            clock=clock,
            on_commit=done.append,
        )
        stand = Stand(hand, work, clock, state, doubtful, done)
        await scenario(stand)
        closing = asyncio.ensure_future(work.close(5.0))
        await stand.rest()
        assert await closing

    asyncio.run(run())


def reads(*offsets: int, **values: Any) -> list[Read]:
    """Records, each with a key of its own unless one is given."""
    return [Read(offset, **{"key": b"%d" % offset, **values}) for offset in offsets]


def test_what_finishes_during_a_commit_goes_into_the_next_one_together() -> None:
    """Idle: a commit at once. Busy: batches grow by themselves; never two at a time."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        assert [work.offsets for work in stand.hand.commits] == [(0,)]
        stand.work.offer(reads(1, 2, 3))
        await stand.rest()
        assert len(stand.hand.commits) == 1
        stand.hand.let()
        await stand.rest()
        assert [sorted(work.offsets) for work in stand.hand.commits] == [[0], [1, 2, 3]]
        assert [work.offsets for work in stand.done] == [(0,)]

    on_a_stand(scenario)


def test_types_of_outputs_are_made_ready_before_the_commit_that_holds_them() -> None:
    """Once per commit, and not while a record's effects wait to count."""

    async def scenario(stand: Stand) -> None:
        plain = stand.hand.process

        async def fresh(*given: Any) -> Effects:
            effects = await plain(*given)
            effects.unprepared.add(Event)
            return effects

        stand.hand.process = fresh  # type: ignore[assignment] # one more thing in the effects
        stand.work.offer(reads(0, 1))
        await stand.rest()
        assert stand.hand.prepared == [Event]
        assert len(stand.hand.commits) == 1

    on_a_stand(scenario)


def test_computing_goes_on_upon_uncommitted_state() -> None:
    """A later record sees what an earlier one wrote, before that is committed."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0, 1, 2, key=b"same"))
        await stand.rest()
        assert stand.state.get(b"s/count") == b"3"
        assert stand.done == []

    on_a_stand(scenario)


def test_a_slow_key_holds_only_its_lane() -> None:
    """Others finish and are committed; the offset stays at the slow record, which is not lost."""

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer([Read(0, b"0"), Read(1, b"0"), Read(2, b"1"), Read(3, b"2")])
        await stand.rest()
        (work,) = stand.hand.commits
        assert sorted(work.offsets) == [2, 3]
        assert work.position == 0
        assert work.finished == Finished(((2, 4),))
        assert 1 not in stand.hand.begun, "the same key waits"
        stand.hand.let()
        stand.hand.handlers[0].set_result(None)
        await stand.rest()
        assert stand.hand.commits[1].offsets == (0, 1)
        assert stand.hand.commits[1].position == 4

    on_a_stand(scenario, limits=WorkLimits(lanes=1024))


def test_memory_is_bounded_in_records_and_bytes() -> None:
    """Full is said at the limit, and no longer after commits."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0, 1))
        assert not stand.work.full
        stand.work.offer(reads(2))
        assert stand.work.full
        await stand.rest()
        stand.hand.let()
        await stand.rest()
        assert not stand.work.full
        stand.work.offer(reads(3, value=b"x" * 5_000))
        assert stand.work.full, "bytes count too"

    on_a_stand(scenario, limits=WorkLimits(in_flight=3, in_flight_bytes=4_000))


def test_the_first_trouble_ends_the_work() -> None:
    """Whoever waits gets it raised; it is not tried again here."""

    async def scenario(stand: Stand) -> None:
        running = asyncio.ensure_future(stand.work.run())
        stand.work.offer(reads(0))
        await stand.rest()
        stand.hand.fail(TransactionDoubt(reason="no answer"))
        with pytest.raises(TransactionDoubt, match="no answer"):
            await running
        await stand.rest()
        assert len(stand.hand.commits) == 1

    on_a_stand(scenario)


def test_an_error_of_ours_in_a_lane_ends_the_work() -> None:
    """A processor only raises what is wrong with the world or with us."""

    async def scenario(stand: Stand) -> None:
        async def broken(*_: object) -> Effects:
            raise RuntimeError("bug")

        stand.hand.process = broken  # type: ignore[assignment] # the fault of this test
        running = asyncio.ensure_future(stand.work.run())
        stand.work.offer(reads(0))
        with pytest.raises(RuntimeError, match="bug"):
            await running

    on_a_stand(scenario)


def test_a_refused_commit_makes_its_records_suspects() -> None:
    """The memory of that outlives the producer."""
    suspicion = Suspicion()

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0, 1))
        await stand.rest()
        stand.hand.fail(TransactionRefused(partition=OUT, reason="MESSAGE_TOO_LARGE (10)"))
        await stand.rest()
        assert isinstance(stand.work.trouble, TransactionRefused)

    on_a_stand(scenario, suspicion=suspicion)
    assert suspicion.at_most == 1

    async def again(stand: Stand) -> None:
        stand.work.offer(reads(0, 1))
        await stand.rest()
        assert [len(work.offsets) for work in stand.hand.commits] == [1]

    on_a_stand(again, suspicion=suspicion)


def test_a_condemned_record_is_told_so() -> None:
    """The processor parks it without its outputs."""
    suspicion = Suspicion()
    suspicion.refused([1], "why")
    suspicion.refused([1], "why")

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0, 1))
        await stand.rest()
        assert list(stand.hand.condemned) == [1]

    on_a_stand(scenario, suspicion=suspicion)


def test_a_drain_finishes_what_runs_and_forgets_what_waits() -> None:
    """The rest is where the next owner begins; nothing is begun any more."""

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer(reads(0, 1, 2, key=b"same"))
        await stand.rest()
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.rest()
        stand.work.offer(reads(3))
        stand.hand.handlers[0].set_result(None)
        await stand.rest()
        stand.hand.let()
        assert await draining == Barrier(1, Finished())
        assert stand.hand.begun == [0]

    on_a_stand(scenario)


def test_a_drain_waits_for_the_commit_in_flight() -> None:
    """A commit is never cancelled while its outcome can still be waited for."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.clock.advance(19.0)
        assert not draining.done()
        stand.hand.let()
        assert await draining == Barrier(1, Finished())

    on_a_stand(scenario)


def test_a_drain_that_meets_its_limit_is_not_clean() -> None:
    """Nothing may be kept: somebody's handler still runs."""

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer(reads(0))
        await stand.rest()
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.clock.advance(20.1)
        assert await draining is None

    on_a_stand(scenario)


def test_a_drain_into_trouble_is_not_clean() -> None:
    """And says what the trouble was."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.rest()
        stand.hand.fail(TransactionDoubt(reason="no answer"))
        assert await draining is None
        assert isinstance(stand.work.trouble, TransactionDoubt)

    on_a_stand(scenario)


def test_a_handler_that_ignores_its_cancellation_is_told_of() -> None:
    """Its record must not be processed again beside it."""

    async def run() -> None:
        hand, clock = ByHand(), VirtualClock()
        stubborn = asyncio.get_running_loop().create_future()

        async def ignoring(*_: object) -> Effects:
            while not stubborn.done():
                try:
                    await asyncio.shield(stubborn)
                except asyncio.CancelledError:
                    continue
            return Effects()

        hand.process = ignoring  # type: ignore[assignment] # the fault of this test
        work = PartitionWork(
            Run(position=0, finished=Finished(), caught_up_at=0),
            processor=hand,
            committer=hand,
            state=PartitionState(),
            suspicion=Suspicion(),
            limits=WorkLimits(),
            clock=clock,
            on_commit=lambda _work: None,
        )
        work.offer(reads(0))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(work.close(5.0))
        await clock.advance(5.1)
        assert await closing is False
        stubborn.set_result(None)
        await asyncio.sleep(0)

    asyncio.run(run())


def test_plain_offsets_are_committed_at_intervals() -> None:
    """The first at once, the next when the interval is over, with all that has gathered."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.clock.advance(0.0)
        stand.hand.let()
        await stand.clock.advance(0.0)
        stand.work.offer(reads(1))
        await stand.clock.advance(0.05)
        stand.work.offer(reads(2))
        await stand.clock.advance(0.04)
        assert len(stand.hand.commits) == 1
        await stand.clock.advance(0.02)
        assert [sorted(work.offsets) for work in stand.hand.commits] == [[0], [1, 2]]

    on_a_stand(scenario, limits=WorkLimits(commit_interval_s=0.1))


def test_an_idle_partition_moves_over_markers() -> None:
    """So that its lag reaches zero and its offset stays inside the log."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        stand.work.idle_at(3)
        stand.hand.let()
        await stand.rest()
        assert len(stand.hand.commits) == 1, "it was not idle"
        stand.work.idle_at(3)
        await stand.rest()
        assert [work.position for work in stand.hand.commits] == [1, 3]

    on_a_stand(scenario)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_order_each_record_is_committed_once(seed: int) -> None:
    """Random keys, slow handlers and chunk sizes; per key outputs stand in order of offsets."""
    import random  # noqa: PLC0415 - seeded, for this test alone

    draw = random.Random(seed)

    async def scenario(stand: Stand) -> None:
        records = [Read(offset, b"%d" % draw.randrange(6)) for offset in range(200)]
        stand.hand.hold_handlers = {offset for offset in range(200) if draw.random() < 0.2}
        at = 0
        while len([o for work in stand.done for o in work.offsets]) < len(records):
            step = draw.randrange(12)
            stand.work.offer(records[at : at + step])
            at += step
            await stand.rest()
            waiting = [f for f in stand.hand.handlers.values() if not f.done()]
            for future in draw.sample(waiting, len(waiting) // 2 + 1) if waiting else []:
                future.set_result(None)
            if stand.hand.held and not stand.hand.held[-1].done() and draw.random() < 0.7:
                stand.hand.let()
            await stand.rest()
        order: dict[bytes | None, list[int]] = defaultdict(list)
        for work in stand.done:
            for output in work.outputs.get(OUT, ()):
                assert output.value is not None
                order[output.key].append(int(output.value))
        for key, offsets in order.items():
            assert offsets == sorted(record.offset for record in records if record.key == key)
        assert stand.done[-1].position == 200

    on_a_stand(scenario, limits=WorkLimits(lanes=4, commit=CommitLimits(records=20, runs=5)))
