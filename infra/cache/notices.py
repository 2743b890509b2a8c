"""What has been said lately, so that one trouble with many values is one line in the log.

Laws:
1. The first of a kind is said at once, and the next not before a minute has passed; how many were
   held back in between is said with it.
2. Time is an argument; nobody logs here.
"""

from typing import Final, final

__all__ = ["REPEAT_S", "Notices"]

REPEAT_S: Final = 60.0
"""Seconds between two notices of a kind."""


@final
class Notices:
    """When each kind of notice was last said."""

    def __init__(self) -> None:
        """Begin with none."""
        self._said: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def due(self, kind: str, now_s: float) -> int | None:
        """Ask whether to say something.

        Args:
            kind: one of a few.
            now_s: monotonic time.

        Returns:
            How many of its kind were held back since the last; None where this one is, too.
        """
        said_s = self._said.get(kind)
        if said_s is not None and now_s - said_s < REPEAT_S:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return None
        self._said[kind] = now_s
        return self._held_back.pop(kind, 0)
