"""A deadline by the given clock, which a test can turn by hand."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from penstock.events.clock import Clock

__all__ = ["before"]

_Answer = TypeVar("_Answer")


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
