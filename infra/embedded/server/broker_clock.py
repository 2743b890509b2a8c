"""The broker's clock: the wall's time, but only forward, and it can be moved.

The computer's clock of passed time stands still while the computer sleeps or is suspended. Were the
broker's time only counted with it, a broker on a laptop would be behind by a night in the morning,
and refuse every record: its time would be more than message.timestamp.after.max.ms ahead. So the
clock catches up with the wall whenever the wall is ahead of it.

Law: it never goes back, whatever happens to the computer's own clock.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import final

__all__ = ["BrokerClock"]

_NANOSECONDS = 1_000_000
"""In a millisecond."""


@final
class BrokerClock:
    """Milliseconds since 1970, as the broker counts them."""

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        passed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Read the computer's clocks.

        Args:
            wall_ns: the computer's time in nanoseconds since 1970; may jump to and fro.
            passed_ns: nanoseconds since some moment; never goes back.
        """
        self._wall_ns = wall_ns
        self._passed_ns = passed_ns
        self._ahead_ns = wall_ns() - passed_ns()
        self._moved_ms = 0
        self._on_move: Callable[[], None] | None = None

    def now_ms(self) -> int:
        """Return the time in milliseconds since 1970."""
        # The wall first: whatever comes between the two makes it seem behind, never ahead.
        wall_ns = self._wall_ns()
        passed_ns = self._passed_ns()
        # It is more than before when the computer has slept, or its clock was put right.
        self._ahead_ns = max(self._ahead_ns, wall_ns - passed_ns)
        return (passed_ns + self._ahead_ns) // _NANOSECONDS + self._moved_ms

    @property
    def moved(self) -> timedelta:
        """How far it has been moved in all."""
        return timedelta(milliseconds=self._moved_ms)

    def move(self, by: timedelta) -> None:
        """Move it forward. What is due by then happens before this returns.

        Sessions and transactions time out, records and offsets grow old, waiting fetches are
        answered. Idle connections do not: sockets live in real time.

        Args:
            by: how far; not negative.

        Raises:
            ValueError: it would go back.
        """
        milliseconds = by // timedelta(milliseconds=1)
        if milliseconds < 0:
            raise ValueError(f"the broker's clock only goes forward, not by {by}")
        self._moved_ms += milliseconds
        if self._on_move is not None:
            self._on_move()

    def call_on_move(self, action: Callable[[], None]) -> None:
        """Name what is to be done after each move. The node's side."""
        self._on_move = action
