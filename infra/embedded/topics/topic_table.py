"""All topics of the broker, by name and by id.

Laws:
1. At any time a name belongs to one topic at most; an id ever belonged to one topic only.
2. It knows no rules: topic_rules.py says beforehand whether a change is allowed.
"""

from collections.abc import Iterable, Iterator
from typing import final
from uuid import UUID

from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_name import collision_key

__all__ = ["TopicTable"]


@final
class TopicTable:
    """The topics there are."""

    __slots__ = ("_by_id", "_by_key", "_by_name", "_partitions")

    def __init__(self, topics: Iterable[Topic] = ()) -> None:
        """Begin with these topics."""
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[UUID, Topic] = {}
        self._by_key: dict[str, str] = {}
        self._partitions = 0
        for topic in topics:
            self.put(topic)

    def get(self, name: str) -> Topic | None:
        """Return the topic of this name, or None."""
        return self._by_name.get(name)

    def by_id(self, topic_id: UUID) -> Topic | None:
        """Return the topic of this id, or None."""
        return self._by_id.get(topic_id)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._by_name)

    def __iter__(self) -> Iterator[Topic]:
        """Go through all topics, sorted by name. The table may be changed meanwhile."""
        return iter([self._by_name[name] for name in self.names()])

    def __len__(self) -> int:
        """Count the topics."""
        return len(self._by_name)

    @property
    def partition_count(self) -> int:
        """How many partitions all topics have together."""
        return self._partitions

    def colliding(self, name: str) -> str | None:
        """Return the name of a topic beside which this one is not allowed, or None."""
        return self._by_key.get(collision_key(name))

    def put(self, topic: Topic) -> None:
        """Add a topic, or put its new value in the place of the old."""
        old = self._by_name.get(topic.name)
        if old is not None:
            self.remove(old)
        self._by_name[topic.name] = self._by_id[topic.topic_id] = topic
        self._by_key[collision_key(topic.name)] = topic.name
        self._partitions += topic.partition_count

    def remove(self, topic: Topic) -> None:
        """Take a topic out."""
        del self._by_name[topic.name], self._by_id[topic.topic_id]
        del self._by_key[collision_key(topic.name)]
        self._partitions -= topic.partition_count
