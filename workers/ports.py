"""What workers need from Kafka: the ports that an adapter fulfils.

Reading and plain writing have their ports in events/log.py, reading in a group has it in
events/group.py; here stand what else workers ask of a group, and the transaction.

Laws:
1. No hidden doubt: a transactional request that was sent and got no answer raises
   `TransactionDoubt`. An adapter never resends it, because the late first copy could act in the
   NEXT transaction of the same producer.
2. Everything is bounded; an adapter that cannot say within its limit what happened raises.
3. `drop` never flushes and never waits for the network.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from penstock.events.group import GroupReader
from penstock.events.log import LogReader, NewRecord, Partition
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "Assignments",
    "CommitRefused",
    "CommitUncertain",
    "GroupMember",
    "InputOffset",
    "Membership",
    "NotAMember",
    "ProducerGate",
    "Transaction",
    "TransactionDoubt",
    "TransactionRefused",
    "TransactionalWriter",
]


class Membership(Enum):
    """How the group's coordinator answered one Heartbeat of this generation."""

    MEMBER = "member"
    UNCERTAIN = "uncertain"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Assignments:
    """What a group member calls when its partitions change."""

    assigned: Callable[["GroupMember", Sequence[Partition]], None]
    """Called in the assignment callback, before anything is awaited. Must not block."""
    revoked: Callable[[Sequence[Partition]], Awaitable[None]]
    """Awaited before the group goes on; must be bounded."""


class GroupMember(GroupReader, Protocol):
    """One member of a consumer group.

    Its `commit` raises:
        NotAMember: the generation is over; the partition is somebody else's.
        CommitUncertain: no answer; it may have been committed.
        CommitRefused: the coordinator refused it.
    """

    def end(self, partition: Partition) -> int | None:
        """The last known end of what committed readers may see; None while it is not known."""
        ...

    async def membership(self) -> Membership:
        """Send one Heartbeat of the generation of the current assignment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOffset:
    """The offset of an input that a transaction commits."""

    group: str
    """The consumer group."""
    source: Partition
    """The input partition."""
    position: int
    """The offset to commit."""
    metadata: str
    """Its metadata, ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What one transaction writes."""

    outputs: Mapping[Partition, Sequence[NewRecord]]
    """Records by partition, in order."""
    offset: InputOffset | None
    """The input's offset, where the outputs come from an input."""


class TransactionalWriter(Protocol):
    """A producer that holds a transactional id."""

    @property
    def epoch(self) -> int:
        """The producer's epoch: each fence raises it by one."""
        ...

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """Write all outputs, then the offset, then commit; each step awaited.

        Returns:
            The offset of the first record written to each partition.

        Raises:
            TransactionRefused: the broker refused a batch; nothing of it becomes visible.
            TransactionDoubt: anything else; the producer must be dropped.
        """
        ...

    def drop(self) -> None:
        """Cancel the sender and close the sockets, now."""
        ...

    async def close(self) -> None:
        """Close in an orderly way, within a limit; drops where that does not succeed."""
        ...


class ProducerGate(Protocol):
    """Opens transactional producers, and readers for restoring."""

    async def fence(self, transactional_id: str) -> TransactionalWriter:
        """Start a producer: older holders of the id are fenced, their markers are written.

        Raises:
            TransactionDoubt: it did not succeed within the limit.
        """
        ...

    async def reader(self, partition: Partition) -> LogReader:
        """A reader of one partition, committed records only, from its beginning."""
        ...


@dataclass(eq=False, kw_only=True)
class TransactionDoubt(WorldError):
    """A transaction whose outcome nobody knows, or a producer that can no longer be trusted."""

    reason: str
    """What happened."""

    code: ClassVar[str] = "PEN-W10"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "A transaction is in doubt: {reason}."
    why: ClassVar[str] = "Whether it was committed cannot be known from here."
    remedy: ClassVar[str] = "Nothing: the partition begins again at its fence."


@dataclass(eq=False, kw_only=True)
class TransactionRefused(WorldError):
    """The broker refused a batch of a transaction."""

    partition: Partition
    """Where the batch was to be written."""
    reason: str
    """The broker's error, by name and number."""

    code: ClassVar[str] = "PEN-W11"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The broker refused a batch of a transaction for {partition}: {reason}."
    why: ClassVar[str] = "Nothing of the transaction becomes visible."
    remedy: ClassVar[str] = "Nothing: the record that causes it is found and dead-lettered."


@dataclass(eq=False, kw_only=True)
class NotAMember(WorldError):
    """A commit of a generation that is over."""

    partition: Partition
    """The partition that belongs to somebody else now."""

    code: ClassVar[str] = "PEN-W12"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The offset of {partition} was not committed."
    why: ClassVar[str] = "The group has moved on to another generation."
    remedy: ClassVar[str] = "Nothing: its new owner processes the records again."


@dataclass(eq=False, kw_only=True)
class CommitUncertain(WorldError):
    """An offset commit without a usable answer."""

    partition: Partition
    """The partition."""
    reason: str
    """What happened."""

    code: ClassVar[str] = "PEN-W13"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The commit of an offset of {partition} got no answer: {reason}."
    why: ClassVar[str] = "It may or may not have been committed."
    remedy: ClassVar[str] = "Nothing: the partition is read again from its committed offset."


@dataclass(eq=False, kw_only=True)
class CommitRefused(WorldError):
    """The coordinator refused an offset commit."""

    partition: Partition
    """The partition."""
    reason: str
    """The coordinator's error, by name and number."""

    code: ClassVar[str] = "PEN-W14"
    exit_code: ClassVar[ExitCode] = ExitCode.PERMISSION
    what: ClassVar[str] = "The commit of an offset of {partition} was refused: {reason}."
    why: ClassVar[str] = "The coordinator does not take this offset from this client."
    remedy: ClassVar[str] = "Check the group's permissions and offset.metadata.max.bytes."
