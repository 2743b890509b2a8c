"""Sessions: a member that is silent for too long is out."""

from kio.schema.errors import ErrorCode

from tests.infra.embedded.groups.group_bench import Bench


def test_a_silent_member_is_removed_and_its_group_rebalances() -> None:
    """At the end of its session, not before."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    bench.pass_time(30_000)
    assert bench.heartbeat(leader) is ErrorCode.none
    bench.pass_time(14_999)
    assert bench.heartbeat(leader) is ErrorCode.none
    bench.pass_time(1)
    assert bench.heartbeat(leader) is ErrorCode.rebalance_in_progress
    assert bench.heartbeat(follower) is ErrorCode.unknown_member_id
    assert bench.coordinator.statistics().sessions_expired == 1


def test_what_is_due_happens_before_a_request_is_looked_at() -> None:
    """A heartbeat after the end of the session is late, although nobody called `tick`."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.now_ms += 45_000
    assert bench.heartbeat(member) is ErrorCode.unknown_member_id


def test_the_last_member_leaves_an_empty_group() -> None:
    """Its generation goes on counting."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.pass_time(45_000)
    assert bench.state() == "Empty"
    assert bench.joined(bench.ask_join("a")).generation == member.generation + 2


def test_a_heartbeat_of_another_generation_is_refused_and_does_not_count() -> None:
    """The member must join again, or it expires."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.pass_time(40_000)
    member.generation -= 1
    assert bench.heartbeat(member) is ErrorCode.illegal_generation
    bench.pass_time(5_000)
    assert bench.state() == "Empty"


def test_a_commit_counts_as_a_heartbeat() -> None:
    """In a stable group and in one that gathers its members."""
    bench = Bench()
    leader, follower = bench.stable("a", "b")
    for _ in range(5):
        bench.pass_time(40_000)
        assert bench.commit(7, leader) is bench.commit(7, follower) is ErrorCode.none
    bench.ask_join("c", rebalance_timeout_ms=100_000)
    bench.pass_time(40_000)
    assert bench.commit(8, leader) is ErrorCode.none
    bench.pass_time(40_000)
    assert bench.heartbeat(leader) is ErrorCode.rebalance_in_progress
    assert bench.heartbeat(follower) is ErrorCode.unknown_member_id


def test_who_waits_for_its_assignment_needs_no_heartbeat() -> None:
    """From the answer on it has a whole session again."""
    bench = Bench()
    first = bench.joined(bench.ask_join("a", session_timeout_ms=6_000, rebalance_timeout_ms=90_000))
    second = bench.ask_join("b", session_timeout_ms=6_000, rebalance_timeout_ms=90_000)
    leader = bench.member(
        bench.ask_join(
            member_id=first.member_id, session_timeout_ms=6_000, rebalance_timeout_ms=90_000
        )
    )
    follower = bench.member(second)
    waiting = bench.ask_sync(follower)
    for _ in range(10):
        bench.pass_time(5_000)
        assert bench.heartbeat(leader) is ErrorCode.none
    assert bench.waits(waiting)
    bench.ask_sync(leader, {})
    bench.pass_time(5_999)
    assert bench.heartbeat(follower) is ErrorCode.none


def test_members_that_are_heard_of_ahead_live_through_a_long_step() -> None:
    """And no longer: from that moment on each has one session, in every group."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.coordinator.hear_from_all(now_ms=bench.now_ms + 3_600_000)
    bench.pass_time(3_600_000)
    assert bench.heartbeat(member) is ErrorCode.none
    bench.pass_time(45_000)
    assert bench.state() == "Empty"
