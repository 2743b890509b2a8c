"""The name of one partition of one topic, as all parts of the broker say it."""

from typing import NamedTuple

__all__ = ["TopicPartition"]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    """The topic's name."""
    partition: int
    """The partition's number; 0 and more."""

    def __str__(self) -> str:
        """`topic-partition`, as Kafka's own messages say it."""
        return f"{self.topic}-{self.partition}"
