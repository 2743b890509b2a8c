"""LeaveGroup: members leave, or an administrator takes them out."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import LeaveAnswer
from penstock.infra.embedded.groups.group_requests import LeavingMember
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_MANY_FROM: Final = 3
"""Since then a request names many members (KIP-345), and each has an error of its own."""


def handle(node: Node, call: Call) -> Any:
    """Let members leave.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    left = node.broker.groups.leave(call.request.group_id, _leaving(call), now_ms=node.now_ms())
    if call.version < _MANY_FROM:
        return refuse(call, _only_error(left))
    return call.make(
        "LeaveGroupResponse",
        error_code=left.error,
        members=tuple(
            call.make(
                "MemberResponse",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                error_code=member.error,
            )
            for member in left.members
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the whole request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, which names no member.
    """
    return call.make("LeaveGroupResponse", error_code=error)


def _leaving(call: Call) -> list[LeavingMember]:
    request = call.request
    if call.version < _MANY_FROM:
        return [LeavingMember(member_id=request.member_id)]
    return [
        LeavingMember(member_id=member.member_id, instance_id=member.group_instance_id)
        for member in request.members
    ]


def _only_error(left: LeaveAnswer) -> ErrorCode:
    if left.error is not ErrorCode.none or not left.members:
        return left.error
    return left.members[0].error
