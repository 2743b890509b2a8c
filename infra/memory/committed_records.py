"""What a reader of committed records sees in the bytes that a log has given.

A broker sends whole batches, those of aborted transactions and the markers too, and says which
producers' transactions were aborted from which offset on; dropping them is the reader's part
(KIP-98, "read_committed").

Law: this is a core. Offsets behind what was dropped are passed all the same: a reader at the end of
a partition is at its end, whatever lies before it.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from penstock.events.log import Partition
from penstock.infra.embedded.log.compression import decompress
from penstock.infra.embedded.log.log_answers import AbortedTransaction, LogRead
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    IncomingBatch,
    split_batches,
)
from penstock.infra.embedded.log.record_format import RecordSpan, record_headers, record_spans
from penstock.infra.memory.memory_record import MemoryRecord

__all__ = ["CommittedRecords", "committed_records"]

_ABORT_KEY: Final = b"\x00\x00\x00\x00"
"""Version 0, type 0: the key of an abort marker."""


class CommittedRecords(NamedTuple):
    """What was seen."""

    records: tuple[MemoryRecord, ...]
    """In order."""
    next_offset: int
    """Where to read on: behind the last batch."""


def committed_records(partition: Partition, read: LogRead, offset: int) -> CommittedRecords:
    """Take the committed records out of what a log has given.

    Args:
        partition: whose log it is.
        read: what it gave; asked for committed records.
        offset: what was asked for; batches begin before it, records that are given do not.

    Returns:
        The records, and where to read on.
    """
    records: list[MemoryRecord] = []
    for batch in _visible(read):
        records.extend(_records(partition, batch, offset))
    batches = split_batches(read.records, verify=False).batches
    next_offset = batches[-1].header.last_offset + 1 if batches else offset
    return CommittedRecords(tuple(records), max(next_offset, offset))


def _visible(read: LogRead) -> Iterator[IncomingBatch]:
    to_come = sorted(read.aborted, key=_first_offset, reverse=True)
    aborted: set[int] = set()
    for batch in split_batches(read.records, verify=False).batches:
        header = batch.header
        while to_come and to_come[-1].first_offset <= header.base_offset:
            aborted.add(to_come.pop().producer_id)
        if header.is_control:
            if _is_abort(batch):
                aborted.discard(header.producer_id)
        elif not (header.is_transactional and header.producer_id in aborted):
            yield batch


def _first_offset(transaction: AbortedTransaction) -> int:
    return transaction.first_offset


def _is_abort(batch: IncomingBatch) -> bool:
    body = batch.data[HEADER_BYTES:]
    # An empty one is a marker whose record was cleaned away (KAFKA-7467).
    for span in record_spans(body, batch.header.record_count):
        return body[span.key_start : span.key_start + len(_ABORT_KEY)] == _ABORT_KEY
    return False


def _records(
    partition: Partition, batch: IncomingBatch, from_offset: int
) -> Iterator[MemoryRecord]:
    header = batch.header
    body = decompress(header.codec, batch.data[HEADER_BYTES:]).data
    for span in record_spans(body, header.record_count):
        offset = header.base_offset + span.offset_delta
        if offset >= from_offset:
            yield MemoryRecord(
                partition.topic,
                partition.number,
                offset,
                _timestamp_ms(header, span),
                _piece(body, span.key_start, span.key_size),
                _piece(body, span.value_start, span.value_size),
                tuple((name, data or b"") for name, data in record_headers(body, span)),
            )


def _timestamp_ms(header: BatchHeader, span: RecordSpan) -> int:
    if header.is_log_append_time:
        return header.max_timestamp_ms
    return header.base_timestamp_ms + span.timestamp_delta


def _piece(body: bytes, start: int, size: int) -> bytes | None:
    return None if size < 0 else body[start : start + size]
