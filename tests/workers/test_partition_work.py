"""Collect, compute, commit, with commits and handlers that end when the test says so."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
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
from penstock.workers.timer_watch import AT_ONCE, CATCH_UP_LIMIT_S
from penstock.workers.work_seams import WorkLimits
from tests.workers.reminders import (
    REMINDED,
    START_MS,
    Reminders,
    reminder,
    state_of,
    timers_of,
)

OUT = Partition("shop.counts", 0)
BEGINNING = Run(position=0, finished=Finished(), caught_up_at=0)


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
        self.changes: dict[int, dict[bytes, bytes | None]] = {}
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
        for key, value in self.changes.get(record.offset, {}).items():
            effects.change(key, value)
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
    timed: Reminders | None = None,
    entries: dict[bytes, bytes] | None = None,
    start: Run = BEGINNING,
) -> None:
    """Run a scenario on a fresh partition over a restored state."""

    async def run() -> None:
        hand, clock, state = ByHand(), VirtualClock(), state_of(entries or {})
        doubtful, done = suspicion or Suspicion(), list[Work]()
        work = PartitionWork(
            start,
            processor=hand,
            committer=hand,
            state=state,
            suspicion=doubtful,
            limits=limits or WorkLimits(),
            clock=clock,
            on_commit=done.append,
            timed=timed,
            timers=None if timed is None else timers_of(timed, state),
        )
        stand = Stand(hand, work, clock, state, doubtful, done)
        await scenario(stand)
        closing = asyncio.ensure_future(work.close(5.0))
        await stand.rest()
        assert await closing
        await stand.rest()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "it leaves nothing running"

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
            effects.prepare_before({Event})
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


def test_a_change_whose_ground_has_moved_is_a_bug_and_ends_the_work() -> None:
    """An increment that overwrote another one would be lost, and never be found again."""

    async def scenario(stand: Stand) -> None:
        async def from_old(record: LogRecord, *_: Any) -> Effects:
            effects = Effects()
            effects.advance(b"s/component", None, b"%d" % record.offset)
            await asyncio.sleep(0)
            return effects

        stand.hand.process = from_old  # type: ignore[assignment] # it waits too late
        stand.work.offer(reads(0, 1))
        await stand.rest()
        assert stand.state.get(b"s/component") == b"0"
        assert isinstance(stand.work.trouble, AssertionError)
        assert [work.offsets for work in stand.hand.commits] == [(0,)]

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


def test_a_drain_does_not_wait_for_the_interval() -> None:
    """Between two commits of offsets there is nothing to wait for any more."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        stand.hand.let()
        await stand.rest()
        stand.work.offer(reads(1))
        await stand.rest()
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.rest()
        assert [work.position for work in stand.hand.commits] == [1, 2]
        stand.hand.let()
        assert await draining == Barrier(2, Finished())

    on_a_stand(scenario, limits=WorkLimits(commit_interval_s=60.0))


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
            BEGINNING,
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


def test_the_interval_does_not_limit_how_much_is_done() -> None:
    """Half of what may be in flight is finished: the next commit begins at once."""

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        await stand.rest()
        stand.hand.let()
        await stand.rest()
        stand.work.offer(reads(*range(1, 50)))
        await stand.rest()
        assert len(stand.hand.commits) == 1
        stand.work.offer(reads(50))
        await stand.rest()
        assert len(stand.hand.commits) == 2
        stand.work.offer(reads(*range(51, 101)))
        assert stand.work.full
        stand.hand.let()
        await stand.rest()
        assert [len(work.offsets) for work in stand.hand.commits] == [1, 50, 50]
        stand.hand.let()
        await stand.rest()
        assert not stand.work.full

    limits = WorkLimits(in_flight=100, commit_interval_s=0.1)
    on_a_stand(scenario, limits=limits)


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


# --- timers -------------------------------------------------------------------------------------


def behind(end: int) -> Run:
    """A start at offset 0 with records up to an end that were there before."""
    return replace(BEGINNING, caught_up_at=end)


