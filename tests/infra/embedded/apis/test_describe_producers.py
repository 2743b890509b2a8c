"""DescribeProducers: who writes to a partition."""

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch
from tests.infra.embedded.apis.node_stand import NodeStand


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t` of two partitions; a producer has written to the second."""
    made = NodeStand()
    made.create_topic("t", 2)
    batch = Batch(producer_id=77, producer_epoch=3, sequence=0, timestamp_ms=1_700_000_000_000)
    made.write("t", 1, batch.encoded())
    return made


def describe(stand: NodeStand, topic: str, *indexes: int) -> list[Any]:
    """Ask for partitions of a topic."""
    topics = [{"name": topic, "partition_indexes": indexes}]
    return list(stand.ask("describe_producers", 0, topics=topics).topics[0].partitions)


def test_producers_are_told(stand: NodeStand) -> None:
    """With what the log knows of them."""
    nobody, somebody = describe(stand, "t", 0, 1)
    assert (nobody.error_code, nobody.active_producers) == (ErrorCode.none, ())
    (producer,) = somebody.active_producers
    assert (producer.producer_id, producer.producer_epoch, producer.last_sequence) == (77, 3, 0)
    assert producer.last_timestamp == 1_700_000_000_000
    assert (producer.coordinator_epoch, producer.current_txn_start_offset) == (-1, -1)


@pytest.mark.parametrize(
    ("topic", "index", "error", "words"),
    [
        ("t", 9, ErrorCode.unknown_topic_or_partition, None),
        ("nobody", 0, ErrorCode.unknown_topic_or_partition, "does not host"),
        ("a/b", 0, ErrorCode.invalid_topic_exception, "ASCII alphanumerics"),
    ],
)
def test_what_is_not_there_is_told(
    stand: NodeStand, topic: str, index: int, error: ErrorCode, words: str | None
) -> None:
    """With words where Kafka has some."""
    (found,) = describe(stand, topic, index)
    assert found.error_code == error
    assert found.error_message is None if words is None else words in found.error_message
