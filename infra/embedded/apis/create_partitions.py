"""CreatePartitions: topics get more partitions."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth, TopicGrown
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Add partitions, or only say whether it could be done.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: what became of each topic.
    """
    grown = node.broker.create_partitions(
        [_wish(topic) for topic in call.request.topics],
        validate_only=call.request.validate_only,
        now_ms=node.now_ms(),
    )
    return _answer(call, grown)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each topic.
    """
    names = dict.fromkeys(topic.name for topic in call.request.topics)
    return _answer(call, tuple(TopicGrown(name=name, error=error) for name in names))


def _wish(topic: Any) -> PartitionGrowth:
    assignments = topic.assignments
    return PartitionGrowth(
        name=topic.name,
        count=topic.count,
        assignments=(
            None if assignments is None else tuple(assigned.broker_ids for assigned in assignments)
        ),
    )


def _answer(call: Call, grown: tuple[TopicGrown, ...]) -> Any:
    return call.make(
        "CreatePartitionsResponse",
        results=tuple(
            call.make(
                "CreatePartitionsTopicResult",
                name=topic.name,
                error_code=topic.error,
                error_message=topic.reason,
            )
            for topic in grown
        ),
    )