def test_what_a_timer_does_is_committed_at_the_same_position() -> None:
    """Its outputs and its changes in one commit, and no offset moves."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(1.0)
        (work,) = stand.hand.commits
        assert (work.timers, work.offsets) == ((b"t/a/k",), ())
        assert (work.position, work.finished) == (0, Finished())
        assert [record.key for record in work.outputs[REMINDED]] == [b"t/a/k"]
        assert work.state == {b"t/a/k": b"- %d" % (START_MS + 1_000)}
        stand.hand.let()
        await stand.rest()
        assert stand.work.statistics().position == 0
        assert len(stand.hand.commits) == 1

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(1)})
    assert timed.fired == [(b"t/a/k", 1.0)]


def test_a_timer_takes_the_lane_of_its_key_behind_the_records_that_wait() -> None:
    """And another key's timer does not wait for them."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer(reads(0, 1, key=b"slow"))
        await stand.clock.advance(1.0)
        assert timed.names == [b"t/b/free"]
        assert stand.hand.begun == [0]
        stand.hand.let()
        stand.work.offer(reads(2, key=b"slow"))
        stand.hand.handlers[0].set_result(None)
        await stand.rest()
        work = stand.hand.commits[-1]
        assert (work.offsets, work.timers) == ((0, 1, 2), (b"t/a/slow",))
        assert timed.names == [b"t/b/free", b"t/a/slow"]

    entries = {b"t/a/slow": reminder(0.5), b"t/b/free": reminder(0.5)}
    on_a_stand(scenario, timed=timed, entries=entries, limits=WorkLimits(lanes=1024))


def test_a_timer_goes_before_the_records_that_come_later() -> None:
    """It takes its place in the lane when it is due."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer(reads(0, key=b"k"))
        await stand.clock.advance(1.0)
        stand.hand.changes[1] = {b"t/a/k": None}
        stand.work.offer(reads(1, key=b"k"))
        stand.hand.handlers[0].set_result(None)
        await stand.rest()
        assert timed.names == [b"t/a/k"]
        assert stand.state.get(b"t/a/k") is None

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(0.5)})


def test_an_entry_that_changes_before_its_turn_comes_does_nothing() -> None:
    """A record that waits before it moves, clears or deletes it; only what it says then counts."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.hand.changes[0] = {
            b"t/moved/k": reminder(30),
            b"t/cleared/k": reminder(None),
            b"t/deleted/k": None,
        }
        stand.work.offer(reads(0, key=b"k"))
        await stand.clock.advance(1.0)
        assert stand.work.statistics().waiting == 3
        stand.hand.handlers[0].set_result(None)
        await stand.rest()
        stand.hand.let()
        await stand.clock.advance(28.0)
        assert timed.fired == []
        assert sorted(timed.idle) == [b"t/cleared/k", b"t/moved/k"]
        assert stand.done[0].state.keys() == {b"s/count", *stand.hand.changes[0]}
        await stand.clock.advance(1.5)
        assert timed.fired == [(b"t/moved/k", 30.0)]

    entries = dict.fromkeys((b"t/moved/k", b"t/cleared/k", b"t/deleted/k"), reminder(0.5))
    on_a_stand(scenario, timed=timed, entries=entries)


def test_an_entry_that_is_written_again_with_its_time_runs_out_once() -> None:
    """It was found due before the record that writes it, and is found due again after it."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.hand.changes[0] = {b"t/a/k": reminder(0.5)}
        stand.work.offer(reads(0, key=b"k"))
        await stand.clock.advance(1.0)
        stand.hand.handlers[0].set_result(None)
        await stand.clock.advance(5.0)
        assert timed.names == [b"t/a/k"]

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(0.5)})


def test_a_time_that_a_record_sets_wakes_the_waiter() -> None:
    """A record's change counts when its handler has ended, committed or not."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.1)
        stand.hand.changes = {0: {b"t/new/k": reminder(0.25)}, 1: {b"t/late/k": None}}
        stand.work.offer(reads(0, 1))
        await stand.clock.advance(0.5)
        assert timed.fired == [(b"t/new/k", 0.25)]
        assert stand.done == []

    on_a_stand(scenario, timed=timed, entries={b"t/late/k": reminder(0.3)})


