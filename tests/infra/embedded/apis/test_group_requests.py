"""Requests about groups, in every version, over a socket. Expectations are Apache Kafka 4.1's."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient, only
from tests.conformance.raw_member import RawMember

_JOIN_VERSIONS = range(10)
_NOBODY = "nobody"
_METADATA = b"what I read"


def _join(version: int, group: str, **wishes: Any) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "group_id": group,
        "session_timeout": 10_000,
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": _METADATA}],
    }
    if version >= 1:
        fields["rebalance_timeout"] = 10_000
    return fields | wishes


def _joined(client: RawClient, version: int, group: str) -> Any:
    """Join alone, with an id asked for first where the version wants that."""
    answer = client.ask("join_group", version, **_join(version, group))
    if answer.error_code == ErrorCode.member_id_required:
        again = _join(version, group, member_id=answer.member_id)
        answer = client.ask("join_group", version, **again)
    assert not answer.error_code, answer
    return answer


@pytest.mark.parametrize("version", _JOIN_VERSIONS)
def test_a_member_comes_works_and_goes_in_every_version(
    client: RawClient, name: str, version: int
) -> None:
    """Each version of the five requests agrees with the others about one group."""
    joined = _joined(client, version, name)
    assert (joined.generation_id, joined.protocol_name) == (1, "range")
    assert joined.leader == joined.member_id
    assert only(joined.members).metadata == _METADATA
    who = {"group_id": name, "generation_id": 1, "member_id": joined.member_id}
    share = [{"member_id": joined.member_id, "assignment": b"all of it"}]
    sync_version = min(version, 5)
    told = {"protocol_type": "consumer", "protocol_name": "range"} if sync_version == 5 else {}
    synced = client.ask("sync_group", sync_version, **who, **told, assignments=share)
    assert (synced.error_code, synced.assignment) == (ErrorCode.none, b"all of it")
    assert not client.ask("heartbeat", min(version, 4), **who).error_code
    identity = {"member_id": joined.member_id}
    leaving = {"members": [identity]} if version >= 3 else identity
    left = client.ask("leave_group", min(version, 5), group_id=name, **leaving)
    assert not left.error_code
    assert client.ask("describe_groups", 5, groups=[name]).groups[0].group_state == "Empty"


@pytest.mark.parametrize("version", _JOIN_VERSIONS)
def test_a_new_member_needs_an_id_since_version_4(
    client: RawClient, name: str, version: int
) -> None:
    """Before, it is in the group at once (KIP-394)."""
    answer = client.ask("join_group", version, **_join(version, name))
    wanted = ErrorCode.member_id_required if version >= 4 else ErrorCode.none
    assert answer.error_code == wanted
    assert answer.member_id


@pytest.mark.parametrize("version", _JOIN_VERSIONS)
def test_a_refused_join_names_no_protocol(client: RawClient, name: str, version: int) -> None:
    """With an empty text up to version 6, with null later: Java's client insists on either."""
    answer = client.ask("join_group", version, **_join(version, name, member_id=_NOBODY))
    assert answer.error_code == ErrorCode.unknown_member_id
    assert answer.protocol_name == (None if version >= 7 else "")
    assert (answer.generation_id, answer.leader, answer.members) == (-1, "", ())
    assert answer.member_id == _NOBODY


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"group_id": ""}, ErrorCode.invalid_group_id),
        ({"session_timeout": 1}, ErrorCode.invalid_session_timeout),
        ({"session_timeout": 2**31 - 1}, ErrorCode.invalid_session_timeout),
        ({"protocols": []}, ErrorCode.inconsistent_group_protocol),
        ({"protocol_type": ""}, ErrorCode.inconsistent_group_protocol),
    ],
)
def test_a_join_that_makes_no_sense_is_refused(
    client: RawClient, name: str, wish: Mapping[str, Any], error: ErrorCode
) -> None:
    """Before anybody is in the group."""
    assert client.ask("join_group", 9, **_join(9, name, **wish)).error_code == error


