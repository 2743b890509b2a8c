"""What a log takes from a client: one batch, looked into, with its offset and time put in.

The checks, their order and their sentences are those of Apache Kafka 4.1 (LogValidator and what the
log does before and after it), as measured on a real one: the first fault decides the error.

Laws:
1. Every record is looked at: a batch that a reader could not read is not taken.
2. Nothing here knows what the log holds; producers are checked elsewhere (producer_states.py).
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.compression import (
    CODECS,
    NO_CODEC,
    compress,
    decompress,
)
from penstock.infra.embedded.log.log_answers import Appended, RecordError
from penstock.infra.embedded.log.log_config import LONG_MAX, LogConfig
from penstock.infra.embedded.log.record_batch import (
    APPEND_TIME_BIT,
    CODEC_BITS,
    HEADER_BYTES,
    TRANSACTIONAL_BIT,
    BatchHeader,
    IncomingBatch,
    checksum,
    encode_batch,
    header_at,
)
from penstock.infra.embedded.log.record_format import (
    RecordsSeen,
    record_spans,
    rewritten,
    walk_records,
)

__all__ = ["validated"]

_PREFIX: Final = Struct(">qii")
_NO_TIMESTAMP: Final = -1
_SHOWN: Final = 3
_BAD_TIME: Final = "One or more records have been rejected due to invalid timestamp"


def validated(
    batches: tuple[IncomingBatch, ...],
    *,
    config: LogConfig,
    base_offset: int,
    start_offset: int,
    now_ms: int,
    name: str,
) -> IncomingBatch | Appended:
    """Check what a client has sent, and make of it what the log keeps.

    Args:
        batches: what one produce request has for the partition; it must be one batch.
        config: the topic's.
        base_offset: the offset that the first record gets.
        start_offset: where the log begins, for the answer.
        now_ms: the broker's time.
        name: topic and partition, for messages.

    Returns:
        The batch to keep, or the refusal.
    """
    if len(batches) != 1:
        reason = f"{len(batches)} record batches, where exactly one is allowed"
        return Appended(error=ErrorCode.invalid_record, reason=reason)
    validation = _Validation(
        batch=batches[0],
        config=config,
        base_offset=base_offset,
        start_offset=start_offset,
        now_ms=now_ms,
        name=name,
    )
    return validation.envelope_fault() or validation.content()


@final
class _Validation(NamedTuple):
    """One batch, and all that it is judged by."""

    batch: IncomingBatch
    config: LogConfig
    base_offset: int
    start_offset: int
    now_ms: int
    name: str

    def envelope_fault(self) -> Appended | None:
        """Judge what can be told without looking at a record."""
        header, size = self.batch.header, len(self.batch.data)
        if header.base_offset != 0:
            return self._invalid(f"the batch's base offset is {header.base_offset} and not 0")
        if size > self.config.max_message_bytes:
            return self._too_large(size)
        if header.crc != checksum(self.batch.data):
            reason = f"Record is corrupt (stored crc = {header.crc})"
            return Appended(error=ErrorCode.corrupt_message, reason=reason)
        reason = next(self._field_faults(), "")
        return self._invalid(reason) if reason else None

    def _field_faults(self) -> Iterator[str]:
        """Find what is wrong with the header's fields."""
        header = self.batch.header
        offsets = header.last_offset_delta + 1
        if offsets <= 0:
            yield f"the batch's last offset is {header.last_offset_delta}"
        if header.record_count <= 0:
            yield f"the batch says that it has {header.record_count} records"
        if header.record_count != offsets:
            yield f"the batch has {header.record_count} records over {offsets} offsets"
        if header.is_control:
            yield "clients are not allowed to write control records"
        if header.has_producer and header.base_sequence < 0:
            yield f"the batch has a producer and the sequence number {header.base_sequence}"

    def content(self) -> IncomingBatch | Appended:
        """Judge the records, and make the batch that is kept."""
        header, data, position = self.batch.header, self.batch.data, HEADER_BYTES
        body = data
        if header.codec != NO_CODEC:
            decompressed = decompress(header.codec, data[HEADER_BYTES:])
            if decompressed.fault:
                return self._unreadable(decompressed.fault)
            body, position = decompressed.data, 0
        seen = walk_records(
            body,
            position,
            header.record_count,
            self.now_ms - self.config.timestamp_before_max_ms - header.base_timestamp_ms,
            self.now_ms + self.config.timestamp_after_max_ms - header.base_timestamp_ms,
        )
        if seen.fault:
            return self._invalid(seen.fault)
        refused = self._record_faults(seen, body, position)
        if refused is not None:
            return refused
        codec = CODECS.get(self.config.compression_type, header.codec)
        stamped = self._stamped(seen)
        if codec != header.codec:
            return self._recompressed(stamped, seen, body[position:], codec)
        if codec != NO_CODEC and not seen.consecutive:
            return self._unreadable("the offsets inside of the batch are not consecutive")
        return self._fitting(self._in_place(stamped))

    def _record_faults(self, seen: RecordsSeen, body: bytes, position: int) -> Appended | None:
        """Judge keys and times."""
        keyless = set(seen.keyless) if self.config.cleanup_compact else set()
        times = self._time_faults(seen, body, position)
        if not keyless and not times:
            return None
        no_key = f"Compacted topic cannot accept message without key in topic partition {self.name}"
        faults = {**times, **dict.fromkeys(keyless, no_key)}
        errors = tuple(RecordError(index, faults[index]) for index in sorted(faults))
        if times.keys() - keyless:
            return self._bad_records(ErrorCode.invalid_timestamp, _BAD_TIME, errors)
        shown = ", ".join(
            f"RecordError(batchIndex={error.index}, message='{error.message}')"
            for error in errors[:_SHOWN]
        )
        message = (
            f"One or more records have been rejected due to {len(errors)} record errors in total, "
            f"and only showing the first three errors at most: [{shown}]"
        )
        return self._bad_records(ErrorCode.invalid_record, message, errors)

    def _time_faults(self, seen: RecordsSeen, body: bytes, position: int) -> dict[int, str]:
        header = self.batch.header
        if self.config.log_append_time:
            if not header.is_log_append_time:
                return {}
            return dict(enumerate(self._wrong_type(body[position:])))
        if header.is_log_append_time:
            # Each record has the batch's time, and the broker takes it for the client's.
            if self._in_range(header.max_timestamp_ms):
                return {}
            places = range(header.record_count)
            return {index: self._out_of_range(header.max_timestamp_ms, index) for index in places}
        outside = ((index, header.base_timestamp_ms + delta) for index, delta in seen.outside)
        return {
            index: self._out_of_range(time, index)
            for index, time in outside
            if time != _NO_TIMESTAMP
        }

    def _in_range(self, time_ms: int) -> bool:
        if time_ms == _NO_TIMESTAMP:
            return True
        age = self.now_ms - time_ms
        config = self.config
        return age <= config.timestamp_before_max_ms and -age <= config.timestamp_after_max_ms

    def _out_of_range(self, time_ms: int, offset: int) -> str:
        config = self.config
        lowest = self.now_ms - config.timestamp_before_max_ms
        highest = self.now_ms + config.timestamp_after_max_ms
        return (
            f"Timestamp {time_ms} of message with offset {offset} is out of range. "
            f"The timestamp should be within [{lowest}, {highest}]"
        )

    def _wrong_type(self, body: bytes) -> list[str]:
        header = self.batch.header
        return [
            f"Invalid timestamp type in message DefaultRecord(offset={span.offset_delta}, "
            f"timestamp={header.max_timestamp_ms}, key={max(span.key_size, 0)} bytes, "
            f"value={max(span.value_size, 0)} bytes). Producer should not set timestamp type to "
            "LogAppendTime."
            for span in record_spans(body, header.record_count)
        ]

    def _stamped(self, seen: RecordsSeen) -> BatchHeader:
        """Return the header with its offset, its leader epoch and its largest time put right."""
        header = self.batch.header
        largest = header.max_timestamp_ms
        attributes = header.attributes
        if self.config.log_append_time:
            largest, attributes = self.now_ms, attributes | APPEND_TIME_BIT
        elif header.is_log_append_time:
            attributes &= ~APPEND_TIME_BIT
        elif seen.largest_delta is not None:
            largest = max(header.base_timestamp_ms + seen.largest_delta, _NO_TIMESTAMP)
            largest = min(largest, LONG_MAX)
        return header._replace(
            base_offset=self.base_offset,
            partition_leader_epoch=0,
            attributes=attributes,
            max_timestamp_ms=largest,
        )

    def _in_place(self, stamped: BatchHeader) -> IncomingBatch:
        """Return the bytes that came in under the new header; the CRC is new only if it must be."""
        header, data = self.batch.header, self.batch.data
        same = (
            stamped.attributes == header.attributes
            and stamped.max_timestamp_ms == header.max_timestamp_ms
        )
        if same:
            kept = _PREFIX.pack(stamped.base_offset, header.length, 0) + data[_PREFIX.size :]
            return IncomingBatch(stamped, kept)
        kept = encode_batch(stamped, data[HEADER_BYTES:])
        return IncomingBatch(header_at(kept), kept)

    def _recompressed(
        self, stamped: BatchHeader, seen: RecordsSeen, body: bytes, codec: int
    ) -> IncomingBatch | Appended:
        """Make the batch again with the topic's codec."""
        if not seen.consecutive:
            spans = enumerate(record_spans(body, stamped.record_count))
            body = b"".join(
                rewritten(body, span, timestamp_delta=span.timestamp_delta, offset_delta=index)
                for index, span in spans
            )
        kept_bits = stamped.attributes & (APPEND_TIME_BIT | TRANSACTIONAL_BIT)
        header = stamped._replace(attributes=kept_bits | (codec & CODEC_BITS))
        data = encode_batch(header, compress(codec, body))
        if len(data) > self.config.max_message_bytes:
            return self._too_large(len(data))
        return self._fitting(IncomingBatch(header_at(data), data))

    def _fitting(self, batch: IncomingBatch) -> IncomingBatch | Appended:
        if len(batch.data) <= self.config.segment_bytes:
            return batch
        reason = f"{len(batch.data)} bytes exceed the segment size of {self.config.segment_bytes}"
        return Appended(error=ErrorCode.record_list_too_large, reason=reason)

    def _too_large(self, size: int) -> Appended:
        reason = f"{size} bytes exceed the maximum of {self.config.max_message_bytes}"
        return Appended(error=ErrorCode.message_too_large, reason=reason)

    def _invalid(self, reason: str) -> Appended:
        return Appended(
            error=ErrorCode.invalid_record, reason=reason, start_offset=self.start_offset
        )

    def _unreadable(self, reason: str) -> Appended:
        """Refuse what Kafka stumbles over: it answers with an unknown server error."""
        return Appended(
            error=ErrorCode.unknown_server_error, reason=reason, start_offset=self.start_offset
        )

    def _bad_records(
        self, error: ErrorCode, message: str, errors: tuple[RecordError, ...]
    ) -> Appended:
        return Appended(
            error=error,
            reason=message,
            message=message,
            record_errors=errors,
            start_offset=self.start_offset,
        )
