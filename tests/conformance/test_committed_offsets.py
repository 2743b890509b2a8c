"""Committed offsets of groups: what is kept, for whom, and how long."""

from collections.abc import Callable
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient, only
from tests.conformance.raw_member import RawMember, subscription


@pytest.fixture
def group(unique: Callable[[str], str]) -> str:
    """The name of a group that nobody has used."""
    return unique("group")


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6, 7, 8, 9])
def test_each_version_commits(version: int, talk: Conversation, group: str, topic: str) -> None:
    """Without a generation, as tools do, while the group has no members."""
    assert talk.commit(group, topic, 42, metadata="note", version=version) == ErrorCode.none
    kept = talk.committed(group, topic)
    assert (kept.committed_offset, kept.metadata) == (42, "note")


def test_a_partition_that_is_named_again_is_committed_again(
    talk: Conversation, group: str, topic: str, unique: Callable[[str], str]
) -> None:
    """Each place has its own answer, and the last position that is taken counts."""
    unknown = unique("nowhere")
    none, missing = ErrorCode.none, ErrorCode.unknown_topic_or_partition

    def commit(*topics: tuple[str, *tuple[tuple[int, int, str], ...]]) -> list[Any]:
        wanted = [
            {
                "name": name,
                "partitions": [
                    {
                        "partition_index": partition,
                        "committed_offset": offset,
                        "committed_metadata": metadata,
                    }
                    for partition, offset, metadata in places
                ],
            }
            for name, *places in topics
        ]
        answer = talk.ask(
            "offset_commit", 7, group_id=group, generation_id_or_member_epoch=-1, topics=wanted
        )
        return [
            (each.name, [(part.partition_index, part.error_code) for part in each.partitions])
            for each in answer.topics
        ]

    assert commit((topic, (0, 1, ""), (0, 2, ""))) == [(topic, [(0, none), (0, none)])]
    assert talk.committed(group, topic).committed_offset == 2
    # Topics stay apart where nothing is refused, and come together where something is.
    assert commit((topic, (0, 3, "")), (topic, (0, 4, ""))) == [(topic, [(0, none)])] * 2
    assert commit((topic, (9, 5, ""), (0, 5, ""), (9, 6, "")), (topic, (0, 6, ""))) == [
        (topic, [(9, missing), (9, missing), (0, none), (0, none)])
    ]
    assert commit((topic, (0, 7, "")), (unknown, (0, 7, ""), (0, 7, "")), (unknown,)) == [
        (unknown, [(0, missing), (0, missing)]),
        (topic, [(0, none)]),
    ]
    too_long = ErrorCode.offset_metadata_too_large
    note = "x" * 4097
    assert commit((topic, (0, 8, note), (0, 9, ""), (0, 10, note))) == [
        (topic, [(0, too_long), (0, none), (0, too_long)])
    ]
    assert talk.committed(group, topic).committed_offset == 9


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
def test_each_version_fetches(version: int, talk: Conversation, group: str, topic: str) -> None:
    """What is not there has offset -1 and empty metadata, and is no error."""
    talk.commit(group, topic, 42, metadata="note")
    answer = talk.ask(
        "offset_fetch",
        version,
        group_id=group,
        topics=[{"name": topic, "partition_indexes": [0, 1]}],
    )
    found = {each.partition_index: each for each in only(answer.topics).partitions}
    assert (found[0].committed_offset, found[0].metadata) == (42, "note")
    assert (found[1].committed_offset, found[1].metadata) == (-1, "")
    assert found[0].error_code == found[1].error_code == ErrorCode.none


@pytest.mark.parametrize("version", [8, 9])
def test_several_groups_in_one_question(
    version: int, talk: Conversation, group: str, topic: str
) -> None:
    """From v8 on; a group that is not there has no offsets."""
    talk.commit(group, topic, 42)
    asked = [{"name": topic, "partition_indexes": [0]}]
    answer = talk.ask(
        "offset_fetch",
        version,
        groups=[
            {"group_id": group, "topics": asked},
            {"group_id": group + "-not", "topics": asked},
        ],
    )
    found = {
        each.group_id: only(only(each.topics).partitions).committed_offset for each in answer.groups
    }
    assert found == {group: 42, group + "-not": -1}
    assert {each.error_code for each in answer.groups} == {ErrorCode.none}


def test_all_offsets_of_a_group(
    talk: Conversation, group: str, unique: Callable[[str], str]
) -> None:
    """Null topics mean all; of a group that is not there, none."""
    topic = talk.create_topic(unique("t"), partitions=2)
    for partition in (0, 1):
        talk.commit(group, topic, 5 + partition, partition=partition)
    answer = talk.ask("offset_fetch", 7, group_id=group, topics=None)
    found = {each.partition_index: each.committed_offset for each in only(answer.topics).partitions}
    assert found == {0: 5, 1: 6}
    nothing = talk.ask("offset_fetch", 7, group_id=group + "-not", topics=None)
    assert (nothing.error_code, nothing.topics) == (ErrorCode.none, ())


def test_the_last_commit_counts(talk: Conversation, group: str, topic: str) -> None:
    """Also where it goes back."""
    for offset in (5, 9, 2):
        talk.commit(group, topic, offset)
    assert talk.committed(group, topic).committed_offset == 2


