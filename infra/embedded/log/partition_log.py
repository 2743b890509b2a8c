"""One partition's log: what is appended, read, deleted and compacted.

It puts the parts of this room together: batches are judged (batch_validation.py), their producers
are (producer_states.py), they are kept in segments (segment_list.py) over a store, and cleaning
goes over them (cleaning_rules.py, compaction.py).

Laws:
1. The end of the log is the high watermark: one node has no replicas to wait for.
2. What a client does wrong is answered with Kafka's error; exceptions are for damaged stores only.
3. All that it knows is in the store: a log made over the same store knows it again by scanning, and
   what deleted batches have said of producers from what it kept of that before they went. Of a
   producer's batches that compaction has removed it knows nothing: the last one always stays.
4. A read never cuts a batch, and never changes anything.
"""

from collections.abc import Sequence
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.aborted_transactions import AbortedRange, AbortedTransactions
from penstock.infra.embedded.log.batch_validation import validated
from penstock.infra.embedded.log.cleaning_rules import (
    is_dirty_enough,
    must_roll,
    too_large,
    too_old,
    too_young,
)
from penstock.infra.embedded.log.compaction import CleanedGroup, Compaction, KeyOffsets
from penstock.infra.embedded.log.compression import NO_CODEC, decompress
from penstock.infra.embedded.log.control_marker import EndMarker, encode_marker, read_marker
from penstock.infra.embedded.log.log_answers import (
    AbortedTransaction,
    Appended,
    Cleaned,
    LogRead,
    LogStatistics,
    ProducerDescription,
    TimedOffset,
)
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.log_errors import DamagedSegment
from penstock.infra.embedded.log.producer_snapshot import (
    ProducerSnapshot,
    decode_snapshot,
    encode_snapshot,
)
from penstock.infra.embedded.log.producer_states import ProducerStates
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    IncomingBatch,
)
from penstock.infra.embedded.log.record_format import record_spans
from penstock.infra.embedded.log.segment import Segment
from penstock.infra.embedded.log.segment_list import SegmentList
from penstock.infra.embedded.log.segment_store import PartitionStore

__all__ = ["PRODUCER_EXPIRY_CHECK_MS", "PartitionLog"]

PRODUCER_EXPIRY_CHECK_MS: Final = 600_000
"""Kafka's producer.id.expiration.check.interval.ms."""
_STEP_BYTES: Final = 1 << 18
"""How much a call of `clean` looks at: about 20 ms with small records."""
_MOST_KEYS: Final = 500_000
_MOST_KEY_BYTES: Final = 64 << 20
_HIGH_WATERMARK: Final = -1


