"""SyncGroup: the leader of a generation brings the assignments, and each member fetches its own.

The answer comes when the leader has brought them; only this connection waits for it.
"""

from collections.abc import Awaitable
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import SyncAnswer
from penstock.infra.embedded.groups.group_requests import SyncRequest
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_PROTOCOL_REQUIRED_FROM: Final = 5
"""Since then the member says which protocol it believes in (KIP-559)."""


def handle(node: Node, call: Call) -> Any | Awaitable[Any]:
    """Give a member its assignment.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, or what waits for it.
    """
    request = call.request
    protocol_type = getattr(request, "protocol_type", None)
    protocol_name = getattr(request, "protocol_name", None)
    if call.version >= _PROTOCOL_REQUIRED_FROM and None in (protocol_type, protocol_name):
        return refuse(call, ErrorCode.inconsistent_group_protocol)
    token = node.new_token(call)
    synced = node.broker.groups.sync(
        SyncRequest(
            token=token,
            group=request.group_id,
            generation=request.generation_id,
            member_id=request.member_id,
            instance_id=getattr(request, "group_instance_id", None),
            protocol_type=protocol_type,
            protocol_name=protocol_name,
            assignments=tuple((one.member_id, one.assignment) for one in request.assignments),
        ),
        now_ms=node.now_ms(),
    )
    if synced is None:
        return _later(node, call, token)
    return _answer(call, synced)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer.
    """
    return _answer(call, SyncAnswer(error=error))


async def _later(node: Node, call: Call, token: int) -> Any:
    synced = await node.wait_answer(token)
    assert isinstance(synced, SyncAnswer)
    return _answer(call, synced)


def _answer(call: Call, synced: SyncAnswer) -> Any:
    return call.make(
        "SyncGroupResponse",
        error_code=synced.error,
        protocol_type=synced.protocol_type,
        protocol_name=synced.protocol_name,
        assignment=synced.assignment,
    )
