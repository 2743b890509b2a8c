"""OffsetDelete: a group's committed offsets go, of topics that it no longer reads."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.partition_errors import (
    all_alike,
    answer_topics,
    by_topic,
    missing_partitions,
)
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Delete offsets.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: an error of the whole request, or one for each partition.
    """
    request = call.request
    asked = [
        TopicPartition(topic.name, partition.partition_index)
        for topic in request.topics
        for partition in topic.partitions
    ]
    errors = all_alike(missing_partitions(node, asked), ErrorCode.unknown_topic_or_partition)
    deleted = node.broker.groups.delete_offsets(
        request.group_id,
        [partition for partition in asked if partition not in errors],
        now_ms=node.now_ms(),
    )
    if deleted.error is not ErrorCode.none:
        return refuse(call, deleted.error)
    errors.update(deleted.partitions)
    topics = answer_topics(call, "OffsetDeleteResponse", by_topic(errors).items())
    return call.make("OffsetDeleteResponse", topics=topics)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the whole request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, which names no partition.
    """
    return call.make("OffsetDeleteResponse", error_code=error)
