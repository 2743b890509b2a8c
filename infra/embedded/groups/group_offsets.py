"""What may be done with a group's committed offsets: by members, by others, in transactions.

The rules and their order are Apache Kafka 4.1's OffsetMetadataManager. Whether a topic exists and
whether a transaction may commit here is checked by the callers.

Laws:
1. While a group has members, only a member of the present generation commits (without a
   transaction).
2. Offsets expire only where nobody can need them: in a group without members after its retention,
   in a stable group of consumers those of topics that no member reads.
3. What is answered with no error has been kept. It is kept before it counts: what the journal
   refuses has not happened, and may happen later.
"""

from collections.abc import Iterable, Mapping
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.classic_group import ClassicGroup
from penstock.infra.embedded.groups.group_answers import FetchedOffset, OffsetsDeleted
from penstock.infra.embedded.groups.group_entry import (
    KeptOffset,
    OffsetsCommitted,
    OffsetsForgotten,
    TransactionalOffsetsFinished,
)
from penstock.infra.embedded.groups.group_requests import (
    CommittedOffset,
    OffsetCommit,
    TransactionalOffsetCommit,
)
from penstock.infra.embedded.groups.group_state import GroupState
from penstock.infra.embedded.groups.group_table import GroupTable
from penstock.infra.embedded.groups.memory_gauge import GROUP_WEIGHT
from penstock.infra.embedded.groups.offset_store import OffsetStore
from penstock.infra.embedded.groups.rebalances import Rebalances
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["GroupOffsets"]

_UNSTABLE: Final = FetchedOffset(error=ErrorCode.unstable_offset_commit)
_NOTHING: Final = FetchedOffset()


