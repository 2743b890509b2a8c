"""FindCoordinator: which broker leads a group or a transaction. Here: this one.

Apache Kafka makes its internal topics at the first question and answers that the coordinator is not
available meanwhile; this broker has no such topics, so its coordinators are there from the start.
"""

from enum import IntEnum
from typing import Any, Final, NamedTuple

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["CoordinatorKind", "handle", "refuse"]


class CoordinatorKind(IntEnum):
    """What is coordinated, with Kafka's numbers (CoordinatorType)."""

    GROUP = 0
    TRANSACTION = 1
    SHARE = 2
    """Share groups, which this broker does not have."""


class _Found(NamedTuple):
    """What is answered for one key."""

    error: ErrorCode
    node_id: int = -1
    host: str = ""
    port: int = -1
    message: str = ""


_BATCHED_SINCE: Final = 4
_NO_ERROR_MESSAGE: Final = "NONE"
"""What Kafka writes into the message up to version 3 where there is no error."""
_MESSAGES: Final = {
    ErrorCode.none: _NO_ERROR_MESSAGE,
    ErrorCode.coordinator_not_available: "The coordinator is not available.",
    ErrorCode.coordinator_load_in_progress: (
        "The coordinator is loading and hence can't process requests."
    ),
    ErrorCode.invalid_request: (
        "This most likely occurs because of a request being malformed by the client library or the "
        "message was sent to an incompatible broker. See the broker logs for more details."
    ),
}


def handle(node: Node, call: Call) -> Any:
    """Name the coordinator.

    Args:
        node: which it is.
        call: the request.

    Returns:
        The answer.
    """
    kind = getattr(call.request, "key_type", CoordinatorKind.GROUP)
    if kind not in tuple(CoordinatorKind):
        return refuse(call, ErrorCode.invalid_request)
    if kind == CoordinatorKind.SHARE:
        return _response(call, _Found(ErrorCode.invalid_request))
    found = _Found(ErrorCode.none, node.broker.node_id, call.listener.host, call.listener.port)
    return _response(call, found)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each key names the error.
    """
    return _response(call, _Found(error, message=_MESSAGES.get(error, "")))


def _response(call: Call, found: _Found) -> Any:
    place = {"node_id": found.node_id, "host": found.host, "port": found.port}
    if call.version < _BATCHED_SINCE:
        message = _MESSAGES.get(found.error)
        return call.make(
            "FindCoordinatorResponse", error_code=found.error, error_message=message, **place
        )
    return call.make(
        "FindCoordinatorResponse",
        coordinators=tuple(
            call.make(
                "Coordinator",
                key=key,
                error_code=found.error,
                error_message=found.message,
                **place,
            )
            for key in call.request.coordinator_keys
        ),
    )
