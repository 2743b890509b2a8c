"""The clock of a cluster in memory: one that its owner can also move by hours at once.

VirtualClock (infra/virtual_clock.py) is one, and so is the PenstockClock of the pytest plugin.
"""

from datetime import timedelta
from typing import Protocol

from penstock.events.clock import Clock

__all__ = ["MovableClock"]


class MovableClock(Clock, Protocol):
    """Tells the time, waits for it, and is moved."""

    def move(self, by: timedelta) -> None:
        """Let time pass at once; whoever sleeps until a moment on the way wakes at its end.

        Raises:
            ValueError: time does not go back.
        """
        ...
