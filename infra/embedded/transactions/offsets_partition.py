"""The partition of __consumer_offsets that a group's name falls on, as Kafka reckons it.

There is no such topic here. But Kafka shows a group in a transaction as this partition, so that is
what DescribeTransactions shows.
"""

from typing import Final

from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["OFFSETS_TOPIC", "offsets_partition"]

OFFSETS_TOPIC: Final = "__consumer_offsets"
_INT_RANGE: Final = 1 << 32
_INT_MIN: Final = -(1 << 31)


def offsets_partition(group: str, *, partitions: int) -> TopicPartition:
    """Find a group's partition.

    Args:
        group: The group's id.
        partitions: `offsets.topic.num.partitions`.

    Returns:
        The partition.
    """
    code = _string_hash(group)
    # Java's Math.abs leaves the least integer negative; Kafka's own makes it zero.
    return TopicPartition(OFFSETS_TOPIC, (0 if code == _INT_MIN else abs(code)) % partitions)


def _string_hash(text: str) -> int:
    """Return Java's String.hashCode, which reckons in UTF-16 and in 32 bits."""
    code = 0
    units = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (code * 31 + (high << 8 | low)) % _INT_RANGE
    return code - _INT_RANGE if code >= -_INT_MIN else code
