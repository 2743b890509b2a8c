"""OffsetCommit: a group's positions are kept."""

from collections.abc import Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.committed_offsets import (
    Committed,
    commit_offsets,
    refuse_topics,
)
from penstock.infra.embedded.apis.milliseconds import milliseconds
from penstock.infra.embedded.apis.partition_errors import answer_topics
from penstock.infra.embedded.groups.group_requests import CommittedOffset, OffsetCommit
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ANSWER: Final = "OffsetCommitResponse"

_MISSING_GROUP_FROM: Final = 9
"""Since then a client knows GROUP_ID_NOT_FOUND (KIP-848)."""

_RETENTION: Final = range(2, 5)
"""The versions in which the client says how long its offsets are kept (KIP-211 ended it)."""


def handle(node: Node, call: Call) -> Any:
    """Keep offsets.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: an error for each place, none where it is kept.
    """
    request = call.request

    def commit(
        offsets: Mapping[TopicPartition, CommittedOffset],
    ) -> Mapping[TopicPartition, ErrorCode]:
        wish = OffsetCommit(
            group=request.group_id,
            generation=request.generation_id_or_member_epoch,
            member_id=request.member_id,
            instance_id=getattr(request, "group_instance_id", None),
            offsets=offsets,
            retention_ms=milliseconds(request.retention_time) if call.version in _RETENTION else -1,
            knows_missing_group=call.version >= _MISSING_GROUP_FROM,
        )
        return node.broker.groups.commit_offsets(wish, now_ms=node.now_ms())

    return _answer(call, commit_offsets(node, request.topics, commit))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each partition: it has no other place.
    """
    return _answer(call, refuse_topics(call.request.topics, error))


def _answer(call: Call, errors: Committed) -> Any:
    return call.make(_ANSWER, topics=answer_topics(call, _ANSWER, errors))
