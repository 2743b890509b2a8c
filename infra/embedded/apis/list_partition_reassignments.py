"""ListPartitionReassignments: replicas on their way between brokers. With one broker, none."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(_node: Node, call: Call) -> Any:
    """Answer that nothing moves; Kafka leaves out partitions that do not, known or not.

    Args:
        _node: the only one.
        call: the request.

    Returns:
        The answer.
    """
    return call.make("ListPartitionReassignmentsResponse")


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; it repeats the partitions, as Kafka does.
    """
    return call.make(
        "ListPartitionReassignmentsResponse",
        error_code=error,
        topics=tuple(
            call.make(
                "OngoingTopicReassignment",
                name=topic.name,
                partitions=tuple(
                    call.make("OngoingPartitionReassignment", partition_index=index)
                    for index in topic.partition_indexes
                ),
            )
            for topic in call.request.topics or ()
        ),
    )
