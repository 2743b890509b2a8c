"""ConsumerGroupDescribe: groups of the consumer protocol (KIP-848), of which this broker has none.

Java's tools and librdkafka ask this first and go on with DescribeGroups where the group is not of
that protocol; so Kafka answers for every classic group.
"""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import GroupDescription
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Say of each group that it is none of this kind.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, in the order of the request.
    """
    groups = node.broker.groups
    return call.make(
        "ConsumerGroupDescribeResponse",
        groups=tuple(
            _no_such_group(call, groups.describe(name)) for name in call.request.group_ids
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each group.
    """
    return call.make(
        "ConsumerGroupDescribeResponse",
        groups=tuple(
            call.make("DescribedGroup", group_id=name, error_code=error)
            for name in call.request.group_ids
        ),
    )


def _no_such_group(call: Call, group: GroupDescription) -> Any:
    name = group.group
    if not name:
        return call.make("DescribedGroup", group_id=name, error_code=ErrorCode.invalid_group_id)
    known = group.error is ErrorCode.none
    message = f"Group {name} is not a consumer group." if known else f"Group {name} not found."
    return call.make(
        "DescribedGroup",
        group_id=name,
        error_code=ErrorCode.group_id_not_found,
        error_message=message,
    )
