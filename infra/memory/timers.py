"""Calls functions when a clock shows a time: the event loop's `call_at`, by the given clock.

Laws:
1. What is due is called in the order of its times, equal times in the order of their making.
2. While nothing is to come, no task is left behind.
"""

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, final

from penstock.events.clock import Clock

__all__ = ["Timer", "Timers"]

_FEW: Final = 64
"""Cancelled timers that may lie about in any case; beyond, as many as half of all may."""


@final
class Timer:
    """A call to come."""

    __slots__ = ("_action", "_forget")

    def __init__(self, action: Callable[[], object], forget: Callable[[], None]) -> None:
        """Stand ready; see `Timers.at`."""
        self._action: Callable[[], object] | None = action
        self._forget = forget

    @property
    def is_live(self) -> bool:
        """Whether it is still to come."""
        return self._action is not None

    def cancel(self) -> None:
        """Call nothing any more. Nothing happens where it was called already."""
        if self._action is not None:
            self._action = None
            self._forget()

    def leave(self) -> None:
        """Be counted no more: it is due, and on its way."""
        self._forget = _nothing

    def call(self) -> None:
        """Call it, unless it was cancelled."""
        action, self._action = self._action, None
        if action is not None:
            action()


@final
class Timers:
    """All calls to come by one clock."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._numbers = count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._dead = 0
        self._sleeping: asyncio.Task[None] | None = None
        self._sleeping_until_s = 0.0

    @property
    def pending(self) -> int:
        """How many are to come."""
        return len(self._heap) - self._dead

    def at(self, at_s: float, action: Callable[[], object]) -> Timer:
        """Call a function at a time.

        Args:
            at_s: in the clock's monotonic seconds; in the next turn where that has passed.
            action: must not wait.
        """
        if at_s <= self._clock.monotonic():
            timer = Timer(action, _nothing)
            asyncio.get_running_loop().call_soon(timer.call)
            return timer
        timer = Timer(action, self._bury)
        heappush(self._heap, (at_s, next(self._numbers), timer))
        self._arm()
        return timer

    def _bury(self) -> None:
        self._dead += 1
        if self._dead > max(_FEW, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2].is_live]
            heapify(self._heap)
            self._dead = 0
        self._arm()

    def _arm(self) -> None:
        while self._heap and not self._heap[0][2].is_live:
            heappop(self._heap)
            self._dead -= 1
        if self._sleeping is not None:
            if self._heap and self._sleeping_until_s <= self._heap[0][0]:
                return  # it comes first, finds nothing due, and sleeps on
            self._sleeping.cancel()
            self._sleeping = None
        if self._heap:
            self._sleeping_until_s = self._heap[0][0]
            self._sleeping = asyncio.ensure_future(self._sleep(self._sleeping_until_s))

    async def _sleep(self, until_s: float) -> None:
        await self._clock.sleep_until(until_s)
        self._sleeping = None
        loop, now_s = asyncio.get_running_loop(), self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now_s:
            _, _, timer = heappop(self._heap)
            if timer.is_live:
                # One that raises must not take the others with it. From here it is counted no more.
                loop.call_soon(timer.call)
                timer.leave()
            else:
                self._dead -= 1
        self._arm()


def _nothing() -> None:
    """A timer that is on its way already leaves nothing behind."""
