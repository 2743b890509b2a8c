"""One run of a handler, within its time limit.

Laws:
1. A limit that is met is told as `HandlerTimeout`, by the handler's name.
2. A cancellation that is not ours is told as `HandlerCancelled`: something that the handler waited
   for was cancelled. Let through, it would end the lane as if we had ended it, in silence.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.schemas.errors import ExitCode, WorldError
from penstock.workers.time_limit import LimitMet, rest_within

__all__ = ["HandlerCancelled", "HandlerTimeout", "call_in_time"]


@dataclass(eq=False, kw_only=True)
class HandlerTimeout(WorldError):
    """One attempt of a handler took too long."""

    handler: str
    """The handler."""
    timeout_s: float
    """Its limit in seconds."""

    code: ClassVar[str] = "PEN-W8"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The handler {handler} did not end within {timeout_s:g} s."
    why: ClassVar[str] = "Its key's lane would wait for it for ever."
    remedy: ClassVar[str] = "Make it faster, or give it a larger timeout_s."


@dataclass(eq=False, kw_only=True)
class HandlerCancelled(WorldError):
    """A handler ended in a cancellation that nobody here has asked for."""

    handler: str
    """The handler."""

    code: ClassVar[str] = "PEN-W32"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The handler {handler} ended in a CancelledError."
    why: ClassVar[str] = "A task or a future that it waited for was cancelled by somebody else."
    remedy: ClassVar[str] = "Catch asyncio.CancelledError around that wait, and say what it means."


async def call_in_time(handler: str, limit_s: float, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a handler that nobody has begun.

    Args:
        handler: its name.
        limit_s: seconds that it may take from its first wait on.
        work: the coroutine.

    Raises:
        HandlerTimeout: it did not end in time and was cancelled.
        HandlerCancelled: it let a cancellation out that was not meant for it.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        return done.value  # most handlers compute and return: this is all that it takes
    except asyncio.CancelledError:
        _say_whose(handler)
        raise
    try:
        return await rest_within(limit_s, work, waits_for)
    except LimitMet:
        raise HandlerTimeout(handler=handler, timeout_s=limit_s) from None
    except asyncio.CancelledError:
        _say_whose(handler)
        raise


def _say_whose(handler: str) -> None:
    """Raise an error of the handler's, unless the lane itself is to end."""
    task = asyncio.current_task()
    if task is not None and not task.cancelling():
        raise HandlerCancelled(handler=handler) from None
