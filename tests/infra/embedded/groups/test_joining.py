"""Joining a group. What is said of Kafka was asked of Apache Kafka 4.1 where it is not in a KIP."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from tests.infra.embedded.groups.group_bench import (
    GROUP,
    RANGE,
    AtOnce,
    Bench,
    Member,
    subscription,
)


def test_a_first_member_leads_its_group() -> None:
    """It gets everybody's metadata, its own included."""
    bench = Bench()
    answer = bench.joined(bench.ask_join("shop"))
    assert (answer.error, answer.generation) == (ErrorCode.none, 1)
    assert (answer.protocol_type, answer.protocol_name) == ("consumer", "range")
    assert answer.leader == answer.member_id == "shop-1"
    assert [(one.member_id, one.metadata) for one in answer.members] == [
        ("shop-1", subscription("orders"))
    ]


def test_only_the_leader_learns_who_the_others_are() -> None:
    """The others get the leader's name and no members."""
    bench = Bench()
    first, second = bench.stable("a", "b")
    assert first.generation == second.generation == 2
    answer = bench.joined(bench.ask_join(member_id=second.member_id))
    assert (answer.leader, answer.members) == (first.member_id, ())


def test_a_new_dynamic_member_is_first_told_its_id() -> None:
    """Since version 4 (KIP-394); the group does not wait for it meanwhile, and describes none."""
    bench = Bench()
    told = bench.joined(bench.ask_join("shop", version=4))
    assert (told.error, told.member_id) == (ErrorCode.member_id_required, "shop-1")
    assert bench.state() == "Empty"
    assert bench.coordinator.statistics().pending_members == 1
    answer = bench.joined(bench.ask_join("shop", member_id="shop-1", version=4))
    assert (answer.error, answer.member_id) == (ErrorCode.none, "shop-1")
    assert bench.coordinator.statistics().pending_members == 0


def test_an_id_that_nobody_comes_back_with_expires() -> None:
    """A rebalance waits for it, but not longer than its session."""
    bench = Bench()
    (member,) = bench.stable("a")
    told = bench.joined(bench.ask_join("b", version=5, session_timeout_ms=10_000))
    again = bench.ask_join(member_id=member.member_id)
    bench.pass_time(9_999)
    assert bench.waits(again)
    bench.pass_time(1)
    assert bench.joined(again).generation == member.generation + 1
    late = bench.joined(bench.ask_join("b", member_id=told.member_id, version=5))
    assert late.error is ErrorCode.unknown_member_id


def test_a_pending_id_with_an_instance_id_is_a_client_that_does_not_exist() -> None:
    """Kafka answers UNKNOWN_SERVER_ERROR, too."""
    bench = Bench()
    told = bench.joined(bench.ask_join(version=5))
    answer = bench.joined(bench.ask_join(member_id=told.member_id, instance_id="i", version=5))
    assert answer.error is ErrorCode.unknown_server_error


@pytest.mark.parametrize("member_id", ["", "somebody-1"])
def test_a_group_needs_a_name(member_id: str) -> None:
    """The member's id comes back."""
    bench = Bench()
    answer = bench.joined(bench.ask_join(group="", member_id=member_id))
    assert (answer.error, answer.member_id) == (ErrorCode.invalid_group_id, member_id)


@pytest.mark.parametrize(
    ("timeout_ms", "error"),
    [
        (5_999, ErrorCode.invalid_session_timeout),
        (6_000, ErrorCode.none),
        (1_800_000, ErrorCode.none),
        (1_800_001, ErrorCode.invalid_session_timeout),
    ],
)
def test_a_session_is_as_long_as_the_broker_allows(timeout_ms: int, error: ErrorCode) -> None:
    """Kafka's defaults: six seconds to half an hour."""
    bench = Bench()
    assert bench.joined(bench.ask_join(session_timeout_ms=timeout_ms)).error is error


