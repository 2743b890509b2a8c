"""EndTxn: a transaction is committed or aborted.

The answer comes when the outcome is kept; the markers follow (`Broker.settle`).
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.transactions.fencing_code import fencing_code
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_NEW_PROTOCOL_FROM: Final = 5
"""Since then the end also raises the producer's epoch (KIP-890, part 2). A client asks for that
only where the feature `transaction.version` is 2. Kafka without it never comes to an answer, so
this refusal is ours."""


def handle(node: Node, call: Call) -> Any:
    """End a transaction.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    if call.version >= _NEW_PROTOCOL_FROM:
        return refuse(call, ErrorCode.unsupported_version)
    request = call.request
    error = node.broker.transactions.end(
        request.transactional_id,
        request.producer_id,
        request.producer_epoch,
        commit=request.committed,
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
    return call.make("EndTxnResponse", error_code=error)