def test_a_sync_names_its_protocol_since_version_5(client: RawClient, name: str) -> None:
    """One that does not, or names another one, has misunderstood the group."""
    joined = _joined(client, 5, name)
    who = {"group_id": name, "generation_id": 1, "member_id": joined.member_id}
    for protocol_type, protocol_name in [(None, "range"), ("consumer", None), ("other", "range")]:
        told = {"protocol_type": protocol_type, "protocol_name": protocol_name}
        answer = client.ask("sync_group", 5, **who, **told)
        assert answer.error_code == ErrorCode.inconsistent_group_protocol
        assert (answer.assignment, answer.protocol_type, answer.protocol_name) == (b"", None, None)


def test_a_member_that_waits_holds_up_nobody_else(
    connect: Callable[..., RawClient], name: str
) -> None:
    """Its own connection waits for the rest of the group; another one is answered meanwhile."""
    first, second, bystander = (connect() for _ in range(3))
    here = RawMember(client=first, group=name)
    here.begin()
    newcomer = RawMember(client=second, group=name)
    sent = newcomer.begin_join()
    _wait_until_it_prepares(bystander, name)
    assert second.is_silent(for_s=0.05)
    here.join()
    assert not newcomer.joined(sent).error_code
    assert newcomer.generation == here.generation == 2


def test_a_member_that_is_gone_while_it_waits_is_not_waited_for(
    connect: Callable[..., RawClient], name: str
) -> None:
    """Its join ends with its connection; the others go on when its session has ended."""
    here = RawMember(client=connect(), group=name)
    here.begin()
    gone = connect()
    RawMember(client=gone, group=name, session_timeout_ms=1_000).begin_join()
    _wait_until_it_prepares(connect(), name)
    gone.close()
    answer = here.join()
    assert answer.generation_id == 2
    here.sync({member.member_id: b"" for member in answer.members})
    until(
        lambda: here.heartbeat() == ErrorCode.rebalance_in_progress, what="the end of its session"
    )
    assert len(here.join().members) == 1


def _wait_until_it_prepares(bystander: RawClient, group: str) -> None:
    """Wait until a join has come: what is sent over several connections has no order."""

    def state() -> str:
        found = bystander.ask("describe_groups", 5, groups=[group]).groups[0].group_state
        assert isinstance(found, str)
        return found

    until(lambda: state() == "PreparingRebalance", what="a join")


def test_three_members_share_a_generation(connect: Callable[..., RawClient], name: str) -> None:
    """All are told the same leader, and each the share that the leader gave it."""
    members = [RawMember(client=connect(), group=name) for _ in range(3)]
    members[-1].begin()
    joins = [member.begin_join() for member in members]  # the newcomers wait for the last one
    answers = [member.joined(sent) for member, sent in zip(members, joins, strict=True)]
    assert {(answer.error_code, answer.generation_id) for answer in answers} == {(0, 2)}
    (leader,) = [member for member in members if member.member_id == answers[0].leader]
    shares = {member.member_id: member.member_id.encode() for member in members}
    syncs = [member.send_sync(shares if member is leader else None) for member in members]
    for member, sent in zip(members, syncs, strict=True):
        assert member.client.answer(sent).assignment == member.member_id.encode()
    described = only(leader.client.ask("describe_groups", 5, groups=[name]).groups)
    assert described.group_state == "Stable"
    assert {each.member_id: each.member_assignment for each in described.members} == shares


def test_before_version_3_leaving_tells_of_its_one_member(client: RawClient, name: str) -> None:
    """The member's error stands in the place of the request's."""
    for version in range(3):
        answer = client.ask("leave_group", version, group_id=name, member_id=_NOBODY)
        assert answer.error_code == ErrorCode.unknown_member_id


