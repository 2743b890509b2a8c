"""The marker that ends a transaction in a partition: a control batch of one record.

The record's key is version and type, two bytes each; its value is version, two bytes, and the epoch
of the transaction coordinator, four bytes (Kafka's EndTransactionMarker).
"""

from struct import Struct
from typing import Final, NamedTuple

from penstock.infra.embedded.log.record_batch import (
    APPEND_TIME_BIT,
    CONTROL_BIT,
    HEADER_BYTES,
    TRANSACTIONAL_BIT,
    BatchHeader,
    encode_batch,
)
from penstock.infra.embedded.log.record_format import encode_record, record_spans

__all__ = ["EndMarker", "encode_marker", "read_marker"]

_KEY: Final = Struct(">hh")
_VALUE: Final = Struct(">hi")
_ABORT: Final = 0
_COMMIT: Final = 1


class EndMarker(NamedTuple):
    """What a marker says."""

    commit: bool
    coordinator_epoch: int


def encode_marker(
    marker: EndMarker,
    *,
    base_offset: int,
    producer_id: int,
    producer_epoch: int,
    log_append_time: bool,
    now_ms: int,
) -> tuple[BatchHeader, bytes]:
    """Write a marker.

    Args:
        marker: what it says.
        base_offset: the offset it takes.
        producer_id: whose transaction it ends.
        producer_epoch: the producer's epoch.
        log_append_time: whether the topic has the broker's time.
        now_ms: its time.

    Returns:
        The batch's header and its bytes.
    """
    record = encode_record(
        timestamp_delta=0,
        offset_delta=0,
        key=_KEY.pack(0, _COMMIT if marker.commit else _ABORT),
        value=_VALUE.pack(0, marker.coordinator_epoch),
    )
    attributes = TRANSACTIONAL_BIT | CONTROL_BIT | (APPEND_TIME_BIT if log_append_time else 0)
    header = BatchHeader(
        base_offset=base_offset,
        length=0,
        partition_leader_epoch=0,
        magic=2,
        crc=0,
        attributes=attributes,
        last_offset_delta=0,
        base_timestamp_ms=now_ms,
        max_timestamp_ms=now_ms,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=-1,
        record_count=1,
    )
    return header, encode_batch(header, record)


def read_marker(header: BatchHeader, data: bytes) -> EndMarker | None:
    """Return what a control batch says; None where it ends no transaction, or compaction has
    emptied it.
    """  # noqa: D205 - one sentence
    if header.record_count == 0:
        return None
    body = data[HEADER_BYTES:]
    span = next(record_spans(body, 1))
    if span.key_size < _KEY.size or span.value_size < _VALUE.size:
        return None
    _, kind = _KEY.unpack_from(body, span.key_start)
    if kind not in (_ABORT, _COMMIT):
        return None
    _, coordinator_epoch = _VALUE.unpack_from(body, span.value_start)
    return EndMarker(commit=kind == _COMMIT, coordinator_epoch=coordinator_epoch)