def test_a_commit_holds_so_many_records_and_timers_together() -> None:
    """In finish order, never a selection."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(*range(5)))
        await stand.clock.advance(0.0)
        while len(stand.done) < len(stand.hand.commits):
            stand.hand.let()
            await stand.clock.advance(0.0)
        sizes = [len(work.offsets) + len(work.timers) for work in stand.done]
        assert max(sizes) == 4
        assert sum(sizes) == 12
        assert any(work.offsets and work.timers for work in stand.done)
        assert [key for work in stand.done for key in work.timers] == timed.names
        assert stand.done[-1].position == 5

    on_a_stand(
        scenario,
        timed=timed,
        entries={b"t/%d/k" % number: reminder(-1) for number in range(7)},
        limits=WorkLimits(commit=CommitLimits(records=4)),
    )


def test_so_many_timers_are_in_flight_at_once() -> None:
    """However many are due; the next ones begin when a commit has made room."""
    timed, count = Reminders(), 2 * AT_ONCE + 100

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(5.0)
        assert len(timed.fired) == AT_ONCE
        assert stand.work.statistics().timers == count - AT_ONCE
        assert not stand.work.full, "records are not held up"
        stand.hand.let()
        await stand.clock.advance(0.0)
        assert len(timed.fired) - sum(len(work.timers) for work in stand.done) == AT_ONCE
        while len(stand.done) < len(stand.hand.commits):
            stand.hand.let()
            await stand.clock.advance(0.0)
        assert len(set(timed.names)) == len(timed.names) == count
        assert stand.work.statistics().timers == 0

    entries = {b"t/%d/%d" % (number, number): reminder(-1) for number in range(count)}
    on_a_stand(scenario, timed=timed, entries=entries)


def test_after_a_start_records_that_wait_go_before_timers() -> None:
    """An answer that is there already stops the time-out that it was too late for."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(5.0)
        stand.hand.changes[2] = {b"t/answered/k": None}
        stand.work.offer(reads(0, 1, key=b"k"))
        await stand.clock.advance(5.0)
        assert timed.fired == []
        stand.work.offer(reads(2, key=b"k"))
        await stand.rest()
        assert timed.names == [b"t/silent/k"]

    entries = {b"t/answered/k": reminder(-9), b"t/silent/k": reminder(-9)}
    on_a_stand(scenario, timed=timed, entries=entries, start=behind(3))


def test_markers_at_the_end_do_not_hold_timers_up() -> None:
    """The position has passed them, though no record told of it."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(0))
        stand.work.idle_at(1)
        await stand.rest()
        assert timed.fired == []
        stand.work.idle_at(3)
        await stand.rest()
        assert timed.names == [b"t/a/k"]

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(-9)}, start=behind(3))


def test_records_that_were_finished_before_a_start_count_as_read() -> None:
    """They are skipped, and the position passes them."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        stand.work.offer(reads(1))
        await stand.rest()
        assert timed.fired == []
        stand.work.offer(reads(2, 3))
        await stand.rest()
        assert stand.hand.begun == [1]
        assert timed.names == [b"t/a/k"]

    start = Run(position=1, finished=Finished(((2, 4),)), caught_up_at=4)
    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(-9)}, start=start)


def test_timers_wait_for_records_no_longer_than_the_limit() -> None:
    """A log may grow faster than it is read."""
    timed = Reminders()

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(CATCH_UP_LIMIT_S + 1)
        assert timed.fired == [(b"t/a/k", CATCH_UP_LIMIT_S)]

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(-9)}, start=behind(3))


def test_a_doubt_drops_what_timers_did() -> None:
    """The state that is restored names the same times, so they run out again."""
    timed, entries = Reminders(), {b"t/a/k": reminder(-1)}

    async def in_doubt(stand: Stand) -> None:
        await stand.rest()
        stand.hand.fail(TransactionDoubt(reason="no answer"))
        await stand.rest()
        assert isinstance(stand.work.trouble, TransactionDoubt)
        assert stand.done == []

    async def again(stand: Stand) -> None:
        await stand.rest()
        assert stand.hand.commits[0].timers == (b"t/a/k",)

    on_a_stand(in_doubt, timed=timed, entries=entries)
    on_a_stand(again, timed=timed, entries=entries)
    assert timed.names == [b"t/a/k", b"t/a/k"]


def test_a_drain_commits_the_timers_that_ran_out_and_begins_none() -> None:
    """Those that wait in a lane are forgotten; their entries name them for the next owner."""
    timed, kept = Reminders(), dict[bytes, bytes]()

    async def scenario(stand: Stand) -> None:
        stand.hand.hold_handlers = {0}
        stand.work.offer(reads(0, key=b"slow"))
        await stand.clock.advance(1.0)
        assert timed.names == [b"t/ran/free"]
        draining = asyncio.ensure_future(stand.work.drain(20.0))
        await stand.clock.advance(5.0)
        stand.hand.handlers[0].set_result(None)
        stand.hand.let()
        await stand.rest()
        stand.hand.let()
        assert await draining == Barrier(1, Finished())
        assert timed.names == [b"t/ran/free"]
        assert [work.timers for work in stand.done] == [(b"t/ran/free",), ()]
        kept.update(stand.state.items())

    async def regained(stand: Stand) -> None:
        await stand.clock.advance(5.0)
        assert timed.names == [b"t/ran/free", b"t/waits/slow", b"t/later/free"]

    entries = {
        b"t/ran/free": reminder(0.5),
        b"t/waits/slow": reminder(0.5),
        b"t/later/free": reminder(3),
    }
    on_a_stand(scenario, timed=timed, entries=entries, limits=WorkLimits(lanes=1024))
    on_a_stand(regained, timed=timed, entries=kept)


