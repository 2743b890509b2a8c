"""DescribeTransactions: the state of transactional ids."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.transactions.transaction_answers import TransactionDescription
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Describe transactional ids.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, in the order of the request.
    """
    transactions = node.broker.transactions
    return _answer(call, [transactions.describe(name) for name in call.request.transactional_ids])


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each id.
    """
    names = call.request.transactional_ids
    return _answer(call, [TransactionDescription(transactional_id=n, error=error) for n in names])


def _answer(call: Call, described: list[TransactionDescription]) -> Any:
    return call.make(
        "DescribeTransactionsResponse",
        transaction_states=tuple(_state(call, transaction) for transaction in described),
    )


def _state(call: Call, transaction: TransactionDescription) -> Any:
    topics: dict[str, list[int]] = {}
    for topic, number in transaction.partitions:
        topics.setdefault(topic, []).append(number)
    return call.make(
        "TransactionState",
        error_code=transaction.error,
        transactional_id=transaction.transactional_id,
        transaction_state=transaction.state,
        transaction_timeout=transaction.timeout_ms,
        transaction_start_time=transaction.start_ms,
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        topics=tuple(
            call.make("TopicData", topic=name, partitions=tuple(numbers))
            for name, numbers in topics.items()
        ),
    )
