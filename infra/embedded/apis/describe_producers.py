"""DescribeProducers: the idempotent producers that a partition remembers (KIP-664)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.log.log_answers import ProducerDescription
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_name import name_fault
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_NO_TOPIC = "This server does not host this topic-partition."


class _Outcome(NamedTuple):
    """What is answered for one partition."""

    error: ErrorCode = ErrorCode.none
    message: str | None = None
    producers: tuple[ProducerDescription, ...] = ()


def handle(node: Node, call: Call) -> Any:
    """Describe producers.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer.
    """
    return _response(call, lambda partition: _describe(node.broker, partition))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each partition names the error.
    """
    return _response(call, lambda _partition: _Outcome(error))


def _describe(broker: Broker, partition: TopicPartition) -> _Outcome:
    reason = name_fault(partition.topic)
    if reason is not None:
        return _Outcome(ErrorCode.invalid_topic_exception, reason)
    if broker.topics.get(partition.topic) is None:
        return _Outcome(ErrorCode.unknown_topic_or_partition, _NO_TOPIC)
    log = broker.log(partition.topic, partition.partition)
    if log is None:
        return _Outcome(ErrorCode.unknown_topic_or_partition)
    return _Outcome(producers=log.producers())


def _response(call: Call, outcome: Callable[[TopicPartition], _Outcome]) -> Any:
    return call.make(
        "DescribeProducersResponse",
        topics=tuple(
            call.make(
                "TopicResponse",
                name=topic.name,
                partitions=tuple(
                    _partition(call, index, outcome(TopicPartition(topic.name, index)))
                    for index in topic.partition_indexes
                ),
            )
            for topic in call.request.topics
        ),
    )


def _partition(call: Call, index: int, outcome: _Outcome) -> Any:
    return call.make(
        "PartitionResponse",
        partition_index=index,
        error_code=outcome.error,
        error_message=outcome.message,
        active_producers=tuple(
            call.make(
                "ProducerState",
                producer_id=producer.producer_id,
                producer_epoch=producer.producer_epoch,
                last_sequence=producer.last_sequence,
                last_timestamp=producer.last_timestamp_ms,
                coordinator_epoch=producer.coordinator_epoch,
                current_txn_start_offset=producer.current_transaction_start_offset,
            )
            for producer in outcome.producers
        ),
    )
