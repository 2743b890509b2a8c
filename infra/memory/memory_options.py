"""How a cluster in memory is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final, final

from penstock.infra.embedded.broker import LOG_MEMORY_BYTES

__all__ = ["Latency", "MemoryOptions"]

_HISTORY: Final = 10_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long each request and each answer is under way, drawn anew for each, evenly."""

    least_s: float = 0.0
    """Seconds, 0 or more. 0: the next turn of the event loop."""
    most_s: float = 0.0
    """Seconds, no less than `least_s`. With a range, each seed is another order of events. A read
    that ends before question and answer have come brings nothing, and the shortest of penstock's
    last 0.05 s: programs are opened with 0.02 at the most."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ValueError: it is no range.
        """
        if not 0 <= self.least_s <= self.most_s < inf:
            message = f"latencies from {self.least_s} s to {self.most_s} s are no range of seconds"
            raise ValueError(message)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """What a test may choose."""

    config: Mapping[str, str] = field(default_factory=dict)
    """The broker's configurations by Kafka's names, such as group.initial.rebalance.delay.ms."""
    latency: Latency = Latency()
    """Of the network."""
    log_memory_bytes: int = LOG_MEMORY_BYTES
    """What all logs together may hold."""
    history_entries: int = _HISTORY
    """How many of the latest requests `history` tells."""
