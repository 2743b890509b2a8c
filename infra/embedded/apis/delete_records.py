"""DeleteRecords: records before an offset go."""

from collections.abc import Callable
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_UNKNOWN_START = -1

_Answer = Callable[[TopicPartition, int], tuple[ErrorCode, int]]


def handle(node: Node, call: Call) -> Any:
    """Delete the records before the offsets of the request.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer: where each partition begins now.
    """

    def answer(partition: TopicPartition, offset: int) -> tuple[ErrorCode, int]:
        return node.broker.delete_records(partition, offset)

    return _response(call, answer)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each partition names the error.
    """
    return _response(call, lambda _partition, _offset: (error, _UNKNOWN_START))


def _response(call: Call, answer: _Answer) -> Any:
    topics: dict[str, dict[int, int]] = {}
    for topic in call.request.topics:
        offsets = topics.setdefault(topic.name, {})
        offsets.update((part.partition_index, part.offset) for part in topic.partitions)
    return call.make(
        "DeleteRecordsResponse",
        topics=tuple(
            call.make(
                "DeleteRecordsTopicResult",
                name=name,
                partitions=tuple(
                    _partition(call, index, answer(TopicPartition(name, index), offset))
                    for index, offset in offsets.items()
                ),
            )
            for name, offsets in topics.items()
        ),
    )


def _partition(call: Call, index: int, outcome: tuple[ErrorCode, int]) -> Any:
    error, start = outcome
    return call.make(
        "DeleteRecordsPartitionResult",
        partition_index=index,
        low_watermark=start if error is ErrorCode.none else _UNKNOWN_START,
        error_code=error,
    )
