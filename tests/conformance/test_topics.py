"""Topics: made, grown, deleted, made again; and what Metadata tells about them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from kio.schema.errors import ErrorCode
from kio.static.constants import uuid_zero

from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.conversation import LATEST, Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only


@pytest.fixture
def name(unique: Callable[[str], str]) -> str:
    """The name of a topic that is not there."""
    return unique("made")


def is_gone(talk: Conversation, topic: str) -> bool:
    """Whether Metadata knows no such topic."""
    code: ErrorCode = talk.topic(topic).error_code
    return code == ErrorCode.unknown_topic_or_partition


# Creation


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6, 7])
def test_each_version_creates(version: int, talk: Conversation, name: str) -> None:
    """v5 tells what was made, v7 its id."""
    answer = talk.try_create_topic(name, partitions=3, version=version)
    assert not answer.error_code
    if version >= 5:
        assert (answer.num_partitions, answer.replication_factor) == (3, 1)
    talk.wait_until_served(name, partitions=3)
    if version >= 7:
        assert answer.topic_id == talk.topic_id(name)


def test_a_new_topic_tells_its_configuration(talk: Conversation, name: str) -> None:
    """v5 and above list every entry with its source: 1 is the topic's own, 5 a default."""
    answer = talk.try_create_topic(name, config={"retention.ms": "1000"})
    found = {entry.name: entry for entry in answer.configs}
    assert (found["retention.ms"].value, found["retention.ms"].config_source) == ("1000", 1)
    assert (found["cleanup.policy"].value, found["cleanup.policy"].config_source) == ("delete", 5)
    assert not found["retention.ms"].read_only
    assert not found["retention.ms"].is_sensitive


def test_a_name_is_taken_once(talk: Conversation, topic: str) -> None:
    """The second creation is refused, also where it would only be tried."""
    for validate_only in (False, True):
        answer = talk.try_create_topic(topic, validate_only=validate_only)
        assert answer.error_code == ErrorCode.topic_already_exists
        assert answer.error_message == f"Topic '{topic}' already exists."


@pytest.mark.parametrize(
    "illegal", ["", ".", "..", "a b", "a/b", "ä", "a,b", "x" * 250], ids=range(8)
)
def test_illegal_names_are_refused(illegal: str, talk: Conversation) -> None:
    """Letters, digits, dot, underscore and dash; at most 249."""
    answer = talk.try_create_topic(illegal)
    assert answer.error_code == ErrorCode.invalid_topic_exception
    assert answer.error_message


def test_a_long_name_is_legal(talk: Conversation, unique: Callable[[str], str]) -> None:
    """249 characters."""
    name = unique("n").ljust(249, "x")
    assert not talk.try_create_topic(name).error_code
    assert not talk.delete_topic(name).error_code


def test_the_name_of_the_metadata_log_is_not_for_topics(talk: Conversation) -> None:
    """Whoever asks for it is refused, also where it would only be tried."""
    for validate_only in (False, True):
        answer = talk.try_create_topic("__cluster_metadata", validate_only=validate_only)
        assert answer.error_code == ErrorCode.invalid_request
        reason = "Creation of internal topic __cluster_metadata is prohibited."
        assert answer.error_message == reason
    found = talk.topic("__cluster_metadata", auto_create=True)
    assert found.error_code == ErrorCode.unknown_topic_or_partition


def test_dots_and_underscores_collide(talk: Conversation, unique: Callable[[str], str]) -> None:
    """Metrics cannot tell them apart, so that the second one is refused."""
    name = unique("a.b_c")
    talk.create_topic(name)
    answer = talk.try_create_topic(name.replace(".", "_"))
    assert answer.error_code == ErrorCode.invalid_topic_exception
    assert name in answer.error_message


@pytest.mark.parametrize("partitions", [0, -2])
def test_the_number_of_partitions_is_positive(
    partitions: int, talk: Conversation, name: str
) -> None:
    """Or -1 for the broker's default."""
    answer = talk.try_create_topic(name, partitions=partitions)
    assert answer.error_code == ErrorCode.invalid_partitions


def test_defaults_are_the_broker_s(talk: Conversation, name: str) -> None:
    """-1 partitions and -1 replicas."""
    answer = talk.try_create_topic(name, partitions=-1, replication=-1)
    assert not answer.error_code
    assert (answer.num_partitions, answer.replication_factor) == (2, 1)


