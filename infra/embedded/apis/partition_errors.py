"""One error for each partition, as requests about offsets and transactions are answered.

Such a request names topics with partitions; Kafka first refuses the partitions that it does not
have and asks the coordinator about the others, if there are any. Its answer names each topic once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["all_alike", "answer_topics", "by_topic", "missing_partitions"]


def missing_partitions(node: Node, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
    """Find the partitions that this broker does not have.

    Args:
        node: Whose topics are looked at.
        partitions: As the request names them.

    Returns:
        Those of unknown topics and those beyond their topic's last partition, in the same order.
    """
    topics = node.broker.topics
    missing = []
    for partition in partitions:
        topic = topics.get(partition.topic)
        if topic is None or partition.partition not in topic.partitions:
            missing.append(partition)
    return missing


def all_alike(
    partitions: Iterable[TopicPartition], error: ErrorCode
) -> dict[TopicPartition, ErrorCode]:
    """Give one error to many partitions.

    Args:
        partitions: As the request names them.
        error: Of each.

    Returns:
        The error by partition, in the same order.
    """
    return dict.fromkeys(partitions, error)


def by_topic(
    errors: Mapping[TopicPartition, ErrorCode],
) -> dict[str, list[tuple[int, ErrorCode]]]:
    """Gather errors by topic, as answers are laid out.

    Args:
        errors: By partition.

    Returns:
        By the topic's name, partition numbers with their errors; both in order of first mention.
    """
    topics: dict[str, list[tuple[int, ErrorCode]]] = {}
    for (topic, number), error in errors.items():
        topics.setdefault(topic, []).append((number, error))
    return topics


def answer_topics(
    call: Call, answer: str, topics: Iterable[tuple[str, Iterable[tuple[int, ErrorCode]]]]
) -> tuple[Any, ...]:
    """Make the topics of an answer about committed offsets; these answers lay them out alike.

    Args:
        call: The request.
        answer: Name of the answer's struct; its topics and partitions are named after it.
        topics: Names with partition numbers and their errors.

    Returns:
        The topics.
    """
    return tuple(
        call.make(
            f"{answer}Topic",
            name=name,
            partitions=tuple(
                call.make(f"{answer}Partition", partition_index=number, error_code=error)
                for number, error in partitions
            ),
        )
        for name, partitions in topics
    )
