"""OffsetFetch: which positions groups have committed.

Up to version 7 a request names one group, later many. No topics at all (null) means all that the
group has committed; a partition without a commit is answered with offset -1, also when the broker
does not have it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import FetchedOffset
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_GROUP_ERROR_FROM: Final = 2
"""Since then an answer has a place for an error of the whole group."""

_MANY_GROUPS_FROM: Final = 8
"""Since then a request names many groups (KIP-709), and Kafka's structs have other names."""


def handle(node: Node, call: Call) -> Any:
    """Tell committed offsets.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    if call.version < _MANY_GROUPS_FROM:
        request = call.request
        offsets = _fetched(node, call, request.group_id, request.topics)
        return call.make("OffsetFetchResponse", topics=_single_topics(call, offsets))
    groups = [
        (group.group_id, _fetched(node, call, group.group_id, group.topics))
        for group in call.request.groups
    ]
    return call.make(
        "OffsetFetchResponse",
        groups=tuple(
            call.make(
                "OffsetFetchResponseGroup", group_id=name, topics=_batched_topics(call, offsets)
            )
            for name, offsets in groups
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each group, or where versions have no such place, each
        partition.
    """
    if call.version >= _MANY_GROUPS_FROM:
        return call.make(
            "OffsetFetchResponse",
            groups=tuple(
                call.make("OffsetFetchResponseGroup", group_id=group.group_id, error_code=error)
                for group in call.request.groups
            ),
        )
    if call.version >= _GROUP_ERROR_FROM:
        return call.make("OffsetFetchResponse", error_code=error)
    refused = FetchedOffset(error=error)
    offsets = dict.fromkeys(_partitions(call.request.topics), refused)
    return call.make("OffsetFetchResponse", topics=_single_topics(call, offsets))


def _fetched(
    node: Node, call: Call, group: str, topics: Iterable[Any] | None
) -> Mapping[TopicPartition, FetchedOffset]:
    return node.broker.groups.fetch_offsets(
        group,
        None if topics is None else _partitions(topics),
        require_stable=getattr(call.request, "require_stable", False),
    )


def _partitions(topics: Iterable[Any]) -> list[TopicPartition]:
    return [
        TopicPartition(topic.name, number) for topic in topics for number in topic.partition_indexes
    ]


def _single_topics(call: Call, offsets: Mapping[TopicPartition, FetchedOffset]) -> tuple[Any, ...]:
    topic, partition = "OffsetFetchResponseTopic", "OffsetFetchResponsePartition"
    return _topics(call, offsets, topic=topic, partition=partition)


def _batched_topics(call: Call, offsets: Mapping[TopicPartition, FetchedOffset]) -> tuple[Any, ...]:
    topic, partition = "OffsetFetchResponseTopics", "OffsetFetchResponsePartitions"
    return _topics(call, offsets, topic=topic, partition=partition)


def _topics(
    call: Call, offsets: Mapping[TopicPartition, FetchedOffset], *, topic: str, partition: str
) -> tuple[Any, ...]:
    gathered: dict[str, list[Any]] = {}
    for (name, number), fetched in offsets.items():
        gathered.setdefault(name, []).append(
            call.make(
                partition,
                partition_index=number,
                committed_offset=fetched.offset,
                committed_leader_epoch=fetched.leader_epoch,
                metadata=fetched.metadata,
                error_code=fetched.error,
            )
        )
    return tuple(
        call.make(topic, name=name, partitions=tuple(partitions))
        for name, partitions in gathered.items()
    )
