"""Running something on a virtual clock: time passes while it waits, and no faster."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from penstock.infra.virtual_clock import VirtualClock

__all__ = ["play", "turned", "turned_until"]

_ResultT = TypeVar("_ResultT")

_STEP_S = 0.1
_LIMIT_S = 600.0


async def turned(
    clock: VirtualClock, work: Coroutine[Any, Any, _ResultT], *, limit_s: float = _LIMIT_S
) -> _ResultT:
    """Let time pass until something has ended, and return what it returns.

    Args:
        clock: Whose time.
        work: What to wait for.
        limit_s: Seconds of the clock after which the test fails.
    """
    task = asyncio.ensure_future(work)
    try:
        await turned_until(clock, task.done, limit_s=limit_s)
        return task.result()
    finally:
        task.cancel()


async def turned_until(
    clock: VirtualClock, look: Callable[[], bool], *, limit_s: float = _LIMIT_S
) -> None:
    """Let time pass until something is true."""
    until_s = clock.monotonic() + limit_s
    await clock.advance(0)
    while not look():
        assert clock.monotonic() < until_s, f"waited {limit_s:g} s of the clock in vain"
        await clock.advance(_STEP_S)


def play(scenario: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    """Run a scenario, and see that no task is left behind."""

    async def whole() -> _ResultT:
        result = await scenario
        for _ in range(10):  # cancelled tasks take a few turns to end
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        return result

    return asyncio.run(whole())
