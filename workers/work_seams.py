"""The two seams of a running partition, and its limits.

Between them stands partition_work.py: records go through a `Processor` and what comes out goes
through a `Committer`. What those do is theirs; what they promise stands here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from penstock.events.event import Event
from penstock.events.log import LogRecord
from penstock.workers.group_commit import CommitLimits, Effects, Work
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation

__all__ = ["Committer", "Processor", "WorkLimits"]


class Committer(Protocol):
    """Makes work permanent."""

    async def commit(self, work: Work) -> None:
        """Commit; anything but a return is a doubt about all of it.

        Raises:
            TransactionRefused: the broker refused a batch of it.
            WriteRefused: the same, outside a transaction.
            NotAMember: the partition is somebody else's.
            WorldError: the outcome is unknown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLimits:
    """How much of one partition may be in memory, and how often it commits."""

    lanes: int = 16
    """Keys that may be handled side by side."""
    in_flight: int = 2_000
    """Records read and not committed."""
    in_flight_bytes: int = 32 * 1024 * 1024
    """Bytes of records that wait in lanes, and of effects that wait for a commit."""
    commit: CommitLimits = field(default_factory=CommitLimits)
    """What one commit holds."""
    commit_interval_s: float = 0.0
    """Shortest time from one commit to the next, in seconds; an idle partition commits at once, and
    so does one with half of what may be in flight finished. 0 for transactions, which pace
    themselves; more where offsets alone are committed."""


class Processor(Protocol):
    """Computes what a record does."""

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Run the record's handler, retries included; failures end as a dead letter in effects.

        Args:
            record: What was read.
            state: The partition's state.
            condemned: Set where the broker refused the record's outputs twice: park it without.
        """
        ...

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Make types of outputs ready, before the first commit that holds them.

        Raises:
            PenstockError: a schema cannot be published, or a topic is missing.
        """
        ...
