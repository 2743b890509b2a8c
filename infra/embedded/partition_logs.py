"""The logs of all partitions: opened, closed, watched for what became readable, cleaned in turns.

Laws:
1. All logs together hold `memory_bytes` at most; an append beyond that is refused, unless it is in
   the log already, and never a marker: without its marker a transaction would stay open, and
   readers would wait for ever.
2. A sweep over many logs is done in portions: one call cleans a few and says when the next is due.
3. Compacted logs are cleaned every log.cleaner.backoff.ms, all others every
   log.retention.check.interval.ms, as by Kafka's cleaner and its retention task.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.record_batch import IncomingBatch
from penstock.infra.embedded.log.segment_store import PartitionStore
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic import Topic

if TYPE_CHECKING:
    from penstock.infra.embedded.transactions.marker_work import MarkerWork

__all__ = ["PartitionLogs", "PartitionLogsStatistics", "StoreFactory"]

StoreFactory = Callable[[UUID, int], PartitionStore]
"""Gives the store of a partition, by its topic's id and its number: an empty one for a new
partition, the one with its records after a restart."""

_LOGS_AT_A_TIME: Final = 32
"""A log with nothing to clean takes some microseconds, and one step of a compaction some
milliseconds: a call stays far below what a client would notice."""


@final
class PartitionLogsStatistics(NamedTuple):
    """The logs in numbers."""

    partitions: int
    """Logs now."""
    size_bytes: int
    """What they hold together."""
    memory_bytes: int | None
    """What they may hold; None: no limit."""
    refused_for_memory: int
    """Appends refused since the start because of that."""
    segments_deleted: int
    """Since the start."""
    bytes_deleted: int
    """Since the start."""
    records_compacted: int
    """Since the start."""
    producers_expired: int
    """Since the start."""


@final
class PartitionLogs:
    """The logs of all partitions."""

    def __init__(
        self, *, stores: StoreFactory, memory_bytes: int | None, config: BrokerConfig, now_ms: int
    ) -> None:
        """Begin without logs.

        Args:
            stores: where their bytes lie.
            memory_bytes: what all logs together may hold; None: no limit.
            config: the broker's settings.
            now_ms: the broker's time.
        """
        self._stores = stores
        self._memory_bytes = memory_bytes
        self._config = config
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._kept: dict[TopicPartition, PartitionStore] = {}
        self._sizes: dict[TopicPartition, int] = {}
        self._size_bytes = 0
        self._readable: set[TopicPartition] = set()
        self._sweeps = {compacted: _Sweep(ended_ms=now_ms) for compacted in (False, True)}
        self._refused = self._segments_deleted = self._bytes_deleted = 0
        self._records_compacted = self._producers_expired = 0

    def get(self, partition: TopicPartition) -> PartitionLog | None:
        """Return a partition's log, or None where there is no such partition."""
        return self._logs.get(partition)

    def open(self, topic: Topic, partitions: Iterable[int], *, now_ms: int) -> None:
        """Begin the logs of new partitions, or go on with what their stores hold.

        Args:
            topic: the topic, as it is now.
            partitions: the numbers of its partitions that have no log yet.
            now_ms: the broker's time.
        """
        config = self._config.log_config(topic.configs)
        expiry_ms = self._config.integer("producer.id.expiration.ms")
        for number in partitions:
            partition = TopicPartition(topic.name, number)
            store = self._stores(topic.topic_id, number)
            log = PartitionLog(
                config=config,
                store=store,
                producer_expiry_ms=expiry_ms,
                now_ms=now_ms,
                name=str(partition),
            )
            self._logs[partition] = log
            self._kept[partition] = store
            self._sizes[partition] = 0
            self._account(partition, log)

    def close(self, topic: Topic, partitions: Iterable[int]) -> None:
        """Remove logs of a topic and their bytes; whoever waits for their records is woken.

        Args:
            topic: the topic.
            partitions: the numbers of its partitions that go; some may have no log, where not all
                could be opened.
        """
        for number in partitions:
            partition = TopicPartition(topic.name, number)
            if self._logs.pop(partition, None) is None:
                continue
            self._size_bytes -= self._sizes.pop(partition)
            self._kept.pop(partition).clear()
            self._readable.add(partition)

    def configure(self, config: BrokerConfig, topics: Iterable[Topic]) -> None:
        """Take other settings.

        Args:
            config: the broker's settings.
            topics: the topics whose logs they may concern.
        """
        self._config = config
        for topic in topics:
            log_config = config.log_config(topic.configs)
            for number in topic.partitions:
                log = self._logs.get(TopicPartition(topic.name, number))
                if log is None:  # as in `close`
                    continue
                log.config = log_config
                log.producer_expiry_ms = config.integer("producer.id.expiration.ms")

    def append(
        self,
        partition: TopicPartition,
        log: PartitionLog,
        batches: Collection[IncomingBatch],
        *,
        now_ms: int,
    ) -> Appended:
        """Append what a producer sends, unless memory is full.

        Args:
            partition: whose log it is.
            log: the log.
            batches: the producer's batches.
            now_ms: the broker's time.

        Returns:
            What became of it; KAFKA_STORAGE_ERROR where memory is full, or the store fails.
        """
        if not self._has_room(log, batches):
            self._refused += 1
            reason = (
                f"All logs together hold {self._size_bytes} bytes and may hold "
                f"{self._memory_bytes}; delete topics or records, or start the broker with more "
                "(--memory of its command, log_memory_bytes of its options)."
            )
            return Appended(error=ErrorCode.kafka_storage_error, reason=reason, message=reason)
        try:
            appended = log.append(tuple(batches), now_ms=now_ms)
        except OSError as failure:  # the store's: a full disk, a folder that is gone
            self._refused += 1
            reason = f"The batch cannot be kept: {failure.strerror or failure}."
            return Appended(error=ErrorCode.kafka_storage_error, reason=reason, message=reason)
        if appended.error is ErrorCode.none and not appended.duplicate:
            self._changed(partition, log)
        return appended

    def mark(self, partition: TopicPartition, work: "MarkerWork", *, now_ms: int) -> ErrorCode:
        """Write a transaction's marker.

        Args:
            partition: one of the transaction's partitions.
            work: the settled transaction.
            now_ms: the broker's time.

        Returns:
            The log's answer; none where the topic was deleted meanwhile.
        """
        log = self._logs.get(partition)
        if log is None:
            return ErrorCode.none
        appended = log.append_marker(
            producer_id=work.producer_id,
            producer_epoch=work.producer_epoch,
            commit=work.commit,
            coordinator_epoch=work.coordinator_epoch,
            now_ms=now_ms,
        )
        if appended.error is ErrorCode.none:
            self._changed(partition, log)
        return appended.error

    def delete_before(self, partition: TopicPartition, offset: int) -> tuple[ErrorCode, int]:
        """Delete a partition's records before an offset.

        Args:
            partition: the partition.
            offset: the first that stays; -1: none stays.

        Returns:
            UNKNOWN_TOPIC_OR_PARTITION, POLICY_VIOLATION where the topic's cleanup.policy does not
            delete, or the log's answer; and where the log begins now, -1 on errors.
        """
        log = self._logs.get(partition)
        if log is None:
            return ErrorCode.unknown_topic_or_partition, -1
        if not log.config.cleanup_delete:
            return ErrorCode.policy_violation, -1
        error, start = log.delete_before(offset)
        self._account(partition, log)
        return error, start

    def take_readable(self) -> set[TopicPartition]:
        """Return the partitions whose readers have something to see since the last call."""
        taken, self._readable = self._readable, set()
        return taken

    def next_deadline_ms(self) -> int | None:
        """Return when `clean` has something to do; None where there is no log."""
        if not self._logs:
            return None
        return min(
            self._due_ms(sweep, compacted=compacted) for compacted, sweep in self._sweeps.items()
        )

    def clean(self, now_ms: int) -> None:
        """Clean the logs whose turn it is, a few at a time.

        Args:
            now_ms: the broker's time.
        """
        for compacted, sweep in self._sweeps.items():
            if now_ms >= self._due_ms(sweep, compacted=compacted):
                self._sweep(sweep, compacted=compacted, now_ms=now_ms)

    def statistics(self) -> PartitionLogsStatistics:
        """Return the logs in numbers."""
        return PartitionLogsStatistics(
            partitions=len(self._logs),
            size_bytes=self._size_bytes,
            memory_bytes=self._memory_bytes,
            refused_for_memory=self._refused,
            segments_deleted=self._segments_deleted,
            bytes_deleted=self._bytes_deleted,
            records_compacted=self._records_compacted,
            producers_expired=self._producers_expired,
        )

    def _has_room(self, log: PartitionLog, batches: Collection[IncomingBatch]) -> bool:
        if self._memory_bytes is None:
            return True
        wanted = sum(len(batch.data) for batch in batches)
        if self._size_bytes + wanted <= self._memory_bytes:
            return True
        # Sent again because its answer was lost: it is told where it is, and takes no room.
        return all(log.holds(batch.header) for batch in batches)

    def _changed(self, partition: TopicPartition, log: PartitionLog) -> None:
        self._readable.add(partition)
        self._account(partition, log)

    def _account(self, partition: TopicPartition, log: PartitionLog) -> None:
        size = log.size_bytes
        self._size_bytes += size - self._sizes[partition]
        self._sizes[partition] = size

    def _due_ms(self, sweep: "_Sweep", *, compacted: bool) -> int:
        if sweep.waiting:
            return sweep.ended_ms
        name = "log.cleaner.backoff.ms" if compacted else "log.retention.check.interval.ms"
        return sweep.ended_ms + max(1, self._config.integer(name))

    def _sweep(self, sweep: "_Sweep", *, compacted: bool, now_ms: int) -> None:
        if not sweep.waiting:
            enabled = not compacted or self._config.flag("log.cleaner.enable")
            sweep.waiting = [
                partition
                for partition, log in self._logs.items()
                if enabled and log.config.cleanup_compact is compacted
            ]
        for _ in range(min(_LOGS_AT_A_TIME, len(sweep.waiting))):
            partition = sweep.waiting.pop()
            log = self._logs.get(partition)
            if log is not None and self._clean(partition, log, now_ms):
                sweep.waiting.append(partition)
                break
        sweep.ended_ms = now_ms

    def _clean(self, partition: TopicPartition, log: PartitionLog, now_ms: int) -> bool:
        cleaned = log.clean(now_ms)
        self._account(partition, log)
        self._segments_deleted += cleaned.segments_deleted
        self._bytes_deleted += cleaned.bytes_deleted
        self._records_compacted += cleaned.records_compacted
        self._producers_expired += cleaned.producers_expired
        return cleaned.unfinished


@final
class _Sweep:
    """A turn through all logs of a kind, or the rest before the next one."""

    __slots__ = ("ended_ms", "waiting")

    def __init__(self, *, ended_ms: int) -> None:
        self.ended_ms = ended_ms
        """When the last turn, or the last portion of this one, was done."""
        self.waiting: list[TopicPartition] = []
        """Whose turn is still to come."""
