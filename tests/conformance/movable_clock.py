"""A clock that goes by itself and can be moved on, for a cluster in memory."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import final

__all__ = ["MovableClock"]


@final
class MovableClock:
    """Fulfils events.clock.Clock."""

    def __init__(self) -> None:
        """Begin with the computer's time."""
        self._begin = datetime.now(UTC)
        self._begin_s = monotonic()
        self._moved_s = 0.0
        self._sleepers: dict[asyncio.Future[None], float] = {}

    def wall(self) -> datetime:
        """Return the date and time."""
        return self._begin + timedelta(seconds=self.monotonic())

    def wall_ms(self) -> int:
        """Return whole milliseconds since 1970."""
        return int(self.wall().timestamp() * 1000)

    def monotonic(self) -> float:
        """Return the seconds since it was made."""
        return monotonic() - self._begin_s + self._moved_s

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this."""
        loop = asyncio.get_running_loop()
        while (left_s := monotonic_s - self.monotonic()) > 0:
            woken = loop.create_future()
            self._sleepers[woken] = monotonic_s
            timer = loop.call_later(left_s, _wake, woken)
            try:
                await woken
            finally:
                timer.cancel()
                del self._sleepers[woken]
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        """Move it on at once; sleepers wake late, as those of a process that stood still do."""
        self._moved_s += seconds
        for woken, monotonic_s in self._sleepers.items():
            if monotonic_s <= self.monotonic():
                _wake(woken)


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