@final
class GroupOffsets:
    """Answers those who commit, fetch and forget."""

    def __init__(self, table: GroupTable, rebalances: Rebalances) -> None:
        """Work on a table.

        Args:
            table: the groups.
            rebalances: a commit counts as a heartbeat.
        """
        self._table = table
        self._rebalances = rebalances
        self.store = OffsetStore(table.gauge)
        """The offsets themselves."""
        self.expired = 0
        """Offsets that expired."""

    def commit(self, commit: OffsetCommit, now_ms: int) -> Mapping[TopicPartition, ErrorCode]:
        """Commit offsets.

        Args:
            commit: whose offsets, and who commits.
            now_ms: when.

        Returns:
            An error code for each partition.
        """
        group = self._table.find(commit.group)
        if group is None and commit.generation >= 0:
            missing = ErrorCode.group_id_not_found
            return _all(commit.offsets, missing if commit.knows_missing_group else _STALE)
        if group is not None:
            fault = _commit_fault(group, commit)
            if fault is not ErrorCode.none:
                return _all(commit.offsets, fault)
            if group.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
                self._rebalances.watch(group, group.members[commit.member_id], now_ms)
        expire_ms = None if commit.retention_ms == -1 else now_ms + commit.retention_ms
        return self._take(commit.group, commit.offsets, now_ms, expire_time_ms=expire_ms)

    def commit_in_transaction(
        self, commit: TransactionalOffsetCommit, now_ms: int
    ) -> Mapping[TopicPartition, ErrorCode]:
        """Commit offsets that count when the transaction commits.

        Args:
            commit: whose offsets, and who commits.
            now_ms: when.

        Returns:
            An error code for each partition.
        """
        if not commit.group:
            return _all(commit.offsets, ErrorCode.invalid_group_id)
        group = self._table.find(commit.group)
        if group is None and commit.generation >= 0:
            return _all(commit.offsets, _STALE)
        if group is not None:
            fault = _transactional_fault(group, commit)
            if fault is not ErrorCode.none:
                return _all(commit.offsets, fault)
        if commit.producer_epoch < self.store.open_epoch(commit.group, commit.producer_id):
            return _all(commit.offsets, ErrorCode.invalid_producer_epoch)
        return self._take(
            commit.group,
            commit.offsets,
            now_ms,
            producer_id=commit.producer_id,
            producer_epoch=commit.producer_epoch,
        )

    def finish_transaction(self, producer_id: int, *, commit: bool) -> None:
        """Let a producer's offsets count, or drop them.

        Args:
            producer_id: the producer whose transaction is over.
            commit: False drops them.
        """
        open_for = self.store.open_for(producer_id)
        if open_for:
            self._table.keep(
                TransactionalOffsetsFinished(
                    producer_id=producer_id, groups=open_for, commit=commit
                )
            )
            self.store.finish(producer_id, open_for, commit=commit)

    def fetch(
        self, group: str, partitions: Iterable[TopicPartition] | None, *, require_stable: bool
    ) -> Mapping[TopicPartition, FetchedOffset]:
        """Fetch committed offsets.

        Args:
            group: the group's id; there may be no such group.
            partitions: which; None for all that are committed.
            require_stable: True gives an error where an open transaction commits too.

        Returns:
            An offset or an error for each partition.
        """
        if partitions is None:
            partitions = [partition for partition, _ in self.store.of_group(group)]
        return {
            partition: self._fetch(group, partition, require_stable) for partition in partitions
        }

    def delete(self, group_id: str, partitions: Iterable[TopicPartition]) -> OffsetsDeleted:
        """Delete offsets of topics that nobody reads.

        Args:
            group_id: the group's id.
            partitions: whose offsets.

        Returns:
            What became of each.
        """
        if not group_id:
            return OffsetsDeleted(error=ErrorCode.invalid_group_id)
        group = self._table.find(group_id)
        if group is None:
            return OffsetsDeleted(error=ErrorCode.group_id_not_found)
        if group.state is not GroupState.EMPTY and not group.is_consumer_group:
            return OffsetsDeleted(error=ErrorCode.non_empty_group)
        read = ErrorCode.group_subscribed_to_topic
        answers = {
            partition: read if group.reads(partition.topic) else ErrorCode.none
            for partition in partitions
        }
        free = [partition for partition, error in answers.items() if error is ErrorCode.none]
        self._forget(group_id, free)
        return OffsetsDeleted(partitions=answers)

    def delete_group(self, group_id: str, now_ms: int) -> ErrorCode:
        """Delete a group without members, and its offsets.

        Args:
            group_id: the group's id.
            now_ms: when.

        Returns:
            NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, or none.
        """
        group = self._table.find(group_id)
        if group is None:
            return ErrorCode.group_id_not_found
        if group.state is not GroupState.EMPTY:
            return ErrorCode.non_empty_group
        self._forget(group_id, self.store.partitions_of(group_id))
        self._table.remove(group, now_ms)
        return ErrorCode.none

    def expire(self, now_ms: int) -> None:
        """Drop offsets whose retention is over, and groups that hold nothing any more.

        Args:
            now_ms: what counts as now.
        """
        for group in list(self._table.groups.values()):
            gone = [
                partition
                for partition, kept in self.store.of_group(group.group_id)
                if self._is_expired(group, partition, kept, now_ms)
            ]
            self._forget(group.group_id, gone)
            self.expired += len(gone)
            holds = self.store.partitions_of(group.group_id)
            if group.state is GroupState.EMPTY and not holds:
                self._table.remove(group, now_ms)

    def replay(
        self,
        entry: OffsetsCommitted | OffsetsForgotten | TransactionalOffsetsFinished,
        now_ms: int,
    ) -> None:
        """Do again what was kept.

        Args:
            entry: what was kept.
            now_ms: what counts as now.
        """
        match entry:
            case OffsetsCommitted():
                self._find_or_create(entry.group, now_ms)
                self.store.commit(entry)
            case OffsetsForgotten():
                self.store.forget(entry.group, entry.partitions)
            case TransactionalOffsetsFinished():
                self.store.finish(entry.producer_id, entry.groups, commit=entry.commit)

    def _take(
        self,
        group_id: str,
        offsets: Mapping[TopicPartition, CommittedOffset],
        now_ms: int,
        *,
        expire_time_ms: int | None = None,
        producer_id: int = -1,
        producer_epoch: int = -1,
    ) -> Mapping[TopicPartition, ErrorCode]:
        answers: dict[TopicPartition, ErrorCode] = {}
        taken: list[tuple[TopicPartition, KeptOffset]] = []
        limit = self._table.config.offset_metadata_max_bytes
        for partition, offset in offsets.items():
            if _is_longer(offset.metadata or "", limit):
                answers[partition] = ErrorCode.offset_metadata_too_large
                continue
            answers[partition] = ErrorCode.none
            taken.append((partition, _kept(offset, now_ms, expire_time_ms)))
        entry = OffsetsCommitted(
            group=group_id,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            offsets=tuple(taken),
        )
        size = self.store.growth(entry)
        if self._table.find(group_id) is None:
            size += GROUP_WEIGHT
        if self._table.gauge.refuses(size):
            return _all(offsets, ErrorCode.invalid_commit_offset_size)
        if taken:
            self._table.keep(entry)
            self.store.commit(entry)
        self._find_or_create(group_id, now_ms)  # even for no offset, as in Kafka
        return answers

    def _find_or_create(self, group_id: str, now_ms: int) -> None:
        if self._table.find(group_id) is None:
            self._table.create(group_id, now_ms)

    def _fetch(self, group: str, partition: TopicPartition, require_stable: bool) -> FetchedOffset:
        if require_stable and self.store.is_unstable(group, partition):
            return _UNSTABLE
        kept = self.store.get(group, partition)
        if kept is None:
            return _NOTHING
        return FetchedOffset(
            offset=kept.offset, leader_epoch=kept.leader_epoch, metadata=kept.metadata
        )

    def _forget(self, group_id: str, partitions: Iterable[TopicPartition]) -> None:
        gone = self.store.held(group_id, partitions)
        if gone:
            self._table.keep(OffsetsForgotten(group=group_id, partitions=gone))
            self.store.forget(group_id, gone)

    def _is_expired(
        self, group: ClassicGroup, partition: TopicPartition, kept: KeptOffset, now_ms: int
    ) -> bool:
        base_ms = _retention_base_ms(group, kept)
        if base_ms is None or group.reads(partition.topic):
            return False
        end_ms = kept.expire_time_ms
        if end_ms is None:
            end_ms = base_ms + self._table.config.offsets_retention_ms
        return now_ms >= end_ms and not self.store.is_unstable(group.group_id, partition)


