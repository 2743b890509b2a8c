"""The wish for a topic and the answer to it, as CreateTopics has them."""

from typing import Final, NamedTuple
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_entry import ConfigEntry

__all__ = ["NO_TOPIC_ID", "NewTopic", "TopicCreated"]

NO_TOPIC_ID: Final = UUID(int=0)
"""The id of no topic."""


class NewTopic(NamedTuple):
    """A topic that somebody wants to have."""

    name: str
    num_partitions: int = -1
    """-1: the broker's num.partitions."""
    replication_factor: int = -1
    """-1: the broker's default.replication.factor."""
    assignments: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Partition number and broker ids, where the caller places replicas by hand; then the two
    numbers above must be -1."""
    configs: tuple[tuple[str, str | None], ...] = ()


class TopicCreated(NamedTuple):
    """What became of a wish; with an error, nothing was made."""

    name: str
    error: ErrorCode = ErrorCode.none
    reason: str | None = None
    """Kafka's text for the error; None without one."""
    topic_id: UUID = NO_TOPIC_ID
    num_partitions: int = -1
    replication_factor: int = -1
    configs: tuple[ConfigEntry, ...] = ()
    """All configurations of the new topic, without synonyms and documentation."""
