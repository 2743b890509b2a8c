"""The group coordinator in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.infra.embedded.groups.group_state import GroupState

__all__ = ["GroupStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatistics:
    """The group coordinator at one moment."""

    groups: Mapping[GroupState, int]
    """Groups by state; all living states are there."""
    members: int
    """Members of all groups."""
    pending_members: int
    """Member ids that were given out and have not joined yet."""
    waiting: int
    """Joins and syncs that wait for their answer."""
    offsets: int
    """Committed offsets."""
    pending_offsets: int
    """Offsets of open transactions."""
    rebalances: int
    """Rebalances that ended with an assignment, since the start."""
    sessions_expired: int
    """Members that were removed for their silence, since the start."""
    offsets_expired: int
    """Offsets whose retention was over, since the start."""
    held_bytes: int
    """Memory of groups, members and offsets, by estimate."""
    held_bytes_limit: int
    """GroupConfig.max_held_bytes."""
    refused_for_memory: int
    """Requests that were refused because of that limit, since the start."""
