"""Static members: who has an instance id keeps its place in the group (KIP-345)."""

from dataclasses import replace

from kio.schema.errors import ErrorCode

from tests.conformance.raw_member import MakeMember, joined_by


def test_a_static_member_keeps_its_place(member: MakeMember) -> None:
    """Who comes back with an instance id takes its former place, without a rebalance."""
    one, static = member(), member(instance_id="seat")
    one.begin()
    leader = joined_by(one, static)
    assert leader is one
    back = member(instance_id="seat")
    answer = back.try_join()
    assert (answer.error_code, answer.generation_id) == (ErrorCode.none, static.generation)
    assert back.member_id != static.member_id
    assert one.heartbeat() == ErrorCode.none
    assert back.sync().assignment == b"2"
    assert back.heartbeat() == ErrorCode.none


def test_the_former_holder_of_a_seat_is_fenced(member: MakeMember, topic: str) -> None:
    """Whatever it asks for with its old member id."""
    old = member(instance_id="seat")
    old.begin()
    new = member(instance_id="seat")
    new.begin()
    assert old.heartbeat() == ErrorCode.fenced_instance_id
    assert old.sync().error_code == ErrorCode.fenced_instance_id
    assert old.commit(topic, 1) == ErrorCode.fenced_instance_id
    assert old.try_join().error_code == ErrorCode.fenced_instance_id
    assert old.leave() == ErrorCode.fenced_instance_id
    assert new.heartbeat() == ErrorCode.none


def test_a_static_member_leaves_by_its_seat(member: MakeMember) -> None:
    """An administrator names the instance only; an unknown instance is an unknown member."""
    static = member(instance_id="seat")
    static.begin()
    answer = static.client.ask(
        "leave_group",
        3,
        group_id=static.group,
        members=[{"group_instance_id": "seat"}, {"group_instance_id": "nobody's"}],
    )
    assert {each.group_instance_id: each.error_code for each in answer.members} == {
        "seat": ErrorCode.none,
        "nobody's": ErrorCode.unknown_member_id,
    }
    assert static.heartbeat() == ErrorCode.unknown_member_id


def test_a_seat_is_unknown_until_somebody_has_taken_it(member: MakeMember) -> None:
    """An instance id together with a made-up member id."""
    one = member()
    one.begin()
    nobody = replace(one, instance_id="seat", member_id="made-up")
    assert nobody.heartbeat() == ErrorCode.unknown_member_id
    assert nobody.try_join().error_code == ErrorCode.unknown_member_id
