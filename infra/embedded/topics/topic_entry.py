"""What must outlive the process of the table of topics. The last entry of a topic says all."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

__all__ = ["TopicEntry", "TopicKept", "TopicRemoved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicKept:
    """A topic as it is from now on."""

    topic_id: UUID
    """Its id."""
    name: str
    """Its name."""
    partition_count: int
    """How many partitions it has."""
    configs: Mapping[str, str]
    """What is set for it, by Kafka's names, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRemoved:
    """The topic is no more."""

    topic_id: UUID
    """Its id."""


TopicEntry = TopicKept | TopicRemoved
"""Everything that is kept of the table."""