_STALE: Final = ErrorCode.illegal_generation


def _all(
    partitions: Iterable[TopicPartition], error: ErrorCode
) -> Mapping[TopicPartition, ErrorCode]:
    return dict.fromkeys(partitions, error)


def _commit_fault(group: ClassicGroup, commit: OffsetCommit) -> ErrorCode:
    empty = group.state is GroupState.EMPTY
    if commit.generation < 0 and empty:
        return ErrorCode.none
    if _says_who(commit):
        fault = _member_fault(group, commit)
        if fault is not ErrorCode.none:
            return fault
    elif not empty:
        return ErrorCode.unknown_member_id
    if group.state is GroupState.COMPLETING_REBALANCE:
        # The member knows the new generation and has not synced: it commits what it had before.
        return ErrorCode.rebalance_in_progress
    return ErrorCode.none


def _transactional_fault(group: ClassicGroup, commit: TransactionalOffsetCommit) -> ErrorCode:
    """Fence by the group where the client says who it is (KIP-447); in any state of the group."""
    if commit.generation < 0 and group.state is GroupState.EMPTY:
        return ErrorCode.none
    return _member_fault(group, commit) if _says_who(commit) else ErrorCode.none


def _says_who(commit: OffsetCommit | TransactionalOffsetCommit) -> bool:
    return commit.generation >= 0 or bool(commit.member_id) or commit.instance_id is not None


def _member_fault(
    group: ClassicGroup, commit: OffsetCommit | TransactionalOffsetCommit
) -> ErrorCode:
    fault = group.fault_of(commit.member_id, commit.instance_id)
    if fault is not ErrorCode.none:
        return fault
    return ErrorCode.none if commit.generation == group.generation else _STALE


def _retention_base_ms(group: ClassicGroup, kept: KeptOffset) -> int | None:
    """From when the retention of an offset counts; None while it cannot expire."""
    if group.protocol_type is None:
        return kept.commit_time_ms
    if group.state is GroupState.EMPTY:
        return group.state_time_ms
    aware = group.is_consumer_group and group.subscriptions is not None
    return kept.commit_time_ms if aware and group.state is GroupState.STABLE else None


def _kept(offset: CommittedOffset, now_ms: int, expire_time_ms: int | None) -> KeptOffset:
    return KeptOffset(
        offset=offset.offset,
        leader_epoch=offset.leader_epoch,
        metadata=offset.metadata or "",
        commit_time_ms=now_ms,
        expire_time_ms=expire_time_ms,
    )


def _is_longer(text: str, limit: int) -> bool:
    """Whether a text has more UTF-16 units than the limit: so long is it in Java."""
    if 2 * len(text) <= limit:
        return False
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 > limit
