"""`before`: waiting with a deadline of the given clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from penstock.events.deadline import before

if TYPE_CHECKING:
    from tests.events.conftest import World


def test_an_answer_before_the_deadline_is_returned(world: World) -> None:
    """The deadline is not waited for."""

    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(before(world.clock, 1_001.0, answer())) == 7


def test_at_the_deadline_the_work_is_cancelled_and_its_end_awaited(world: World) -> None:
    """Nothing is left running behind the caller's back."""

    async def scenario() -> list[str]:
        steps: list[str] = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                steps.append("cleaned up")

        async def wait() -> None:
            with pytest.raises(TimeoutError):
                await before(world.clock, 1_005.0, work())
            steps.append("told")

        waiting = asyncio.create_task(wait())
        await world.clock.advance(4.9)
        assert not steps
        await world.clock.advance(0.2)
        await waiting
        return steps

    assert asyncio.run(scenario()) == ["cleaned up", "told"]


def test_an_error_of_the_work_is_raised_as_it_is(world: World) -> None:
    """A failure is no timeout."""

    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(before(world.clock, 1_001.0, work()))


def test_an_answer_in_the_turn_of_the_deadline_is_not_lost(world: World) -> None:
    """Work that resists its cancellation and ends has ended."""

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    async def scenario() -> str:
        waiting = asyncio.create_task(before(world.clock, 1_001.0, work()))
        await world.clock.advance(1)
        return await waiting

    assert asyncio.run(scenario()) == "done all the same"


def test_cancelling_the_caller_cancels_the_work(world: World) -> None:
    """And the caller is told of its cancellation, not of a timeout."""

    async def scenario() -> bool:
        work = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(before(world.clock, 1_001.0, work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return work.cancelled()

    assert asyncio.run(scenario())
