"""The port through which every shell learns the time.

There is one clock in a process, made where everything is wired together, and it is an argument
of whatever needs it; so a test or a simulation turns it by hand. Cores never hold one: they are
told the time.

Laws:
1. Wall time is for people and for records; it may jump. Waits and deadlines use monotonic time.
2. Nothing below infra asks the operating system for the time, or sleeps, in any other way.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol, TypeVar

__all__ = ["Clock", "before"]

_Answer = TypeVar("_Answer")


class Clock(Protocol):
    """Tells the time and waits for it."""

    def wall(self) -> datetime:
        """Return the date and time, aware, in UTC."""
        ...

    def wall_ms(self) -> int:
        """Return whole milliseconds since 1970, from the same source as `wall`."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an unknown moment; never goes back."""
        ...

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this; at once, after one turn, if it has."""
        ...


async def before(clock: Clock, deadline_s: float, work: Awaitable[_Answer]) -> _Answer:
    """Wait for something, but not past a deadline of this clock.

    `asyncio.timeout` would ask the event loop for the time, which a virtual clock does not turn.
    Two tasks are made: use it for what happens seldom.

    Args:
        clock: whose time counts.
        deadline_s: in its monotonic seconds.
        work: what to wait for; it is cancelled at the deadline, and its end is awaited.

    Raises:
        TimeoutError: the deadline came first.
    """
    working = asyncio.ensure_future(work)
    sleeping = asyncio.ensure_future(clock.sleep_until(deadline_s))
    try:
        await asyncio.wait({working, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        working.cancel()
        await asyncio.wait({working, sleeping})
    # Work that ended in the very turn of the deadline has ended: its answer is not thrown away.
    if working.cancelled():
        raise TimeoutError
    return working.result()