@pytest.mark.parametrize("replication", [0, 2, -2])
def test_there_is_one_replica(replication: int, talk: Conversation, name: str) -> None:
    """A cluster of one node has no second."""
    answer = talk.try_create_topic(name, replication=replication)
    assert answer.error_code == ErrorCode.invalid_replication_factor


def test_replicas_may_be_assigned(talk: Conversation, name: str) -> None:
    """To nodes that are there, partitions numbered without gaps, and then without counts."""

    def create(assignments: list[tuple[int, list[int]]], *, partitions: int = -1) -> ErrorCode:
        code: ErrorCode = talk.try_create_topic(
            name,
            partitions=partitions,
            replication=-1,
            assignments=[
                {"partition_index": index, "broker_ids": nodes} for index, nodes in assignments
            ],
        ).error_code
        return code

    assert create([(0, [1])], partitions=1) == ErrorCode.invalid_request
    assert create([(1, [1])]) == ErrorCode.invalid_replica_assignment
    assert create([(0, [7])]) == ErrorCode.invalid_replica_assignment
    assert create([(0, [])]) == ErrorCode.invalid_replica_assignment
    assert create([(0, [1]), (1, [1])]) == ErrorCode.none
    talk.wait_until_served(name, partitions=2)


@pytest.mark.parametrize(
    "config",
    [
        {"retention.ms": "soon"},
        {"cleanup.policy": "burn"},
        {"max.message.bytes": "-1"},
        {"no.such.key": "1"},
        {"segment.bytes": None},
    ],
    ids=lambda config: next(iter(config)),
)
def test_a_wrong_configuration_is_refused(
    config: dict[str, str | None], talk: Conversation, name: str
) -> None:
    """Unknown keys and values that do not fit."""
    answer = talk.try_create_topic(name, config=config)
    assert answer.error_code == ErrorCode.invalid_config
    assert next(iter(config)) in answer.error_message
    assert is_gone(talk, name)


def test_a_trial_makes_nothing(talk: Conversation, name: str) -> None:
    """validate_only answers as if."""
    answer = talk.try_create_topic(name, partitions=3, validate_only=True)
    assert (answer.error_code, answer.num_partitions) == (ErrorCode.none, 3)
    assert is_gone(talk, name)


def test_a_name_twice_in_one_request_is_refused(talk: Conversation, name: str) -> None:
    """Nobody can say which of the two is meant."""
    wanted = {"name": name, "num_partitions": 1, "replication_factor": 1}
    answer = talk.ask("create_topics", 7, topics=[wanted, wanted], timeout=10_000)
    assert {each.error_code for each in answer.topics} == {ErrorCode.invalid_request}
    assert is_gone(talk, name)


def test_one_wrong_topic_does_not_hold_up_the_others(talk: Conversation, name: str) -> None:
    """Each has its own answer."""
    wanted = [
        {"name": each, "num_partitions": 1, "replication_factor": 1} for each in (name, "a b")
    ]
    answer = talk.ask("create_topics", 7, topics=wanted, timeout=10_000)
    codes = {each.name: each.error_code for each in answer.topics}
    assert codes == {name: ErrorCode.none, "a b": ErrorCode.invalid_topic_exception}


# Growth


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_each_version_adds_partitions(version: int, talk: Conversation, topic: str) -> None:
    """The count is that of all partitions; records stay where they are."""
    talk.write(topic, b"a")
    answer = talk.ask(
        "create_partitions",
        version,
        topics=[{"name": topic, "count": 3, "assignments": None}],
        timeout=10_000,
    )
    assert only(answer.results).error_code == ErrorCode.none
    until(lambda: len(talk.topic(topic).partitions) == 3, what="the new partitions")
    talk.wait_until_served(topic, partitions=3)
    assert talk.values(topic) == [b"a"]
    assert talk.write(topic, b"b", partition=2) == 0


def grow(talk: Conversation, topic: str, count: int, **fields: Any) -> Any:
    """Ask for more partitions; returns the answer for the topic."""
    wanted = {"name": topic, "count": count, "assignments": fields.pop("assignments", None)}
    answer = talk.ask("create_partitions", 3, topics=[wanted], timeout=10_000, **fields)
    return only(answer.results)


