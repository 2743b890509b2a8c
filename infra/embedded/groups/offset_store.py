"""Committed offsets, and those that wait for the end of their transaction.

Every commit gets a number. When a transaction commits, its offset replaces one that was committed
before it, but not one that was committed after it; so does Kafka, whose numbers are the places of
the records in __consumer_offsets.

Laws:
1. An offset of an open transaction is never fetched; it counts from the commit on, or never.
2. To forget an offset is to forget it in open transactions too.
3. Replayed in the order of `entries`, the same offsets and the same order come out.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from penstock.infra.embedded.groups.group_entry import KeptOffset, OffsetsCommitted
from penstock.infra.embedded.groups.memory_gauge import OFFSET_WEIGHT, MemoryGauge
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["OffsetStore", "weight_of"]


class _Numbered(NamedTuple):
    """An offset and the number of its commit."""

    number: int
    kept: KeptOffset


_Offsets = dict[TopicPartition, _Numbered]


class _Open:
    """What one open transaction commits for one group."""

    __slots__ = ("epoch", "offsets")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.offsets: _Offsets = {}


@final
class OffsetStore:
    """Offsets by group and partition."""

    def __init__(self, gauge: MemoryGauge) -> None:
        """Begin without offsets.

        Args:
            gauge: counts what is held.
        """
        self._gauge = gauge
        self._commits = 0
        self._committed: dict[str, _Offsets] = {}
        self._open: dict[str, dict[int, _Open]] = {}
        self._groups_of: dict[int, dict[str, None]] = {}
        """The same from the other side; a dict for its order."""

    @property
    def committed(self) -> int:
        """Offsets that are committed."""
        return sum(map(len, self._committed.values()))

    @property
    def pending(self) -> int:
        """Offsets that wait for the end of their transaction."""
        return sum(
            len(one.offsets) for by_producer in self._open.values() for one in by_producer.values()
        )

    def of_group(self, group: str) -> Iterator[tuple[TopicPartition, KeptOffset]]:
        """Go through a group's committed offsets.

        Args:
            group: the group's id.
        """
        for partition, numbered in self._committed.get(group, {}).items():
            yield partition, numbered.kept

    def get(self, group: str, partition: TopicPartition) -> KeptOffset | None:
        """Look up a committed offset.

        Args:
            group: the group's id.
            partition: whose offset.

        Returns:
            The offset; None where nothing is committed.
        """
        numbered = self._committed.get(group, {}).get(partition)
        return None if numbered is None else numbered.kept

    def is_unstable(self, group: str, partition: TopicPartition) -> bool:
        """Say whether an open transaction commits this offset.

        Args:
            group: the group's id.
            partition: whose offset.
        """
        return any(partition in one.offsets for one in self._open.get(group, {}).values())

    def open_epoch(self, group: str, producer_id: int) -> int:
        """Say with which epoch a producer commits in its open transaction; -1 without one.

        Args:
            group: the group's id.
            producer_id: the producer.
        """
        one = self._open.get(group, {}).get(producer_id)
        return -1 if one is None else one.epoch

    def growth(self, entry: OffsetsCommitted) -> int:
        """Estimate the bytes that a commit would add; an offset takes the place of its former one.

        Args:
            entry: one commit.
        """
        if entry.producer_id < 0:
            former = self._committed.get(entry.group, {})
        else:
            one = self._open.get(entry.group, {}).get(entry.producer_id)
            former = {} if one is None else one.offsets
        added = 0
        for partition, kept in entry.offsets:
            added += weight_of(partition, kept)
            if partition in former:
                added -= weight_of(partition, former[partition].kept)
        return added

    def commit(self, entry: OffsetsCommitted) -> None:
        """Take offsets in; those of a transaction wait for its end.

        Args:
            entry: one commit, of one offset at least.
        """
        if entry.producer_id < 0:
            offsets = self._committed.setdefault(entry.group, {})
        else:
            by_producer = self._open.setdefault(entry.group, {})
            one = by_producer.setdefault(entry.producer_id, _Open(entry.producer_epoch))
            one.epoch = entry.producer_epoch
            offsets = one.offsets
            self._groups_of.setdefault(entry.producer_id, {})[entry.group] = None
        for partition, kept in entry.offsets:
            self._commits += 1
            self._put(offsets, partition, _Numbered(self._commits, kept))

    def open_for(self, producer_id: int) -> tuple[str, ...]:
        """List the groups for which a producer's open transaction commits.

        Args:
            producer_id: the producer.
        """
        return tuple(self._groups_of.get(producer_id, ()))

    def finish(self, producer_id: int, groups: Iterable[str], *, commit: bool) -> None:
        """End a producer's transaction.

        Args:
            producer_id: the producer.
            groups: for which it may have committed.
            commit: False drops what it committed.
        """
        for group in groups:
            self._finish(producer_id, group, commit)

    def held(self, group: str, partitions: Iterable[TopicPartition]) -> tuple[TopicPartition, ...]:
        """List those of some partitions that have an offset, committed or in an open transaction.

        Args:
            group: the group's id.
            partitions: which.
        """
        committed = self._committed.get(group, {})
        return tuple(
            partition
            for partition in dict.fromkeys(partitions)
            if partition in committed or self.is_unstable(group, partition)
        )

    def forget(self, group: str, partitions: Iterable[TopicPartition]) -> None:
        """Drop offsets, those of open transactions too.

        Args:
            group: the group's id.
            partitions: whose offsets.
        """
        for partition in partitions:
            self._forget(group, partition)

    def forget_everywhere(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop offsets in all groups.

        Args:
            partitions: whose offsets.
        """
        gone = frozenset(partitions)
        for group in dict.fromkeys([*self._committed, *self._open]):
            self.forget(group, gone.intersection(self.partitions_of(group)))

    def partitions_of(self, group: str) -> tuple[TopicPartition, ...]:
        """List the partitions with an offset, committed or in an open transaction.

        Args:
            group: the group's id.
        """
        found = dict.fromkeys(self._committed.get(group, {}))
        for one in self._open.get(group, {}).values():
            found |= dict.fromkeys(one.offsets)
        return tuple(found)

    def entries(self) -> Iterator[OffsetsCommitted]:
        """Say all offsets again, in the order of their commits."""
        numbered: list[tuple[int, OffsetsCommitted]] = [
            (one.number, _entry(group, -1, -1, partition, one.kept))
            for group, offsets in self._committed.items()
            for partition, one in offsets.items()
        ]
        numbered += [
            (one.number, _entry(group, producer_id, opened.epoch, partition, one.kept))
            for group, by_producer in self._open.items()
            for producer_id, opened in by_producer.items()
            for partition, one in opened.offsets.items()
        ]
        numbered.sort(key=lambda pair: pair[0])
        for _, entry in numbered:
            yield entry

    def _finish(self, producer_id: int, group: str, commit: bool) -> None:
        one = self._close(producer_id, group)
        if one is None:
            return
        committed = self._committed.setdefault(group, {}) if commit else {}
        for partition, numbered in one.offsets.items():
            self._gauge.held -= weight_of(partition, numbered.kept)
            former = committed.get(partition)
            if commit and (former is None or former.number < numbered.number):
                self._put(committed, partition, numbered)

    def _forget(self, group: str, partition: TopicPartition) -> None:
        offsets = self._committed.get(group)
        if offsets is not None:
            self._drop(offsets, partition)
            if not offsets:
                del self._committed[group]
        for producer_id, one in list(self._open.get(group, {}).items()):
            self._drop(one.offsets, partition)
            if not one.offsets:
                self._close(producer_id, group)

    def _close(self, producer_id: int, group: str) -> _Open | None:
        by_producer = self._open.get(group, {})
        one = by_producer.pop(producer_id, None)
        if one is not None:
            if not by_producer:
                del self._open[group]
            groups = self._groups_of[producer_id]
            del groups[group]
            if not groups:
                del self._groups_of[producer_id]
        return one

    def _put(self, offsets: _Offsets, partition: TopicPartition, numbered: _Numbered) -> None:
        self._drop(offsets, partition)
        offsets[partition] = numbered
        self._gauge.held += weight_of(partition, numbered.kept)

    def _drop(self, offsets: _Offsets, partition: TopicPartition) -> None:
        numbered = offsets.pop(partition, None)
        if numbered is not None:
            self._gauge.held -= weight_of(partition, numbered.kept)


def weight_of(partition: TopicPartition, kept: KeptOffset) -> int:
    """Estimate the bytes of one offset.

    Args:
        partition: whose offset.
        kept: the offset.
    """
    return OFFSET_WEIGHT + len(partition.topic) + len(kept.metadata)


def _entry(
    group: str, producer_id: int, epoch: int, partition: TopicPartition, kept: KeptOffset
) -> OffsetsCommitted:
    return OffsetsCommitted(
        group=group,
        producer_id=producer_id,
        producer_epoch=epoch,
        offsets=((partition, kept),),
    )