@final
class PartitionLog:
    """The log of one partition."""

    leader_epoch: Final = 0

    def __init__(
        self,
        *,
        config: LogConfig,
        store: PartitionStore,
        producer_expiry_ms: int,
        now_ms: int,
        name: str = "",
    ) -> None:
        """Open the log over what its store holds.

        Args:
            config: the topic's; may be set again at any time.
            store: where its bytes are.
            producer_expiry_ms: after so much silence a producer is forgotten; as `config`.
            now_ms: the time.
            name: topic and partition, for Kafka's messages and for errors.

        Raises:
            DamagedSegment: the store holds what no log has written.
        """
        self.config = config
        self._store = store
        self.producer_expiry_ms = producer_expiry_ms
        self._name = name
        kept = self._kept_of_producers()
        self._producers = ProducerStates(kept.producers)
        self._aborted = AbortedTransactions()
        self._segments = SegmentList(store)
        self._first_dirty = 0
        self._compaction: Compaction | None = None
        self._expiry_checked_ms = now_ms
        self._batches_appended = self._duplicates = self._refused = 0
        for header, control in self._segments.scan(name, now_ms=now_ms):
            if header.base_offset >= kept.offset:  # else a deletion was not finished
                self._take_again(header, control)
        if store.start() > self.end_offset:  # the end was lost after records had been deleted
            self._segments.begin_at(store.start(), now_ms=now_ms)
            self._producers = ProducerStates(self._kept_of_producers().producers)
            self._aborted = AbortedTransactions()
        first_offset = self._segments[0].base_offset
        self._start_offset = min(max(store.start(), first_offset), self.end_offset)
        self._producers.expire(now_ms, after_ms=producer_expiry_ms)

    @property
    def start_offset(self) -> int:
        """The first offset that can be read."""
        return self._start_offset

    @property
    def end_offset(self) -> int:
        """The offset that the next record gets: the high watermark too."""
        return self._segments.end_offset

    @property
    def last_stable_offset(self) -> int:
        """Before it every transaction has ended."""
        first_open = self._producers.first_open_offset
        if first_open is None:
            return self.end_offset
        return min(max(first_open, self._start_offset), self.end_offset)

    @property
    def size_bytes(self) -> int:
        """The bytes of all batches."""
        return self._segments.size_bytes

    def append(self, batches: Sequence[IncomingBatch], *, now_ms: int) -> Appended:
        """Take what a producer has sent.

        Args:
            batches: exactly one, as Kafka demands; the CRC is compared here.
            now_ms: the time.

        Returns:
            Where it is, or why it is refused. Whether a transactional batch belongs to an open
            transaction is not asked here: the broker has asked the transaction coordinator.
        """
        kept = validated(
            tuple(batches),
            config=self.config,
            base_offset=self.end_offset,
            start_offset=self._start_offset,
            now_ms=now_ms,
            name=self._name,
        )
        if isinstance(kept, Appended):
            self._refused += 1
            return kept
        header = kept.header
        if header.has_producer:
            known = self._known_or_refused(header)
            if known is not None:
                return known
        self._write(header, kept.data, now_ms=now_ms)
        if header.has_producer:
            self._producers.take_batch(header)
        return self._appended(header, now_ms)

    def append_marker(
        self,
        *,
        producer_id: int,
        producer_epoch: int,
        commit: bool,
        coordinator_epoch: int,
        now_ms: int,
    ) -> Appended:
        """Write the marker that ends a producer's transaction; it takes one offset.

        Args:
            producer_id: whose transaction it is; nothing of it need be in this log.
            producer_epoch: the epoch from which on the producer may write again.
            commit: else aborted.
            coordinator_epoch: the transaction coordinator's.
            now_ms: the time.

        Returns:
            Where the marker is; or `invalid_producer_epoch` or `transaction_coordinator_fenced`.
        """
        refusal = self._producers.marker_refusal(producer_id, producer_epoch, coordinator_epoch)
        if refusal is not None:
            self._refused += 1
            return Appended(
                error=refusal.error, reason=refusal.reason, start_offset=self._start_offset
            )
        marker = EndMarker(commit=commit, coordinator_epoch=coordinator_epoch)
        header, data = encode_marker(
            marker,
            base_offset=self.end_offset,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            log_append_time=self.config.log_append_time,
            now_ms=now_ms,
        )
        self._write(header, data, now_ms=now_ms)
        self._take_marker(header, marker)
        return self._appended(header, now_ms)

    def read(self, offset: int, *, max_bytes: int, committed: bool, at_least_one: bool) -> LogRead:
        """Read batches from the one that holds an offset on.

        Like Kafka it reads within one segment, so that it may return less than there is.

        Args:
            offset: the first that is wanted.
            max_bytes: the most that is returned.
            committed: nothing at or after the last stable offset, and the aborted transactions.
            at_least_one: return the first batch even if it is larger than `max_bytes`.

        Returns:
            The batches; none where nothing can be read yet.
        """
        end, stable = self.end_offset, self.last_stable_offset
        if not self._start_offset <= offset <= end:
            return LogRead(error=ErrorCode.offset_out_of_range)
        limit = stable if committed else end
        records = b""
        aborted: tuple[AbortedTransaction, ...] = ()
        if offset < limit:
            segment, start, stop = self._segments.readable(offset, limit)
            fits = segment.index_within(segment.position(start) + max(max_bytes, 0))
            stop = min(stop, max(fits, start + 1 if at_least_one else start))
            records = segment.read(start, stop)
            if committed and records:
                aborted = self._aborted.touching(offset, segment.base(stop))
        return LogRead(
            records=records,
            high_watermark=end,
            last_stable_offset=stable,
            start_offset=self._start_offset,
            aborted=aborted,
        )

    def readable_end(self, committed: bool) -> int:
        """Return the offset before which a reader may read."""
        return self.last_stable_offset if committed else self.end_offset

    def readable_bytes(self, offset: int, committed: bool, limit: int) -> int:
        """Return how many bytes a reader at an offset could have.

        Args:
            offset: where the reader is; may lie outside of the log, and then there are none.
            committed: as in `read`.
            limit: at so many bytes counting stops; segments of which none is counted cost nothing.

        Returns:
            The bytes, no more than about a segment over the limit.
        """
        end = self.readable_end(committed)
        found = 0
        while self._start_offset <= offset < end and found < limit:
            segment, start, stop = self._segments.readable(offset, end)
            found += segment.position(stop) - segment.position(start)
            offset = self._segments.end_of(segment)
        return found

    def offset_at(self, timestamp_ms: int, *, committed: bool) -> TimedOffset | None:
        """Find the first record that is as late as a time.

        As in Kafka only the first segment that has so late a record is looked into, and what lies
        behind what the reader may read is not found.

        Args:
            timestamp_ms: 0 or more.
            committed: as in `read`.

        Returns:
            The record's time and offset; None if there is none.
        """
        for segment in self._segments:
            if segment.largest_timestamp_ms >= timestamp_ms:
                found = self._record_as_late_as(segment, timestamp_ms)
                return self._within(found, committed=committed)
        return None

    def max_timestamp(self, *, committed: bool) -> TimedOffset | None:
        """Find the first record that has the largest time of all; None if no record is there."""
        latest = max(self._segments, key=lambda segment: segment.max_timestamp_ms)
        index = latest.first_as_late_as(latest.max_timestamp_ms, 0)
        if index == len(latest):
            return None
        header = latest.header(index)
        found = self._timed(header, latest.batch(index), header.max_timestamp_ms, 0)
        return self._within(found, committed=committed)

    def delete_before(self, offset: int) -> tuple[ErrorCode, int]:
        """Let the log begin later; the bytes go when it is cleaned.

        Args:
            offset: the first that stays; -1 for the high watermark.

        Returns:
            The error, and where the log begins now; -1 with an error.
        """
        if self.config.cleanup_compact and not self.config.cleanup_delete:
            return ErrorCode.policy_violation, -1
        wanted = self.end_offset if offset == _HIGH_WATERMARK else offset
        if not 0 <= wanted <= self.end_offset:
            return ErrorCode.offset_out_of_range, -1
        self._begin_at(wanted)
        return ErrorCode.none, self._start_offset

    def clean(self, now_ms: int, *, budget_bytes: int = _STEP_BYTES) -> Cleaned:
        """Delete old segments, compact, and forget silent producers.

        Call it now and then, and at once again where it says that it is unfinished.

        Args:
            now_ms: the time.
            budget_bytes: about how many bytes compaction may look at.

        Returns:
            What was done.
        """
        deleted, deleted_bytes = self._delete_old(now_ms)
        dropped, before = 0, self._segments.size_bytes
        self._plan_compaction(now_ms)
        if self._compaction is not None:
            dropped = self._compact(self._compaction, budget_bytes)
        return Cleaned(
            segments_deleted=deleted,
            bytes_deleted=deleted_bytes,
            records_compacted=dropped,
            bytes_compacted=before - self._segments.size_bytes,
            producers_expired=self._expire(now_ms),
            start_offset=self._start_offset,
            unfinished=self._compaction is not None,
        )

    def producers(self) -> tuple[ProducerDescription, ...]:
        """Describe the producers that are known."""
        return tuple(self._producers.descriptions())

    def holds(self, header: BatchHeader) -> bool:
        """Tell whether a batch repeats one of its producer's last; then nothing is written for it.

        Args:
            header: of the batch as it came.
        """
        return header.has_producer and self._producers.duplicate(header) is not None

    def has_open_transaction(self, producer_id: int) -> bool:
        """Tell whether a transaction of the producer is open in this log."""
        return self._producers.transaction_start(producer_id) is not None

    def begin_verification(
        self, producer_id: int, producer_epoch: int, base_sequence: int, *, now_ms: int
    ) -> None:
        """Note a transactional batch before the transaction coordinator is asked about it.

        Until a batch of the producer is appended, none with a higher sequence is taken (KIP-890).
        """
        self._producers.begin_verification(
            producer_id, producer_epoch, base_sequence, now_ms=now_ms
        )

    def statistics(self) -> LogStatistics:
        """Return counters and sizes."""
        return LogStatistics(
            segments=len(self._segments),
            batches=sum(len(segment) for segment in self._segments),
            size_bytes=self._segments.size_bytes,
            producers=len(self._producers),
            open_transactions=self._producers.open_transactions,
            aborted_transactions=len(self._aborted),
            batches_appended=self._batches_appended,
            duplicates=self._duplicates,
            refused=self._refused,
        )

    # Appending

    def _known_or_refused(self, header: BatchHeader) -> Appended | None:
        """Return the answer to a producer's batch that is not written; None if it may be."""
        duplicate = self._producers.duplicate(header)
        if duplicate is not None:
            self._duplicates += 1
            return Appended(
                base_offset=duplicate.base_offset,
                last_offset=duplicate.last_offset,
                append_time_ms=duplicate.timestamp_ms,
                start_offset=self._start_offset,
                duplicate=True,
            )
        refusal = self._producers.batch_refusal(header)
        if refusal is None:
            return None
        self._refused += 1
        return Appended(error=refusal.error, reason=refusal.reason, start_offset=self._start_offset)

    def _write(self, header: BatchHeader, data: bytes, *, now_ms: int) -> None:
        active = self._segments.active
        if must_roll(active, header, len(data), config=self.config, now_ms=now_ms):
            active = self._segments.roll(now_ms)
        active.append(header, data, now_ms=now_ms)
        self._segments.size_bytes += len(data)
        self._batches_appended += 1

    def _appended(self, header: BatchHeader, now_ms: int) -> Appended:
        return Appended(
            base_offset=header.base_offset,
            last_offset=header.last_offset,
            append_time_ms=now_ms if self.config.log_append_time else -1,
            start_offset=self._start_offset,
        )

    def _take_marker(self, header: BatchHeader, marker: EndMarker) -> None:
        completed = self._producers.take_marker(header, marker)
        if completed is None or not completed.aborted:
            return
        first_open = self._producers.first_open_offset
        self._aborted.add(
            AbortedRange(
                completed.producer_id,
                completed.first_offset,
                completed.last_offset,
                header.last_offset + 1 if first_open is None else first_open,
            )
        )

    # Reading

    def _record_as_late_as(self, segment: Segment, timestamp_ms: int) -> TimedOffset | None:
        index = segment.first_as_late_as(timestamp_ms, segment.index_of(self._start_offset))
        while index < len(segment):
            header = segment.header(index)
            if header.max_timestamp_ms >= timestamp_ms:
                batch = segment.batch(index)
                found = self._timed(header, batch, timestamp_ms, self._start_offset)
                if found is not None:
                    return found
            index += 1
        return None

    def _timed(
        self, header: BatchHeader, data: bytes, timestamp_ms: int, start_offset: int
    ) -> TimedOffset | None:
        """Find the first record of a batch that is late enough, and not before an offset."""
        body = data[HEADER_BYTES:]
        if header.codec != NO_CODEC:
            decompressed = decompress(header.codec, body)
            if decompressed.fault:
                raise DamagedSegment(
                    partition=self._name,
                    base_offset=header.base_offset,
                    position=0,
                    reason=decompressed.fault,
                )
            body = decompressed.data
        for span in record_spans(body, header.record_count):
            time_ms = header.base_timestamp_ms + span.timestamp_delta
            if header.is_log_append_time:
                time_ms = header.max_timestamp_ms
            offset = header.base_offset + span.offset_delta
            if time_ms >= timestamp_ms and offset >= start_offset:
                return TimedOffset(time_ms, offset, self.leader_epoch)
        return None

    def _within(self, found: TimedOffset | None, *, committed: bool) -> TimedOffset | None:
        if found is None or found.offset >= self.readable_end(committed):
            return None
        return found

    # Cleaning

    def _begin_at(self, offset: int) -> None:
        if offset > self._start_offset:
            self._store.keep_start(offset)
            self._start_offset = offset

    def _delete_old(self, now_ms: int) -> tuple[int, int]:
        """Delete segments before the log's start, and by size and age; return number and bytes."""
        segments, config = self._segments, self.config
        number, size = self._delete_first(segments.number_at(self._start_offset), now_ms)
        count = too_large(segments, config=config, size_bytes=segments.size_bytes)
        more, more_size = self._delete_first(count, now_ms)
        number, size = number + more, size + more_size
        more, more_size = self._delete_first(
            too_old(segments, config=config, now_ms=now_ms), now_ms
        )
        return number + more, size + more_size

    def _delete_first(self, count: int, now_ms: int) -> tuple[int, int]:
        """Delete the first segments; where all would go, a new and empty one stays.

        Returns:
            How many went, and their bytes.
        """
        segments = self._segments
        if count == len(segments):
            segments.roll(now_ms)
            count = len(segments) - 1
        if count <= 0:
            return 0, 0
        first_offset = segments[count].base_offset
        # In this order: until the log begins there, the segments before still count, and say of
        # aborted transactions what nothing else does; once they go, nothing else says of producers
        # what is kept here.
        self._begin_at(first_offset)
        self._keep_producers(first_offset)
        self._compaction = None  # it may have planned with segments that are gone
        size = segments.remove_first(count)
        self._aborted.forget_before(segments[0].base_offset)
        return count, size

    def _keep_producers(self, first_offset: int) -> None:
        """Keep what the segments before an offset have said of producers."""
        known = tuple(self._producers.known_before(first_offset))
        snapshot = ProducerSnapshot(offset=first_offset, producers=known)
        self._store.keep_producers(encode_snapshot(snapshot))

    def _plan_compaction(self, now_ms: int) -> None:
        """Begin a compaction where one is due and none is under way."""
        if not self.config.cleanup_compact:
            self._compaction = None
        elif self._compaction is None:
            self._first_dirty = max(self._first_dirty, self._start_offset)
            upper = self._uncleanable_from(now_ms)
            segments = self._segments.before(upper)
            dirty_from = self._segments.number_at(self._first_dirty)
            clean_bytes = sum(segment.size for segment in segments[:dirty_from])
            dirty = segments[dirty_from:]
            if is_dirty_enough(dirty, clean_bytes=clean_bytes, config=self.config, now_ms=now_ms):
                self._compaction = self._compaction_of(segments, upper, now_ms)

    def _uncleanable_from(self, now_ms: int) -> int:
        """Return the base offset of the first segment that compaction must leave alone."""
        limit = self._segments.number_at(self.last_stable_offset)
        dirty = self._segments[self._segments.number_at(self._first_dirty) : limit]
        young = too_young(dirty, config=self.config, now_ms=now_ms)
        return self._segments[limit - young].base_offset

    def _compaction_of(self, segments: Sequence[Segment], upper: int, now_ms: int) -> Compaction:
        return Compaction(
            segments=segments,
            first_dirty_offset=self._first_dirty,
            upper_offset=upper,
            aborted=self._aborted.beginning_before(upper),
            config=self.config,
            keys=KeyOffsets(most_keys=_MOST_KEYS, most_bytes=_MOST_KEY_BYTES),
            is_last_of_producer=self._producers.is_last_of_producer,
            now_ms=now_ms,
            partition=self._name,
        )

    def _compact(self, compaction: Compaction, budget_bytes: int) -> int:
        """Make one step; return the records that went."""
        dropped = 0
        try:
            for group in compaction.step(budget_bytes):
                dropped += self._put_in(group)
        except BaseException:  # a full disk, for one: what was not put in must not count as clean
            self._compaction = None
            raise
        if compaction.done:
            self._first_dirty = compaction.clean_until
            self._compaction = None
        return dropped

    def _put_in(self, group: CleanedGroup) -> int:
        """Put a cleaned segment in the place of the old ones; return the records that went."""
        if group.changed:
            self._segments.replace(group.old, group.new, group.chunks)
            self._aborted.forget(group.emptied)
        return group.records_dropped

    def _expire(self, now_ms: int) -> int:
        if now_ms - self._expiry_checked_ms < PRODUCER_EXPIRY_CHECK_MS:
            return 0
        self._expiry_checked_ms = now_ms
        return self._producers.expire(now_ms, after_ms=self.producer_expiry_ms)

    # Opening

    def _kept_of_producers(self) -> ProducerSnapshot:
        """Return what deleted segments have said of producers.

        What was kept counts only as long as the log begins no later: a version that keeps nothing
        may have deleted more since, or a lost end may have taken along what came after it.
        """
        segments = self._store.segments()
        first_offset = segments[0][0] if segments else self._store.start()
        kept = decode_snapshot(self._store.producers())
        if kept is None:
            raise DamagedSegment(
                partition=self._name,
                base_offset=first_offset,
                position=0,
                reason="what was kept of producers before it is of another version",
            )
        return kept if kept.offset >= first_offset else ProducerSnapshot()

    def _take_again(self, header: BatchHeader, control: bytes) -> None:
        if header.is_control:
            marker = read_marker(header, control)
            if marker is not None:
                self._take_marker(header, marker)
            elif header.has_producer:
                self._producers.take_empty_marker(header)
        elif header.has_producer:
            self._producers.take_batch(header)
