"""DescribeCluster: the brokers, which are one, and the controller, which is the same."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.authorized_operations import CLUSTER_OPERATIONS, NOT_ASKED
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_BROKERS: Final = 1
_CONTROLLERS: Final = 2
_MISMATCH: Final = (
    "The request was sent to an endpoint of type BROKER, "
    "but we wanted an endpoint of type CONTROLLER"
)


def handle(node: Node, call: Call) -> Any:
    """Describe the cluster.

    Args:
        node: of which it is made.
        call: the request.

    Returns:
        The answer.
    """
    endpoints = getattr(call.request, "endpoint_type", _BROKERS)
    if endpoints == _CONTROLLERS:
        return _refuse(call, ErrorCode.mismatched_endpoint_type, _MISMATCH)
    if endpoints != _BROKERS:
        reason = f"Unsupported endpoint type {endpoints}"
        return _refuse(call, ErrorCode.unsupported_endpoint_type, reason)
    broker = call.make(
        "DescribeClusterBroker",
        broker_id=node.broker.node_id,
        host=call.listener.host,
        port=call.listener.port,
    )
    asked = call.request.include_cluster_authorized_operations
    return call.make(
        "DescribeClusterResponse",
        cluster_id=node.broker.cluster_id,
        controller_id=node.broker.node_id,
        brokers=(broker,),
        cluster_authorized_operations=CLUSTER_OPERATIONS if asked else NOT_ASKED,
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer.
    """
    return _refuse(call, error, None)


def _refuse(call: Call, error: ErrorCode, message: str | None) -> Any:
    return call.make("DescribeClusterResponse", error_code=error, error_message=message)
