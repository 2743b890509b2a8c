"""What the journal's entries amount to, sorted by whom they concern."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, final
from uuid import UUID

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic import Topic

if TYPE_CHECKING:
    from penstock.infra.embedded.configs.configs_kept import ConfigsKept
    from penstock.infra.embedded.groups.group_entry import GroupEntry, PartitionsDeleted
    from penstock.infra.embedded.journal_entry import JournalEntry
    from penstock.infra.embedded.transactions.transaction_entry import TransactionEntry

__all__ = ["JournalReplay"]


@final
class JournalReplay:
    """The entries of a journal, for each part of the broker in order."""

    def __init__(self, entries: "Iterable[JournalEntry]") -> None:
        """Go through the entries.

        Args:
            entries: in the order in which they were kept.
        """
        self.cluster_id: str | None = None
        self.configs: list[ConfigsKept] = []
        self.groups: list[GroupEntry | PartitionsDeleted] = []
        self.transactions: list[TransactionEntry] = []
        self.topics: tuple[Topic, ...] = ()
        there = list(entries)
        if there:
            self._sort(there)

    def _sort(self, entries: "Iterable[JournalEntry]") -> None:
        # Only here, because an empty journal, which is the rule, needs none of these.
        from penstock.infra.embedded.cluster_entry import ClusterKept  # noqa: PLC0415 - see above
        from penstock.infra.embedded.configs.configs_kept import ConfigsKept  # noqa: PLC0415 - see above
        from penstock.infra.embedded.groups.group_entry import (  # noqa: PLC0415 - see above
            PartitionsDeleted,
        )
        from penstock.infra.embedded.topics.topic_entry import (  # noqa: PLC0415 - see above
            TopicKept,
            TopicRemoved,
        )
        from penstock.infra.embedded.transactions.transaction_entry import (  # noqa: PLC0415 - see above
            ProducerIdBlockKept,
            TransactionForgotten,
            TransactionKept,
        )

        topics: dict[UUID, Topic] = {}
        for entry in entries:
            match entry:
                case ClusterKept():
                    self.cluster_id = entry.cluster_id
                case ConfigsKept():
                    self.configs.append(entry)
                case TopicKept():
                    topics[entry.topic_id] = Topic(
                        name=entry.name,
                        topic_id=entry.topic_id,
                        partition_count=entry.partition_count,
                        configs=entry.configs,
                    )
                case TopicRemoved():
                    gone = topics.pop(entry.topic_id, None)
                    if gone is not None and self.groups:
                        self.groups.append(
                            PartitionsDeleted(
                                partitions=tuple(
                                    TopicPartition(gone.name, number) for number in gone.partitions
                                )
                            )
                        )
                case TransactionKept() | TransactionForgotten() | ProducerIdBlockKept():
                    self.transactions.append(entry)
                case _:
                    self.groups.append(entry)
        self.topics = tuple(topics.values())