def test_from_version_3_leaving_tells_of_each_member(client: RawClient, name: str) -> None:
    """An administrator takes static members out by their names alone."""
    member = RawMember(client=client, group=name, instance_id="one")
    member.begin()
    leaving = [
        {"member_id": "", "group_instance_id": "one"},
        {"member_id": "", "group_instance_id": "two"},
        {"member_id": _NOBODY},
    ]
    answer = client.ask("leave_group", 5, group_id=name, members=leaving)
    assert not answer.error_code
    assert [(left.group_instance_id, left.error_code) for left in answer.members] == [
        ("one", ErrorCode.none),
        ("two", ErrorCode.unknown_member_id),
        (None, ErrorCode.unknown_member_id),
    ]


def test_a_static_member_that_comes_back_fences_its_former_self(
    connect: Callable[..., RawClient], name: str
) -> None:
    """Whoever still acts under the old id is told so."""
    former = RawMember(client=connect(), group=name, instance_id="one")
    former.begin()
    present = RawMember(client=connect(), group=name, instance_id="one")
    present.join()
    assert former.heartbeat() == ErrorCode.fenced_instance_id
    assert former.leave() == ErrorCode.fenced_instance_id
    assert present.heartbeat() == ErrorCode.none


def test_a_static_leader_that_comes_back_skips_the_assignment_since_version_9(
    client: RawClient, name: str
) -> None:
    """Before, it is told that the old member id leads, and assigns nothing either (KIP-814)."""
    RawMember(client=client, group=name, instance_id="one").begin()
    old = client.ask("join_group", 8, **_join(8, name, group_instance_id="one"))
    assert old.leader != old.member_id
    assert old.members == ()
    new = client.ask("join_group", 9, **_join(9, name, group_instance_id="one"))
    assert new.skip_assignment
    assert new.leader == new.member_id
    assert only(new.members).member_id == new.member_id


# Committed offsets


