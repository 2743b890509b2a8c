"""What must outlive the process, as values: the records of Kafka's __consumer_offsets, in short.

Given again in the order in which they were kept, they make the same offsets and the same groups.
"""

from dataclasses import dataclass

from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = [
    "GroupEntry",
    "GroupRemoved",
    "GroupStored",
    "KeptMember",
    "KeptOffset",
    "OffsetsCommitted",
    "OffsetsForgotten",
    "PartitionsDeleted",
    "TransactionalOffsetsFinished",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMember:
    """One member of a stable group."""

    member_id: str
    """What the coordinator named the member."""
    instance_id: str | None
    """Name of a static member."""
    client_id: str
    """What the client calls itself."""
    client_host: str
    """Where it connected from."""
    session_timeout_ms: int
    """Without a heartbeat for so long it is removed."""
    rebalance_timeout_ms: int
    """How long the others wait for it in a rebalance."""
    metadata: bytes
    """Its metadata for the chosen protocol."""
    assignment: bytes
    """What the leader gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStored:
    """A group as it is from now on: with members stable, without empty."""

    group: str
    """The group's id."""
    generation: int
    """The generation's number."""
    protocol_type: str | None
    """None for a group that nobody ever joined."""
    protocol_name: str | None
    """The chosen assignor; None without members."""
    leader: str | None
    """Member id of the leader; None without members."""
    state_time_ms: int
    """Since when the group is in its state."""
    members: tuple[KeptMember, ...] = ()
    """Its members, in the order of their joining."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRemoved:
    """The group is no more."""

    group: str
    """The group's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOffset:
    """The position that is committed for one partition."""

    offset: int
    """The next offset to read."""
    leader_epoch: int
    """-1 where it is not known."""
    metadata: str
    """The client's note."""
    commit_time_ms: int
    """When it was committed."""
    expire_time_ms: int | None
    """When it expires, where the commit itself said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsCommitted:
    """Offsets of one commit."""

    group: str
    """The group's id."""
    producer_id: int = -1
    """0 and more: they count when this producer's transaction commits."""
    producer_epoch: int = -1
    """The producer's epoch."""
    offsets: tuple[tuple[TopicPartition, KeptOffset], ...]
    """What was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsForgotten:
    """Offsets that are no more, those of open transactions included."""

    group: str
    """The group's id."""
    partitions: tuple[TopicPartition, ...]
    """Whose offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalOffsetsFinished:
    """The marker of a transaction has reached the groups."""

    producer_id: int
    """The transaction's producer."""
    groups: tuple[str, ...]
    """Groups whose offsets it had committed."""
    commit: bool
    """False: they are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsDeleted:
    """The partitions of a topic are no more, and no group has an offset for them.

    No entry of its own: whoever keeps the deletion says this at its place among the entries.
    """

    partitions: tuple[TopicPartition, ...]
    """Which."""


GroupEntry = (
    GroupStored | GroupRemoved | OffsetsCommitted | OffsetsForgotten | TransactionalOffsetsFinished
)
"""Everything that the group coordinator keeps."""
