"""One topic of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

__all__ = ["Topic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it is now; a change makes a new value."""

    name: str
    topic_id: UUID
    """Never used again: a topic made anew under the same name has another one."""
    partition_count: int
    """1 and more; partitions are numbered from 0."""
    configs: Mapping[str, str] = field(default_factory=dict)
    """What was set for this topic, by Kafka's names, as text."""

    @property
    def partitions(self) -> range:
        """The numbers of its partitions."""
        return range(self.partition_count)
