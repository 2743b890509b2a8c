"""OffsetForLeaderEpoch: where an epoch of a partition's leader ended (KIP-320)."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.leader_epoch import (
    UNKNOWN_EPOCH,
    EpochEnd,
    epoch_end,
    epoch_fault,
)
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_NOWHERE = EpochEnd(UNKNOWN_EPOCH, -1)


def handle(node: Node, call: Call) -> Any:
    """Look ends of epochs up.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer.
    """

    def answer(topic: str, part: Any) -> ErrorCode | EpochEnd:
        log = node.broker.log(topic, part.partition)
        if log is None:
            return ErrorCode.unknown_topic_or_partition
        fault = epoch_fault(log, part.current_leader_epoch)
        return fault if fault is not ErrorCode.none else epoch_end(log, part.leader_epoch)

    return _response(call, answer)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each partition names the error.
    """
    return _response(call, lambda _topic, _part: error)


def _response(call: Call, answer: Any) -> Any:
    return call.make(
        "OffsetForLeaderEpochResponse",
        topics=tuple(
            call.make(
                "OffsetForLeaderTopicResult",
                topic=topic.topic,
                partitions=tuple(
                    _partition(call, part.partition, answer(topic.topic, part))
                    for part in topic.partitions
                ),
            )
            for topic in call.request.topics
        ),
    )


def _partition(call: Call, index: int, found: ErrorCode | EpochEnd) -> Any:
    error, end = (ErrorCode.none, found) if isinstance(found, EpochEnd) else (found, _NOWHERE)
    return call.make(
        "EpochEndOffset",
        partition=index,
        error_code=error,
        leader_epoch=end.epoch,
        end_offset=end.end_offset,
    )
