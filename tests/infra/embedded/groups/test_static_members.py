"""Static members (KIP-345, KIP-814): the same instance comes back under a new id."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_entry import GroupStored
from tests.infra.embedded.groups.group_bench import Bench, subscription


def test_an_instance_that_comes_back_disturbs_nobody() -> None:
    """The group goes on with its generation and assignments, and is kept with the new id."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    answer = bench.joined(bench.ask_join(instance_id="i-2", version=5))
    assert (answer.error, answer.generation) == (ErrorCode.none, second.generation)
    assert answer.member_id != second.member_id
    assert bench.heartbeat(first) is ErrorCode.none
    second.member_id = answer.member_id
    assert bench.synced(bench.ask_sync(second)).assignment == second.assignment
    kept = bench.journal[-1]
    assert isinstance(kept, GroupStored)
    assert {one.member_id for one in kept.members} == {first.member_id, answer.member_id}


def test_the_old_id_is_fenced_everywhere() -> None:
    """Two processes of one instance: the first one must stop."""
    bench = Bench()
    _, old = bench.static("i-1", "i-2")
    bench.ask_join(instance_id="i-2", version=5)
    fenced = ErrorCode.fenced_instance_id
    assert bench.heartbeat(old) is fenced
    assert bench.synced(bench.ask_sync(old)).error is fenced
    assert bench.commit(1, old) is fenced
    assert bench.commit_in_transaction(1, 5, old) is fenced
    assert [one.error for one in bench.leave(old).members] == [fenced]
    join = bench.ask_join(member_id=old.member_id, instance_id="i-2", version=5)
    assert (bench.joined(join).error, bench.joined(join).member_id) == (fenced, old.member_id)


def test_a_leader_that_comes_back_is_not_to_assign_before_version_9() -> None:
    """It is told that its old self leads, and nobody's metadata."""
    bench = Bench()
    leader, _ = bench.static("i-1", "i-2")
    answer = bench.joined(bench.ask_join(instance_id="i-1", version=5))
    assert (answer.leader, answer.members) == (leader.member_id, ())
    assert not answer.skip_assignment


def test_a_leader_that_comes_back_may_keep_the_assignment_since_version_9() -> None:
    """It leads, knows the members, and does not assign: topics that change are its to watch."""
    bench = Bench()
    bench.static("i-1", "i-2")
    answer = bench.joined(bench.ask_join(instance_id="i-1", version=9))
    assert answer.leader == answer.member_id
    assert answer.skip_assignment
    assert len(answer.members) == 2
    follower = bench.joined(bench.ask_join(instance_id="i-2", version=9))
    assert (follower.skip_assignment, follower.members) == (False, ())


def test_an_instance_that_changes_the_election_begins_a_rebalance() -> None:
    """The group's protocol would be another in the next generation."""
    bench = Bench()
    both = (("new", b""), ("old", b""))
    (member,) = bench.static("i-1", protocols=both)
    token = bench.ask_join(instance_id="i-1", version=5, protocols=(("old", b""), ("new", b"")))
    answer = bench.joined(token)
    assert (answer.generation, answer.protocol_name) == (member.generation + 1, "old")


def test_new_metadata_alone_begin_no_rebalance() -> None:
    """Kafka compares the protocol's name only."""
    bench = Bench()
    (member,) = bench.static("i-1")
    token = bench.ask_join(
        instance_id="i-1", version=5, protocols=(("range", subscription("payments")),)
    )
    assert bench.joined(token).generation == member.generation


def test_before_the_assignment_a_return_begins_the_rebalance_again() -> None:
    """The leader knows only the old id. The old one's sync is fenced, the others join again."""
    bench = Bench()
    first, _ = bench.static("i-1", "i-2")
    changed = (("range", subscription("payments")),)
    join = bench.ask_join(
        member_id=first.member_id, instance_id="i-1", version=5, protocols=changed
    )
    second = bench.member(bench.ask_join(instance_id="i-2", version=5), "i-2")
    waiting = bench.ask_sync(second)
    again = bench.ask_join(instance_id="i-2", version=5)
    assert bench.synced(waiting).error is ErrorCode.fenced_instance_id
    assert bench.waits(again)
    assert bench.heartbeat(bench.member(join, "i-1")) is ErrorCode.rebalance_in_progress


def test_in_a_rebalance_the_old_ids_join_is_fenced() -> None:
    """The new one waits in its place."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    older = bench.ask_join(member_id=first.member_id, instance_id="i-1", version=5)
    newer = bench.ask_join(instance_id="i-1", version=5)
    assert bench.joined(older).error is ErrorCode.fenced_instance_id
    bench.ask_join(member_id=second.member_id, instance_id="i-2", version=5)
    assert bench.joined(newer).leader == bench.joined(newer).member_id


def test_a_static_member_that_does_not_join_stays_until_its_session_ends() -> None:
    """Its partitions are not given away in a restart that is faster than the session."""
    bench = Bench()
    away = bench.ask_join(instance_id="i-1", version=5, session_timeout_ms=300_000)
    member = bench.member(away, "i-1")
    bench.assign([member])
    new = bench.ask_join("b")
    bench.pass_time(60_000)
    answer = bench.joined(new)
    assert answer.leader == answer.member_id
    assert {one.instance_id for one in answer.members} == {"i-1", None}


def test_an_instance_that_is_not_known_is_an_unknown_member() -> None:
    """Whatever its member id."""
    bench = Bench()
    (member,) = bench.stable("a")
    member.instance_id = "i-9"
    assert bench.heartbeat(member) is ErrorCode.unknown_member_id


def test_the_leader_that_leaves_hands_over() -> None:
    """A group always has a leader that is a member."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    bench.leave(first)
    answer = bench.joined(bench.ask_join(instance_id="i-2", version=9))
    assert answer.leader == answer.member_id != second.member_id
