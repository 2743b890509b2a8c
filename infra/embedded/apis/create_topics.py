"""CreateTopics: topics that an administrator wants."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_entry import ConfigEntry
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topics.topic_creation import NewTopic, TopicCreated
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_CONFIGS_FROM: Final = 5
"""Since then an answer tells the configurations of a new topic (KIP-525)."""


def handle(node: Node, call: Call) -> Any:
    """Create topics, or only say whether it could be done.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: what became of each topic.
    """
    created = node.broker.create_topics(
        [_wish(topic) for topic in call.request.topics],
        validate_only=call.request.validate_only,
        now_ms=node.now_ms(),
    )
    return _answer(call, created)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each topic.
    """
    names = dict.fromkeys(topic.name for topic in call.request.topics)
    return _answer(call, tuple(TopicCreated(name=name, error=error) for name in names))


def _wish(topic: Any) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.num_partitions,
        replication_factor=topic.replication_factor,
        assignments=tuple(
            (assignment.partition_index, assignment.broker_ids) for assignment in topic.assignments
        ),
        configs=tuple((config.name, config.value) for config in topic.configs),
    )


def _answer(call: Call, created: tuple[TopicCreated, ...]) -> Any:
    return call.make(
        "CreateTopicsResponse", topics=tuple(_result(call, topic) for topic in created)
    )


def _result(call: Call, topic: TopicCreated) -> Any:
    entries = topic.configs if call.version >= _CONFIGS_FROM else ()
    return call.make(
        "CreatableTopicResult",
        name=topic.name,
        topic_id=topic.topic_id,
        error_code=topic.error,
        error_message=topic.reason,
        num_partitions=topic.num_partitions,
        replication_factor=topic.replication_factor,
        # Never null: Java's admin client takes that for a broker that keeps them from it.
        configs=tuple(_config(call, entry) for entry in entries),
    )


def _config(call: Call, entry: ConfigEntry) -> Any:
    return call.make(
        "CreatableTopicConfigs",
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
    )
