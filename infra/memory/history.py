"""What became of each request, in the order in which it happened; a bounded memory.

Two runs with the same seed have the same history: that is what a simulation is told apart by, and
what a failed one is read from.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple, final

from penstock.infra.memory.request_kind import RequestKind

__all__ = ["History", "HistoryEntry"]


class HistoryEntry(NamedTuple):
    """One thing that happened."""

    time_ms: int
    """The broker's time, in milliseconds since 1970."""
    client: str
    """Who sent the request."""
    request: RequestKind
    """What it was."""
    fate: str
    """`taken`, `request lost`, `answer lost`, `broker away`, or the error of a fault."""

    def __str__(self) -> str:
        """One line."""
        return f"{self.time_ms} {self.client}: {self.request} {self.fate}"


@final
class History:
    """The last entries, and how many there were of each kind."""

    def __init__(self, limit: int) -> None:
        """Begin without any.

        Args:
            limit: how many entries are kept; older ones are forgotten.
        """
        self._entries: deque[HistoryEntry] = deque(maxlen=limit)
        self._counts: Counter[RequestKind] = Counter()

    def add(self, time_ms: int, client: str, request: RequestKind, fate: str) -> None:
        """Keep an entry."""
        self._entries.append(HistoryEntry(time_ms, client, request, fate))
        if fate == "taken":
            self._counts[request] += 1

    def entries(self) -> tuple[HistoryEntry, ...]:
        """What is kept, from the oldest to the latest."""
        return tuple(self._entries)

    def counts(self) -> Mapping[RequestKind, int]:
        """How many requests of each kind the broker has taken."""
        return dict(self._counts)
