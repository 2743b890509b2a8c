"""The broker's time, made of a clock: whole milliseconds since 1970 that never go back.

The clock's wall may jump, as an administrator may turn it; the broker's goes on from where the wall
stood when it was made, as fast as the clock's monotonic time.
"""

from typing import Final, final

from penstock.events.clock import Clock

__all__ = ["BrokerTime"]

_MS_PER_S: Final = 1000
_ROUNDING_MS: Final = 1e-3
"""Seconds in binary fractions may come out a hair below the whole millisecond that they stand for:
who sleeps until a deadline must find it reached."""


@final
class BrokerTime:
    """Milliseconds of a broker, and the seconds of its clock."""

    def __init__(self, clock: Clock) -> None:
        """Begin at the clock's wall."""
        self._clock = clock
        self._begin_ms = clock.wall_ms()
        self._begin_s = clock.monotonic()

    def now_ms(self) -> int:
        """Return the broker's time."""
        passed_s = self._clock.monotonic() - self._begin_s
        return self._begin_ms + int(passed_s * _MS_PER_S + _ROUNDING_MS)

    def at_s(self, broker_ms: int) -> float:
        """Return when a time of the broker is, in the clock's monotonic seconds."""
        return self._begin_s + (broker_ms - self._begin_ms) / _MS_PER_S