@pytest.mark.parametrize("version", range(2, 10))
def test_an_offset_committed_in_any_version_is_read_in_every_version(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Without its leader epoch, and with empty metadata, where a version does not tell them."""
    epoch = {"committed_leader_epoch": 0} if version >= 6 else {}
    place = {"partition_index": 0, "committed_offset": 7, "committed_metadata": "note", **epoch}
    retention = {"retention_time": -1} if version <= 4 else {}
    committed = talk.ask(
        "offset_commit",
        version,
        group_id=name,
        generation_id_or_member_epoch=-1,
        topics=[{"name": topic, "partitions": [place]}],
        **retention,
    )
    assert not only(only(committed.topics).partitions).error_code
    for reading in range(1, 10):
        found = only(_fetched(talk, reading, name, {topic: [0]})[topic])
        assert (found.committed_offset, found.metadata) == (7, "note")
        if reading >= 5:
            assert found.committed_leader_epoch == epoch.get("committed_leader_epoch", -1)


@pytest.mark.parametrize("version", range(2, 10))
def test_only_what_the_broker_has_is_committed(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Unknown topics and partitions have errors of their own; the others are committed."""
    places = [{"partition_index": number, "committed_offset": 1} for number in (0, 9)]
    answer = talk.ask(
        "offset_commit",
        version,
        group_id=name,
        generation_id_or_member_epoch=-1,
        topics=[
            {"name": topic, "partitions": places},
            {"name": f"{topic}-no", "partitions": places[:1]},
        ],
    )
    errors = {
        (found.name, each.partition_index): each.error_code
        for found in answer.topics
        for each in found.partitions
    }
    assert errors == {
        (topic, 0): ErrorCode.none,
        (topic, 9): ErrorCode.unknown_topic_or_partition,
        (f"{topic}-no", 0): ErrorCode.unknown_topic_or_partition,
    }


def test_null_metadata_is_read_as_an_empty_text(talk: Conversation, topic: str, name: str) -> None:
    """As from Kafka, which keeps no null."""
    assert not talk.commit(name, topic, 3, metadata=None)
    assert talk.committed(name, topic).metadata == ""


def test_metadata_has_a_limit(talk: Conversation, topic: str, name: str) -> None:
    """Longer metadata spoils its partition only."""
    error = talk.commit(name, topic, 3, metadata="x" * 4097)
    assert error == ErrorCode.offset_metadata_too_large


@pytest.mark.parametrize("version", range(2, 10))
def test_a_generation_of_a_group_that_is_not_there_is_refused(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """In version 9 with the error that the new protocol brought (KIP-848)."""
    error = talk.commit(
        name, topic, 3, version=version, generation_id_or_member_epoch=1, member_id=_NOBODY
    )
    wanted = ErrorCode.group_id_not_found if version >= 9 else ErrorCode.illegal_generation
    assert error == wanted


@pytest.mark.parametrize("version", range(1, 10))
def test_what_is_not_committed_is_offset_minus_one(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Without an error, also of topics, partitions and groups that are not there."""
    asked = {topic: [0, 9], f"{topic}-no": [0]}
    found = _fetched(talk, version, name, asked)
    assert {each: [place.partition_index for place in found[each]] for each in found} == asked
    for places in found.values():
        for place in places:
            assert (place.committed_offset, place.metadata) == (-1, "")
            assert not place.error_code


@pytest.mark.parametrize("version", range(2, 10))
def test_no_topics_at_all_means_all_that_is_committed(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """An empty list of topics means none of them."""
    talk.commit(name, topic, 4)
    everything = _fetched(talk, version, name, None)
    assert only(everything[topic]).committed_offset == 4
    assert len(everything) == 1
    assert not _fetched(talk, version, name, {})


@pytest.mark.parametrize("version", [8, 9])
def test_many_groups_are_read_at_once_since_version_8(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Each with what it has committed."""
    groups = [f"{name}-{number}" for number in range(3)]
    for number, group in enumerate(groups[:2]):
        talk.commit(group, topic, number)
    asked = [{"group_id": group, "topics": None} for group in groups]
    answer = talk.ask("offset_fetch", version, groups=asked)
    assert [group.group_id for group in answer.groups] == groups
    assert [len(group.topics) for group in answer.groups] == [1, 1, 0]


def _fetched(
    talk: Conversation, version: int, group: str, asked: Mapping[str, list[int]] | None
) -> dict[str, tuple[Any, ...]]:
    topics = (
        None
        if asked is None
        else [{"name": each, "partition_indexes": asked[each]} for each in asked]
    )
    if version < 8:
        answer = talk.ask("offset_fetch", version, group_id=group, topics=topics)
    else:
        groups = [{"group_id": group, "topics": topics}]
        answer = only(talk.ask("offset_fetch", version, groups=groups).groups)
    assert not getattr(answer, "error_code", ErrorCode.none)
    return {topic.name: topic.partitions for topic in answer.topics}


def test_offsets_of_a_topic_that_is_read_cannot_be_deleted(
    client: RawClient, topic: str, name: str
) -> None:
    """Others can, and those of partitions that are not there are errors."""
    subscription = b"\0\1\0\0\0\1\0" + bytes([len(topic)]) + topic.encode() + b"\xff\xff\xff\xff"
    member = RawMember(client=client, group=name, protocols=[("range", subscription)])
    member.begin()
    asked = [
        {"name": topic, "partitions": [{"partition_index": 0}, {"partition_index": 9}]},
        {"name": f"{topic}-no", "partitions": [{"partition_index": 0}]},
    ]
    answer = client.ask("offset_delete", 0, group_id=name, topics=asked)
    errors = {
        (found.name, each.partition_index): each.error_code
        for found in answer.topics
        for each in found.partitions
    }
    assert errors == {
        (topic, 0): ErrorCode.group_subscribed_to_topic,
        (topic, 9): ErrorCode.unknown_topic_or_partition,
        (f"{topic}-no", 0): ErrorCode.unknown_topic_or_partition,
    }


def test_deleted_offsets_are_gone(talk: Conversation, topic: str, name: str) -> None:
    """The group stays until it is deleted itself."""
    talk.commit(name, topic, 4)
    asked = [{"name": topic, "partitions": [{"partition_index": 0}]}]
    answer = talk.ask("offset_delete", 0, group_id=name, topics=asked)
    assert not answer.error_code
    assert not only(only(answer.topics).partitions).error_code
    assert talk.committed(name, topic).committed_offset == -1
    answer = talk.ask("offset_delete", 0, group_id=f"{name}-no", topics=asked)
    assert (answer.error_code, answer.topics) == (ErrorCode.group_id_not_found, ())


# What administrators see


@pytest.mark.parametrize("version", range(7))
def test_a_group_that_is_not_there_is_an_error_since_version_6(
    client: RawClient, name: str, version: int
) -> None:
    """Before, it is dead (KIP-1043)."""
    group = only(client.ask("describe_groups", version, groups=[name]).groups)
    assert (group.group_state, group.group_id) == ("Dead", name)
    if version < 6:
        assert not group.error_code
    else:
        assert group.error_code == ErrorCode.group_id_not_found
        assert group.error_message == f"Group {name} not found."


@pytest.mark.parametrize("version", range(7))
def test_a_group_is_described_with_its_members(client: RawClient, name: str, version: int) -> None:
    """And with what may be done to it, where that is asked for."""
    member = RawMember(client=client, group=name, instance_id="one")
    member.begin()
    asked = {"include_authorized_operations": True} if version >= 3 else {}
    group = only(client.ask("describe_groups", version, groups=[name], **asked).groups)
    assert (group.group_state, group.protocol_type, group.protocol_data) == (
        "Stable",
        "consumer",
        "range",
    )
    found = only(group.members)
    assert (found.member_id, found.member_assignment) == (member.member_id, b"all")
    assert (found.client_id, found.client_host) == ("conformance", "/127.0.0.1")
    if version >= 3:
        assert group.authorized_operations == 3400
    if version >= 4:
        assert found.group_instance_id == "one"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, True),
        ({"states_filter": ["Empty"]}, True),
        ({"states_filter": ["empty", "Dead"], "types_filter": ["Classic"]}, True),
        ({"states_filter": ["Stable"]}, False),
        ({"types_filter": ["consumer"]}, False),
        ({"states_filter": ["no such state"]}, False),
    ],
)
def test_groups_are_listed_by_state_and_type(
    talk: Conversation, topic: str, name: str, filters: Mapping[str, list[str]], found: bool
) -> None:
    """Whatever the letters' case."""
    talk.commit(name, topic, 1)
    answer = talk.ask("list_groups", 5, **filters)
    listed = {group.group_id: group for group in answer.groups}
    assert (name in listed) is found
    if found:
        assert (listed[name].group_state, listed[name].group_type) == ("Empty", "classic")


