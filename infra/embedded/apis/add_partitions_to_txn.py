"""AddPartitionsToTxn: partitions that a transaction is about to write to.

Up to version 3 a producer sends it, for one transaction. From version 4 Kafka's own brokers do,
for many, and may only ask whether a transaction has its partitions (KIP-890).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.partition_errors import all_alike, by_topic, missing_partitions
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.fencing_code import fencing_code
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_MANY_FROM: Final = 4
"""Since then a request holds many transactions, and an answer has an error of its own."""


def handle(node: Node, call: Call) -> Any:
    """Add partitions to transactions, or check that they are there.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: an error for each partition.
    """
    if call.version < _MANY_FROM:
        request = call.request
        errors = _add(
            node,
            call,
            request.v3_and_below_transactional_id,
            (request.v3_and_below_producer_id, request.v3_and_below_producer_epoch),
            _partitions(request.v3_and_below_topics),
        )
        return _single(call, errors)
    return call.make(
        "AddPartitionsToTxnResponse",
        results_by_transaction=tuple(
            call.make(
                "AddPartitionsToTxnResult",
                transactional_id=transaction.transactional_id,
                topic_results=_topic_results(call, _one_of_many(node, call, transaction)),
            )
            for transaction in call.request.transactions
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each partition in versions that have no other place.
    """
    if call.version < _MANY_FROM:
        return _single(call, all_alike(_partitions(call.request.v3_and_below_topics), error))
    return call.make("AddPartitionsToTxnResponse", error_code=error)


def _one_of_many(node: Node, call: Call, transaction: Any) -> Mapping[TopicPartition, ErrorCode]:
    producer = (transaction.producer_id, transaction.producer_epoch)
    partitions = _partitions(transaction.topics)
    if not transaction.verify_only:
        return _add(node, call, transaction.transactional_id, producer, partitions)
    missing = _with_missing(node, partitions)
    if missing:
        return missing
    return node.broker.transactions.verify(transaction.transactional_id, *producer, partitions)


def _add(
    node: Node,
    call: Call,
    transactional_id: str,
    producer: tuple[int, int],
    partitions: list[TopicPartition],
) -> Mapping[TopicPartition, ErrorCode]:
    missing = _with_missing(node, partitions)
    if missing:
        return missing
    error = node.broker.transactions.add_partitions(
        transactional_id, *producer, partitions, now_ms=node.now_ms()
    )
    error = fencing_code(error, api_key=call.api_key, version=call.version)
    return all_alike(partitions, error)


def _with_missing(
    node: Node, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, ErrorCode]:
    """Return an error for each partition where one of them is missing, else nothing."""
    missing = missing_partitions(node, partitions)
    if not missing:
        return {}
    # One that is not there spoils all: the transaction would not be what the producer wants.
    errors = all_alike(partitions, ErrorCode.operation_not_attempted)
    return errors | all_alike(missing, ErrorCode.unknown_topic_or_partition)


def _partitions(topics: Iterable[Any]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for topic in topics for number in topic.partitions]


def _single(call: Call, errors: Mapping[TopicPartition, ErrorCode]) -> Any:
    return call.make(
        "AddPartitionsToTxnResponse", results_by_topic_v3_and_below=_topic_results(call, errors)
    )


def _topic_results(call: Call, errors: Mapping[TopicPartition, ErrorCode]) -> tuple[Any, ...]:
    return tuple(
        call.make(
            "AddPartitionsToTxnTopicResult",
            name=name,
            results_by_partition=tuple(
                call.make(
                    "AddPartitionsToTxnPartitionResult",
                    partition_index=number,
                    partition_error_code=error,
                )
                for number, error in partitions
            ),
        )
        for name, partitions in by_topic(errors).items()
    )
