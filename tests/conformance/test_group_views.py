"""What is told about groups, and which of them may be deleted."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only
from tests.conformance.raw_member import (
    PROTOCOLS,
    MakeMember,
)

WHAT_I_READ = PROTOCOLS[0][1]


def test_a_group_is_described(member: MakeMember, talk: Conversation) -> None:
    """State, protocol, and each member with where it comes from and what it has."""
    one = member()
    one.begin()
    until(lambda: talk.state_of(one.group) == "Stable", what="the group to be seen")
    for version in (0, 3, 5, 6):
        described = only(talk.ask("describe_groups", version, groups=[one.group]).groups)
        assert (described.error_code, described.group_state) == (ErrorCode.none, "Stable")
        assert (described.protocol_type, described.protocol_data) == ("consumer", "range")
        told = only(described.members)
        assert (told.member_id, told.client_id) == (one.member_id, "conformance")
        assert told.client_host.startswith("/")
        ip_address(told.client_host[1:])  # a server in a container sees its own gateway
        assert (told.member_metadata, told.member_assignment) == (WHAT_I_READ, b"all")


def test_the_state_follows_the_protocol(member: MakeMember, talk: Conversation) -> None:
    """PreparingRebalance while joining, CompletingRebalance until the sync, Stable, Empty."""
    one, two = member(), member()

    def see(state: str) -> None:
        until(lambda: talk.state_of(one.group) == state, what=state)

    one.join()
    see("CompletingRebalance")
    one.sync({one.member_id: b"all"})
    see("Stable")
    sent = two.begin_join()
    see("PreparingRebalance")
    one.leave()
    two.joined(sent)
    two.leave()
    see("Empty")


def test_a_group_that_is_not_there_is_dead(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """No error up to v5; v6 says group_id_not_found."""
    group = unique("group")
    old = only(talk.ask("describe_groups", 5, groups=[group]).groups)
    assert (old.error_code, old.group_state) == (ErrorCode.none, "Dead")
    new = only(talk.ask("describe_groups", 6, groups=[group]).groups)
    assert (new.error_code, new.group_state) == (ErrorCode.group_id_not_found, "Dead")


def test_groups_are_listed(member: MakeMember, talk: Conversation) -> None:
    """By state and type where asked for; an unknown state lists nothing."""
    one = member()
    one.begin()

    def listed(version: int = 5, **wishes: Any) -> list[tuple[str, ...]]:
        answer = talk.ask("list_groups", version, **wishes)
        assert not answer.error_code
        return [
            (each.protocol_type, *([each.group_state] if version >= 4 else []))
            for each in answer.groups
            if each.group_id == one.group
        ]

    # Apache Kafka answers from what its log of groups had a moment ago.
    until(lambda: listed(4) == [("consumer", "Stable")], what="the group to be listed")
    for version in (0, 1, 2, 3):
        assert listed(version) == [("consumer",)]
    assert listed(4) == listed(5) == [("consumer", "Stable")]
    assert listed(states_filter=["Stable"]) == [("consumer", "Stable")]
    assert listed(states_filter=["Empty"]) == []
    assert listed(types_filter=["classic"]) == [("consumer", "Stable")]
    assert listed(types_filter=["consumer"]) == []


def test_only_an_empty_group_is_deleted(member: MakeMember, talk: Conversation, topic: str) -> None:
    """With its offsets. Of another one the members must leave first."""
    one = member()
    one.begin()
    one.commit(topic, 5)

    def delete() -> ErrorCode:
        answer = talk.ask("delete_groups", 2, groups_names=[one.group])
        code: ErrorCode = only(answer.results).error_code
        return code

    assert delete() == ErrorCode.non_empty_group
    one.leave()
    until(lambda: talk.state_of(one.group) == "Empty", what="the group to be seen empty")
    assert delete() == ErrorCode.none
    until(lambda: talk.committed(one.group, topic).committed_offset == -1, what="its offset to go")
    assert delete() == ErrorCode.group_id_not_found
