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
