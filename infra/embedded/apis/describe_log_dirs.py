"""DescribeLogDirs: how much room partitions take. The broker has one place for all of them."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Tell the sizes of partitions.

    Args:
        node: where they are.
        call: the request.

    Returns:
        The answer; partitions that are not there are left out, as in Kafka.
    """
    try:
        total_bytes, usable_bytes = node.storage.room()
    except OSError:  # a folder that is gone: told as Kafka tells it of a disk that failed
        error = ErrorCode.kafka_storage_error
        place = call.make("DescribeLogDirsResult", error_code=error, log_dir=node.storage.place)
        return call.make("DescribeLogDirsResponse", results=(place,))
    sizes: dict[str, list[Any]] = {}
    for name, index in _partitions(node.broker, call):
        log = node.broker.log(name, index)
        if log is not None:
            part = call.make(
                "DescribeLogDirsPartition", partition_index=index, partition_size=log.size_bytes
            )
            sizes.setdefault(name, []).append(part)
    topics = tuple(
        call.make("DescribeLogDirsTopic", name=name, partitions=tuple(parts))
        for name, parts in sizes.items()
    )
    place = call.make(
        "DescribeLogDirsResult",
        log_dir=node.storage.place,
        topics=topics,
        total_bytes=total_bytes,
        usable_bytes=usable_bytes,
    )
    return call.make("DescribeLogDirsResponse", results=(place,))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer.
    """
    return call.make("DescribeLogDirsResponse", error_code=error)


def _partitions(broker: Broker, call: Call) -> list[TopicPartition]:
    wanted = call.request.topics
    if wanted is None:
        return [
            TopicPartition(topic.name, index)
            for topic in broker.topics
            for index in topic.partitions
        ]
    named = (TopicPartition(topic.topic, index) for topic in wanted for index in topic.partitions)
    return list(dict.fromkeys(named))
