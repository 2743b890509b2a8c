"""How many records of which types were skipped, because nobody reads them here.

Laws:
1. No record is skipped in silence: each is counted.
2. Bounded: the types that come first are counted by name, all others together, for anybody may
   write records of ever new types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

__all__ = ["NAMED_TYPES", "SkippedCounts", "SkippedTypes"]

NAMED_TYPES: Final = 100
"""Types that are counted by name; a topic with more is no longer looked through by people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCounts:
    """Records that were skipped since the start."""

    by_type: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By the full name of their type, in the order in which the types came."""
    others: int = 0
    """Of all types beyond the first hundred."""

    @property
    def records(self) -> int:
        """All of them."""
        return sum(self.by_type.values()) + self.others


@final
class SkippedTypes:
    """Counts skipped records."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_type: dict[str, int] = {}
        self._others = 0

    def count(self, full_name: str) -> None:
        """Count one record of a type."""
        if full_name in self._by_type or len(self._by_type) < NAMED_TYPES:
            self._by_type[full_name] = self._by_type.get(full_name, 0) + 1
        else:
            self._others += 1

    def statistics(self) -> SkippedCounts:
        """Return the counts as they are now."""
        return SkippedCounts(by_type=MappingProxyType(dict(self._by_type)), others=self._others)
