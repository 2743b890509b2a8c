"""The clock of a test goes by itself, and leaps when the test says so."""

import asyncio
import threading
from datetime import timedelta

import pytest

from penstock.infra.pytest_plugin.clock import PenstockClock

HOUR = timedelta(hours=1)


def test_a_leap_moves_all_its_hands() -> None:
    """Wall, milliseconds and monotonic seconds."""
    clock = PenstockClock()
    wall, wall_ms, monotonic = clock.wall(), clock.wall_ms(), clock.monotonic()
    clock.move(HOUR)
    assert clock.wall() >= wall + HOUR
    assert clock.wall_ms() >= wall_ms + 3_600_000
    assert clock.monotonic() >= monotonic + 3_600
    assert clock.moved == HOUR


def test_it_does_not_go_back() -> None:
    """Time that went back would undo what has happened."""
    clock = PenstockClock()
    with pytest.raises(ValueError, match="back"):
        clock.move(-HOUR)
    assert clock.moved == timedelta()


def test_a_leap_wakes_whom_it_passes_and_nobody_else() -> None:
    """Whoever sleeps for longer sleeps on."""
    clock = PenstockClock()

    async def scenario() -> None:
        near = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + 3_000))
        far = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + 30_000))
        await asyncio.sleep(0)
        clock.move(HOUR)
        async with asyncio.timeout(10):
            await near
        assert not far.done()
        clock.move(10 * HOUR)
        async with asyncio.timeout(10):
            await far

    asyncio.run(scenario())


def test_a_leap_before_the_sleep_counts() -> None:
    """A moment that has passed is not waited for."""
    clock = PenstockClock()
    until_s = clock.monotonic() + 3_000
    clock.move(HOUR)

    async def scenario() -> None:
        async with asyncio.timeout(10):
            await clock.sleep_until(until_s)

    asyncio.run(scenario())


def test_a_leap_in_another_thread_wakes_sleepers() -> None:
    """A test without a loop moves the clock of an app that runs in a thread."""
    clock, asleep = PenstockClock(), threading.Event()

    async def scenario() -> None:
        sleeping = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + 3_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asleep.set()
        async with asyncio.timeout(10):
            await sleeping

    thread = threading.Thread(target=lambda: asyncio.run(scenario()))
    thread.start()
    assert asleep.wait(10)
    clock.move(HOUR)
    thread.join(20)
    assert not thread.is_alive()


def test_followers_leap_first() -> None:
    """A record of a woken worker never comes from its broker's future."""
    clock = PenstockClock()
    seen: list[tuple[timedelta, timedelta]] = []
    clock.follow(lambda by: seen.append((by, clock.moved)))
    clock.move(HOUR)
    clock.move(2 * HOUR)
    assert seen == [(HOUR, timedelta()), (2 * HOUR, HOUR)]


def test_a_cancelled_sleeper_is_forgotten() -> None:
    """A leap does not call into a loop that is gone."""
    clock = PenstockClock()

    async def scenario() -> None:
        sleeping = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + 3_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sleeping.cancel()
        await asyncio.wait({sleeping})

    asyncio.run(scenario())
    assert clock.statistics().sleeping == 0
    clock.move(HOUR)
