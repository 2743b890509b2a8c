"""The partitions of sagas' inboxes: where the answers to a key go.

Law: an inbox is asked for once. Its partition count is for life, like that of every topic whose
partitions have state (partition-life rules).
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

from penstock.events.log import Partition
from penstock.events.partitioner import partition_of

__all__ = ["Inboxes"]

REMEMBERED_LIMIT: Final = 1_000
"""Inboxes that are remembered; each saga has one. Their names come out of headers that anybody can
write, so there must be an end to it."""


@final
class Inboxes:
    """The inboxes that commands have named so far."""

    def __init__(self, partition_count: Callable[[str], Awaitable[int]]) -> None:
        """Begin with none.

        Args:
            partition_count: Asks how many partitions a topic has, in bounded time.
        """
        self._partition_count = partition_count
        self._counts: dict[str, int] = {}

    async def partition(self, topic: str, key: bytes) -> Partition:
        """Return where the answers to a key go.

        Raises:
            TopicMissing: the inbox does not exist.
            WorldError: it could not be asked for.
        """
        count = self._counts.get(topic)
        if count is None:
            count = await self._partition_count(topic)
            if len(self._counts) >= REMEMBERED_LIMIT:
                self._counts.clear()
            self._counts[topic] = count
        return Partition(topic, partition_of(key, count))