def test_a_refused_timer_is_found_and_condemned() -> None:
    """A batch is refused, then its members alone: who fails alone twice does without outputs."""
    timed, suspicion = Reminders(), Suspicion()
    entries = {b"t/bad/k": reminder(-2), b"t/good/k": reminder(-1)}
    sizes: list[int] = []

    async def refused(stand: Stand) -> None:
        await stand.rest()
        sizes.append(len(stand.hand.commits[0].timers))
        stand.hand.fail(TransactionRefused(partition=REMINDED, reason="MESSAGE_TOO_LARGE (10)"))
        await stand.rest()
        assert isinstance(stand.work.trouble, TransactionRefused)

    async def condemned(stand: Stand) -> None:
        await stand.rest()
        assert stand.hand.commits[0].timers == (b"t/bad/k",)
        assert stand.hand.commits[0].outputs == {}
        for _ in range(2):
            stand.hand.let()
            await stand.rest()
        assert list(stand.done[1].outputs) == [REMINDED]

    for _ in range(3):
        on_a_stand(refused, timed=timed, entries=entries, suspicion=suspicion)
    assert sizes == [2, 1, 1]
    assert timed.condemned == {}
    on_a_stand(condemned, timed=timed, entries=entries, suspicion=suspicion)
    why = "MESSAGE_TOO_LARGE (10)"
    assert timed.condemned == {b"t/bad/k": Condemnation(reason=why, without_value=False)}
    assert suspicion.at_most is None


def test_a_suspected_timer_is_cleared_where_its_entry_changes() -> None:
    """It may never run out again, and commits of one record each would go on for ever."""
    suspicion = Suspicion()
    suspicion.refused([b"t/a/k", b"t/b/k"], "why")

    async def scenario(stand: Stand) -> None:
        stand.hand.changes[0] = {b"t/a/k": None, b"t/b/k": reminder(900)}
        stand.work.offer(reads(0))
        await stand.rest()
        assert suspicion.at_most == 1
        stand.hand.let()
        await stand.rest()
        assert suspicion.at_most is None

    entries = {b"t/a/k": reminder(-1), b"t/b/k": reminder(-1)}
    on_a_stand(scenario, timed=Reminders(), entries=entries, suspicion=suspicion, start=behind(1))


def test_a_suspected_timer_is_cleared_where_its_time_was_never_committed() -> None:
    """It ran out by a change that the doubt has dropped, and that nobody may make again."""
    suspicion = Suspicion()
    suspicion.refused([b"t/due/k", b"t/gone/k", b"t/later/k", b"t/never/k"], "why")

    async def scenario(stand: Stand) -> None:
        assert suspicion.at_most == 1
        await stand.rest()
        stand.hand.let()
        await stand.rest()
        assert suspicion.at_most is None
        assert stand.done[0].timers == (b"t/due/k",)

    entries = {
        b"t/due/k": reminder(-1),
        b"t/later/k": reminder(900),
        b"t/never/k": reminder(None),
    }
    on_a_stand(scenario, timed=Reminders(), entries=entries, suspicion=suspicion)


def test_a_timer_that_changes_nothing_although_it_is_due_ends_the_work() -> None:
    """It would run out again after each restart, or never: an error of ours."""
    timed = Reminders()
    timed.leave_it = True

    async def scenario(stand: Stand) -> None:
        running = asyncio.ensure_future(stand.work.run())
        with pytest.raises(AssertionError, match="changed nothing"):
            await running

    on_a_stand(scenario, timed=timed, entries={b"t/a/k": reminder(-1)})


def test_a_change_that_cannot_be_read_ends_the_work() -> None:
    """Time is never guessed."""

    async def scenario(stand: Stand) -> None:
        stand.hand.changes[0] = {b"t/a/k": b"damaged"}
        running = asyncio.ensure_future(stand.work.run())
        stand.work.offer(reads(0))
        with pytest.raises(ValueError, match="unpack"):
            await running

    on_a_stand(scenario, timed=Reminders())


