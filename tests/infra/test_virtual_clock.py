"""Virtual time passes only when told, and wakes everybody in the right order."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.infra.virtual_clock import VirtualClock


def test_it_is_a_clock() -> None:
    """The type checker holds the signature; this line makes it look."""
    clock: Clock = VirtualClock()
    assert clock.monotonic() == 0.0


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Equal times wake in the order of the calls; each sees its own time."""

    async def scenario() -> list[tuple[str, float]]:
        clock, woken = VirtualClock(), []

        async def sleeper(name: str, until_s: float) -> None:
            await clock.sleep_until(until_s)
            woken.append((name, clock.monotonic()))

        async with asyncio.TaskGroup() as group:
            for name, until_s in (("late", 3.0), ("a", 1.0), ("b", 1.0), ("mid", 2.0)):
                group.create_task(sleeper(name, until_s))
            await clock.advance(5.0)
        assert clock.monotonic() == 5.0
        return woken

    assert asyncio.run(scenario()) == [("a", 1.0), ("b", 1.0), ("mid", 2.0), ("late", 3.0)]


def test_what_a_waking_sets_in_motion_happens_in_the_same_stretch() -> None:
    """A task that sleeps again and again ticks at each of its times within one advance."""

    async def scenario() -> list[float]:
        clock, ticks = VirtualClock(), []

        async def tick_for_ever() -> None:
            while True:
                await clock.sleep_until(clock.monotonic() + 1.0)
                ticks.append(clock.monotonic())

        task = asyncio.ensure_future(tick_for_ever())
        await clock.advance(3.5)
        task.cancel()
        return ticks

    assert asyncio.run(scenario()) == [1.0, 2.0, 3.0]


def test_long_chains_of_tasks_come_to_rest_before_time_moves() -> None:
    """Time stands while a waking passes through a thousand tasks."""

    async def scenario() -> float:
        clock = VirtualClock()

        async def pass_on(depth: int) -> float:
            if depth == 0:
                return clock.monotonic()
            await asyncio.sleep(0)
            return await asyncio.ensure_future(pass_on(depth - 1))

        async def sleeper() -> float:
            await clock.sleep_until(1.0)
            return await pass_on(300)

        task = asyncio.ensure_future(sleeper())
        await clock.advance(10.0)
        return task.result()

    assert asyncio.run(scenario()) == 1.0


def test_nothing_wakes_before_its_time() -> None:
    """A sleeper sleeps on until the very time, and is counted as long as it does."""

    async def scenario() -> None:
        clock = VirtualClock()
        task = asyncio.ensure_future(clock.sleep_until(2.0))
        await clock.advance(1.999)
        assert not task.done()
        assert clock.statistics().sleeping == 1
        await clock.advance(0.001)
        assert task.done()
        assert clock.statistics().sleeping == 0

    asyncio.run(scenario())


def test_a_cancelled_sleeper_is_forgotten() -> None:
    """It neither wakes nor keeps others from waking."""

    async def scenario() -> None:
        clock = VirtualClock()
        gone = asyncio.ensure_future(clock.sleep_until(1.0))
        stays = asyncio.ensure_future(clock.sleep_until(2.0))
        await clock.advance(0)
        gone.cancel()
        await clock.advance(2.0)
        assert gone.cancelled()
        assert stays.done()

    asyncio.run(scenario())


