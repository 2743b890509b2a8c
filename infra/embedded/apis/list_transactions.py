"""ListTransactions: which transactional ids there are."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """List transactional ids, those only that pass all filters.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    request = call.request
    listed = node.broker.transactions.list_transactions(
        request.state_filters,
        request.producer_id_filters,
        getattr(request, "duration_filter", -1),
        getattr(request, "transactional_id_pattern", None),
        now_ms=node.now_ms(),
    )
    return call.make(
        "ListTransactionsResponse",
        error_code=listed.error,
        unknown_state_filters=listed.unknown_states,
        transaction_states=tuple(
            call.make(
                "TransactionState",
                transactional_id=transaction.transactional_id,
                producer_id=transaction.producer_id,
                transaction_state=transaction.state,
            )
            for transaction in listed.transactions
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, which lists nothing.
    """
    return call.make("ListTransactionsResponse", error_code=error)
