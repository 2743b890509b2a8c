"""What a proxy has seen, counted; and waiting until it has seen enough.

Written by the proxy's event loop, read and awaited by a test's threads: hence a lock, held for
the length of an addition.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from penstock.infra.testing.fault_plan import Direction

__all__ = ["Happening", "ProxyStatistics", "ProxyTally"]


class Happening(StrEnum):
    """What is counted besides messages. Each is a field of `ProxyStatistics`."""

    ACCEPTED = "accepted"
    CLOSED = "closed"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    HELD = "held"
    DROPPED = "dropped"
    UNDELIVERED = "undelivered"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStatistics:
    """Counts since the proxy was started."""

    accepted: int = 0
    """Connections of clients that were accepted."""
    closed: int = 0
    """Of these, how many have ended on both sides."""
    reset: int = 0
    """How many connections the proxy has reset, by a fault or by `cut_all`."""
    unreachable: int = 0
    """How many connections found no server behind the proxy and were reset."""
    held: int = 0
    """How many messages were held, those included that were released since."""
    dropped: int = 0
    """Answers that were dropped as planned, with those that the silence behind one swallowed."""
    undelivered: int = 0
    """Messages whose receiver had closed its connection before they could be delivered."""
    unanswered: int = 0
    """Connections that were closed while the server still owed a client an answer that had gone."""
    requests: Mapping[int | None, int] = field(default_factory=dict)
    """Requests that came to be forwarded, by API key; what queues behind a hold does not count."""
    answers: Mapping[int | None, int] = field(default_factory=dict)
    """Answers likewise, by the API key of their request; None where that is unknown."""


@final
class ProxyTally:
    """The counts. Mutable and safe between threads."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._changed = threading.Condition()
        self._messages: dict[Direction, Counter[int | None]] = {way: Counter() for way in Direction}
        self._happenings: Counter[Happening] = Counter()

    def saw(self, direction: Direction, api_key: int | None) -> None:
        """Count a message."""
        with self._changed:
            self._messages[direction][api_key] += 1
            self._changed.notify_all()

    def note(self, happening: Happening) -> None:
        """Count something else."""
        with self._changed:
            self._happenings[happening] += 1
            self._changed.notify_all()

    def wait_for(self, direction: Direction, api_key: int, *, count: int, timeout_s: float) -> bool:
        """Block until so many such messages were seen.

        Returns:
            False when the limit came first.
        """
        seen = self._messages[direction]
        with self._changed:
            return self._changed.wait_for(lambda: seen[api_key] >= count, timeout_s)

    def snapshot(self) -> ProxyStatistics:
        """Return the counts as they are now."""
        with self._changed:
            return ProxyStatistics(
                **{happening.value: self._happenings[happening] for happening in Happening},
                requests=dict(self._messages[Direction.REQUEST]),
                answers=dict(self._messages[Direction.ANSWER]),
            )
