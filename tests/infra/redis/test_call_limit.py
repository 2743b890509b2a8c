"""The time limit of calls: what it ends, and what it leaves alone."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from penstock.infra.redis.call_limit import CallLimit, NoAnswer
from tests.infra.embedded.server.in_loop import in_loop, leap


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario."""
    asyncio.run(scenario())


async def hang() -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()


def test_what_hangs_is_ended() -> None:
    """All that began together, and each later one."""

    async def scenario() -> None:
        limit = CallLimit(0.02)
        ends = await asyncio.gather(*(limit.within(hang) for _ in range(3)), return_exceptions=True)
        assert [type(end) for end in ends] == [NoAnswer] * 3
        with pytest.raises(NoAnswer):
            await limit.within(hang)

    play(scenario)


def test_what_ends_is_passed_on() -> None:
    """A value, or an error; TimeoutError among them."""

    async def five() -> int:
        return 5

    async def fail() -> int:
        raise TimeoutError("its own")

    async def scenario() -> None:
        limit = CallLimit(10.0)
        assert await limit.within(five) == 5
        with pytest.raises(TimeoutError, match="its own"):
            await limit.within(fail)

    play(scenario)


def test_an_answer_that_came_while_our_own_loop_stood_still_counts() -> None:
    """`asyncio.timeout` would end this call, whose answer has been there for most of the time."""

    async def scenario() -> None:
        limit, ready = CallLimit(0.04), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def answered() -> str:
            await ready.wait()
            await asyncio.sleep(0)  # an answer takes some turns to be read
            await asyncio.sleep(0)
            return "answer"

        call = asyncio.ensure_future(limit.within(answered))
        await asyncio.sleep(0)
        loop.call_soon(ready.set)
        time.sleep(0.2)  # noqa: ASYNC251 - a loop that stands still is what is tested
        assert await call == "answer"

    play(scenario)


def test_the_callers_cancellation_is_its_own() -> None:
    """Also when it comes at the same time as the end of the limit."""

    async def scenario() -> None:
        limit = CallLimit(0.02)
        caller = asyncio.ensure_future(limit.within(hang))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

        async def cancelled_at_the_end() -> None:
            try:
                await hang()
            finally:
                both.cancel()

        both = asyncio.ensure_future(limit.within(cancelled_at_the_end))
        with pytest.raises(asyncio.CancelledError):
            await both

    play(scenario)


def test_after_the_end_of_a_limit_the_caller_can_go_on() -> None:
    """Nothing of the cancellation is left in its task."""

    async def scenario() -> None:
        limit = CallLimit(0.02)
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(NoAnswer):
            await limit.within(hang)
        assert task.cancelling() == 0
        async with asyncio.timeout(10):
            await asyncio.sleep(0)

        async def stubborn() -> str:
            with suppress(asyncio.CancelledError):
                await hang()
            return "ended all the same"

        assert await limit.within(stubborn) == "ended all the same"

        async def broken() -> None:
            try:
                await hang()
            except asyncio.CancelledError:
                raise ZeroDivisionError from None

        with pytest.raises(ZeroDivisionError):
            await limit.within(broken)
        assert task.cancelling() == 0

    play(scenario)


def test_no_timer_runs_without_a_call() -> None:
    """A cache that nobody uses wakes nobody."""

    async def scenario() -> None:
        limit, loop = CallLimit(60.0), asyncio.get_running_loop()

        async def nothing() -> None:
            await asyncio.sleep(0)

        def timers() -> int:
            return len(loop._scheduled)  # type: ignore[attr-defined] # no public way to see

        await limit.within(nothing)
        assert timers() == 1
        await leap(60.0)
        assert timers() == 0

    in_loop(scenario)()
