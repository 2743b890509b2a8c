"""Tests that are coroutines, in a loop whose time can leap.

Limits of real time (a delay, an idle connection) are so long in these tests that they are reached
by a leap and by nothing else.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, final

__all__ = ["in_loop", "leap", "turns", "until"]

_TURNS: Final = 20
"""More than anything takes here that does not wait."""

P = ParamSpec("P")


@final
class _LeapingLoop(asyncio.SelectorEventLoop):
    """A loop for which more time passes than does."""

    ahead_s = 0.0

    def time(self) -> float:
        """The machine's time, and what was leapt over."""
        return super().time() + self.ahead_s


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=_LeapingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


async def leap(seconds: float) -> None:
    """Let the loop's time pass at once, and all happen that is due by then."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _LeapingLoop)
    await turns()  # what is about to wait begins before the leap
    loop.ahead_s += seconds
    await turns()


async def turns() -> None:
    """Let all happen that waits for nothing."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - statistics have no event, and need none
            await asyncio.sleep(0)
