"""ListGroups: which groups there are."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """List groups, those only that pass the filters of states and types.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    request = call.request
    listed = node.broker.groups.list_groups(
        states=getattr(request, "states_filter", ()), types=getattr(request, "types_filter", ())
    )
    return call.make(
        "ListGroupsResponse",
        groups=tuple(
            call.make(
                "ListedGroup",
                group_id=group.group,
                protocol_type=group.protocol_type,
                group_state=group.state,
                group_type=group.group_type,
            )
            for group in listed
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
    return call.make("ListGroupsResponse", error_code=error)
