"""DescribeTopicPartitions: topics page by page, a limited number of partitions on each (KIP-966).

The order is that of names; the cursor names the first topic and partition of the next page.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.authorized_operations import TOPIC_OPERATIONS
from penstock.infra.embedded.apis.unknown_topic import unknown_topic_error
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_EPOCH = 0


class _Place(NamedTuple):
    """A topic and a partition of it."""

    topic: str
    partition: int


@final
@dataclass(slots=True)
class _Page:
    """What of the answer is made."""

    left: int
    """How many partitions fit on it."""
    topics: list[Any] = field(default_factory=list)
    following: _Place | None = None
    """Where the next page begins; None while this one has room."""


def handle(node: Node, call: Call) -> Any:
    """Describe topics, from the cursor on.

    Args:
        node: which has them.
        call: the request.

    Returns:
        One page of them.
    """
    request = call.request
    begin = _Place("", 0)
    if request.cursor is not None:
        begin = _Place(request.cursor.topic_name, request.cursor.partition_index)
    asked = {topic.name for topic in request.topics}
    names = sorted(name for name in asked or node.broker.topics.names() if name >= begin.topic)
    cursor_is_lost = request.cursor is not None and asked and begin.topic not in asked
    if cursor_is_lost or begin.partition < 0:
        return refuse(call, ErrorCode.invalid_request)
    limit = node.broker.config.integer("max.request.partition.size.limit")
    page = _Page(max(1, min(limit, request.response_partition_limit)))
    for name in names:
        first = begin.partition if name == begin.topic else 0
        _add(node, call, page, _Place(name, first), names_are_given=bool(asked))
        if page.following is not None:
            break
    return _response(call, page)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; each topic of the request names the error.
    """
    return call.make(
        "DescribeTopicPartitionsResponse",
        topics=tuple(
            call.make("DescribeTopicPartitionsResponseTopic", name=topic.name, error_code=error)
            for topic in call.request.topics
        ),
    )


def _add(node: Node, call: Call, page: _Page, place: _Place, *, names_are_given: bool) -> None:
    if page.left == 0:
        page.following = place._replace(partition=0)
        return
    topic = node.broker.topics.get(place.topic)
    if topic is None:
        if names_are_given:
            page.topics.append(_unknown(call, place.topic))
        return
    end = min(topic.partition_count, place.partition + page.left)
    indexes = range(place.partition, end)
    page.topics.append(_known(call, topic, indexes, node.broker.node_id))
    if end < topic.partition_count:
        page.following = _Place(topic.name, end)
    page.left -= len(indexes)


def _unknown(call: Call, name: str) -> Any:
    return call.make(
        "DescribeTopicPartitionsResponseTopic",
        error_code=unknown_topic_error(name),
        name=name,
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _known(call: Call, topic: Topic, indexes: range, leader: int) -> Any:
    return call.make(
        "DescribeTopicPartitionsResponseTopic",
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=tuple(_partition(call, index, leader) for index in indexes),
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _partition(call: Call, index: int, leader: int) -> Any:
    return call.make(
        "DescribeTopicPartitionsResponsePartition",
        partition_index=index,
        leader_id=leader,
        leader_epoch=_EPOCH,
        replica_nodes=(leader,),
        isr_nodes=(leader,),
        # Java's client rejects null here; a fresh Kafka 4.1 answers with empty lists.
        eligible_leader_replicas=(),
        last_known_elr=(),
    )


def _response(call: Call, page: _Page) -> Any:
    cursor = None
    if page.following is not None:
        cursor = call.make(
            "Cursor",
            topic_name=page.following.topic,
            partition_index=page.following.partition,
        )
    return call.make(
        "DescribeTopicPartitionsResponse", topics=tuple(page.topics), next_cursor=cursor
    )
