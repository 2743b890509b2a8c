"""What the group coordinator answers, as values. A client's fault is an error code in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = [
    "DescribedMember",
    "FetchedOffset",
    "GroupDescription",
    "GroupListing",
    "JoinAnswer",
    "JoinedMember",
    "LeaveAnswer",
    "LeftMember",
    "OffsetsDeleted",
    "SyncAnswer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedMember:
    """One member of the new generation, as its leader sees it."""

    member_id: str
    """What the coordinator named the member."""
    instance_id: str | None
    """Name of a static member."""
    metadata: bytes
    """Its metadata for the protocol that was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAnswer:
    """The generation that a member is in now, or why it is in none."""

    error: ErrorCode = ErrorCode.none
    """MEMBER_ID_REQUIRED is no failure: join again with `member_id`."""
    generation: int = -1
    """The generation's number."""
    protocol_type: str | None = None
    """The group's protocol type; None in errors."""
    protocol_name: str | None = None
    """The assignor that was chosen; None in errors (before version 7 an empty text)."""
    leader: str = ""
    """Member id of the leader."""
    skip_assignment: bool = False
    """The leader must not assign: the group keeps what it has."""
    member_id: str = ""
    """What the coordinator calls this member."""
    members: tuple[JoinedMember, ...] = ()
    """All members, for the leader; empty for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncAnswer:
    """A member's assignment, or why it has none."""

    error: ErrorCode = ErrorCode.none
    """What is wrong."""
    protocol_type: str | None = None
    """The group's protocol type; None in errors."""
    protocol_name: str | None = None
    """The assignor that was chosen; None in errors."""
    assignment: bytes = b""
    """What the leader gave this member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftMember:
    """What became of one member that was to leave."""

    member_id: str
    """As it was asked."""
    instance_id: str | None
    """As it was asked."""
    error: ErrorCode
    """UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID where there was no such member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveAnswer:
    """What became of all that were to leave."""

    error: ErrorCode = ErrorCode.none
    """Wrong with the whole request."""
    members: tuple[LeftMember, ...] = ()
    """In the order of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedOffset:
    """What is committed for one partition."""

    offset: int = -1
    """The next offset to read; -1 where nothing is committed."""
    leader_epoch: int = -1
    """As it was committed; -1 where it is not known."""
    metadata: str = ""
    """As it was committed."""
    error: ErrorCode = ErrorCode.none
    """UNSTABLE_OFFSET_COMMIT: a transaction that commits this offset is still open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsDeleted:
    """Which offsets were deleted."""

    error: ErrorCode = ErrorCode.none
    """Wrong with the whole request; then `partitions` is empty."""
    partitions: Mapping[TopicPartition, ErrorCode] = field(default_factory=dict)
    """GROUP_SUBSCRIBED_TO_TOPIC, or none: also where nothing was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupListing:
    """One line of the list of groups."""

    group: str
    """The group's id."""
    protocol_type: str
    """Empty for a group that only holds offsets."""
    state: str
    """Kafka's name of the state."""
    group_type: str = "classic"
    """Kafka's name of the type; this broker has classic groups only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedMember:
    """One member, as administrators see it."""

    member_id: str
    """What the coordinator named the member."""
    instance_id: str | None
    """Name of a static member."""
    client_id: str
    """What the client calls itself."""
    client_host: str
    """Where it connects from."""
    metadata: bytes
    """Its metadata for the chosen protocol; empty unless the group is stable."""
    assignment: bytes
    """Its last assignment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDescription:
    """One group, as administrators see it."""

    error: ErrorCode = ErrorCode.none
    """GROUP_ID_NOT_FOUND; before version 6 Kafka tells only the state `Dead` and no error."""
    error_message: str | None = None
    """Kafka's words, since version 6."""
    group: str
    """The group's id."""
    state: str
    """Kafka's name of the state."""
    protocol_type: str = ""
    """Empty for a group that only holds offsets."""
    protocol_data: str = ""
    """The chosen assignor; empty unless the group is stable."""
    members: tuple[DescribedMember, ...] = ()
    """All members, new ones that wait included."""
