"""The life of a group: its states, what happens to it, and what that leads to.

    Empty -> PreparingRebalance -> CompletingRebalance -> Stable

A rebalance can begin again from any of the last three; a group whose members are all gone becomes
empty when the rebalance ends; an empty group can be removed. What is not in the table is a bug.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from penstock.schemas.errors import InternalError

__all__ = ["TRANSITIONS", "GroupEvent", "GroupState", "ImpossibleGroupEvent", "next_state"]


class GroupState(StrEnum):
    """The states, by the names that Kafka shows."""

    EMPTY = "Empty"
    """No members. Joins begin a rebalance; commits of simple consumers are taken."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """Joins wait until all members have joined or the rebalance timeout is over."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """All know the generation; syncs wait for the leader's assignment. No commits."""
    STABLE = "Stable"
    """All can have their assignment."""
    DEAD = "Dead"
    """The group is removed; nobody finds it any more."""


class GroupEvent(StrEnum):
    """What moves a group from state to state."""

    REBALANCE_BEGINS = "rebalance begins"
    """A member came, changed, left or was lost."""
    MEMBERS_JOINED = "members joined"
    """The next generation has members."""
    NOBODY_JOINED = "nobody joined"
    """The next generation has no member."""
    LEADER_ASSIGNED = "leader assigned"
    """The leader's sync brought the assignment."""
    REMOVED = "removed"
    """Deleted, or its last offset expired."""


TRANSITIONS: Mapping[tuple[GroupState, GroupEvent], GroupState] = MappingProxyType(
    {
        (GroupState.EMPTY, GroupEvent.REBALANCE_BEGINS): GroupState.PREPARING_REBALANCE,
        (GroupState.EMPTY, GroupEvent.REMOVED): GroupState.DEAD,
        (
            GroupState.PREPARING_REBALANCE,
            GroupEvent.MEMBERS_JOINED,
        ): GroupState.COMPLETING_REBALANCE,
        (GroupState.PREPARING_REBALANCE, GroupEvent.NOBODY_JOINED): GroupState.EMPTY,
        (
            GroupState.COMPLETING_REBALANCE,
            GroupEvent.REBALANCE_BEGINS,
        ): GroupState.PREPARING_REBALANCE,
        (GroupState.COMPLETING_REBALANCE, GroupEvent.LEADER_ASSIGNED): GroupState.STABLE,
        (GroupState.STABLE, GroupEvent.REBALANCE_BEGINS): GroupState.PREPARING_REBALANCE,
    }
)
"""Where each event leads, from each state that it can happen in."""


def next_state(group: str, state: GroupState, event: GroupEvent) -> GroupState:
    """Look up where an event leads.

    Args:
        group: the group's id, for the error.
        state: the state it is in.
        event: what happened.

    Returns:
        The next state.

    Raises:
        ImpossibleGroupEvent: the table does not know this event in this state.
    """
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise ImpossibleGroupEvent(group=group, state=str(state), event=str(event))
    return following


@dataclass(eq=False, kw_only=True)
class ImpossibleGroupEvent(InternalError):
    """An event in a state in which it cannot happen."""

    group: str
    """The group's id."""
    state: str
    """The state it was in."""
    event: str
    """What was to happen."""

    code: ClassVar[str] = "PEN-I120"
    what: ClassVar[str] = "Consumer group {group!r} cannot take '{event}' in state {state}."
    why: ClassVar[str] = "The embedded broker's table of group states does not allow it."
    remedy: ClassVar[str] = (
        "Please report this message with what the clients of the group did, and restart the broker."
    )
