"""The table of a group's states."""

import pytest

from penstock.infra.embedded.groups.group_state import (
    TRANSITIONS,
    GroupEvent,
    GroupState,
    ImpossibleGroupEvent,
    next_state,
)


def test_every_state_is_reached_from_empty() -> None:
    """No state stands in the table that no group can be in."""
    reached = {GroupState.EMPTY}
    while more := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= more
    assert reached == set(GroupState)


def test_nothing_leads_out_of_dead() -> None:
    """A removed group does not come back; one of the same id is a new group."""
    assert not [event for state, event in TRANSITIONS if state is GroupState.DEAD]


def test_only_an_empty_group_can_be_removed() -> None:
    """Members never lose their group."""
    assert [state for state, event in TRANSITIONS if event is GroupEvent.REMOVED] == [
        GroupState.EMPTY
    ]


def test_what_is_not_in_the_table_is_our_bug() -> None:
    """The error says the group, its state and the event."""
    with pytest.raises(ImpossibleGroupEvent, match=r"'billing'.*'leader assigned' in state Empty"):
        next_state("billing", GroupState.EMPTY, GroupEvent.LEADER_ASSIGNED)
