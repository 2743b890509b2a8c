"""Metadata: the brokers, which are one, and topics with their partitions.

A topic that is not there is made where the request and the configuration allow it. As Apache Kafka,
whose controller makes it meanwhile, the answer that makes it still says that it is not there; the
next one has it.
"""

from collections.abc import Iterable
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.authorized_operations import (
    CLUSTER_OPERATIONS,
    NOT_ASKED,
    TOPIC_OPERATIONS,
)
from penstock.infra.embedded.apis.unknown_topic import unknown_topic_error
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ALL_IS_NULL_SINCE: Final = 1
_ALLOWED_SINCE: Final = 4
_REQUEST_IDS_SINCE: Final = 12
_EPOCH: Final = 0


def handle(node: Node, call: Call) -> Any:
    """Describe the broker and topics.

    Args:
        node: which it is.
        call: the request.

    Returns:
        The answer.
    """
    wanted = call.request.topics
    if wanted is None or (call.version < _ALL_IS_NULL_SINCE and not wanted):
        return _response(node, call, [_known(node, call, topic) for topic in node.broker.topics])
    error = _fault(call)
    if error is not ErrorCode.none:
        return refuse(call, error)
    ids = dict.fromkeys(topic_id for topic in wanted if (topic_id := _id(topic)) is not None)
    found = _by_id(node, call, ids) if ids else _by_name(node, call)
    return _response(node, call, found)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each topic of the request names the error.
    """
    return call.make(
        "MetadataResponse",
        controller_id=-1,
        error_code=error,
        topics=tuple(
            call.make(
                "MetadataResponseTopic",
                error_code=error,
                name=topic.name or "",
                topic_id=_id(topic),
            )
            for topic in call.request.topics or ()
        ),
    )


def _id(topic: Any) -> Any:
    return getattr(topic, "topic_id", None)


def _fault(call: Call) -> ErrorCode:
    """What Kafka says of topics without a name, and of ids before they could be asked for."""
    topics = call.request.topics
    if call.version >= _REQUEST_IDS_SINCE:
        nameless = [topic for topic in topics if topic.name is None]
        has_ids = any(_id(topic) is not None for topic in topics)
        return ErrorCode.unknown_server_error if nameless and not has_ids else ErrorCode.none
    if any(topic.name is None or _id(topic) is not None for topic in topics):
        return ErrorCode.invalid_request
    return ErrorCode.none


def _by_id(node: Node, call: Call, ids: Iterable[Any]) -> list[Any]:
    topics = {topic_id: node.broker.topics.by_id(topic_id) for topic_id in ids}
    unknown = [
        call.make(
            "MetadataResponseTopic",
            error_code=ErrorCode.unknown_topic_id,
            name=None,
            topic_id=topic_id,
        )
        for topic_id, topic in topics.items()
        if topic is None
    ]
    return unknown + [_known(node, call, topic) for topic in topics.values() if topic is not None]


def _by_name(node: Node, call: Call) -> list[Any]:
    names = list(dict.fromkeys(topic.name for topic in call.request.topics))
    table = node.broker.topics
    known = [_known(node, call, topic) for name in names if (topic := table.get(name)) is not None]
    missing = [name for name in names if table.get(name) is None]
    return known + [_missing(node, call, name) for name in missing]


def _known(node: Node, call: Call, topic: Topic) -> Any:
    here = (node.broker.node_id,)
    return call.make(
        "MetadataResponseTopic",
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=tuple(
            call.make(
                "MetadataResponsePartition",
                partition_index=index,
                leader_id=node.broker.node_id,
                leader_epoch=_EPOCH,
                replica_nodes=here,
                isr_nodes=here,
            )
            for index in topic.partitions
        ),
        topic_authorized_operations=_topic_operations(call),
    )


def _missing(node: Node, call: Call, name: str) -> Any:
    error = unknown_topic_error(name)
    if error is ErrorCode.unknown_topic_or_partition and _makes_topics(node, call):
        node.broker.ensure_topic(name, now_ms=node.now_ms())
    return call.make(
        "MetadataResponseTopic",
        error_code=error,
        name=name,
        topic_authorized_operations=_topic_operations(call),
    )


def _makes_topics(node: Node, call: Call) -> bool:
    allowed = call.version < _ALLOWED_SINCE or call.request.allow_auto_topic_creation
    return allowed and node.broker.config.flag("auto.create.topics.enable")


def _topic_operations(call: Call) -> int:
    asked = getattr(call.request, "include_topic_authorized_operations", False)
    return TOPIC_OPERATIONS if asked else NOT_ASKED


def _response(node: Node, call: Call, topics: list[Any]) -> Any:
    broker = call.make(
        "MetadataResponseBroker",
        node_id=node.broker.node_id,
        host=call.listener.host,
        port=call.listener.port,
    )
    asked = getattr(call.request, "include_cluster_authorized_operations", False)
    return call.make(
        "MetadataResponse",
        brokers=(broker,),
        cluster_id=node.broker.cluster_id,
        controller_id=node.broker.node_id,
        topics=tuple(topics),
        cluster_authorized_operations=CLUSTER_OPERATIONS if asked else NOT_ASKED,
    )