def test_the_wall_follows_and_may_jump() -> None:
    """Date and milliseconds move with the time; a jump leaves the monotonic time alone."""

    async def scenario() -> None:
        clock = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))
        await clock.advance(1.5)
        assert clock.wall() == datetime(2030, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
        assert clock.wall_ms() == int(clock.wall().timestamp() * 1000)
        clock.jump_wall(timedelta(hours=-1))
        assert clock.wall().year == 2029
        assert clock.monotonic() == 1.5

    asyncio.run(scenario())


def test_deadlines_of_events_clock_work_with_it() -> None:
    """`before` gives up at the virtual deadline, without any real waiting."""

    async def scenario() -> None:
        clock = VirtualClock()
        waiting = asyncio.ensure_future(before(clock, 60.0, asyncio.Event().wait()))
        await clock.advance(59.0)
        assert not waiting.done()
        await clock.advance(1.0)
        with pytest.raises(TimeoutError):
            await waiting

    asyncio.run(scenario())


def test_time_never_goes_back() -> None:
    """A negative stretch is a mistake of the test."""
    with pytest.raises(ValueError, match="go back"):
        asyncio.run(VirtualClock().advance(-1.0))


def test_time_passes_by_itself_while_something_runs() -> None:
    """To the next moment that somebody waits for, as often as it takes; the rest is told."""

    async def scenario() -> tuple[str, float]:
        clock, ticks = VirtualClock(), list[float]()

        async def tick() -> None:
            while True:
                await clock.sleep_until(clock.monotonic() + 7.0)
                ticks.append(clock.monotonic())

        async def work() -> str:
            await clock.sleep_until(20.0)
            return "done"

        ticking = asyncio.ensure_future(tick())
        result = await clock.run(work())
        ticking.cancel()
        assert ticks == [7.0, 14.0]
        return result, clock.monotonic()

    assert asyncio.run(scenario()) == ("done", 20.0)


def test_what_runs_too_long_is_cancelled_and_may_end() -> None:
    """Its end takes time of the clock, too; what it raises of itself is raised."""

    async def scenario() -> None:
        clock, ends = VirtualClock(), list[float]()

        async def stubborn() -> None:
            try:
                await clock.sleep_until(1_000.0)
            finally:
                await clock.sleep_until(clock.monotonic() + 5.0)
                ends.append(clock.monotonic())

        async def broken() -> None:
            await clock.sleep_until(clock.monotonic() + 1.0)
            raise LookupError("of itself")

        with pytest.raises(TimeoutError, match="within 60 s"):
            await clock.run(stubborn(), limit_s=60.0)
        assert ends == [5.0], "no time passed before it was known to take too long"
        with pytest.raises(LookupError, match="of itself"):
            await clock.run(broken())

    asyncio.run(scenario())


def test_who_does_not_end_is_told_where_it_waits() -> None:
    """With the file and the line: a test of a page is not read through for it."""

    async def waits_for_ever(clock: VirtualClock) -> None:
        await clock.sleep_until(1_000.0)

    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        clock = VirtualClock()
        first = waits_for_ever.__code__.co_firstlineno + 1
        with pytest.raises(TimeoutError, match=rf"waits_for_ever.*test_virtual_clock.py:{first}"):
            await clock.run(waits_for_ever(clock), limit_s=60.0)
        first = waits_for_nobody.__code__.co_firstlineno + 1
        with pytest.raises(RuntimeError, match=rf"waits_for_nobody.*clock.py:{first}.*real time"):
            await clock.run(waits_for_nobody())

    asyncio.run(scenario())


def test_who_waits_for_something_else_is_told() -> None:
    """Nobody waits for the clock, so no time would ever pass."""

    async def scenario() -> None:
        clock = VirtualClock()
        with pytest.raises(RuntimeError, match="nobody waits for the virtual clock"):
            await clock.run(asyncio.Event().wait())

    asyncio.run(scenario())


def test_a_cancelled_run_ends_what_runs() -> None:
    """Whoever gives up waiting leaves no task behind."""

    async def scenario() -> list[str]:
        clock, seen = VirtualClock(), list[str]()

        async def work() -> None:
            try:
                while True:
                    await clock.sleep_until(clock.monotonic() + 1.0)
            finally:
                seen.append("ended")

        running = asyncio.ensure_future(clock.run(work()))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return seen

    assert asyncio.run(scenario()) == ["ended"]


def test_a_leap_wakes_nobody_on_the_way() -> None:
    """Who was due wakes in order, once time passes again, and sees its end; no limit counts it."""

    async def scenario() -> list[tuple[str, float]]:
        clock, woken = VirtualClock(), list[tuple[str, float]]()

        async def sleeper(name: str, until_s: float) -> None:
            await clock.sleep_until(until_s)
            woken.append((name, clock.monotonic()))

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for name, until_s in (("late", 200.0), ("b", 2.0), ("a", 1.0)):
                    group.create_task(sleeper(name, until_s))
                await asyncio.sleep(0)
                clock.move(timedelta(seconds=150))
                assert not woken

        await clock.run(work(), limit_s=60.0)
        with pytest.raises(ValueError, match="cannot go back"):
            clock.move(timedelta(seconds=-1))
        return woken

    assert asyncio.run(scenario()) == [("a", 150.0), ("b", 150.0), ("late", 200.0)]
