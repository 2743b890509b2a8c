"""DescribeGroups: what groups of the classic protocol are made of."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.authorized_operations import GROUP_OPERATIONS, NOT_ASKED
from penstock.infra.embedded.groups.group_answers import GroupDescription
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_MISSING_GROUP_FROM: Final = 6
"""Since then a group that is not there is an error (KIP-1043); before, it is only dead."""


def handle(node: Node, call: Call) -> Any:
    """Describe groups.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, in the order of the request.
    """
    groups = node.broker.groups
    described = tuple(_group(call, groups.describe(name)) for name in call.request.groups)
    return call.make("DescribeGroupsResponse", groups=described)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each group.
    """
    return call.make(
        "DescribeGroupsResponse",
        groups=tuple(
            call.make("DescribedGroup", group_id=name, error_code=error)
            for name in call.request.groups
        ),
    )


def _group(call: Call, group: GroupDescription) -> Any:
    error = group.error if call.version >= _MISSING_GROUP_FROM else ErrorCode.none
    asked = getattr(call.request, "include_authorized_operations", False)
    return call.make(
        "DescribedGroup",
        error_code=error,
        error_message=group.error_message,
        group_id=group.group,
        group_state=group.state,
        protocol_type=group.protocol_type,
        protocol_data=group.protocol_data,
        members=tuple(
            call.make(
                "DescribedGroupMember",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata,
                member_assignment=member.assignment,
            )
            for member in group.members
        ),
        authorized_operations=(
            GROUP_OPERATIONS if asked and error is ErrorCode.none else NOT_ASKED
        ),
    )
