"""The clock of one test: real time, and leaps that the test makes.

    penstock_clock.move(timedelta(minutes=15))      # fifteen minutes have passed

It fulfils events.clock.Clock and is given to all that `penstock_app` runs, so retries, limits and
the timers of sagas go by it. What waits for sockets goes on in real time between two leaps, which
is why this is no VirtualClock: real brokers answer in real time.

Laws:
1. It never stands still and never goes back.
2. Whoever sleeps until a moment that a leap passes wakes at once, in whatever loop and thread.
3. What was told of leaps (the embedded broker) has made each before the sleepers wake: a record
   that they write does not come from its future.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, final

__all__ = ["PenstockClock", "PenstockClockStatistics"]

_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Sleeper = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PenstockClockStatistics:
    """A test's clock in numbers."""

    moved: timedelta
    """By how much it was moved in all."""
    sleeping: int
    """Who waits for a later time."""


@final
class PenstockClock:
    """A clock that goes by itself and is moved by a test."""

    def __init__(self) -> None:
        """Show the machine's time."""
        self._moved = timedelta()
        self._lock = threading.Lock()
        self._sleepers: set[_Sleeper] = set()
        self._followers: list[Callable[[timedelta], None]] = []

    # The test's side.

    def move(self, by: timedelta) -> None:
        """Let time pass at once. May be called from any thread.

        What is under way meanwhile has waited for so long, too: a handler that runs may meet its
        limit. So move it when all is quiet (`RunningApp.quiet`), or when what runs waits for time.

        Args:
            by: how much; not negative.

        Raises:
            ValueError: time does not go back.
        """
        if by < timedelta():
            message = f"time cannot go back by {-by}"
            raise ValueError(message)
        for follow in self._followers:
            follow(by)
        with self._lock:
            self._moved += by
            sleepers = list(self._sleepers)
        for loop, woken in sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, woken)

    @property
    def moved(self) -> timedelta:
        """By how much it was moved in all."""
        return self._moved

    def statistics(self) -> PenstockClockStatistics:
        """Return how far it was moved, and how many wait for it."""
        return PenstockClockStatistics(moved=self._moved, sleeping=len(self._sleepers))

    def follow(self, move: Callable[[timedelta], None]) -> None:
        """Let something else leap with it.

        Args:
            move: called with each leap, before it counts here.
        """
        self._followers.append(move)

    # What events.clock.Clock asks for.

    def wall(self) -> datetime:
        """Return the date and time, aware, in UTC."""
        return datetime.now(UTC) + self._moved

    def wall_ms(self) -> int:
        """Return whole milliseconds since 1970."""
        return (self.wall() - _EPOCH) // _MS

    def monotonic(self) -> float:
        """Return seconds since an unknown moment; never goes back."""
        return time.monotonic() + self._moved.total_seconds()

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this; after one turn if it already has."""
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:  # a leap comes before this look or finds the sleeper
                left_s = monotonic_s - self.monotonic()
                if left_s <= 0:
                    return
                woken = loop.create_future()
                self._sleepers.add((loop, woken))
            timer = loop.call_later(left_s, _wake, woken)
            try:
                await woken
            finally:
                timer.cancel()
                with self._lock:
                    self._sleepers.discard((loop, woken))


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
