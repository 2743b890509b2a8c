"""Compaction of a log: of each key the last record stays.

Two passes, as Kafka's cleaner makes them (LogCleaner; KIP-534 for the delete horizon). The first
walks over the dirty part and notes the last offset of each key; the second writes the segments from
the first up to there anew, without records that a later one replaces, without records of aborted
transactions, and without tombstones and markers whose time has come. A batch that holds a living
producer's last sequence stays, if need be without records; so does a marker that alone holds its
epoch.

Laws:
1. It is a core that works in steps: the caller says how many bytes a step may look at.
2. Nothing of the log changes but by a group of segments that is done, as a whole.
3. The active segment and what lies at or after the last stable offset are never touched.
4. A record keeps its offset, and a batch its base offset, last offset and sequence.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, final

from penstock.infra.embedded.log.aborted_transactions import AbortedRange
from penstock.infra.embedded.log.cleaned_transactions import CleanedTransactions
from penstock.infra.embedded.log.compression import NO_CODEC, compress, decompress
from penstock.infra.embedded.log.control_marker import read_marker
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.log_errors import DamagedSegment
from penstock.infra.embedded.log.record_batch import (
    APPEND_TIME_BIT,
    CODEC_BITS,
    CONTROL_BIT,
    DELETE_HORIZON_BIT,
    HEADER_BYTES,
    TRANSACTIONAL_BIT,
    BatchHeader,
    encode_batch,
    header_at,
)
from penstock.infra.embedded.log.record_format import RecordSpan, record_spans, rewritten
from penstock.infra.embedded.log.segment import MOST_OFFSETS, Segment
from penstock.infra.embedded.log.segment_store import MemorySegment

__all__ = ["CleanedGroup", "Compaction", "KeyOffsets"]

_NO_TIMESTAMP: Final = -1
_KEPT_BITS: Final = (
    CODEC_BITS | APPEND_TIME_BIT | TRANSACTIONAL_BIT | CONTROL_BIT | DELETE_HORIZON_BIT
)
_EMPTY_BITS: Final = APPEND_TIME_BIT | TRANSACTIONAL_BIT | CONTROL_BIT
_CHUNK_BYTES: Final = 1 << 20


@final
class KeyOffsets:
    """The last offset of each key, within a limit of memory."""

    __slots__ = ("_key_bytes", "_most_bytes", "_most_keys", "_offsets", "latest_offset")

    def __init__(self, *, most_keys: int, most_bytes: int) -> None:
        """Begin empty.

        Args:
            most_keys: with so many keys it is full.
            most_bytes: with so many bytes of keys it is full.
        """
        self._offsets: dict[bytes, int] = {}
        self._key_bytes = 0
        self._most_keys = most_keys
        self._most_bytes = most_bytes
        self.latest_offset = -1
        """Up to this offset, inclusive, all keys are known."""

    @property
    def is_full(self) -> bool:
        """Whether no further batch should be noted."""
        return len(self._offsets) >= self._most_keys or self._key_bytes >= self._most_bytes

    def note(self, key: bytes, offset: int) -> None:
        """Note a record; later ones replace earlier ones."""
        if key not in self._offsets:
            self._key_bytes += len(key)
        self._offsets[key] = offset

    def get(self, key: bytes) -> int:
        """Return the last offset of a key; -1 where there is none."""
        return self._offsets.get(key, -1)


@final
class CleanedGroup(NamedTuple):
    """What comes in the place of some segments."""

    old: tuple[Segment, ...]
    """Adjacent segments, ascending."""
    new: Segment
    """Indexed; its bytes are `chunks`, and not yet in the store."""
    chunks: tuple[bytes, ...]
    records_dropped: int
    emptied: tuple[AbortedRange, ...]
    """Aborted transactions of which nothing is left but, at most, the marker."""

    changed: bool
    """Whether anything is different from before."""


@final
class Compaction:
    """One compaction, from its first step to its last."""

    def __init__(
        self,
        *,
        segments: Sequence[Segment],
        first_dirty_offset: int,
        upper_offset: int,
        aborted: Sequence[AbortedRange],
        config: LogConfig,
        keys: KeyOffsets,
        is_last_of_producer: Callable[[BatchHeader], bool],
        now_ms: int,
        partition: str,
    ) -> None:
        """Plan it.

        Args:
            segments: all that end at or before `upper_offset`, ascending.
            first_dirty_offset: before it each key was compacted already.
            upper_offset: where the first segment begins that is left alone.
            aborted: all aborted transactions that begin before `upper_offset`.
            config: the topic's.
            keys: empty; says how much it may hold.
            is_last_of_producer: whether a batch must not go whole; asked anew for each batch.
            now_ms: the time that counts for tombstones throughout.
            partition: its name, for errors.
        """
        self._segments = segments
        self._first_dirty = first_dirty_offset
        self._upper = upper_offset
        self._aborted = aborted
        self._config = config
        self._keys = keys
        self._is_last_of_producer = is_last_of_producer
        self._now_ms = now_ms
        self._partition = partition
        self._work = self._passes()
        self.done = False
        """Whether all steps were made."""

    @property
    def clean_until(self) -> int:
        """The offset before which everything is clean, once all is done."""
        return self._keys.latest_offset + 1

    def step(self, budget_bytes: int) -> Iterator[CleanedGroup]:
        """Work on.

        Args:
            budget_bytes: about how many bytes to look at.

        Yields:
            Each group of segments that is done; the caller puts it in before it goes on.
        """
        spent = 0
        for made in self._work:
            if isinstance(made, CleanedGroup):
                yield made
            else:
                spent += made
                if spent >= budget_bytes:
                    return
        self.done = True

    def _passes(self) -> Iterator[int | CleanedGroup]:
        """Make both passes, yielding what each batch costs, and each group that is done."""
        yield from self._note_keys()
        transactions = CleanedTransactions(self._aborted)
        wanted = [one for one in self._segments if one.base_offset < self.clean_until]
        for group in self._groups(wanted):
            yield from self._clean(group, transactions)

    def _note_keys(self) -> Iterator[int]:
        transactions = CleanedTransactions(
            one for one in self._aborted if one.last_offset >= self._first_dirty
        )
        for segment in self._segments:
            for index in range(segment.index_of(self._first_dirty), len(segment)):
                if self._keys.is_full:
                    return
                data = segment.batch(index)
                self._note_batch(header_at(data), data, transactions)
                yield len(data)
        self._keys.latest_offset = max(self._keys.latest_offset, self._upper - 1)

    def _note_batch(
        self, header: BatchHeader, data: bytes, transactions: CleanedTransactions
    ) -> None:
        if header.is_control:
            transactions.ends_nothing(header, read_marker(header, data))
        elif not transactions.aborts(header):
            body = self._body(header, data)
            for span in record_spans(body, header.record_count):
                offset = header.base_offset + span.offset_delta
                if span.key_size >= 0 and offset >= self._first_dirty:
                    key = body[span.key_start : span.key_start + span.key_size]
                    self._keys.note(key, offset)
        self._keys.latest_offset = max(self._keys.latest_offset, header.last_offset)

    def _groups(self, segments: Sequence[Segment]) -> Iterator[list[Segment]]:
        """Put neighbours together that fit into one segment."""
        group: list[Segment] = []
        size = 0
        for segment in segments:
            fits = (
                group
                and size + segment.size <= self._config.segment_bytes
                and segment.next_offset - group[0].base_offset <= MOST_OFFSETS
            )
            if group and not fits:
                yield group
                group, size = [], 0
            group.append(segment)
            size += segment.size
        if group:
            yield group

    def _clean(
        self, group: list[Segment], transactions: CleanedTransactions
    ) -> Iterator[int | CleanedGroup]:
        chunks = [bytearray()]
        cleaned = Segment(group[0].base_offset, MemorySegment(), now_ms=group[0].created_ms)
        read = kept = 0
        changed = len(group) > 1
        for segment in group:
            for index in range(len(segment)):
                data = segment.batch(index)
                header = header_at(data)
                read += header.record_count
                left = self._filtered(header, data, transactions)
                changed = changed or left is not data
                if left:
                    new = header_at(left)
                    kept += new.record_count
                    cleaned.index(new, len(left))
                    if len(chunks[-1]) >= _CHUNK_BYTES:
                        chunks.append(bytearray())
                    chunks[-1] += left
                yield len(data)
        yield CleanedGroup(
            old=tuple(group),
            new=cleaned,
            chunks=tuple(bytes(chunk) for chunk in chunks if chunk),
            records_dropped=read - kept,
            changed=changed,
            emptied=tuple(transactions.emptied),
        )
        transactions.emptied.clear()

    def _filtered(
        self, header: BatchHeader, data: bytes, transactions: CleanedTransactions
    ) -> bytes:
        """Return what stays of a batch; nothing if it goes whole."""
        horizon = header.delete_horizon_ms
        if header.is_control:
            empties = transactions.ends_nothing(header, read_marker(header, data))
            drop_all = empties and horizon is not None and horizon <= self._now_ms
        else:
            empties = drop_all = transactions.aborts(header)
        must_stay = header.last_offset + 1 == self._upper or (
            header.has_producer and self._is_last_of_producer(header)
        )
        if drop_all or header.record_count == 0:
            return _without_records(header) if must_stay else b""
        if header.is_control:
            needs_horizon = empties and horizon is None
            return self._with_horizon(header, data) if needs_horizon else data
        return self._with_kept_records(header, data) or (
            _without_records(header) if must_stay else b""
        )

    def _with_kept_records(self, header: BatchHeader, data: bytes) -> bytes:
        """Return a batch with those records that stay; nothing if none does."""
        body = self._body(header, data)
        spans = list(record_spans(body, header.record_count))
        kept = [span for span in spans if self._stays(header, body, span)]
        if not kept:
            return b""
        needs_horizon = header.delete_horizon_ms is None and any(
            span.value_size < 0 for span in kept
        )
        if len(kept) == len(spans) and not needs_horizon:
            return data
        return self._remade(header, body, kept, needs_horizon=needs_horizon)

    def _with_horizon(self, header: BatchHeader, data: bytes) -> bytes:
        body = self._body(header, data)
        spans = list(record_spans(body, header.record_count))
        return self._remade(header, body, spans, needs_horizon=True)

    def _stays(self, header: BatchHeader, body: bytes, span: RecordSpan) -> bool:
        offset = header.base_offset + span.offset_delta
        if offset > self._keys.latest_offset:
            return True
        if span.key_size < 0:
            return False
        if offset < self._keys.get(body[span.key_start : span.key_start + span.key_size]):
            return False
        horizon = header.delete_horizon_ms
        return span.value_size >= 0 or horizon is None or self._now_ms < horizon

    def _remade(
        self, header: BatchHeader, body: bytes, spans: Sequence[RecordSpan], *, needs_horizon: bool
    ) -> bytes:
        """Write a batch anew with some of its records.

        A delete horizon stands where the base timestamp stood, so each delta changes.
        """
        base = header.base_timestamp_ms
        attributes = header.attributes & _KEPT_BITS
        if needs_horizon:
            attributes |= DELETE_HORIZON_BIT
            base = self._now_ms + self._config.delete_retention_ms
            parts = [
                rewritten(
                    body,
                    span,
                    timestamp_delta=header.base_timestamp_ms + span.timestamp_delta - base,
                    offset_delta=span.offset_delta,
                )
                for span in spans
            ]
        else:
            parts = [body[span.start : span.end] for span in spans]
        largest = header.max_timestamp_ms
        if not header.is_log_append_time:
            deltas = (span.timestamp_delta for span in spans)
            largest = max(header.base_timestamp_ms + max(deltas), _NO_TIMESTAMP)
        remade = header._replace(
            attributes=attributes,
            base_timestamp_ms=base,
            max_timestamp_ms=largest,
            record_count=len(spans),
        )
        return encode_batch(remade, compress(header.codec, b"".join(parts)))

    def _body(self, header: BatchHeader, data: bytes) -> bytes:
        """Return a batch's records, uncompressed."""
        if header.codec == NO_CODEC:
            return data[HEADER_BYTES:]
        decompressed = decompress(header.codec, data[HEADER_BYTES:])
        if decompressed.fault:
            raise DamagedSegment(
                partition=self._partition,
                base_offset=header.base_offset,
                position=0,
                reason=decompressed.fault,
            )
        return decompressed.data


def _without_records(header: BatchHeader) -> bytes:
    """Return a batch without records, which keeps its producer's sequence, its epoch, or the last
    offset.
    """  # noqa: D205 - one sentence
    empty = header._replace(
        attributes=header.attributes & _EMPTY_BITS,
        base_timestamp_ms=_NO_TIMESTAMP,
        record_count=0,
    )
    return encode_batch(empty, b"")