def test_null_metadata_is_kept_as_empty(talk: Conversation, group: str, topic: str) -> None:
    """Whoever has nothing to say."""
    assert talk.commit(group, topic, 1, metadata=None) == ErrorCode.none
    assert talk.committed(group, topic).metadata == ""


def test_the_leader_epoch_is_kept(talk: Conversation, group: str, topic: str) -> None:
    """As it was sent (KIP-320)."""
    place = {
        "partition_index": 0,
        "committed_offset": 3,
        "committed_leader_epoch": 0,
        "committed_metadata": "",
    }
    talk.commit(group, topic, 0, topics=[{"name": topic, "partitions": [place]}])
    assert talk.committed(group, topic).committed_leader_epoch == 0
    talk.commit(group, topic, 4)
    assert talk.committed(group, topic).committed_leader_epoch == -1


def test_metadata_has_a_limit(talk: Conversation, group: str, topic: str) -> None:
    """offset.metadata.max.bytes: 4096 is taken, one more is not."""
    too_large = talk.commit(group, topic, 1, metadata="x" * 4097)
    assert too_large == ErrorCode.offset_metadata_too_large
    assert talk.committed(group, topic).committed_offset == -1
    assert talk.commit(group, topic, 1, metadata="x" * 4096) == ErrorCode.none


def test_offsets_of_unknown_partitions_are_refused(
    talk: Conversation, group: str, topic: str
) -> None:
    """Those of known ones in the same request are kept."""
    place = {"committed_offset": 3, "committed_metadata": ""}
    answer = talk.ask(
        "offset_commit",
        7,
        group_id=group,
        generation_id_or_member_epoch=-1,
        topics=[
            {"name": topic, "partitions": [{"partition_index": at, **place} for at in (0, 9)]},
            {"name": "nowhere", "partitions": [{"partition_index": 0, **place}]},
        ],
    )
    codes = {
        (each.name, part.partition_index): part.error_code
        for each in answer.topics
        for part in each.partitions
    }
    assert codes == {
        (topic, 0): ErrorCode.none,
        (topic, 9): ErrorCode.unknown_topic_or_partition,
        ("nowhere", 0): ErrorCode.unknown_topic_or_partition,
    }
    assert talk.committed(group, topic).committed_offset == 3


def test_a_group_with_members_takes_no_plain_commit(
    talk: Conversation, group: str, topic: str, connect: Callable[..., RawClient]
) -> None:
    """Who has no generation would overwrite what the members do."""
    member = RawMember(client=connect(), group=group)
    member.begin()
    assert talk.commit(group, topic, 1) == ErrorCode.unknown_member_id
    member.leave()
    assert talk.commit(group, topic, 1) == ErrorCode.none


def test_offsets_outlive_the_members(
    talk: Conversation, group: str, topic: str, connect: Callable[..., RawClient]
) -> None:
    """An empty group keeps what its members committed."""
    member = RawMember(client=connect(), group=group)
    member.begin()
    assert member.commit(topic, 5) == ErrorCode.none
    member.leave()
    assert talk.committed(group, topic).committed_offset == 5


def test_an_empty_group_id_may_commit(talk: Conversation, topic: str) -> None:
    """As it always could; only members need a name."""
    assert talk.commit("", topic, 1) == ErrorCode.none
    assert talk.committed("", topic).committed_offset == 1


def test_offsets_are_deleted(talk: Conversation, group: str, topic: str) -> None:
    """OffsetDelete, partition by partition."""
    other = talk.create_topic(topic + "-other")
    for each in (topic, other):
        talk.commit(group, each, 5)
    answer = talk.ask(
        "offset_delete",
        0,
        group_id=group,
        topics=[{"name": topic, "partitions": [{"partition_index": 0}]}],
    )
    assert not answer.error_code
    assert only(only(answer.topics).partitions).error_code == ErrorCode.none
    assert talk.committed(group, topic).committed_offset == -1
    assert talk.committed(group, other).committed_offset == 5


def test_offsets_of_a_group_that_is_not_there_are_not_deleted(
    talk: Conversation, group: str, topic: str
) -> None:
    """The whole request is refused."""
    asked = [{"name": topic, "partitions": [{"partition_index": 0}]}]
    answer = talk.ask("offset_delete", 0, group_id=group, topics=asked)
    assert answer.error_code == ErrorCode.group_id_not_found


def test_offsets_of_a_topic_that_is_read_are_not_deleted(
    talk: Conversation, group: str, topic: str, connect: Callable[..., RawClient]
) -> None:
    """A member's subscription protects its topics, and only those."""
    other = talk.create_topic(topic + "-other")
    for each in (topic, other):
        talk.commit(group, each, 5)
    reads = [("range", subscription(topic))]
    member = RawMember(client=connect(), group=group, protocols=reads)
    member.begin()
    answer = talk.ask(
        "offset_delete",
        0,
        group_id=group,
        topics=[{"name": each, "partitions": [{"partition_index": 0}]} for each in (topic, other)],
    )
    assert not answer.error_code
    codes = {each.name: only(each.partitions).error_code for each in answer.topics}
    assert codes == {topic: ErrorCode.group_subscribed_to_topic, other: ErrorCode.none}


def test_offsets_of_a_deleted_topic_are_gone(talk: Conversation, group: str, topic: str) -> None:
    """Who makes the topic again does not inherit them."""
    talk.commit(group, topic, 5)
    talk.delete_topic(topic)
    until(lambda: talk.committed(group, topic).committed_offset == -1, what="the offset to go")
