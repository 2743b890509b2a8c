"""AddOffsetsToTxn: a group whose offsets a transaction is about to commit."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.transactions.fencing_code import fencing_code
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Add a group to a transaction.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    request = call.request
    error = node.broker.transactions.add_group(
        request.transactional_id,
        request.producer_id,
        request.producer_epoch,
        request.group_id,
        now_ms=node.now_ms(),
    )
    return refuse(call, fencing_code(error, api_key=call.api_key, version=call.version))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request; the answer is all error.

    Args:
        call: The request.
        error: Why, or none.

    Returns:
        The answer.
    """
    return call.make("AddOffsetsToTxnResponse", error_code=error)
