"""TxnOffsetCommit: a group's positions that count when a transaction commits.

The transaction coordinator is asked first whether the group is part of the producer's transaction:
group_in_transaction.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.committed_offsets import (
    Committed,
    commit_offsets,
    refuse_topics,
)
from penstock.infra.embedded.apis.group_in_transaction import group_refused
from penstock.infra.embedded.apis.partition_errors import all_alike, answer_topics
from penstock.infra.embedded.groups.group_requests import CommittedOffset, TransactionalOffsetCommit
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ANSWER: Final = "TxnOffsetCommitResponse"

_ABORTABLE_FROM: Final = 4
"""Since then a client knows TRANSACTION_ABORTABLE (KIP-890)."""

_NEW_PROTOCOL_FROM: Final = 5
"""Since then the request itself adds the group to the transaction (KIP-890, part 2). A client does
so only where the feature `transaction.version` is 2; without it Kafka refuses, as here."""


def handle(node: Node, call: Call) -> Any:
    """Keep offsets until the transaction ends.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: an error for each place, none where it is kept.
    """
    return _answer(
        call,
        commit_offsets(node, call.request.topics, lambda offsets: _committed(node, call, offsets)),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each partition: it has no other place.
    """
    return _answer(call, refuse_topics(call.request.topics, error))


def _committed(
    node: Node, call: Call, offsets: Mapping[TopicPartition, CommittedOffset]
) -> Mapping[TopicPartition, ErrorCode]:
    request = call.request
    if not request.group_id:
        return all_alike(offsets, ErrorCode.invalid_group_id)
    refused = _in_transaction(node, call)
    if refused is not ErrorCode.none:
        return all_alike(offsets, refused)
    commit = TransactionalOffsetCommit(
        group=request.group_id,
        producer_id=request.producer_id,
        producer_epoch=request.producer_epoch,
        generation=getattr(request, "generation_id", -1),
        member_id=getattr(request, "member_id", ""),
        instance_id=getattr(request, "group_instance_id", None),
        offsets=offsets,
    )
    return node.broker.groups.commit_in_transaction(commit, now_ms=node.now_ms())


def _in_transaction(node: Node, call: Call) -> ErrorCode:
    if call.version >= _NEW_PROTOCOL_FROM:
        return ErrorCode.unsupported_version
    request = call.request
    return group_refused(
        node.broker.transactions,
        transactional_id=request.transactional_id,
        producer_id=request.producer_id,
        producer_epoch=request.producer_epoch,
        group=request.group_id,
        knows_abortable=call.version >= _ABORTABLE_FROM,
    )


def _answer(call: Call, errors: Committed) -> Any:
    return call.make(_ANSWER, topics=answer_topics(call, _ANSWER, errors))