def test_entries_with_a_time_are_counted() -> None:
    """Those that have run out have none until they change."""

    async def scenario(stand: Stand) -> None:
        assert stand.work.statistics().timers == 2
        await stand.clock.advance(1.0)
        assert stand.work.statistics().timers == 1
        stand.hand.changes[0] = {b"t/b/k": None, b"t/c/k": reminder(9), b"t/d/k": reminder(9)}
        stand.work.offer(reads(0))
        await stand.rest()
        assert stand.work.statistics().timers == 2

    entries = {b"t/a/k": reminder(0.5), b"t/b/k": reminder(9), b"t/n/k": reminder(None)}
    on_a_stand(scenario, timed=Reminders(), entries=entries)


def test_where_no_entry_has_a_time_none_is_looked_for() -> None:
    """A worker without timers pays nothing for them."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(60.0)
        assert stand.clock.statistics().sleeping == 0
        assert stand.work.statistics().timers == 0
        assert stand.hand.commits == []

    on_a_stand(scenario, entries={b"t/a/k": reminder(-1)})


@dataclass
class Log:
    """What a partition has committed: its state, its position, and what its timers wrote."""

    state: dict[bytes, bytes] = field(default_factory=dict)
    start: Run = BEGINNING
    reminded: list[tuple[bytes, bytes]] = field(default_factory=list)

    def take(self, works: list[Work]) -> None:
        """Take commits, in order."""
        for work in works:
            state = state_of(self.state)
            for key, value in work.state.items():
                state.apply(key, value)
            self.state = dict(state.items())
            self.start = replace(self.start, position=work.position, finished=work.finished)
            for record in work.outputs.get(REMINDED, ()):
                assert record.key is not None
                assert record.value is not None
                self.reminded.append((record.key, record.value))


@pytest.mark.parametrize("seed", range(8))
def test_a_time_that_stands_is_met_once_whatever_the_order_and_the_doubts(seed: int) -> None:
    """Random records set, move and clear times; handlers are slow; each life ends in a doubt.

    What was committed is all that the next life knows. In the end each time that nobody took away
    has been met, in exactly one commit, and no commit has met one that was never set.
    """
    import random  # noqa: PLC0415 - seeded, for this test alone

    draw, log, count = random.Random(seed), Log(), 40
    records, plan = list[Read](), dict[int, dict[bytes, bytes | None]]()
    for offset in range(count):
        lane = b"%d" % draw.randrange(4)
        due = reminder(draw.random() * 6, seen_s=-offset)  # no two are alike
        value = draw.choice([due, due, due, reminder(None), None])
        records.append(Read(offset, lane))
        plan[offset] = {b"t/%d/%b" % (draw.randrange(3), lane): value}

    async def life(stand: Stand, *, turns: int, luck: float) -> None:
        stand.hand.changes = plan
        stand.hand.hold_handlers = {offset for offset in range(count) if draw.random() > luck}
        at = log.start.position
        for _ in range(turns):
            step = draw.randrange(1, 6)
            stand.work.offer(records[at : at + step])
            at += step
            await stand.clock.advance(draw.random())
            for future in [f for f in stand.hand.handlers.values() if not f.done()]:
                if draw.random() < luck:
                    future.set_result(None)
            if stand.hand.held and not stand.hand.held[-1].done() and draw.random() < luck:
                stand.hand.let()
            await stand.rest()
        assert stand.work.trouble is None
        log.take(stand.done)

    async def short(stand: Stand) -> None:
        await life(stand, turns=draw.randrange(1, 12), luck=0.6)

    async def long(stand: Stand) -> None:
        await life(stand, turns=100, luck=1.0)
        assert stand.work.statistics().timers == 0

    limits = WorkLimits(lanes=3, commit=CommitLimits(records=5))
    for scenario in (*[short] * 6, long):
        on_a_stand(scenario, timed=Reminders(), entries=log.state, start=log.start, limits=limits)
    last = {key: value for change in plan.values() for key, value in change.items()}
    timed = Reminders()
    standing = {
        (key, value)
        for key, value in last.items()
        if value is not None and timed.timing(key, value).due_ms is not None
    }
    named = {change for changes in plan.values() for change in changes.items()}
    assert log.start.position == count
    assert len(set(log.reminded)) == len(log.reminded)
    assert standing <= set(log.reminded) <= named
