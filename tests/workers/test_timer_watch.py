"""The waiter of one partition's timers, on a clock that is turned by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.state import PartitionState
from penstock.workers.timer_watch import (
    AT_ONCE,
    BREATH,
    CATCH_UP_LIMIT_S,
    LOOK_S,
    TimerWatch,
    restored_timers,
)
from penstock.workers.timers import Timers
from tests.workers.reminders import START_MS, Reminders, reminder, state_of


@dataclass
class Counting:
    """A virtual clock that counts how often somebody went to sleep."""

    clock: VirtualClock
    sleeps: int = 0

    def wall(self) -> datetime:
        """Return the date and time."""
        return self.clock.wall()

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        return self.clock.wall_ms()

    def monotonic(self) -> float:
        """Return seconds."""
        return self.clock.monotonic()

    async def sleep_until(self, monotonic_s: float) -> None:
        """Count and sleep."""
        self.sleeps += 1
        await self.clock.sleep_until(monotonic_s)


@dataclass
class Stand:
    """A watch on a bench."""

    clock: VirtualClock
    counting: Counting
    state: PartitionState
    watch: TimerWatch = field(init=False)
    begun: list[tuple[bytes, float]] = field(default_factory=list)
    in_flight: int = 0

    def begin(self, key: bytes) -> None:
        """Take note of a timer that has run out, and of when."""
        self.in_flight += 1
        self.begun.append((key, round(self.clock.monotonic(), 3)))

    def change(self, key: bytes, value: bytes | None) -> None:
        """Change an entry."""
        self.state.apply(key, value)
        self.watch.changed(key, value)


def watching(
    scenario: Callable[[Stand], Awaitable[None]],
    entries: dict[bytes, bytes],
    *,
    caught_up: bool = True,
) -> None:
    """Run a scenario beside a watch over a restored state."""

    async def run() -> None:
        clock = VirtualClock()
        stand = Stand(clock, Counting(clock), state_of(entries))
        stand.watch = TimerWatch(
            Reminders(),
            await restored_timers(Reminders(), stand.state),
            stand.counting,
            begin=stand.begin,
            in_flight=lambda: stand.in_flight,
        )
        if caught_up:
            stand.watch.caught_up()
        running = asyncio.ensure_future(stand.watch.run())
        await scenario(stand)
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(run())


def test_restored_entries_have_timers() -> None:
    """They run out when they are due: overdue ones at once, in the order of their times."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.0)
        assert stand.begun == [(b"t/older/k", 0.0), (b"t/old/k", 0.0)]
        await stand.clock.advance(2.499)
        assert len(stand.begun) == 2
        await stand.clock.advance(0.002)
        assert stand.begun[2:] == [(b"t/soon/k", 2.5)]
        assert len(stand.watch) == 1

    entries = {
        b"t/old/k": reminder(-5),
        b"t/older/k": reminder(-6),
        b"t/soon/k": reminder(2.5),
        b"t/late/k": reminder(900),
        b"t/never/k": reminder(None),
        b"s/other": b"of another table",
    }
    watching(scenario, entries)


def test_records_that_lay_before_a_start_go_first() -> None:
    """Nothing runs out before they have been read, however long it is due."""

    async def scenario(stand: Stand) -> None:
        stand.change(b"t/new/k", reminder(1))
        await stand.clock.advance(CATCH_UP_LIMIT_S - 1)
        assert stand.begun == []
        stand.watch.caught_up()
        await stand.clock.advance(0.0)
        assert [key for key, _ in stand.begun] == [b"t/old/k", b"t/new/k"]

    watching(scenario, {b"t/old/k": reminder(-5)}, caught_up=False)


def test_a_log_that_grows_faster_than_it_is_read_does_not_stop_timers() -> None:
    """They wait for it as long as the limit says, and no longer."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(CATCH_UP_LIMIT_S - 0.001)
        assert stand.begun == []
        await stand.clock.advance(0.001)
        assert stand.begun == [(b"t/old/k", CATCH_UP_LIMIT_S)]

    watching(scenario, {b"t/old/k": reminder(-5)}, caught_up=False)


def test_an_earlier_time_wakes_the_waiter() -> None:
    """It does not sleep on until the time it knew, or until its next look."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.1)
        stand.change(b"t/new/k", reminder(0.3))
        await stand.clock.advance(0.1)
        stand.change(b"t/moved/k", reminder(0.25))
        await stand.clock.advance(0.7)
        assert stand.begun == [(b"t/moved/k", 0.25), (b"t/new/k", 0.3)]

    watching(scenario, {b"t/moved/k": reminder(0.9)})


