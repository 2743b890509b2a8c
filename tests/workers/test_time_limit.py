import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock.workers.time_limit import LimitMet, within


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def test_work_that_waits_for_nothing_needs_no_limit() -> None:
    """Its result comes, and so does its error."""

    async def at_once(result: int) -> int:
        return result

    async def failing() -> None:
        raise KeyError("x")

    assert run(within(1e-9, at_once(7))) == 7
    with pytest.raises(KeyError):
        run(within(1.0, failing()))


def test_work_that_waits_is_gone_on_with_in_the_same_task() -> None:
    """Through several waits, nested coroutines and errors on the way."""

    async def inner(step: int) -> int:
        await asyncio.sleep(0)
        if step == 2:
            raise ValueError(step)
        return step

    async def work() -> tuple[list[int], bool]:
        found = []
        task = asyncio.current_task()
        for step in range(4):
            try:
                found.append(await inner(step))
            except ValueError:
                found.append(-1)
        return found, task is asyncio.current_task()

    assert run(within(5.0, work())) == ([0, 1, -1, 3], True)


def test_at_the_limit_the_work_is_cancelled_and_may_clean_up() -> None:
    """And the limit is told apart from a TimeoutError of the work's own."""
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def own_timeout() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("mine")

    with pytest.raises(LimitMet):
        run(within(0.01, endless()))
    assert cleaned == [True]
    with pytest.raises(TimeoutError, match="mine"):
        run(within(5.0, own_timeout()))


def test_cancellation_from_outside_passes_through() -> None:
    """As if there were nothing in between."""

    async def scenario() -> list[str]:
        seen: list[str] = []

        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.append("work")
                raise

        task = asyncio.ensure_future(within(5.0, work()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert run(scenario()) == ["work"]


def test_limits_inside_the_work_keep_working() -> None:
    """`asyncio.timeout` finds the task it expects, also in the first step."""

    async def work() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "inner"
        return "none"

    assert run(within(5.0, work())) == "inner"
