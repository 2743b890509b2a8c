"""What a monitor is told of each batch: the port through which publishing is measured.

One report for a batch, never one for a record: at a hundred thousand events a second a monitor that
is called for each of them would cost more than publishing does.

Laws:
1. A report holds coordinates, counts and seconds, never payload, keys or ids.
2. An observer is called in the event loop that publishes, behind everybody who waits for the batch.
   It must not block; what it raises disturbs nobody, and is counted and told by an alarm.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from penstock.events.log import Partition

__all__ = ["BatchObserver", "BatchReport", "Outcome"]

Outcome = Literal["acknowledged", "refused", "unknown", "not-sent"]
"""How a batch ended. After `unknown` it may have been written, after the last two certainly not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """How one batch ended."""

    partition: Partition
    """Where its records go."""
    records: int
    """Records in it."""
    size_bytes: int
    """Their size, before the batch is packed."""
    attempts: int
    """How often it was handed to the writer: 1, more where no broker could be reached, and 0 where
    its time was over before."""
    gathering_s: float
    """Seconds from its first record until it was handed to the writer, or given up."""
    writing_s: float
    """Seconds from then until its end: the acknowledgement of all replicas, or an error. Both
    together are what its first record has waited."""
    outcome: Outcome
    """How it ended."""


class BatchObserver(Protocol):
    """Takes reports; a metric, mostly."""

    def batch_ended(self, report: BatchReport, /) -> None:
        """Take one; must not block."""
        ...
