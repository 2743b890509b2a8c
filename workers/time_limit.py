"""A time limit for handlers that costs nothing where a handler waits for nothing.

`asyncio.timeout` makes a timer for each call, about a third of what penstock itself spends on a
record. Most handlers compute and return. So the first step of the handler is taken without a limit
(no limit could interrupt it, because it does not yield), and only what is not done by then is
waited for with one. Everything happens in the caller's own task.

Law: from outside this is `asyncio.timeout` around an await: the same results, errors and
cancellation.
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

__all__ = ["LimitMet", "rest_within", "within"]


class LimitMet(Exception):
    """The work did not end in time."""


async def within(limit_s: float, work: Coroutine[Any, Any, Any]) -> Any:
    """Await a coroutine, for so long at the most.

    Args:
        limit_s: Seconds from its first wait on.
        work: A coroutine that nobody has begun.

    Raises:
        LimitMet: it did not end in time and was cancelled.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        return done.value
    return await rest_within(limit_s, work, waits_for)


async def rest_within(limit_s: float, work: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    """Await the rest of a coroutine, for so long at the most.

    Args:
        limit_s: Seconds from now on.
        work: A coroutine whose first step was taken.
        waits_for: What it waits for since then: what `send` gave.

    Raises:
        LimitMet: it did not end in time and was cancelled.
    """
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await _rest_of(work, waits_for)
    except TimeoutError:
        if limit.expired():
            raise LimitMet from None
        raise  # the work's own


@coroutine
def _rest_of(work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that was begun and waits for something.

    What the event loop sends or throws at this one is handed on, as `yield from` would do it for a
    coroutine that was not begun yet (PEP 380).
    """
    while True:
        try:
            try:
                answer = yield waits_for
            except BaseException as error:  # noqa: BLE001 - cancellation is handed on, too
                waits_for = work.throw(error)
            else:
                waits_for = work.send(answer)
        except StopIteration as done:
            return done.value
