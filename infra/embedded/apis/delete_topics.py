"""DeleteTopics: topics go, named by their names or, from version 6, their ids."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topics.topic_creation import NO_TOPIC_ID
from penstock.infra.embedded.topics.topic_deletion import TopicDeleted, TopicReference
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_IDS_FROM: Final = 6
"""Since then a topic may be named by its id (KIP-516)."""

_DISABLED_FROM: Final = 3
"""Since then a client knows TOPIC_DELETION_DISABLED (KIP-322)."""


def handle(node: Node, call: Call) -> Any:
    """Delete topics.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: what became of each topic.
    """
    return _answer(call, node.broker.delete_topics(_references(call), now_ms=node.now_ms()))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each topic.
    """
    return _answer(
        call,
        tuple(
            TopicDeleted(name=name, topic_id=topic_id or NO_TOPIC_ID, error=error)
            for name, topic_id in _references(call)
        ),
    )


def _references(call: Call) -> list[TopicReference]:
    request = call.request
    if call.version < _IDS_FROM:
        return [TopicReference(name=name) for name in request.topic_names]
    return [TopicReference(name=topic.name, topic_id=topic.topic_id) for topic in request.topics]


def _answer(call: Call, deleted: tuple[TopicDeleted, ...]) -> Any:
    return call.make(
        "DeleteTopicsResponse",
        responses=tuple(
            call.make(
                "DeletableTopicResult",
                name=topic.name,
                topic_id=topic.topic_id,
                error_code=_code(call, topic.error),
                error_message=topic.reason,
            )
            for topic in deleted
        ),
    )


def _code(call: Call, error: ErrorCode) -> ErrorCode:
    if error is ErrorCode.topic_deletion_disabled and call.version < _DISABLED_FROM:
        return ErrorCode.invalid_request
    return error
