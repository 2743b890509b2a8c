"""Groups by the classic protocol: join, sync, heartbeat, leave, and who is thrown out.

KIP-394 (member ids), KIP-62 (rebalance time-out), KIP-559, KIP-800.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient
from tests.conformance.raw_member import (
    PROTOCOLS,
    MakeMember,
    joined_by,
    rejoined,
    subscription,
)

WHAT_I_READ = PROTOCOLS[0][1]
AND_I = subscription("and-i")
SHORT_MS = 2_000
"""What a test waits for, and yet so long that a busy machine takes its steps in time before."""


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_old_joins_take_anybody_at_once(version: int, member: MakeMember) -> None:
    """Before v4 a member without an id is given one with the join itself."""
    one = member()
    answer = one.try_join(version=version)
    assert not answer.error_code
    assert answer.generation_id == 1
    assert answer.leader == answer.member_id == one.member_id != ""
    assert [each.member_id for each in answer.members] == [one.member_id]


@pytest.mark.parametrize("version", [4, 5, 6, 7, 8, 9])
def test_new_joins_ask_for_the_id_first(version: int, member: MakeMember) -> None:
    """From v4 on a member gets its id with `member_id_required`, and joins with it (KIP-394)."""
    one = member()
    first = one.try_join(version=version)
    assert first.error_code == ErrorCode.member_id_required
    assert first.member_id == one.member_id != ""
    second = one.try_join(version=version)
    assert (second.error_code, second.member_id) == (ErrorCode.none, one.member_id)
    assert (second.generation_id, second.leader) == (1, one.member_id)
    assert second.protocol_name == "range"
    if version >= 7:
        assert second.protocol_type == "consumer"


def test_an_id_begins_with_the_name_of_its_client(
    member: MakeMember, connect: Callable[..., RawClient]
) -> None:
    """Client id, dash, and something unique; of a static member its instance id."""
    one = member(client=connect(client_id="reader"))
    one.try_join()
    assert one.member_id.startswith("reader-")
    static = member(instance_id="seat")
    static.join()
    assert static.member_id.startswith("seat-")


def test_the_leader_gets_everybody_s_metadata(member: MakeMember) -> None:
    """The others get none; all get the same generation, protocol and leader."""
    one, two = member(), member(protocols=[("range", AND_I)])
    one.begin()
    sent_two = two.begin_join()
    until(lambda: one.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    sent_one = one.begin_join()
    first, second = one.joined(sent_one), two.joined(sent_two)
    assert first.generation_id == second.generation_id == 2
    assert first.leader == second.leader == one.member_id
    assert {each.member_id: each.metadata for each in first.members} == {
        one.member_id: WHAT_I_READ,
        two.member_id: AND_I,
    }
    assert second.members == ()


def test_the_leader_assigns(member: MakeMember) -> None:
    """Each member gets what the leader gave it, and waits for that."""
    one, two = member(), member()
    one.begin()
    sent_two = two.begin_join()
    one.joined(one.begin_join())
    two.joined(sent_two)
    waiting = two.send_sync()
    assert two.client.is_silent(for_s=0.05)
    mine = one.sync({one.member_id: b"left", two.member_id: b"right"})
    theirs = two.client.answer(waiting)
    assert (mine.error_code, mine.assignment) == (ErrorCode.none, b"left")
    assert (theirs.error_code, theirs.assignment) == (ErrorCode.none, b"right")


def test_a_stable_member_may_sync_again(member: MakeMember) -> None:
    """It gets the same assignment."""
    one = member()
    one.begin()
    again = one.sync()
    assert (again.error_code, again.assignment) == (ErrorCode.none, b"all")


def test_who_is_not_assigned_anything_gets_nothing(member: MakeMember) -> None:
    """An assignment that the leader leaves out is empty."""
    one = member()
    one.join()
    answer = one.sync({})
    assert (answer.error_code, answer.assignment) == (ErrorCode.none, b"")


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 5])
def test_each_version_syncs(version: int, member: MakeMember) -> None:
    """v5 tells type and name of the protocol (KIP-559)."""
    one = member()
    one.join()
    answer = one.client.ask(
        "sync_group",
        version,
        group_id=one.group,
        generation_id=one.generation,
        member_id=one.member_id,
        **({"protocol_type": "consumer", "protocol_name": "range"} if version >= 5 else {}),
        assignments=[{"member_id": one.member_id, "assignment": b"all"}],
    )
    assert (answer.error_code, answer.assignment) == (ErrorCode.none, b"all")
    if version >= 5:
        assert (answer.protocol_type, answer.protocol_name) == ("consumer", "range")


def test_a_sync_for_another_protocol_is_refused(member: MakeMember) -> None:
    """v5 says what it believes the protocol to be, and that must be true."""
    one = member()
    one.join()
    answer = one.client.ask(
        "sync_group",
        5,
        group_id=one.group,
        generation_id=one.generation,
        member_id=one.member_id,
        protocol_type="consumer",
        protocol_name="sticky",
    )
    assert answer.error_code == ErrorCode.inconsistent_group_protocol


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_each_version_of_heartbeat(version: int, member: MakeMember) -> None:
    """A stable member of the present generation is told nothing."""
    one = member()
    one.begin()
    answer = one.client.ask(
        "heartbeat",
        version,
        group_id=one.group,
        generation_id=one.generation,
        member_id=one.member_id,
    )
    assert answer.error_code == ErrorCode.none


def test_strangers_are_unknown(member: MakeMember, topic: str) -> None:
    """A member id that the group never gave, for each request that names one."""
    one = member()
    one.begin()
    stranger = replace(one, member_id="stranger")
    assert stranger.heartbeat() == ErrorCode.unknown_member_id
    assert stranger.sync().error_code == ErrorCode.unknown_member_id
    assert stranger.leave() == ErrorCode.unknown_member_id
    assert stranger.commit(topic, 1) == ErrorCode.unknown_member_id
    assert stranger.try_join().error_code == ErrorCode.unknown_member_id
    assert one.heartbeat() == ErrorCode.none


def test_a_group_that_is_not_there_knows_nobody(member: MakeMember, topic: str) -> None:
    """As strangers are; an offset with a generation is refused, too."""
    one = member(member_id="somebody", generation=3)
    assert one.heartbeat() == ErrorCode.unknown_member_id
    assert one.sync().error_code == ErrorCode.unknown_member_id
    assert one.leave() == ErrorCode.unknown_member_id
    assert one.try_join().error_code == ErrorCode.unknown_member_id
    assert one.commit(topic, 1) == ErrorCode.illegal_generation


def test_other_generations_are_illegal(member: MakeMember, topic: str) -> None:
    """Older or newer than the present one."""
    one = member()
    one.begin()
    for generation in (0, 2):
        other = replace(one, generation=generation)
        assert other.heartbeat() == ErrorCode.illegal_generation
        assert other.sync().error_code == ErrorCode.illegal_generation
        assert other.commit(topic, 1) == ErrorCode.illegal_generation
    assert one.commit(topic, 1) == ErrorCode.none


def test_a_generation_may_commit_while_it_rebalances(member: MakeMember, topic: str) -> None:
    """Until the next generation has begun, the offsets of the last one are taken."""
    one, two = member(), member()
    one.begin()
    sent = two.begin_join()
    until(lambda: one.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    assert one.commit(topic, 5) == ErrorCode.none
    assert one.sync().error_code == ErrorCode.rebalance_in_progress
    one.joined(one.begin_join())
    two.joined(sent)
    assert one.commit(topic, 6) == ErrorCode.rebalance_in_progress


def test_a_leader_that_joins_again_begins_a_rebalance(member: MakeMember) -> None:
    """It may want to assign anew; a follower that joins again as it was gets its old answer."""
    one, two = member(), member()
    one.begin()
    leader = joined_by(one, two)
    follower = two if leader is one else one
    again = follower.try_join()
    assert (again.error_code, again.generation_id) == (ErrorCode.none, follower.generation)
    assert leader.heartbeat() == ErrorCode.none
    sent = leader.send_join()
    until(lambda: follower.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    assert follower.try_join().generation_id == again.generation_id + 1
    assert leader.joined(sent).generation_id == again.generation_id + 1


def test_a_member_that_changes_its_metadata_begins_a_rebalance(member: MakeMember) -> None:
    """For instance because it reads other topics."""
    one, two = member(), member()
    one.begin()
    leader = joined_by(one, two)
    follower = two if leader is one else one
    follower.protocols = [("range", subscription("other-topics"))]
    sent = follower.send_join()
    until(lambda: leader.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    leader.try_join()
    assert follower.joined(sent).generation_id == leader.generation


def test_leaving_begins_a_rebalance(member: MakeMember) -> None:
    """Those who stay are told with their next heartbeat; the last one leaves an empty group."""
    one, two = member(), member()
    one.begin()
    joined_by(one, two)
    assert two.leave() == ErrorCode.none
    assert one.heartbeat() == ErrorCode.rebalance_in_progress
    assert two.heartbeat() == ErrorCode.unknown_member_id
    answer = one.try_join()
    assert [each.member_id for each in answer.members] == [one.member_id]
    assert one.leave() == ErrorCode.none


@pytest.mark.parametrize("version", [0, 1, 2])
def test_old_versions_leave_one_by_one(version: int, member: MakeMember) -> None:
    """Before v3 the request names one member, and the error stands at its top."""
    one = member()
    one.begin()
    for expected in (ErrorCode.none, ErrorCode.unknown_member_id):
        answer = one.client.ask("leave_group", version, group_id=one.group, member_id=one.member_id)
        assert answer.error_code == expected


@pytest.mark.parametrize("version", [3, 4, 5])
def test_new_versions_leave_together(version: int, member: MakeMember) -> None:
    """Each member of the request has its own answer."""
    one = member()
    one.begin()
    answer = one.client.ask(
        "leave_group",
        version,
        group_id=one.group,
        members=[{"member_id": one.member_id}, {"member_id": "stranger"}],
    )
    assert not answer.error_code
    assert {each.member_id: each.error_code for each in answer.members} == {
        one.member_id: ErrorCode.none,
        "stranger": ErrorCode.unknown_member_id,
    }


def test_the_protocol_is_one_that_all_support(member: MakeMember) -> None:
    """By the votes of the members: each votes for the first of its own that all know."""
    one = member(protocols=[("range", subscription()), ("sticky", subscription(note=b"one"))])
    two = member(protocols=[("only-mine", subscription()), ("sticky", subscription(note=b"two"))])
    one.begin()
    sent = two.begin_join()
    until(lambda: one.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    first = one.try_join()
    assert first.protocol_name == two.joined(sent).protocol_name == "sticky"
    assert {each.metadata for each in first.members} == {
        subscription(note=b"one"),
        subscription(note=b"two"),
    }


@pytest.mark.parametrize(
    "wish",
    [{"protocols": [("other", subscription())]}, {"protocol_type": "connect"}, {"protocols": []}],
    ids=["no common one", "other type", "none"],
)
def test_who_has_no_protocol_of_the_group_may_not_join(
    wish: dict[str, Any], member: MakeMember
) -> None:
    """The group goes on as it was."""
    one, two = member(), member(**wish)
    one.begin()
    answer = two.try_join()
    assert answer.error_code == ErrorCode.inconsistent_group_protocol
    assert one.heartbeat() == ErrorCode.none


@pytest.mark.parametrize("wish", [{"protocols": []}, {"protocol_type": ""}], ids=["none", "type"])
def test_a_group_takes_a_protocol(wish: dict[str, Any], member: MakeMember) -> None:
    """Also the first member must name a type and at least one protocol."""
    answer = member(**wish).try_join()
    assert answer.error_code == ErrorCode.inconsistent_group_protocol


@pytest.mark.parametrize("session_ms", [0, 299, 1_800_001])
def test_session_timeouts_have_limits(session_ms: int, member: MakeMember) -> None:
    """group.min.session.timeout.ms and group.max.session.timeout.ms."""
    answer = member(session_timeout_ms=session_ms).try_join()
    assert answer.error_code == ErrorCode.invalid_session_timeout


def test_an_empty_group_id_is_invalid(member: MakeMember) -> None:
    """For whatever names one."""
    one = member(group="", member_id="somebody", generation=1)
    assert one.try_join().error_code == ErrorCode.invalid_group_id
    assert one.heartbeat() == ErrorCode.invalid_group_id
    assert one.sync().error_code == ErrorCode.invalid_group_id


def test_a_group_has_a_largest_size(member: MakeMember) -> None:
    """group.max.size: the one too many is refused."""
    members = [member() for _ in range(3)]
    members[0].begin()
    sent = [each.begin_join() for each in members[1:]]
    until(lambda: members[0].heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    members[0].try_join()
    for each, join in zip(members[1:], sent, strict=True):
        assert not each.joined(join).error_code
    assert member().try_join().error_code == ErrorCode.group_max_size_reached


def test_a_silent_member_is_thrown_out(member: MakeMember, broker: BrokerUnderTest) -> None:
    """After its session time-out without a heartbeat; the others rebalance."""
    one, two = member(), member(session_timeout_ms=SHORT_MS)
    one.begin()
    joined_by(one, two)
    broker.pass_time(SHORT_MS + 100)
    until(lambda: one.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
    assert two.heartbeat() == ErrorCode.unknown_member_id
    assert len(one.try_join().members) == 1


def test_who_does_not_join_again_in_time_is_thrown_out(
    member: MakeMember, broker: BrokerUnderTest
) -> None:
    """A rebalance waits for the longest rebalance time-out of the members, heartbeats or not."""
    one = member(rebalance_timeout_ms=SHORT_MS)
    two = member(rebalance_timeout_ms=SHORT_MS)
    one.begin()
    sent = two.begin_join()
    broker.pass_time(SHORT_MS + 100)
    answer = two.joined(sent)
    assert not answer.error_code
    assert [each.member_id for each in answer.members] == [two.member_id]
    assert one.heartbeat() == ErrorCode.unknown_member_id


def test_who_got_an_id_and_never_came_is_forgotten(
    member: MakeMember, broker: BrokerUnderTest
) -> None:
    """A pending id lasts as long as the session time-out it was asked for with."""
    one = member(session_timeout_ms=300)
    one.try_join()
    described = Conversation(one.client)
    broker.pass_time(400)
    until(
        lambda: described.state_of(one.group) in {"Empty", "Dead"},
        what="the pending member to be forgotten",
    )
    until(
        lambda: replace(one).try_join().error_code == ErrorCode.unknown_member_id,
        what="the pending id to be unknown",
    )


def test_a_closed_connection_is_no_leave(member: MakeMember, broker: BrokerUnderTest) -> None:
    """A member that lost its connection is still one until its session times out."""
    one, two = member(), member()
    one.begin()
    joined_by(one, two)
    two.client.close()
    assert one.heartbeat() == ErrorCode.none
    with RawClient(broker.address) as another:
        assert replace(two, client=another).heartbeat() == ErrorCode.none


def test_members_rebalance_again_and_again(member: MakeMember) -> None:
    """Each time the generation rises by one."""
    one, two = member(), member()
    one.begin()
    leader = joined_by(one, two)
    other = two if leader is one else one
    for generation in (3, 4, 5):
        rejoined(leader, other)
        assert (one.generation, two.generation) == (generation, generation)
        assert leader.heartbeat() == other.heartbeat() == ErrorCode.none
