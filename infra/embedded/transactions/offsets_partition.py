"""The partition of __consumer_offsets that a group's name falls on, as Kafka reckons it.

There is no such topic here. But Kafka shows a group in a transaction as this partition, so that is
what DescribeTransactions shows.
"""

from typing import Final

from penstock.infra.embedded.java_hash import java_hash
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["OFFSETS_TOPIC", "offsets_partition"]

OFFSETS_TOPIC: Final = "__consumer_offsets"
_LEAST: Final = 1 << 31
"""The hash that Java takes for its least integer."""


def offsets_partition(group: str, *, partitions: int) -> TopicPartition:
    """Find a group's partition.

    Args:
        group: The group's id.
        partitions: `offsets.topic.num.partitions`.

    Returns:
        The partition.
    """
    code = java_hash(group)
    # Java's Math.abs leaves the least integer negative; Kafka's own makes it zero.
    amount = 0 if code == _LEAST else min(code, 2 * _LEAST - code)
    return TopicPartition(OFFSETS_TOPIC, amount % partitions)