def test_an_id_that_the_group_does_not_know_is_refused() -> None:
    """In a group that exists and in one that does not; the latter is not made by that."""
    bench = Bench()
    assert bench.joined(bench.ask_join(member_id="x")).error is ErrorCode.unknown_member_id
    assert bench.coordinator.list_groups() == ()
    bench.stable("a")
    assert bench.joined(bench.ask_join(member_id="x")).error is ErrorCode.unknown_member_id


def test_the_first_member_must_support_something() -> None:
    """A refused first join leaves an empty group behind, as in Kafka; it is cleaned up later."""
    bench = Bench()
    assert bench.joined(bench.ask_join(protocols=())).error is (
        ErrorCode.inconsistent_group_protocol
    )
    assert bench.joined(bench.ask_join(protocol_type="")).error is (
        ErrorCode.inconsistent_group_protocol
    )
    assert bench.state() == "Empty"
    bench.pass_time(AtOnce.offsets_retention_check_interval_ms)
    assert bench.state() == "Dead"


def test_who_has_nothing_in_common_with_the_members_is_refused() -> None:
    """Neither another type of protocol, nor assignors that not all know."""
    bench = Bench()
    (member,) = bench.stable("a", protocols=(("range", b""), ("sticky", b"")))
    wrong = ErrorCode.inconsistent_group_protocol
    assert bench.joined(bench.ask_join(protocol_type="connect")).error is wrong
    assert bench.joined(bench.ask_join(protocols=(("other", b""),))).error is wrong
    answer = bench.joined(bench.ask_join(member_id=member.member_id, protocols=(("other", b""),)))
    assert (answer.error, answer.member_id) == (wrong, member.member_id)
    assert bench.state() == "Stable"


def test_members_vote_for_the_protocol() -> None:
    """The group takes the one that most prefer among those that all know."""
    bench = Bench()
    both = (("new", b""), ("old", b"o"))
    first = bench.joined(bench.ask_join(protocols=both))
    assert first.protocol_name == "new"
    second = bench.ask_join(protocols=(("old", b"o"),))
    again = bench.ask_join(member_id=first.member_id, protocols=both)
    assert bench.joined(again).protocol_name == bench.joined(second).protocol_name == "old"
    assert [one.metadata for one in bench.joined(again).members] == [b"o", b"o"]


def test_a_protocol_that_is_named_twice_has_one_vote() -> None:
    """Apache Kafka counts it twice and fails; we take what was meant."""
    bench = Bench()
    answer = bench.joined(bench.ask_join(protocols=(*RANGE, *RANGE)))
    assert (answer.error, answer.protocol_name) == (ErrorCode.none, "range")


def test_a_full_group_takes_nobody_new() -> None:
    """group.max.size; its members stay."""
    bench = Bench(GroupConfig(initial_rebalance_delay_ms=0, max_size=2))
    first, second = bench.stable("a", "b")
    answer = bench.joined(bench.ask_join("c"))
    assert (answer.error, answer.member_id) == (ErrorCode.group_max_size_reached, "")
    assert bench.joined(bench.ask_join(member_id=second.member_id)).error is ErrorCode.none
    assert bench.state() == "Stable"
    assert bench.heartbeat(first) is ErrorCode.none


def test_when_the_limit_was_lowered_the_last_to_join_are_out() -> None:
    """In a rebalance the joins that wait are counted, and who is refused is no member any more."""
    bench = Bench()
    members = bench.stable("a", "b", "c")
    bench.coordinator.config = GroupConfig(initial_rebalance_delay_ms=0, max_size=2)
    tokens = [bench.ask_join(member_id=member.member_id) for member in members]
    assert [bench.joined(token).error for token in tokens[2:]] == [ErrorCode.group_max_size_reached]
    bench.pass_time(60_000)
    assert [bench.member(token).generation for token in tokens[:2]] == [3, 3]


