"""How much memory groups, members and offsets hold, by estimate.

The weights are what CPython 3.11 takes for the objects, rounded up; texts and bytes count by their
length. The point is a limit that holds, not a measurement.
"""

from typing import Final, final

__all__ = ["GROUP_WEIGHT", "MEMBER_WEIGHT", "OFFSET_WEIGHT", "PROTOCOL_WEIGHT", "MemoryGauge"]

GROUP_WEIGHT: Final = 1_500
"""Bytes of a group without members."""
MEMBER_WEIGHT: Final = 1_500
"""Bytes of a member without its texts, its deadline included."""
PROTOCOL_WEIGHT: Final = 300
"""Bytes of one protocol of a member without its texts, and of its place in the vote."""
OFFSET_WEIGHT: Final = 600
"""Bytes of one committed offset without its texts."""


@final
class MemoryGauge:
    """A sum against a limit."""

    def __init__(self, limit: int) -> None:
        """Begin at zero.

        Args:
            limit: bytes.
        """
        self.limit = limit
        """Bytes that may be held; may be changed."""
        self.held = 0
        """Bytes that are held, by estimate."""
        self.refusals = 0
        """Requests that were refused."""

    def refuses(self, size: int) -> bool:
        """Say whether so much more is too much, and count it if so.

        Args:
            size: bytes that a request would add.

        Returns:
            True when the request must be refused.
        """
        if size <= 0 or self.held + size <= self.limit:
            return False
        self.refusals += 1
        return True
