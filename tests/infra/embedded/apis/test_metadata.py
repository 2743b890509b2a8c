"""Metadata: which topics are told, which are made, and what each version can say."""

from typing import Any
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.apis.node_stand import NodeStand

NOT_ASKED = -(2**31)
UNKNOWN_ID = UUID(int=77)


@pytest.fixture
def stand() -> NodeStand:
    """A node with the topics `a` and `b`, the second of two partitions."""
    made = NodeStand()
    made.create_topic("b", 2)
    made.create_topic("a")
    return made


def names(answer: Any) -> dict[str | None, ErrorCode]:
    """The topics of an answer, in their order, with their errors."""
    return {topic.name: topic.error_code for topic in answer.topics}


@pytest.mark.parametrize("version", range(14))
def test_each_version_names_the_broker_and_its_topics(stand: NodeStand, version: int) -> None:
    """At the address of the listener."""
    answer = stand.ask("metadata", version, topics=[{"name": "b"}])
    (broker,) = answer.brokers
    assert (broker.node_id, broker.host, broker.port) == (1, "broker.test", 9092)
    (topic,) = answer.topics
    assert [part.partition_index for part in topic.partitions] == [0, 1]
    assert {(part.leader_id, part.replica_nodes, part.isr_nodes) for part in topic.partitions} == {
        (1, (1,), (1,))
    }
    if version >= 1:
        assert answer.controller_id == 1
        assert not topic.is_internal
    if version >= 2:
        assert answer.cluster_id == stand.node.broker.cluster_id
    if version >= 7:
        assert topic.partitions[0].leader_epoch == 0
    if version >= 10:
        assert topic.topic_id == stand.topic_id("b")
    if version >= 13:
        assert answer.error_code == ErrorCode.none


@pytest.mark.parametrize(
    ("version", "topics", "told"),
    [(0, [], ["a", "b"]), (1, [], []), (1, None, ["a", "b"]), (12, [], []), (12, None, ["a", "b"])],
)
def test_null_means_all_topics(
    stand: NodeStand, version: int, topics: list[Any] | None, told: list[str]
) -> None:
    """In version 0 the empty list does; later it means none."""
    assert list(names(stand.ask("metadata", version, topics=topics))) == told


@pytest.mark.parametrize("version", [0, 3, 4, 12])
def test_a_topic_is_made_when_it_is_asked_for(stand: NodeStand, version: int) -> None:
    """As in Apache Kafka, the answer does not have it yet, the next one does."""
    allowed = {"allow_auto_topic_creation": True} if version >= 4 else {}
    for error in (ErrorCode.unknown_topic_or_partition, ErrorCode.none):
        answer = stand.ask("metadata", version, topics=[{"name": "new"}], **allowed)
        assert names(answer) == {"new": error}


def test_no_topic_is_made_where_the_request_does_not_want_it(stand: NodeStand) -> None:
    """From version 4 on it can say so."""
    answer = stand.ask("metadata", 4, topics=[{"name": "new"}], allow_auto_topic_creation=False)
    assert names(answer) == {"new": ErrorCode.unknown_topic_or_partition}
    assert stand.node.broker.topics.get("new") is None


def test_no_topic_is_made_where_the_broker_is_set_so() -> None:
    """Whatever the request says."""
    stand = NodeStand(config={"auto.create.topics.enable": "false"})
    for version in (1, 9):
        stand.ask("metadata", version, topics=[{"name": "new"}])
    assert stand.node.broker.topics.get("new") is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "ä", "x" * 250])
def test_an_illegal_name_is_told(stand: NodeStand, name: str) -> None:
    """And nothing is made."""
    answer = stand.ask("metadata", 9, topics=[{"name": name}, {"name": "a"}])
    assert names(answer) == {"a": ErrorCode.none, name: ErrorCode.invalid_topic_exception}
    assert len(stand.node.broker.topics) == 2


def test_a_topic_named_twice_is_told_once(stand: NodeStand) -> None:
    """Known ones first."""
    topics = [{"name": name} for name in ("x", "a", "x", "a")]
    answer = stand.ask("metadata", 4, topics=topics, allow_auto_topic_creation=False)
    assert [topic.name for topic in answer.topics] == ["a", "x"]


@pytest.mark.parametrize("version", [12, 13])
def test_topics_are_found_by_id(stand: NodeStand, version: int) -> None:
    """An unknown id has no name; where ids are given, names do not count."""
    topics = [
        {"name": None, "topic_id": stand.topic_id("a")},
        {"name": None, "topic_id": UNKNOWN_ID},
        {"name": "b"},
    ]
    answer = stand.ask("metadata", version, topics=topics)
    told = {(topic.name, topic.topic_id): topic.error_code for topic in answer.topics}
    assert told == {
        (None, UNKNOWN_ID): ErrorCode.unknown_topic_id,
        ("a", stand.topic_id("a")): ErrorCode.none,
    }


@pytest.mark.parametrize(
    ("version", "topic", "error"),
    [
        (10, {"topic_id": UNKNOWN_ID, "name": "a"}, ErrorCode.invalid_request),
        (11, {"name": None}, ErrorCode.invalid_request),
        (12, {"name": None}, ErrorCode.unknown_server_error),
        (13, {"name": None}, ErrorCode.unknown_server_error),
    ],
)
def test_ids_came_with_version_12(
    stand: NodeStand, version: int, topic: dict[str, Any], error: ErrorCode
) -> None:
    """Before it they are refused, and so are topics with neither name nor id."""
    answer = stand.ask("metadata", version, topics=[topic])
    assert [told.error_code for told in answer.topics] == [error]
    assert (answer.brokers, answer.controller_id, answer.cluster_id) == ((), -1, None)
    if version >= 13:
        assert answer.error_code == error


@pytest.mark.parametrize(
    ("version", "asked", "cluster", "topic"),
    [
        (8, True, 8096, 3576),
        (10, True, 8096, 3576),
        (10, False, NOT_ASKED, NOT_ASKED),
        (11, True, None, 3576),
    ],
)
def test_operations_are_told_on_demand(
    stand: NodeStand, version: int, asked: bool, cluster: int | None, topic: int
) -> None:
    """All that there are; the cluster's up to version 10."""
    wishes = {"include_topic_authorized_operations": asked}
    if version <= 10:
        wishes["include_cluster_authorized_operations"] = asked
    answer = stand.ask("metadata", version, topics=[{"name": "a"}], **wishes)
    assert getattr(answer, "cluster_authorized_operations", None) == cluster
    assert answer.topics[0].topic_authorized_operations == topic
