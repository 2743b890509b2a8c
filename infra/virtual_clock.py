"""A clock that is turned by hand: time passes only when a test or a simulation says so.

    clock = VirtualClock()
    task = asyncio.ensure_future(something(clock))
    await clock.advance(5.0)      # everything due within five seconds has happened

    found = await clock.run(something(clock))     # time passes by itself whenever all wait for it

Laws:
1. Sleepers wake in the order of their times, equal times in the order of their calls, and whatever
   a waking sets in motion comes to rest before time moves on.
2. Nothing here waits for real time. Whoever waits for sockets or threads needs the real clock.
3. In a loop that `new_loop` has made, `asyncio.sleep`, `asyncio.timeout` and their like go by this
   clock, too. In any other they go by real time, which passes without regard to it.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, TypeVar, final

__all__ = ["VirtualClock", "VirtualClockStatistics"]

_TURNS_LIMIT: Final = 100_000
"""Turns of the event loop until rest; whoever needs more waits for somebody in a circle."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_S: Final = 600.0
"""So long what was cancelled may take to end; drains and closes are bounded by less."""

_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualClockStatistics:
    """A virtual clock in numbers."""

    monotonic_s: float
    """What it shows, in seconds since its making."""
    sleeping: int
    """Sleepers that wait for a later time."""


@final
class VirtualClock:
    """A clock under the hand of its owner; fulfils events.clock.Clock."""

    def __init__(self, wall: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Stand at zero.

        Args:
            wall: date and time at the beginning, aware.
        """
        self._wall_at_zero = wall.astimezone(UTC)
        self._now_s = 0.0
        self._moved_s = 0.0
        self._calls = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._loop: _VirtualLoop | None = None

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Make an event loop whose time is this clock's; it belongs to whoever asks for it.

        Its timers are due only while something is under `run` or `advance`: nobody else moves time.
        """
        self._loop = _VirtualLoop(self)
        return self._loop

    def wall(self) -> datetime:
        """Return the date and time, aware, in UTC."""
        return self._wall_at_zero + timedelta(seconds=self._now_s)

    def wall_ms(self) -> int:
        """Return whole milliseconds since 1970."""
        return (self.wall() - _EPOCH) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        """Return the seconds since it was made."""
        return self._now_s

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this; after one turn if it already has."""
        if monotonic_s <= self._now_s:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (monotonic_s, next(self._calls), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking whoever is due on the way.

        Args:
            seconds: 0 or more; 0 only lets everything come to rest.

        Raises:
            ValueError: time cannot go back.
            RuntimeError: the tasks do not come to rest.
        """
        if seconds < 0:
            message = f"time cannot go back by {-seconds} s"
            raise ValueError(message)
        until_s = self._now_s + seconds
        await self._come_to_rest()
        while (due_s := self._next_due_s()) is not None and due_s <= until_s:
            self._show(due_s)
            self._wake_next()
            await self._come_to_rest()
        self._show(until_s)

    async def run(self, work: Coroutine[Any, Any, _ResultT], *, limit_s: float = 600.0) -> _ResultT:
        """Run something, and let time pass whenever nobody has anything to do but wait for it.

        Time then jumps to the next moment that somebody waits for: an hour takes no longer than
        what happens in it.

        Args:
            work: What to run; it is cancelled when the limit is met.
            limit_s: Seconds of this clock that it may take, above 0; what `move` passes over is not
                counted.

        Returns:
            What the work returns.

        Raises:
            TimeoutError: It took longer.
            RuntimeError: It waits, and nobody waits for this clock: what it waits for happens in
                real time, or never.
        """
        task = asyncio.ensure_future(work)
        try:
            await self._pass_until(task, limit_s)
        finally:
            if not task.done():
                task.cancel()
                await self._pass_until(task, _END_S)
            # Looked at: beside what is raised here, what it raised at its end says little.
            task.cancelled() or task.exception()
        return task.result()

    async def _pass_until(self, task: "asyncio.Task[Any]", limit_s: float) -> None:
        begun_s = self._now_s - self._moved_s
        await self._come_to_rest()
        while not task.done():
            due_s = self._next_due_s()
            if due_s is None:
                message = (
                    f"it waits, and nobody waits for the virtual clock{_place_of(task)}; what it "
                    "waits for happens in real time, or never"
                )
                raise RuntimeError(message)
            if due_s - self._moved_s - begun_s > limit_s:
                message = (
                    f"it did not end within {limit_s:g} s of the virtual clock{_place_of(task)}"
                )
                raise TimeoutError(message)
            self._show(due_s)
            self._wake_next()
            await self._come_to_rest()

    def move(self, by: timedelta) -> None:
        """Let time pass at once, before anybody can do anything in it.

        Whoever is due on the way wakes afterwards, in the order of the times, and sees its end.

        Args:
            by: how much; not negative.

        Raises:
            ValueError: time cannot go back.
        """
        if by < timedelta():
            message = f"time cannot go back by {-by}"
            raise ValueError(message)
        self._now_s += by.total_seconds()
        self._moved_s += by.total_seconds()

    def jump_wall(self, by: timedelta) -> None:
        """Set the date and time forward or back, as an administrator may; `monotonic` stays."""
        self._wall_at_zero += by

    def statistics(self) -> VirtualClockStatistics:
        """Return what it shows and how many wait for it."""
        sleeping = sum(not woken.done() for _, _, woken in self._sleepers)
        return VirtualClockStatistics(monotonic_s=self._now_s, sleeping=sleeping)

    def _show(self, monotonic_s: float) -> None:
        self._now_s = max(self._now_s, monotonic_s)  # somebody may have moved it on beyond

    def _next_due_s(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heappop(self._sleepers)  # its task was cancelled
        due_s = self._sleepers[0][0] if self._sleepers else None
        timer_s = self._loop.next_timer_s() if self._loop is not None else None
        if due_s is None or timer_s is None:
            return timer_s if due_s is None else due_s
        return min(due_s, timer_s)

    def _wake_next(self) -> None:
        """Wake the first sleeper, if it is its time; the loop calls its timers by itself."""
        if self._sleepers and self._sleepers[0][0] <= self._now_s:
            _, _, woken = heappop(self._sleepers)
            woken.set_result(None)

    async def _come_to_rest(self) -> None:
        """Give up turns until nobody else is ready to run."""
        loop = asyncio.get_running_loop()
        for _ in range(_TURNS_LIMIT):
            await asyncio.sleep(0)
            # A fixed number of turns instead would end before a long chain of tasks does.
            if not loop._ready:  # type: ignore[attr-defined] # noqa: SLF001 - no public way to see
                return
        message = f"the tasks did not come to rest in {_TURNS_LIMIT} turns of the event loop"
        raise RuntimeError(message)


@final
class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a clock's."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        super().__init__()

    def time(self) -> float:
        """Return what the clock shows; timers are due by it."""
        return self._clock.monotonic()

    def next_timer_s(self) -> float | None:
        """Return when the next timer is due; None where there is none."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined] # no public way to see
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)


def _place_of(task: "asyncio.Task[Any]") -> str:
    """Where it waits, as the rest of a sentence."""
    return "".join(
        f"; it waits in {frame.f_code.co_qualname}, {frame.f_code.co_filename}:{frame.f_lineno}"
        for frame in task.get_stack(limit=1)
    )
