"""The settings of the group coordinator, under Kafka's names and with Kafka's defaults."""

from dataclasses import dataclass
from typing import Final

__all__ = ["GroupConfig"]

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """What the operator can choose about groups."""

    initial_rebalance_delay_ms: int = 3_000
    """group.initial.rebalance.delay.ms: how long an empty group waits for more members."""
    min_session_timeout_ms: int = 6_000
    """group.min.session.timeout.ms: the shortest session that a member may ask for."""
    max_session_timeout_ms: int = 1_800_000
    """group.max.session.timeout.ms: the longest session that a member may ask for."""
    max_size: int = 2_147_483_647
    """group.max.size: members of one group; 1 and more."""
    new_member_join_timeout_ms: int = 300_000
    """A new member waits for its first answer so long (a constant in Kafka): its connection may
    have gone unnoticed, and it cannot send heartbeats yet."""
    offsets_retention_minutes: int = 10_080
    """offsets.retention.minutes: how long committed offsets outlive their last use."""
    offsets_retention_check_interval_ms: int = 600_000
    """offsets.retention.check.interval.ms: between two searches for expired offsets."""
    offset_metadata_max_bytes: int = 4_096
    """offset.metadata.max.bytes: Kafka counts UTF-16 units, not bytes; and so does this room."""
    group_record_max_bytes: int = 1_048_588
    """The largest record of a stable group: message.max.bytes of Kafka's __consumer_offsets."""
    max_held_bytes: int = 256 * _MIB
    """Memory for all groups, members and offsets together, estimated. Ours, not Kafka's: beyond it
    joins are refused with GROUP_MAX_SIZE_REACHED and commits with INVALID_COMMIT_OFFSET_SIZE."""

    @property
    def offsets_retention_ms(self) -> int:
        """How long committed offsets outlive their last use, in milliseconds."""
        return self.offsets_retention_minutes * 60_000