def test_what_an_entry_said_before_does_not_delay_another() -> None:
    """The waiter knows an outdated time; a new first one, later than that, is met all the same."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.0)
        stand.change(b"t/moved/k", reminder(90))
        stand.change(b"t/new/k", reminder(0.3))
        await stand.clock.advance(1.0)
        assert stand.begun == [(b"t/new/k", 0.3)]

    watching(scenario, {b"t/moved/k": reminder(0.2)})


def test_an_entry_that_is_moved_away_or_deleted_does_not_run_out() -> None:
    """Only the time that it names last counts."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.5)
        stand.change(b"t/deleted/k", None)
        stand.change(b"t/cleared/k", reminder(None))
        stand.change(b"t/moved/k", reminder(3))
        await stand.clock.advance(2.4)
        assert stand.begun == []
        await stand.clock.advance(0.2)
        assert stand.begun == [(b"t/moved/k", 3.0)]
        assert len(stand.watch) == 0

    dues = {b"t/deleted/k": 1.0, b"t/cleared/k": 1.0, b"t/moved/k": 1.0}
    watching(scenario, {key: reminder(due) for key, due in dues.items()})


def test_a_wall_clock_that_is_set_forward_is_noticed() -> None:
    """At the next look, though the sleep until the timer was far longer."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.5)
        stand.clock.jump_wall(timedelta(hours=2))
        await stand.clock.advance(LOOK_S)
        assert stand.begun == [(b"t/k/k", LOOK_S)]

    watching(scenario, {b"t/k/k": reminder(3600)})


def test_time_never_runs_back() -> None:
    """While the wall clock lies behind time stands still; nothing runs out twice or too early."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(2.0)
        assert stand.begun == [(b"t/a/k", 1.0)]
        stand.clock.jump_wall(timedelta(seconds=-60))
        assert stand.watch.now_ms() == START_MS + 2_000
        await stand.clock.advance(60.0)
        assert stand.watch.now_ms() == START_MS + 2_000
        stand.change(b"t/past/k", reminder(2))
        await stand.clock.advance(0.0)
        assert stand.begun[1:] == [(b"t/past/k", 62.0)]
        await stand.clock.advance(2.0)
        assert stand.begun[2:] == [(b"t/b/k", 63.0)]

    watching(scenario, {b"t/a/k": reminder(1), b"t/b/k": reminder(3)})


def test_waiting_for_a_clock_that_was_set_back_costs_nothing() -> None:
    """A timer that is a millisecond away by a time that stands still is an hour away."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.999)
        assert stand.watch.now_ms() == START_MS + 999
        stand.clock.jump_wall(timedelta(hours=-1))
        before = stand.counting.sleeps
        await stand.clock.advance(10.0)
        assert stand.begun == []
        assert stand.counting.sleeps - before <= 12

    watching(scenario, {b"t/k/k": reminder(1)})


def test_a_machine_whose_clock_is_behind_goes_by_what_entries_know() -> None:
    """What was due for the last owner is due here."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.0)
        assert stand.watch.now_ms() == START_MS + 500_000
        assert stand.begun == [(b"t/due/k", 0.0)]

    entries = {
        b"t/due/k": reminder(400),
        b"t/last/k": reminder(None, seen_s=500),
        b"t/later/k": reminder(600),
    }
    watching(scenario, entries)


def test_so_many_run_out_at_once_and_the_rest_when_there_is_room() -> None:
    """At once, not at the next look."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(5.0)
        assert len(stand.begun) == AT_ONCE
        stand.in_flight -= 100
        stand.watch.committed()
        await stand.clock.advance(0.0)
        assert len(stand.begun) == AT_ONCE + 100
        stand.in_flight = 0
        stand.watch.committed()
        await stand.clock.advance(0.0)
        assert [key for key, _ in stand.begun] == sorted(stand.state.keys(b"t/"))

    watching(scenario, {b"t/%04d/k" % at: reminder(-1) for at in range(AT_ONCE + 200)})


def test_commits_do_not_wake_the_waiter_for_nothing() -> None:
    """They come by the hundred a second."""

    async def scenario(stand: Stand) -> None:
        await stand.clock.advance(0.0)
        before = stand.counting.sleeps
        for _ in range(100):
            stand.watch.committed()
            await stand.clock.advance(0.0)
        assert stand.counting.sleeps == before

    watching(scenario, {b"t/k/k": reminder(30)})


def test_a_watch_that_is_cancelled_leaves_no_sleeper() -> None:
    """A doubt ends it, as often as there are doubts."""

    async def run() -> None:
        clock = VirtualClock()
        watch = TimerWatch(
            Reminders(), Timers(), clock, begin=lambda _key: None, in_flight=lambda: 0
        )
        running = asyncio.ensure_future(watch.run())
        await clock.advance(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await clock.advance(0.0)
        assert clock.statistics().sleeping == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_others_have_their_turn_while_a_large_state_is_read() -> None:
    """A hundred thousand sagas once took five seconds in one go, most of a group's session."""
    entries = {b"t/%d/k" % number: reminder(number) for number in range(4 * BREATH + 1)}
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run() -> None:
        running = asyncio.ensure_future(others())
        await asyncio.sleep(0)
        before = turns
        timers = await restored_timers(Reminders(), state_of(entries))
        assert turns - before >= 4
        assert len(timers) == len(entries)
        assert timers.next_due_ms() == START_MS
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(run())


def test_a_restored_entry_that_cannot_be_read_is_told() -> None:
    """The partition fails before it begins: time is never guessed."""

    async def run() -> None:
        with pytest.raises(ValueError, match="unpack"):
            await restored_timers(Reminders(), state_of({b"t/a/k": b"damaged"}))

    asyncio.run(run())
