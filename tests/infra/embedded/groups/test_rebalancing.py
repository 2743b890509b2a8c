"""Rebalances: who is waited for, and for how long."""

from kio.schema.errors import ErrorCode

from tests.infra.embedded.groups.group_bench import Bench, Member, subscription


def test_who_does_not_join_within_the_rebalance_timeout_is_out() -> None:
    """The longest of the members' timeouts counts; heartbeats alone do not help."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    token = bench.ask_join("c", rebalance_timeout_ms=90_000)
    again = bench.ask_join(member_id=leader.member_id)
    for _ in range(9):
        bench.pass_time(9_999)
        assert bench.heartbeat(follower) is ErrorCode.rebalance_in_progress
        assert bench.waits(again)
    bench.pass_time(9)
    assert len(bench.joined(again).members) == 2
    assert not bench.waits(token)
    assert bench.heartbeat(follower) is ErrorCode.unknown_member_id


def test_when_the_leader_does_not_join_another_leads() -> None:
    """One of those who did."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    bench.ask_join(member_id=follower.member_id, protocols=(("range", subscription("payments")),))
    again = bench.ask_join(member_id=follower.member_id)
    bench.pass_time(60_000)
    answer = bench.joined(again)
    assert answer.leader == follower.member_id
    assert [one.member_id for one in answer.members] == [follower.member_id]
    assert bench.heartbeat(leader) is ErrorCode.unknown_member_id


def test_a_new_member_that_waits_too_long_is_out() -> None:
    """Five minutes: nobody can say whether it is still there (its answer says: begin again)."""
    bench = Bench()
    (member,) = bench.stable("a")
    new = bench.ask_join("b", rebalance_timeout_ms=600_000)
    for _ in range(30):
        assert bench.waits(new)
        bench.pass_time(10_000)
        bench.heartbeat(member)
    assert bench.joined(new).error is ErrorCode.unknown_member_id


def test_who_waits_in_a_rebalance_needs_no_heartbeat() -> None:
    """Its connection is held up by the join."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    again = bench.ask_join(member_id=leader.member_id, session_timeout_ms=6_000)
    for _ in range(5):
        bench.pass_time(10_000)
        bench.heartbeat(follower)
    assert bench.waits(again)
    bench.ask_join(member_id=follower.member_id)
    assert bench.joined(again).error is ErrorCode.none


def test_a_timeout_of_zero_waits_for_nobody() -> None:
    """A client may ask for it: those who are there are the generation."""
    bench = Bench()
    first = bench.joined(bench.ask_join("a", rebalance_timeout_ms=0))
    second = bench.ask_join("b", rebalance_timeout_ms=0)
    bench.pass_time(0)
    assert bench.joined(second).leader == bench.joined(second).member_id != first.member_id


def test_a_rebalance_that_nobody_joins_is_no_endless_loop() -> None:
    """Static members stay until their sessions end, although nobody waits for them.

    Kafka tries again after each rebalance timeout, which may be as short as a client likes.
    """
    bench = Bench()
    token = bench.ask_join(
        instance_id="i", version=5, rebalance_timeout_ms=1, session_timeout_ms=300_000
    )
    member = bench.member(token, "i")
    bench.assign([member])
    new = bench.ask_join("b", rebalance_timeout_ms=0)
    bench.leave(Member(member_id="b-2", generation=-1))
    assert bench.joined(new).error is ErrorCode.unknown_member_id
    bench.pass_time(299_999)
    assert bench.heartbeat(member) is ErrorCode.rebalance_in_progress
    bench.pass_time(300_000)
    assert bench.state() == "Empty"


def test_two_rounds_of_a_cooperative_rebalance() -> None:
    """Members give up what they lose in the first round and join again for the second.

    The coordinator does nothing special for it: a follower whose owned partitions have changed
    brings new metadata, which asks for a rebalance.
    """
    bench = Bench()

    def owns(partitions: bytes) -> tuple[tuple[str, bytes], ...]:
        return (("cooperative-sticky", subscription("orders") + partitions),)

    (old,) = bench.stable("a", protocols=owns(b"0,1"))
    new = bench.ask_join("b", protocols=owns(b""))
    assert bench.heartbeat(old) is ErrorCode.rebalance_in_progress
    leader = bench.member(bench.ask_join(member_id=old.member_id, protocols=owns(b"0,1")))
    follower = bench.member(new)
    assert leader.generation == follower.generation == 2
    waiting = bench.ask_sync(follower)
    bench.ask_sync(leader, {leader.member_id: b"0", follower.member_id: b""})
    assert bench.synced(waiting).assignment == b""

    second = bench.ask_join(member_id=leader.member_id, protocols=owns(b"0"))
    assert bench.heartbeat(follower) is ErrorCode.rebalance_in_progress
    follower = bench.member(bench.ask_join(member_id=follower.member_id, protocols=owns(b"")))
    leader = bench.member(second)
    assert leader.generation == follower.generation == 3
    waiting = bench.ask_sync(follower)
    bench.ask_sync(leader, {leader.member_id: b"0", follower.member_id: b"1"})
    assert bench.synced(waiting).assignment == b"1"
    assert bench.state() == "Stable"
