"""The port through which every shell learns the time.

There is one clock in a process, made where everything is wired together, and it is an argument
of whatever needs it; so a test or a simulation turns it by hand. Cores never hold one: they are
told the time.

Laws:
1. Wall time is for people and for records; it may jump. Waits and deadlines use monotonic time.
2. Nothing below infra asks the operating system for the time, or sleeps, in any other way.
"""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


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
