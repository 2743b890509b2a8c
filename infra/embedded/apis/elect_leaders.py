"""ElectLeaders: other leaders for partitions. With one broker, each has its leader already."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_PREFERRED: Final = 0
_UNCLEAN: Final = 1


class _Outcome(NamedTuple):
    """What became of one partition's election."""

    error: ErrorCode
    message: str | None


def handle(node: Node, call: Call) -> Any:
    """Answer that no election is needed.

    Args:
        node: the leader of all partitions.
        call: the request.

    Returns:
        The answer. Where no partitions are named, Kafka names all topics and of them the
        partitions that got a leader: none.
    """
    request = call.request
    kind = getattr(request, "election_type", _PREFERRED)
    if kind not in (_PREFERRED, _UNCLEAN):
        return _refuse(call, ErrorCode.invalid_request, f"Unknown election type {kind}")
    if request.topic_partitions is None:
        results = (
            call.make("ReplicaElectionResult", topic=name) for name in node.broker.topics.names()
        )
        return call.make("ElectLeadersResponse", replica_election_results=tuple(results))
    return _response(call, ErrorCode.none, lambda partition: _elect(node.broker, partition))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each partition names the error.
    """
    return _refuse(call, error, None)


def _refuse(call: Call, error: ErrorCode, message: str | None) -> Any:
    return _response(call, error, lambda _partition: _Outcome(error, message))


def _elect(broker: Broker, partition: TopicPartition) -> _Outcome:
    unknown = ErrorCode.unknown_topic_or_partition
    if broker.topics.get(partition.topic) is None:
        return _Outcome(unknown, f"No such topic as {partition.topic}")
    if broker.log(partition.topic, partition.partition) is None:
        return _Outcome(unknown, f"No such partition as {partition}")
    return _Outcome(
        ErrorCode.election_not_needed, "Leader election not needed for topic partition."
    )


def _response(call: Call, error: ErrorCode, outcome: Callable[[TopicPartition], _Outcome]) -> Any:
    return call.make(
        "ElectLeadersResponse",
        error_code=error,
        replica_election_results=tuple(
            call.make(
                "ReplicaElectionResult",
                topic=topic.topic,
                partition_result=tuple(
                    _partition(call, index, outcome(TopicPartition(topic.topic, index)))
                    for index in topic.partitions
                ),
            )
            for topic in call.request.topic_partitions or ()
        ),
    )


def _partition(call: Call, index: int, outcome: _Outcome) -> Any:
    return call.make(
        "PartitionResult",
        partition_id=index,
        error_code=outcome.error,
        error_message=outcome.message,
    )
