"""The positions that OffsetCommit and TxnOffsetCommit bring, and what becomes of each.

Both requests lay them out alike, and both are answered place by place. Kafka first refuses the
partitions that it does not have; only when there are others, the group's coordinator is asked.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_requests import CommittedOffset
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["Commit", "Committed", "commit_offsets", "refuse_topics"]

Commit = Callable[[Mapping[TopicPartition, CommittedOffset]], Mapping[TopicPartition, ErrorCode]]
"""Asks the coordinator about positions of partitions that there are."""

Committed = list[tuple[str, list[tuple[int, ErrorCode]]]]
"""A topic's name with partition numbers and their errors; a name may come twice."""


def commit_offsets(node: Node, topics: Iterable[Any], commit: Commit) -> Committed:
    """Have positions kept.

    Args:
        node: Whose topics are looked at.
        topics: As the request holds them.
        commit: Asks the coordinator.

    Returns:
        What became of each place in the request. Kafka tells what it refuses before it tells the
        rest, and the rest behind that of the same topic.
    """
    refused: dict[str, list[tuple[int, ErrorCode]]] = {}
    asked: list[tuple[str, list[Any]]] = []
    for topic in topics:
        known = node.broker.topics.get(topic.name)
        if known is None:
            refused.setdefault(topic.name, []).extend(_missing(topic.partitions))
            continue
        there = [part for part in topic.partitions if part.partition_index in known.partitions]
        if len(there) < len(topic.partitions):
            gone = (
                part for part in topic.partitions if part.partition_index not in known.partitions
            )
            refused.setdefault(topic.name, []).extend(_missing(gone))
        if there:
            asked.append((topic.name, there))
    errors = _committed(asked, commit)
    if refused:
        for name, partitions in errors:
            refused.setdefault(name, []).extend(partitions)
        return list(refused.items())
    return errors


def refuse_topics(topics: Iterable[Any], error: ErrorCode) -> Committed:
    """Refuse a request as a whole: its answer has no other place for an error.

    Args:
        topics: As the request holds them.
        error: Of each place.

    Returns:
        The errors.
    """
    return [
        (topic.name, [(part.partition_index, error) for part in topic.partitions])
        for topic in topics
    ]


def _missing(partitions: Iterable[Any]) -> list[tuple[int, ErrorCode]]:
    return [(part.partition_index, ErrorCode.unknown_topic_or_partition) for part in partitions]


def _committed(asked: list[tuple[str, list[Any]]], commit: Commit) -> Committed:
    # A partition that is named again is committed again, in the order of the request: the last
    # position that is taken counts, and each place has its own answer.
    mentions: Counter[TopicPartition] = Counter()
    rounds: list[dict[TopicPartition, CommittedOffset]] = []
    places: list[tuple[str, list[tuple[TopicPartition, int]]]] = []
    for name, partitions in asked:
        placed = []
        for part in partitions:
            partition = TopicPartition(name, part.partition_index)
            turn = mentions[partition]
            mentions[partition] += 1
            if turn == len(rounds):
                rounds.append({})
            rounds[turn][partition] = _position(part)
            placed.append((partition, turn))
        places.append((name, placed))
    errors = [commit(positions) for positions in rounds]
    return [
        (name, [(partition.partition, errors[turn][partition]) for partition, turn in placed])
        for name, placed in places
    ]


def _position(part: Any) -> CommittedOffset:
    return CommittedOffset(
        offset=part.committed_offset,
        leader_epoch=getattr(part, "committed_leader_epoch", -1),
        metadata=part.committed_metadata,
    )
