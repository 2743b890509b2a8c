"""What a partition's task is given: one value for all partitions of one topic in one worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from penstock.events.alarm import RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.schemas.lookup import SchemaLookup
from penstock.workers.ports import GroupMember, ProducerGate
from penstock.workers.timers import Timed
from penstock.workers.work_seams import Committer, Processor, WorkLimits

__all__ = ["PartitionContext"]


class _Committers(Protocol):
    def __call__(self, partition: Partition) -> Committer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionContext:
    """What a partition's task needs; the same for all partitions of one topic in one worker."""

    group: str
    """The consumer group."""
    transactional: bool
    """Whether this topic is processed exactly once."""
    transactional_id: Callable[[Partition], str]
    """The static id of a partition's producer."""
    changelog: Callable[[Partition], Partition]
    """The changelog partition of an input partition."""
    tables: frozenset[bytes]
    """Prefixes of state keys that this worker's handlers declare."""
    plain_committer: _Committers
    """Makes the committer where no transaction is needed."""
    processor: Processor
    """Computes what records do."""
    member: GroupMember
    """The group membership."""
    gate: ProducerGate
    """Opens producers and changelog readers."""
    schemas: SchemaLookup
    """Knows the schemas of what lies in the changelog."""
    limits: WorkLimits
    """How much may be in memory."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Nonces and jitter."""
    alarm: RaiseAlarm
    """Told of doubts and failures."""
    timed: Timed | None = None
    """Knows the times of entries of state; None where none have any."""
    learn: Callable[[], Awaitable[None]] | None = None
    """Learns what former owners may have known beside the state. Awaited behind each barrier: no
    former owner adds anything to it any more, and nothing was processed yet."""
    accept_reset: frozenset[Partition] = frozenset()
    """Partitions whose missing or earlier offset an operator has accepted."""
