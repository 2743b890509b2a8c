"""What the outside asks of the group coordinator, as values.

A token names one waiting request; whoever sends it makes each token only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = [
    "CommittedOffset",
    "JoinRequest",
    "LeavingMember",
    "OffsetCommit",
    "SyncRequest",
    "TransactionalOffsetCommit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """A member, new or known, wants to be in the group's next generation."""

    token: int
    """Names this request in the answers that come later."""
    group: str
    """The group's id."""
    member_id: str = ""
    """What the coordinator named the member; empty for a new one."""
    instance_id: str | None = None
    """Name of a static member (KIP-345)."""
    client_id: str
    """What the client calls itself."""
    client_host: str
    """Where it connects from, as Kafka shows it: with a slash before the address."""
    protocol_type: str
    """`consumer`, `connect` …"""
    protocols: tuple[tuple[str, bytes], ...]
    """Assignors in the member's order of preference, each with the member's metadata for it."""
    session_timeout_ms: int
    """Without a heartbeat for so long the member is removed."""
    rebalance_timeout_ms: int
    """How long the others wait for this member in a rebalance."""
    requires_known_member: bool
    """True since version 4: a new dynamic member first gets its id and joins again with it."""
    supports_skipping_assignment: bool
    """True since version 9: a returning static leader can be told to keep its assignment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """A member asks for its assignment; the leader brings all of them."""

    token: int
    """Names this request in the answers that come later."""
    group: str
    """The group's id."""
    generation: int
    """The generation that the member was told."""
    member_id: str
    """What the coordinator named the member."""
    instance_id: str | None = None
    """Name of a static member."""
    protocol_type: str | None = None
    """Checked against the group's where it is given (since version 5 it must be)."""
    protocol_name: str | None = None
    """Checked against the group's where it is given (since version 5 it must be)."""
    assignments: tuple[tuple[str, bytes], ...] = ()
    """Assignment by member id; the leader's only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingMember:
    """One member that leaves, or that an administrator takes out."""

    member_id: str = ""
    """Empty where a static member is named by its instance id alone."""
    instance_id: str | None = None
    """Name of a static member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedOffset:
    """The position that is committed for one partition."""

    offset: int
    """The next offset to read."""
    leader_epoch: int = -1
    """The leader epoch of the record before it; -1 where it is not known."""
    metadata: str | None = ""
    """The client's note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommit:
    """Offsets that a member, or somebody who is in no group, commits."""

    group: str
    """The group's id; the empty one is allowed here, as in Kafka."""
    generation: int = -1
    """The member's generation; -1 from a simple consumer or an administrator."""
    member_id: str = ""
    """What the coordinator named the member; empty from a simple consumer."""
    instance_id: str | None = None
    """Name of a static member."""
    offsets: Mapping[TopicPartition, CommittedOffset]
    """What is committed, by partition."""
    retention_ms: int = -1
    """How long to keep them (versions 2 to 4); -1: as the broker is configured."""
    knows_missing_group: bool = True
    """True since version 9: GROUP_ID_NOT_FOUND instead of ILLEGAL_GENERATION."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalOffsetCommit:
    """Offsets that count when the producer's transaction commits."""

    group: str
    """The group's id; not empty."""
    producer_id: int
    """The transaction's producer; who may use it, the transaction coordinator has checked."""
    producer_epoch: int
    """The producer's epoch."""
    generation: int = -1
    """The consumer's generation; -1 where the client fences by its transactional id alone."""
    member_id: str = ""
    """What the coordinator named the consumer."""
    instance_id: str | None = None
    """Name of a static member."""
    offsets: Mapping[TopicPartition, CommittedOffset]
    """What is committed, by partition."""