@pytest.mark.parametrize("version", range(6))
def test_groups_are_listed_in_every_version(client: RawClient, name: str, version: int) -> None:
    """With their protocol type."""
    RawMember(client=client, group=name).begin()
    answer = client.ask("list_groups", version)
    assert {group.group_id: group.protocol_type for group in answer.groups}[name] == "consumer"


@pytest.mark.parametrize("version", range(3))
def test_a_group_with_members_is_not_deleted(client: RawClient, name: str, version: int) -> None:
    """One without is, once, however often it is named."""
    member = RawMember(client=client, group=name)
    member.begin()
    answer = client.ask("delete_groups", version, groups_names=[name, f"{name}-no"])
    assert {each.group_id: each.error_code for each in answer.results} == {
        name: ErrorCode.non_empty_group,
        f"{name}-no": ErrorCode.group_id_not_found,
    }
    assert not member.leave()
    answer = client.ask("delete_groups", version, groups_names=[name, name])
    assert only(answer.results).error_code == ErrorCode.none


@pytest.mark.parametrize("version", range(2))
def test_no_group_is_of_the_new_protocol(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Clients ask this first; the error sends them on to DescribeGroups."""
    talk.commit(name, topic, 1)
    asked = [name, f"{name}-no", ""]
    answer = talk.ask("consumer_group_describe", version, group_ids=asked)
    assert [(group.error_code, group.error_message) for group in answer.groups] == [
        (ErrorCode.group_id_not_found, f"Group {name} is not a consumer group."),
        (ErrorCode.group_id_not_found, f"Group {name}-no not found."),
        (ErrorCode.invalid_group_id, None),
    ]
