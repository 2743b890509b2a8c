"""Leaving: one member, many, and members that an administrator takes out."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_requests import LeavingMember
from tests.infra.embedded.groups.group_bench import Bench, Member


def test_who_leaves_is_out_at_once_and_the_others_rebalance() -> None:
    """Nobody waits for its session."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    (left,) = bench.leave(leader).members
    assert (left.member_id, left.error) == (leader.member_id, ErrorCode.none)
    assert bench.heartbeat(follower) is ErrorCode.rebalance_in_progress
    answer = bench.joined(bench.ask_join(member_id=follower.member_id))
    assert answer.leader == follower.member_id


def test_the_last_one_leaves_an_empty_group() -> None:
    """Which is kept as such."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.leave(member)
    assert bench.state() == "Empty"
    assert bench.restarted().state() == "Empty"


def test_many_leave_at_once() -> None:
    """Since version 3; each has its own error, and one rebalance is enough for all."""
    bench = Bench()
    first, second, third = bench.stable("a", "b", "c")
    stranger = LeavingMember(member_id="stranger")
    answer = bench.leave(first, stranger, second)
    assert answer.error is ErrorCode.none
    assert [one.error for one in answer.members] == [
        ErrorCode.none,
        ErrorCode.unknown_member_id,
        ErrorCode.none,
    ]
    assert bench.joined(bench.ask_join(member_id=third.member_id)).generation == 3


def test_when_only_strangers_leave_nothing_happens() -> None:
    """The members do not notice."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.leave(
        LeavingMember(member_id="stranger"), LeavingMember(), LeavingMember(instance_id="x")
    )
    assert bench.heartbeat(member) is ErrorCode.none


def test_a_group_that_is_not_there_knows_nobody() -> None:
    """Each member has the error; only an empty name of a group is wrong as a whole."""
    bench = Bench()
    assert [one.error for one in bench.leave(LeavingMember(member_id="x")).members] == [
        ErrorCode.unknown_member_id
    ]
    answer = bench.coordinator.leave("", [LeavingMember(member_id="x")], now_ms=bench.now_ms)
    assert (answer.error, answer.members) == (ErrorCode.invalid_group_id, ())


def test_an_id_that_was_given_out_can_be_given_back() -> None:
    """A rebalance that waited for it goes on."""
    bench = Bench()
    (member,) = bench.stable("a")
    told = bench.joined(bench.ask_join("b", version=5))
    again = bench.ask_join(member_id=member.member_id)
    assert bench.waits(again)
    bench.leave(LeavingMember(member_id=told.member_id))
    assert bench.joined(again).generation == member.generation + 1


def test_static_members_are_taken_out_by_their_instance_id() -> None:
    """An administrator does not know their member ids (KIP-345)."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    (left,) = bench.leave(LeavingMember(instance_id="i-2")).members
    assert (left.member_id, left.instance_id, left.error) == ("", "i-2", ErrorCode.none)
    assert bench.heartbeat(second) is ErrorCode.unknown_member_id
    assert bench.heartbeat(first) is ErrorCode.rebalance_in_progress


def test_a_static_member_under_an_old_id_is_fenced() -> None:
    """It must not take out the one that came after it."""
    bench = Bench()
    (member,) = bench.static("i-1")
    old = Member(member_id="i-1-old", generation=1, instance_id="i-1")
    (left,) = bench.leave(old).members
    assert left.error is ErrorCode.fenced_instance_id
    assert bench.heartbeat(member) is ErrorCode.none


def test_who_is_taken_out_while_it_waits_is_answered() -> None:
    """A join as in Kafka; a sync, which Kafka leaves without an answer, too."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    joining = bench.ask_join(member_id=first.member_id, instance_id="i-1", version=5)
    bench.leave(LeavingMember(instance_id="i-1"))
    assert bench.joined(joining).error is ErrorCode.unknown_member_id
    second = bench.member(
        bench.ask_join(member_id=second.member_id, instance_id="i-2", version=5), "i-2"
    )
    bench.assign([second])
    third = bench.ask_join("c", instance_id="i-3", version=5)
    bench.ask_join(member_id=second.member_id, instance_id="i-2", version=5)
    syncing = bench.ask_sync(bench.member(third, "i-3"))
    bench.leave(LeavingMember(instance_id="i-3"))
    assert bench.synced(syncing).error is ErrorCode.unknown_member_id