@pytest.mark.parametrize("count", [1, 0, -1])
def test_partitions_are_never_fewer(count: int, talk: Conversation, topic: str) -> None:
    """Nor as many as before."""
    answer = grow(talk, topic, count)
    assert answer.error_code == ErrorCode.invalid_partitions
    assert answer.error_message


def test_an_unknown_topic_does_not_grow(talk: Conversation, name: str) -> None:
    """It must be made first."""
    assert grow(talk, name, 3).error_code == ErrorCode.unknown_topic_or_partition


def test_growth_may_be_tried_and_assigned(talk: Conversation, topic: str) -> None:
    """One assignment for each new partition."""
    assert not grow(talk, topic, 3, validate_only=True).error_code
    assert len(talk.topic(topic).partitions) == 1
    too_few = [{"broker_ids": [1]}]
    refused = grow(talk, topic, 3, assignments=too_few)
    assert refused.error_code == ErrorCode.invalid_replica_assignment
    assert not grow(talk, topic, 2, assignments=too_few).error_code


# Deletion


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_each_version_deletes_by_name(version: int, talk: Conversation, topic: str) -> None:
    """The topic is gone for everybody."""
    answer = talk.ask("delete_topics", version, topic_names=[topic], timeout=10_000)
    assert only(answer.responses).error_code == ErrorCode.none
    until(lambda: is_gone(talk, topic), what="the topic to go")

    def has_no_log() -> bool:  # a broker tells of a deletion before its log is closed
        return bool(
            talk.offset_of(topic, LATEST).error_code == ErrorCode.unknown_topic_or_partition
        )

    until(has_no_log, what="its log to go")


def test_a_topic_is_deleted_by_its_id(talk: Conversation, topic: str) -> None:
    """v6 takes name or id; the answer names both."""
    topic_id = talk.topic_id(topic)

    def delete(wanted: dict[str, Any]) -> Any:
        return only(talk.ask("delete_topics", 6, topics=[wanted], timeout=10_000).responses)

    answer = delete({"topic_id": topic_id})
    assert (answer.error_code, answer.name, answer.topic_id) == (ErrorCode.none, topic, topic_id)
    until(lambda: is_gone(talk, topic), what="the topic to go")
    assert delete({"topic_id": topic_id}).error_code == ErrorCode.unknown_topic_id


def test_what_is_not_there_is_not_deleted(talk: Conversation, name: str) -> None:
    """unknown_topic_or_partition, with the name and no id."""
    answer = talk.delete_topic(name)
    assert answer.error_code == ErrorCode.unknown_topic_or_partition
    assert answer.name == name


def test_a_topic_that_is_named_twice_stays(talk: Conversation, topic: str) -> None:
    """The answer tells what was asked, and no more; Kafka shuffles its answers."""
    topic_id = talk.topic_id(topic)
    by_name, by_id = {"name": topic}, {"topic_id": topic_id}

    def delete(*wanted: dict[str, Any]) -> list[tuple[Any, ...]]:
        answer = talk.ask("delete_topics", 6, topics=wanted, timeout=10_000)
        told = [(each.name, each.topic_id, each.error_message) for each in answer.responses]
        assert {each.error_code for each in answer.responses} == {ErrorCode.invalid_request}
        return sorted(told, key=str)

    named = (topic, None, "Duplicate topic name.")
    by_its_id = (None, topic_id, "Duplicate topic id.")
    mapped = (topic, topic_id, "The provided topic name maps to an ID that was already supplied.")
    doubled = (topic, topic_id, "You may not specify both topic name and topic id.")
    assert delete(by_name, by_name) == [named]
    assert delete(by_id, by_id) == [by_its_id]
    assert delete(by_name, by_id) == delete(by_id, by_name) == [mapped]
    assert delete(by_name, by_id, by_id) == sorted([mapped, by_its_id], key=str)
    assert delete(by_name, by_name, by_id, by_id) == sorted([named, by_its_id], key=str)
    assert delete({**by_name, **by_id}, {**by_name, **by_id}) == [doubled, doubled]
    assert delete({}, {}) == [(None, None, "Neither topic name nor id were specified.")] * 2
    assert talk.topic_id(topic) == topic_id


