"""Syncs: the leader brings the assignment, each member takes its own."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_entry import GroupStored
from tests.infra.embedded.groups.group_bench import Bench, Member


def two(bench: Bench) -> tuple[Member, Member]:
    """Two members whose group waits for its leader's assignment."""
    first = bench.member(bench.ask_join("a"))
    second = bench.ask_join("b")
    again = bench.ask_join(member_id=first.member_id)
    return bench.member(again), bench.member(second)


def test_followers_wait_for_the_leader() -> None:
    """Then each has its own, and the group is stable and kept."""
    bench = Bench()
    leader, follower = two(bench)
    waiting = bench.ask_sync(follower)
    assert bench.waits(waiting)
    own = bench.ask_sync(leader, {leader.member_id: b"left", follower.member_id: b"right"})
    assert bench.synced(own).assignment == b"left"
    answer = bench.synced(waiting)
    assert (answer.assignment, answer.protocol_type, answer.protocol_name) == (
        b"right",
        "consumer",
        "range",
    )
    assert bench.state() == "Stable"
    kept = bench.journal[-1]
    assert isinstance(kept, GroupStored)
    assert [member.assignment for member in kept.members] == [b"left", b"right"]


def test_who_is_not_named_gets_an_empty_assignment() -> None:
    """And who is named without being a member, none."""
    bench = Bench()
    leader, follower = two(bench)
    waiting = bench.ask_sync(follower)
    bench.ask_sync(leader, {leader.member_id: b"all", "stranger": b"x"})
    assert (bench.synced(waiting).error, bench.synced(waiting).assignment) == (ErrorCode.none, b"")


def test_assignments_of_a_follower_are_not_looked_at() -> None:
    """Only the leader assigns."""
    bench = Bench()
    leader, follower = two(bench)
    waiting = bench.ask_sync(follower, {follower.member_id: b"all"})
    assert bench.waits(waiting)
    bench.ask_sync(leader, {leader.member_id: b"all"})
    assert bench.synced(waiting).assignment == b""


def test_a_stable_group_answers_again() -> None:
    """A member that missed its assignment asks once more."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    for member in (leader, follower):
        assert bench.synced(bench.ask_sync(member)).assignment == member.assignment


def test_in_a_rebalance_a_sync_is_told_to_join() -> None:
    """There is no assignment to wait for."""
    bench = Bench()
    _, follower = bench.stable("a", "b")
    bench.ask_join("c")
    assert bench.synced(bench.ask_sync(follower)).error is ErrorCode.rebalance_in_progress


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"generation": 1}, ErrorCode.illegal_generation),
        ({"generation": 3}, ErrorCode.illegal_generation),
        ({"member_id": "stranger"}, ErrorCode.unknown_member_id),
        ({"instance_id": "i"}, ErrorCode.unknown_member_id),
    ],
)
def test_who_is_not_a_member_of_this_generation_is_refused(
    change: dict[str, str | int], error: ErrorCode
) -> None:
    """Whatever does not fit."""
    bench = Bench()
    _, member = bench.stable("a", "b")
    for name, value in change.items():
        setattr(member, name, value)
    assert bench.synced(bench.ask_sync(member)).error is error


def test_a_group_without_members_knows_nobody() -> None:
    """Whether it is empty or was never there."""
    bench = Bench()
    nobody = Member(member_id="x", generation=0)
    assert bench.synced(bench.ask_sync(nobody)).error is ErrorCode.unknown_member_id
    bench.commit(1)
    assert bench.synced(bench.ask_sync(nobody)).error is ErrorCode.unknown_member_id


@pytest.mark.parametrize(
    ("protocol_type", "protocol_name", "error"),
    [
        ("consumer", "range", ErrorCode.none),
        ("connect", "range", ErrorCode.inconsistent_group_protocol),
        ("consumer", "sticky", ErrorCode.inconsistent_group_protocol),
        (None, None, ErrorCode.none),
    ],
)
def test_a_member_that_believes_in_another_protocol_is_refused(
    protocol_type: str | None, protocol_name: str | None, error: ErrorCode
) -> None:
    """Since version 5 (KIP-559); before, members do not say."""
    bench = Bench()
    _, member = bench.stable("a", "b")
    token = bench.ask_sync(member, protocol_type=protocol_type, protocol_name=protocol_name)
    assert bench.synced(token).error is error


def test_who_does_not_sync_within_the_rebalance_timeout_is_out() -> None:
    """Even when the group is stable by then; the others begin a new rebalance."""
    bench = Bench()
    leader, follower = two(bench)
    bench.ask_sync(leader, {leader.member_id: b"all"})
    for _ in range(6):
        assert bench.heartbeat(leader) is bench.heartbeat(follower) is ErrorCode.none
        bench.pass_time(10_000)
    assert bench.heartbeat(follower) is ErrorCode.unknown_member_id
    assert bench.heartbeat(leader) is ErrorCode.rebalance_in_progress


def test_when_the_leader_does_not_sync_the_others_are_told_to_join() -> None:
    """Who waits with its sync stays a member."""
    bench = Bench()
    leader, follower = two(bench)
    waiting = bench.ask_sync(follower)
    for _ in range(6):
        bench.heartbeat(leader)
        bench.pass_time(10_000)
    assert bench.synced(waiting).error is ErrorCode.rebalance_in_progress
    answer = bench.joined(bench.ask_join(member_id=follower.member_id))
    assert answer.leader == follower.member_id
    assert bench.heartbeat(leader) is ErrorCode.unknown_member_id


def test_when_all_have_synced_nobody_is_removed_later() -> None:
    """The rebalance timeout is over for good."""
    bench = Bench()
    members = bench.stable("a", "b")
    for _ in range(30):
        bench.pass_time(10_000)
        assert {bench.heartbeat(member) for member in members} == {ErrorCode.none}


def test_a_sync_on_another_connection_ends_the_one_before() -> None:
    """Kafka leaves the older one without an answer; here nobody waits for ever."""
    bench = Bench()
    leader, follower = two(bench)
    older, newer = bench.ask_sync(follower), bench.ask_sync(follower)
    assert bench.synced(older).error is ErrorCode.rebalance_in_progress
    bench.ask_sync(leader, {follower.member_id: b"right"})
    assert bench.synced(newer).assignment == b"right"


def test_a_group_that_kafka_could_not_write_fails_its_syncs() -> None:
    """Its record would be larger than message.max.bytes: UNKNOWN_SERVER_ERROR, and once more."""
    bench = Bench(GroupConfig(initial_rebalance_delay_ms=0, group_record_max_bytes=1_000))
    leader, follower = two(bench)
    waiting = bench.ask_sync(follower)
    own = bench.ask_sync(leader, {follower.member_id: b"x" * 1_000})
    assert {bench.synced(own).error, bench.synced(waiting).error} == {
        ErrorCode.unknown_server_error
    }
    assert bench.state() == "PreparingRebalance"
