"""Which of the topics that DeleteTopics names may go, and what is said about the others.

A topic may be named by its name or by its id, and one named twice is not deleted: which of the two
was meant? The rules are those of Kafka's ControllerApis. It shuffles its answers; here they stand
in the order in which the topics are first named.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_creation import NO_TOPIC_ID
from penstock.infra.embedded.topics.topic_deletion import TopicDeleted, TopicReference
from penstock.infra.embedded.topics.topic_table import TopicTable

__all__ = ["plan_deletions"]

_INVALID: Final = ErrorCode.invalid_request


def plan_deletions(
    references: Sequence[TopicReference], topics: TopicTable
) -> tuple[Topic | TopicDeleted, ...]:
    """Sort what is named.

    Args:
        references: as the request has them.
        topics: those there are.

    Returns:
        The topics that may be deleted, each once, and the refusals.
    """
    plan = _DeletionPlan(references, topics)
    planned: dict[object, Topic | TopicDeleted | None] = {}
    for place, reference in enumerate(references):
        name, topic_id = reference
        key: object = place  # what is neither a name nor an id is refused as often as it comes
        if _form_fault(reference) is None:
            key = topic_id if name is None else name
        if key not in planned:
            planned[key] = plan.of(reference)
    return tuple(each for each in planned.values() if each is not None)


@final
class _DeletionPlan:
    """What the references of one request say together."""

    def __init__(self, references: Sequence[TopicReference], topics: TopicTable) -> None:
        self._topics = topics
        meant = [each for each in references if _form_fault(each) is None]
        self._names = Counter(name for name, _ in meant if name is not None)
        self._ids = Counter(topic_id for name, topic_id in meant if name is None)

    def of(self, reference: TopicReference) -> Topic | TopicDeleted | None:
        """Decide on one; None: what is to be said is said where the topic's name stands."""
        name, topic_id = reference
        fault = _form_fault(reference)
        if fault is not None:
            return TopicDeleted(
                name=name, topic_id=topic_id or NO_TOPIC_ID, error=_INVALID, reason=fault
            )
        return self._by_id(reference) if name is None else self._by_name(name)

    def _by_name(self, name: str) -> Topic | TopicDeleted:
        topic = self._topics.get(name)
        topic_id = NO_TOPIC_ID
        error = _INVALID
        if self._names[name] > 1:
            reason = "Duplicate topic name."
        elif topic is None:
            error = ErrorCode.unknown_topic_or_partition
            reason = "This server does not host this topic-partition."
        elif topic.topic_id in self._ids:
            topic_id = topic.topic_id
            reason = "The provided topic name maps to an ID that was already supplied."
        else:
            return topic
        return TopicDeleted(name=name, topic_id=topic_id, error=error, reason=reason)

    def _by_id(self, reference: TopicReference) -> Topic | TopicDeleted | None:
        topic_id = reference.topic_id
        assert topic_id is not None
        error = _INVALID
        topic = self._topics.by_id(topic_id)
        if self._ids[topic_id] > 1:
            reason = "Duplicate topic id."
        elif topic is None:
            error = ErrorCode.unknown_topic_id
            reason = "This server does not host this topic ID."
        else:
            return topic if self._names[topic.name] != 1 else None
        return TopicDeleted(name=None, topic_id=topic_id, error=error, reason=reason)


def _form_fault(reference: TopicReference) -> str | None:
    name, topic_id = reference
    has_id = topic_id is not None and topic_id != NO_TOPIC_ID
    if name is None and not has_id:
        return "Neither topic name nor id were specified."
    if name is not None and has_id:
        return "You may not specify both topic name and topic id."
    return None
