"""Heartbeat: a member says that it is alive, and hears whether its group is in a rebalance."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Renew a member's session.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    request = call.request
    error = node.broker.groups.heartbeat(
        request.group_id,
        request.generation_id,
        request.member_id,
        getattr(request, "group_instance_id", None),
        now_ms=node.now_ms(),
    )
    return refuse(call, error)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request; the answer is all error.

    Args:
        call: The request.
        error: Why, or none.

    Returns:
        The answer.
    """
    return call.make("HeartbeatResponse", error_code=error)