def test_in_a_stable_group_a_follower_that_says_nothing_new_gets_what_is() -> None:
    """It may have missed the answer; nobody else is disturbed."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    answer = bench.joined(bench.ask_join(member_id=follower.member_id))
    assert (answer.error, answer.generation) == (ErrorCode.none, follower.generation)
    assert bench.state() == "Stable"
    assert bench.heartbeat(leader) is ErrorCode.none


def test_in_a_stable_group_a_leader_that_joins_asks_for_a_rebalance() -> None:
    """Topics have changed, perhaps, which its metadata does not show."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    token = bench.ask_join(member_id=leader.member_id)
    assert bench.waits(token)
    assert bench.heartbeat(follower) is ErrorCode.rebalance_in_progress
    bench.ask_join(member_id=follower.member_id)
    assert bench.joined(token).generation == leader.generation + 1


def test_new_metadata_of_a_follower_ask_for_a_rebalance() -> None:
    """It wants other topics."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    other = (("range", subscription("payments")),)
    token = bench.ask_join(member_id=follower.member_id, protocols=other)
    assert bench.waits(token)
    again = bench.ask_join(member_id=leader.member_id)
    assert {one.metadata for one in bench.joined(again).members} == {
        subscription("orders"),
        subscription("payments"),
    }
    assert bench.joined(token).generation == 3


def test_who_missed_its_generation_is_told_again_before_the_assignment_is_there() -> None:
    """A repeated join with the same metadata gets the same answer, a leader all members."""
    bench = Bench()
    first = bench.joined(bench.ask_join("a"))
    second = bench.ask_join("b")
    again = bench.ask_join(member_id=first.member_id)
    once_more = bench.ask_join(member_id=first.member_id)
    assert bench.joined(once_more) == bench.joined(again)
    assert bench.joined(second).generation == bench.joined(again).generation


def test_new_metadata_before_the_assignment_begin_the_rebalance_again() -> None:
    """Those who wait for their assignment are told to join again."""
    bench = Bench()
    first = bench.joined(bench.ask_join("a"))
    second = bench.ask_join("b")
    bench.ask_join(member_id=first.member_id)
    sync = bench.ask_sync(bench.member(second))
    changed = bench.ask_join(member_id=first.member_id, protocols=(("range", b"changed"),))
    assert bench.synced(sync).error is ErrorCode.rebalance_in_progress
    assert bench.waits(changed)
    assert bench.state() == "PreparingRebalance"


def test_a_join_on_another_connection_ends_the_one_before() -> None:
    """Kafka leaves the older one without an answer; here nobody waits for ever."""
    bench = Bench()
    leader, _ = bench.stable("a", "b")
    older = bench.ask_join(member_id=leader.member_id)
    newer = bench.ask_join(member_id=leader.member_id)
    assert bench.joined(older).error is ErrorCode.rebalance_in_progress
    assert bench.waits(newer)


def test_a_join_whose_connection_is_gone_still_counts() -> None:
    """Its group is not disturbed, and nothing is answered to nobody."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    gone = bench.ask_join(member_id=leader.member_id)
    bench.coordinator.forget_token(gone)
    assert bench.joined(bench.ask_join(member_id=follower.member_id)).generation == 3
    assert bench.waits(gone)
    assert bench.coordinator.statistics().waiting == 0


def test_an_answer_that_nobody_has_taken_is_dropped_with_its_connection() -> None:
    """It may have become due just before the connection broke."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    gone = bench.ask_join(member_id=leader.member_id)
    bench.now_ms += 60_000
    bench.coordinator.tick(bench.now_ms)
    bench.coordinator.forget_token(gone)
    assert bench.coordinator.take_answers() == []
    assert bench.heartbeat(follower) is ErrorCode.unknown_member_id


def test_groups_do_not_disturb_each_other() -> None:
    """A rebalance of one is none of another."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.ask_join("a", group="other")
    assert bench.heartbeat(member) is ErrorCode.none
    assert [one.group for one in bench.coordinator.list_groups()] == [GROUP, "other"]


def test_a_member_of_no_group_has_no_heartbeat() -> None:
    """The group was never there, or its name is empty."""
    bench = Bench()
    nobody = Member(member_id="x", generation=1)
    assert bench.heartbeat(nobody) is ErrorCode.unknown_member_id
    error = bench.coordinator.heartbeat("", 1, "x", None, now_ms=bench.now_ms)
    assert error is ErrorCode.invalid_group_id