def test_a_topic_made_again_is_another_one(talk: Conversation, topic: str) -> None:
    """A new id, an empty log; whoever asks for the old id is told that it is unknown."""
    talk.write(topic, b"a")
    old = talk.topic_id(topic)
    talk.delete_topic(topic)
    until(lambda: is_gone(talk, topic), what="the topic to go")
    talk.create_topic(topic)
    assert talk.topic_id(topic) not in {old, uuid_zero}
    assert talk.end(topic) == 0
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    answer = talk.ask("fetch", 13, topics=[{"topic_id": old, "partitions": [part]}])
    assert only(only(answer.responses).partitions).error_code == ErrorCode.unknown_topic_id


# Metadata


@pytest.mark.parametrize("version", list(range(14)))
def test_each_version_tells_of_topics(
    version: int, talk: Conversation, topic: str, broker: BrokerUnderTest
) -> None:
    """Node 1 leads each partition, and is where it was asked."""
    answer = talk.ask("metadata", version, topics=[{"name": topic}])
    node = only(answer.brokers)
    assert (node.node_id, (node.host, node.port)) == (1, broker.address)
    told = only(answer.topics)
    assert (told.error_code, told.name) == (ErrorCode.none, topic)
    partition = only(told.partitions)
    assert (partition.error_code, partition.partition_index, partition.leader_id) == (0, 0, 1)
    assert partition.replica_nodes == partition.isr_nodes == (1,)
    if version >= 1:
        assert (answer.controller_id, told.is_internal) == (1, False)
    if version >= 2:
        assert answer.cluster_id
    if version >= 7:
        assert partition.leader_epoch == 0
    if version >= 10:
        assert told.topic_id != uuid_zero


def test_all_topics_or_none(talk: Conversation, topic: str) -> None:
    """Null means all, an empty list none; in v0 the empty list means all."""
    everything = talk.ask("metadata", 12, topics=None, allow_auto_topic_creation=False)
    assert topic in {each.name for each in everything.topics}
    assert talk.ask("metadata", 12, topics=[], allow_auto_topic_creation=False).topics == ()
    assert topic in {each.name for each in talk.ask("metadata", 0, topics=[]).topics}


def test_topics_are_found_by_id(talk: Conversation, topic: str) -> None:
    """From v12 on; an id that nobody has is unknown_topic_id, without a name."""
    known, unknown = talk.topic_id(topic), uuid4()
    answer = talk.ask("metadata", 12, topics=[{"topic_id": known}, {"topic_id": unknown}])
    found: dict[UUID, Any] = {each.topic_id: each for each in answer.topics}
    assert (found[known].name, found[known].error_code) == (topic, ErrorCode.none)
    assert (found[unknown].name, found[unknown].error_code) == (None, ErrorCode.unknown_topic_id)


def test_metadata_makes_no_topic_where_the_broker_may_not(talk: Conversation, name: str) -> None:
    """auto.create.topics.enable=false prevails over the wish of a client."""
    code = talk.topic(name, auto_create=True).error_code
    assert code == ErrorCode.unknown_topic_or_partition
    assert name not in {each.name for each in talk.ask("metadata", 12, topics=None).topics}


def test_topic_partitions_are_told_page_by_page(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """DescribeTopicPartitions: so many partitions an answer, and where to go on (KIP-966)."""
    first, second = (
        talk.create_topic(each, partitions=2) for each in (unique("page-a"), unique("page-b"))
    )
    asked = [{"name": second}, {"name": first}, {"name": "page-z-nowhere"}]
    answer = talk.ask("describe_topic_partitions", 0, topics=asked, response_partition_limit=3)
    told = [
        (each.name, [part.partition_index for part in each.partitions]) for each in answer.topics
    ]
    assert told == [(first, [0, 1]), (second, [0])]
    cursor = answer.next_cursor
    assert (cursor.topic_name, cursor.partition_index) == (second, 1)
    rest = talk.ask(
        "describe_topic_partitions",
        0,
        topics=asked,
        response_partition_limit=3,
        cursor={"topic_name": second, "partition_index": 1},
    )
    told = [(each.name, [part.partition_index for part in each.partitions]) for each in rest.topics]
    assert told == [(second, [1]), ("page-z-nowhere", [])]
    assert rest.topics[1].error_code == ErrorCode.unknown_topic_or_partition
    assert rest.next_cursor is None
    partition = only(rest.topics[0].partitions)
    assert (partition.leader_id, partition.isr_nodes) == (1, (1,))
    assert partition.eligible_leader_replicas in {None, ()}
