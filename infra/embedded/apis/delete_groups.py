"""DeleteGroups: groups without members go, with their offsets."""

from collections.abc import Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Delete groups, each once however often it is named.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    now_ms = node.now_ms()
    groups = node.broker.groups
    names = dict.fromkeys(call.request.groups_names)
    return _answer(call, {name: groups.delete_group(name, now_ms=now_ms) for name in names})


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each group.
    """
    return _answer(call, dict.fromkeys(call.request.groups_names, error))


def _answer(call: Call, errors: Mapping[str, ErrorCode]) -> Any:
    return call.make(
        "DeleteGroupsResponse",
        results=tuple(
            call.make("DeletableGroupResult", group_id=name, error_code=error)
            for name, error in errors.items()
        ),
    )
