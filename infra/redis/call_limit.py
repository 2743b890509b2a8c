"""A time limit for calls that does not count the time in which our own process stood still.

A busy event loop looks at its timers and at its sockets too late. `asyncio.timeout` then ends calls
whose answers have been there all the time: a cache would take Redis for away, and load from the
origin, just when there is most to do; and a process would never get as far as to register. So time
is counted in ticks of a timer that starts itself anew: however long one turn of the loop takes, it
is one tick, and between two ticks the answers that have come are read.

Laws:
1. In a loop that is not busy a call ends after the limit, and at most a sixteenth of it later.
2. From outside it is `asyncio.timeout`: whoever cancels the caller cancels the call, and nobody
   else's cancellation is swallowed.
3. No timer runs while there is no call.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, final

__all__ = ["CallLimit", "NoAnswer"]

_Result = TypeVar("_Result")

_TICKS: Final = 16
"""Of which a limit is made: as many turns of a loop a call has at least. To connect, to log in and
to be answered takes about ten."""


class NoAnswer(Exception):
    """A call did not end in time."""


class _Call:
    """A call under way."""

    __slots__ = ("expired", "task", "tick")

    def __init__(self, task: asyncio.Task[Any], tick: int) -> None:
        self.task = task
        self.tick = tick
        self.expired = False


@final
class CallLimit:
    """Ends calls that take too long."""

    def __init__(self, limit_s: float) -> None:
        """Begin with no call.

        Args:
            limit_s: for each.
        """
        self.limit_s = limit_s
        self._tick_s = limit_s / _TICKS
        self._tick = 0
        self._calls: dict[_Call, None] = {}
        self._ticking = False

    async def within(self, call: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Make a call.

        Returns:
            What it returns.

        Raises:
            NoAnswer: it took too long and was cancelled.
        """
        task = asyncio.current_task()
        assert task is not None, "coroutines run in tasks here"
        cancelling, running = task.cancelling(), _Call(task, self._tick)
        self._calls[running] = None
        if not self._ticking:
            self._ticking = True
            self._next()
        try:
            result = await call()
        except asyncio.CancelledError:
            if running.expired and task.uncancel() <= cancelling:
                raise NoAnswer from None
            raise
        except BaseException:
            if running.expired:
                task.uncancel()
            raise
        finally:
            self._calls.pop(running, None)
        if running.expired:
            task.uncancel()  # it ended all the same
        return result

    def _next(self) -> None:
        asyncio.get_running_loop().call_later(self._tick_s, self._count)

    def _count(self) -> None:
        """Count a tick, and end what began more than a limit ago."""
        self._tick += 1
        while self._calls:
            oldest = next(iter(self._calls))
            # The first tick may come at once, so one more than make a limit.
            if self._tick - oldest.tick <= _TICKS:
                break
            del self._calls[oldest]
            oldest.expired = True
            oldest.task.cancel()
        self._ticking = bool(self._calls)
        if self._ticking:
            self._next()
