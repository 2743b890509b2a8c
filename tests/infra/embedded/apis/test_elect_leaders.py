"""ElectLeaders and ListPartitionReassignments: one broker has nothing to elect or to move."""

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.apis.node_stand import NodeStand

NAMED: list[dict[str, Any]] = [
    {"topic": "t", "partitions": [0, 9, 0]},
    {"topic": "nobody", "partitions": [0]},
]


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t`."""
    made = NodeStand()
    made.create_topic("t")
    return made


def elect(stand: NodeStand, version: int, kind: int, named: list[dict[str, Any]] | None) -> Any:
    """Ask for elections."""
    more = {"election_type": kind} if version >= 1 else {}
    return stand.ask("elect_leaders", version, topic_partitions=named, timeout=1000, **more)


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("kind", [0, 1])
def test_no_election_is_needed(stand: NodeStand, version: int, kind: int) -> None:
    """Each partition is answered as often as it is named; unknown ones are told."""
    answer = elect(stand, version, kind, NAMED)
    told = [
        (topic.topic, part.partition_id, part.error_code, part.error_message)
        for topic in answer.replica_election_results
        for part in topic.partition_result
    ]
    needless = (ErrorCode.election_not_needed, "Leader election not needed for topic partition.")
    unknown = ErrorCode.unknown_topic_or_partition
    assert told == [
        ("t", 0, *needless),
        ("t", 9, unknown, "No such partition as t-9"),
        ("t", 0, *needless),
        ("nobody", 0, unknown, "No such topic as nobody"),
    ]


def test_of_all_topics_none_has_a_new_leader(stand: NodeStand) -> None:
    """They are named all the same, as in Kafka."""
    answer = elect(stand, 2, 0, None)
    assert answer.error_code == ErrorCode.none
    assert [(one.topic, one.partition_result) for one in answer.replica_election_results] == [
        ("t", ())
    ]


@pytest.mark.parametrize("named", [NAMED, None])
def test_an_unknown_kind_of_election_is_refused(
    stand: NodeStand, named: list[dict[str, Any]] | None
) -> None:
    """The request and each of its partitions."""
    answer = elect(stand, 1, 5, named)
    parts = [part for one in answer.replica_election_results for part in one.partition_result]
    assert answer.error_code == ErrorCode.invalid_request
    assert len(parts) == (4 if named else 0)
    assert {part.error_message for part in parts} <= {"Unknown election type 5"}


@pytest.mark.parametrize("topics", [None, [], [{"name": "t", "partition_indexes": [0, 9]}]])
def test_nothing_is_reassigned(stand: NodeStand, topics: list[Any] | None) -> None:
    """Kafka leaves out what does not move, whether it exists or not."""
    answer = stand.ask("list_partition_reassignments", 0, topics=topics, timeout=1000)
    assert (answer.error_code, answer.error_message, answer.topics) == (ErrorCode.none, None, ())
