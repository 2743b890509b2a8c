"""DescribeTopicPartitions: pages of partitions, in the order of names."""

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.apis.node_stand import NodeStand

ALL = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2), ("c", 0)]


@pytest.fixture
def stand() -> NodeStand:
    """A node with the topics `a` and `b` of three partitions, and `c` of one."""
    made = NodeStand()
    for name, partitions in (("c", 1), ("b", 3), ("a", 3)):
        made.create_topic(name, partitions)
    return made


def describe(
    stand: NodeStand,
    names: str = "",
    *,
    limit: int = 2000,
    cursor: tuple[str, int] | None = None,
) -> Any:
    """Ask for topics by names of one letter."""
    place = cursor and {"topic_name": cursor[0], "partition_index": cursor[1]}
    return stand.ask(
        "describe_topic_partitions",
        0,
        topics=[{"name": name} for name in names],
        response_partition_limit=limit,
        cursor=place,
    )


def places(answer: Any) -> list[tuple[str, int]]:
    """The partitions of an answer."""
    return [
        (topic.name, part.partition_index) for topic in answer.topics for part in topic.partitions
    ]


@pytest.mark.parametrize("names", ["", "bca"])
@pytest.mark.parametrize("limit", range(1, 9))
def test_the_pages_are_the_whole(stand: NodeStand, names: str, limit: int) -> None:
    """Each is full but the last; nothing comes twice; no page begins behind the end."""
    found: list[tuple[str, int]] = []
    cursor = None
    while True:
        answer = describe(stand, names, limit=limit, cursor=cursor)
        page = places(answer)
        found += page
        if answer.next_cursor is None:
            break
        assert len(page) == limit
        cursor = (answer.next_cursor.topic_name, answer.next_cursor.partition_index)
        assert cursor == ALL[len(found)]
    assert found == ALL


@pytest.mark.parametrize("limit", [0, -5])
def test_a_page_has_one_partition_at_least(stand: NodeStand, limit: int) -> None:
    """Whatever the request says."""
    assert places(describe(stand, limit=limit)) == ALL[:1]


def test_a_page_is_no_larger_than_the_broker_allows() -> None:
    """By max.request.partition.size.limit."""
    stand = NodeStand(config={"max.request.partition.size.limit": "2"})
    stand.create_topic("a", 3)
    answer = describe(stand)
    assert places(answer) == ALL[:2]
    assert answer.next_cursor.partition_index == 2


def test_lists_are_empty_where_java_does_not_take_null(stand: NodeStand) -> None:
    """Replicas that may lead, and that led last, are lists in a fresh Kafka 4.1."""
    part = describe(stand, "c").topics[0].partitions[0]
    assert (part.eligible_leader_replicas, part.last_known_elr) == ((), ())
    assert (part.leader_id, part.leader_epoch) == (1, 0)
    assert (part.replica_nodes, part.isr_nodes, part.offline_replicas) == ((1,), (1,), ())


def test_unknown_and_illegal_names_are_told(stand: NodeStand) -> None:
    """In their place among the others."""
    answer = describe(stand, "c/x")
    assert [(topic.name, topic.error_code) for topic in answer.topics] == [
        ("/", ErrorCode.invalid_topic_exception),
        ("c", ErrorCode.none),
        ("x", ErrorCode.unknown_topic_or_partition),
    ]
    assert {topic.topic_authorized_operations for topic in answer.topics} == {3576}


@pytest.mark.parametrize(("names", "cursor"), [("ab", ("b", -1)), ("ab", ("aa", 0))])
def test_a_cursor_that_cannot_be_is_refused(
    stand: NodeStand, names: str, cursor: tuple[str, int]
) -> None:
    """A negative partition, and a topic that is not asked for."""
    answer = describe(stand, names, cursor=cursor)
    assert {topic.error_code for topic in answer.topics} == {ErrorCode.invalid_request}


def test_a_cursor_behind_a_topics_end_goes_on_with_the_next(stand: NodeStand) -> None:
    """The topic is named without partitions."""
    answer = describe(stand, "bc", cursor=("b", 9))
    assert [topic.name for topic in answer.topics] == ["b", "c"]
    assert places(answer) == [("c", 0)]
