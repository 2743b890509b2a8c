"""How often a watcher may look: a few times at once, and then steadily.

A thousand instances that come back together are a thousand events. A look shows them all, so it is
worth waiting a little for the next one; a single event is answered at once. (Consul's advice for
blocking queries: a token bucket around the loop.)

Law: time goes in, a new value and a wait come out; nothing here waits.
"""

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["BURST", "LOOKS_PER_S", "Pace"]

BURST: Final = 5
"""Looks that may follow each other at once."""
LOOKS_PER_S: Final = 2.0
"""Looks in a second, in the long run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A bucket of looks."""

    looks: float = float(BURST)
    """How many were in it at `at_s`."""
    at_s: float = float("-inf")
    """Monotonic seconds."""

    def taken(self, now_s: float) -> tuple["Pace", float]:
        """Take one look.

        Args:
            now_s: monotonic seconds.

        Returns:
            The bucket without it, and the seconds to wait before the look.
        """
        if self.at_s == float("-inf"):
            return replace(self, looks=self.looks - 1, at_s=now_s), 0.0
        looks = min(float(BURST), self.looks + (now_s - self.at_s) * LOOKS_PER_S) - 1
        return Pace(looks=looks, at_s=now_s), max(0.0, -looks / LOOKS_PER_S)
