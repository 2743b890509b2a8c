"""Which topics a client's cluster knows.

A client of aiokafka that is given a partition of a topic that is not there looks for its leader
without a pause, some hundred times a second, and lets whoever asks it run into a timeout that says
nothing. So a reader looks first, and where a question got no answer, the reason says what is known.
"""

from collections.abc import Iterable
from typing import Any, Final

from aiokafka.errors import KafkaConnectionError

from penstock.events.log import Partition, TopicMissing

__all__ = ["find_topics", "unanswered", "unknown_topics"]

_LOOKS: Final = 3
"""A topic that was just created may be unknown to the broker that is asked first."""


async def find_topics(client: Any, partitions: Iterable[Partition]) -> None:
    """Make sure that these partitions exist.

    Args:
        client: of a started consumer; from now on it follows the topics of these partitions.
        partitions: what is asked for.

    Raises:
        TopicMissing: a topic does not exist, or has fewer partitions.
        KafkaConnectionError: no broker told its topics.
    """
    partitions = tuple(partitions)
    client.set_topics({partition.topic for partition in partitions})
    unknown: list[str] = []
    for _ in range(_LOOKS):
        if not await client.force_metadata_update():
            message = "no broker told its topics"
            raise KafkaConnectionError(message)
        unknown = sorted({name for each in partitions if (name := _unknown(client, each))})
        if not unknown:
            return
    raise TopicMissing(topics=", ".join(unknown))


def unknown_topics(client: Any, topics: Iterable[str]) -> list[str]:
    """Return those topics that the cluster did not know when it was last asked."""
    return [topic for topic in topics if not client.cluster.partitions_for_topic(topic)]


def _unknown(client: Any, partition: Partition) -> str:
    numbers = client.cluster.partitions_for_topic(partition.topic)
    if not numbers:
        return partition.topic
    return "" if partition.number in numbers else str(partition)


def unanswered(client: Any, partition: Partition, what: str) -> str:
    """Return the reason why a question about a partition got no answer.

    Args:
        client: that was asked.
        partition: what it was asked about.
        what: how the question ended.
    """
    if unknown := _unknown(client, partition):
        return f"{what}, about {partition}; the cluster does not know {unknown}"
    return f"{what}, about {partition}"
