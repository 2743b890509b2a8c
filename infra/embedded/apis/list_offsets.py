"""ListOffsets: where a partition begins and ends, and the first record from a time on.

Times below 0 are questions of their own, each since some version of the request; without tiered
storage the local log is the whole log.
"""

from collections import Counter
from enum import IntEnum
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.leader_epoch import UNKNOWN_EPOCH, epoch_fault
from penstock.infra.embedded.log.log_answers import TimedOffset
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["SpecialTime", "handle", "refuse"]


class SpecialTime(IntEnum):
    """The times that are questions, with Kafka's numbers (ListOffsetsRequest)."""

    LATEST = -1
    EARLIEST = -2
    MAX_TIMESTAMP = -3
    EARLIEST_LOCAL = -4
    LATEST_TIERED = -5


_SINCE: Final[dict[int, int]] = {
    SpecialTime.LATEST: 1,
    SpecialTime.EARLIEST: 1,
    SpecialTime.MAX_TIMESTAMP: 7,
    SpecialTime.EARLIEST_LOCAL: 8,
    SpecialTime.LATEST_TIERED: 9,
}
_ISOLATION_LEVELS: Final = (0, 1)
_READ_COMMITTED: Final = 1
_CONSUMER: Final = -1
_NO_TIME: Final = -1
_NOWHERE: Final = TimedOffset(_NO_TIME, -1, UNKNOWN_EPOCH)

_Answer = ErrorCode | TimedOffset


def handle(node: Node, call: Call) -> Any:
    """Look offsets up.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer.
    """
    topics = call.request.topics
    times = Counter(
        (topic.name, part.partition_index) for topic in topics for part in topic.partitions
    )

    def answer(topic: str, part: Any) -> _Answer:
        if times[topic, part.partition_index] > 1:
            return ErrorCode.invalid_request
        return _look_up(node, call, topic, part)

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
        "ListOffsetsResponse",
        topics=tuple(
            call.make(
                "ListOffsetsTopicResponse",
                name=name,
                partitions=tuple(_partition(call, name, part, answer) for part in parts.values()),
            )
            for name, parts in _partitions(call).items()
        ),
    )


def _partitions(call: Call) -> dict[str, dict[int, Any]]:
    """Each partition once, as in Kafka."""
    partitions: dict[str, dict[int, Any]] = {}
    for topic in call.request.topics:
        parts = partitions.setdefault(topic.name, {})
        parts.update((part.partition_index, part) for part in topic.partitions)
    return partitions


def _partition(call: Call, topic: str, part: Any, answer: Any) -> Any:
    found = answer(topic, part)
    error, timed = (ErrorCode.none, found) if isinstance(found, TimedOffset) else (found, _NOWHERE)
    return call.make(
        "ListOffsetsPartitionResponse",
        partition_index=part.partition_index,
        error_code=error,
        timestamp=timed.timestamp_ms,
        offset=timed.offset,
        leader_epoch=timed.leader_epoch,
    )


def _look_up(node: Node, call: Call, topic: str, part: Any) -> _Answer:
    time_ms = part.timestamp
    if time_ms < 0 and call.version < _SINCE.get(time_ms, call.version + 1):
        return ErrorCode.unsupported_version
    isolation = getattr(call.request, "isolation_level", 0)
    is_consumer = call.request.replica_id == _CONSUMER
    if is_consumer and isolation not in _ISOLATION_LEVELS:
        return ErrorCode.unknown_server_error
    log = node.broker.log(topic, part.partition_index)
    if log is None:
        return ErrorCode.unknown_topic_or_partition
    fault = epoch_fault(log, getattr(part, "current_leader_epoch", UNKNOWN_EPOCH))
    if fault is not ErrorCode.none:
        return fault
    return _found(log, time_ms, committed=is_consumer and isolation == _READ_COMMITTED)


def _found(log: PartitionLog, time_ms: int, *, committed: bool) -> TimedOffset:
    match time_ms:
        case SpecialTime.LATEST:
            return TimedOffset(_NO_TIME, log.readable_end(committed), log.leader_epoch)
        case SpecialTime.EARLIEST | SpecialTime.EARLIEST_LOCAL:
            return TimedOffset(_NO_TIME, log.start_offset, log.leader_epoch)
        case SpecialTime.MAX_TIMESTAMP:
            return log.max_timestamp(committed=committed) or _NOWHERE
        case SpecialTime.LATEST_TIERED:
            return _NOWHERE
        case _:
            return log.offset_at(time_ms, committed=committed) or _NOWHERE
