"""InitProducerId: who a producer is, for idempotence or for transactions."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.milliseconds import milliseconds
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.transactions.fencing_code import fencing_code
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_NONE: Final = -1
"""In the place of a producer id or an epoch that there is not."""


def handle(node: Node, call: Call) -> Any:
    """Give a producer its id and epoch, or a new epoch.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    request = call.request
    given = node.broker.transactions.init_producer(
        request.transactional_id,
        milliseconds(request.transaction_timeout),
        getattr(request, "producer_id", _NONE),
        getattr(request, "producer_epoch", _NONE),
        now_ms=node.now_ms(),
    )
    return call.make(
        "InitProducerIdResponse",
        error_code=fencing_code(given.error, api_key=call.api_key, version=call.version),
        producer_id=given.producer_id,
        producer_epoch=given.producer_epoch,
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer.
    """
    return call.make(
        "InitProducerIdResponse", error_code=error, producer_id=_NONE, producer_epoch=_NONE
    )
