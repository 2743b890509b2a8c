"""JoinGroup: a member wants to be in the next generation of its group.

The answer comes when the group has gathered its members; only this connection waits for it.
"""

from collections.abc import Awaitable
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.milliseconds import milliseconds
from penstock.infra.embedded.groups.group_answers import JoinAnswer
from penstock.infra.embedded.groups.group_requests import JoinRequest
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_REBALANCE_TIMEOUT_FROM: Final = 1
"""Before, the session timeout counts for both."""

_KNOWN_MEMBER_FROM: Final = 4
"""Since then a new member is first told its id (KIP-394)."""

_NULL_PROTOCOL_FROM: Final = 7
"""Since then a protocol that is not known is null; before, it is an empty text."""

_SKIPPED_ASSIGNMENT_FROM: Final = 9
"""Since then a static leader that comes back may be told to keep the assignment (KIP-814)."""


def handle(node: Node, call: Call) -> Any | Awaitable[Any]:
    """Let a member join.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, or what waits for it.
    """
    token = node.new_token(call)
    joined = node.broker.groups.join(_wish(call, token), now_ms=node.now_ms())
    if joined is None:
        return _later(node, call, token)
    return _answer(call, joined)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer.
    """
    return _answer(call, JoinAnswer(error=error))


def _wish(call: Call, token: int) -> JoinRequest:
    request = call.request
    session_timeout = request.session_timeout
    has_rebalance_timeout = call.version >= _REBALANCE_TIMEOUT_FROM
    return JoinRequest(
        token=token,
        group=request.group_id,
        member_id=request.member_id,
        instance_id=getattr(request, "group_instance_id", None),
        client_id=call.client_id,
        client_host=call.client_host,
        protocol_type=request.protocol_type,
        protocols=tuple((protocol.name, protocol.metadata) for protocol in request.protocols),
        session_timeout_ms=milliseconds(session_timeout),
        rebalance_timeout_ms=milliseconds(
            request.rebalance_timeout if has_rebalance_timeout else session_timeout
        ),
        requires_known_member=call.version >= _KNOWN_MEMBER_FROM,
        supports_skipping_assignment=call.version >= _SKIPPED_ASSIGNMENT_FROM,
    )


async def _later(node: Node, call: Call, token: int) -> Any:
    joined = await node.wait_answer(token)
    assert isinstance(joined, JoinAnswer)
    return _answer(call, joined)


def _answer(call: Call, joined: JoinAnswer) -> Any:
    protocol_name = joined.protocol_name or None
    if protocol_name is None and call.version < _NULL_PROTOCOL_FROM:
        protocol_name = ""
    return call.make(
        "JoinGroupResponse",
        error_code=joined.error,
        generation_id=joined.generation,
        protocol_type=joined.protocol_type,
        protocol_name=protocol_name,
        leader=joined.leader,
        skip_assignment=joined.skip_assignment,
        member_id=joined.member_id,
        members=tuple(
            call.make(
                "JoinGroupResponseMember",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata,
            )
            for member in joined.members
        ),
    )
