"""Record batches, format 2: the header's fields, and many batches in one run of bytes.

Layout (Kafka's documentation, "Record Batch"): base offset 8 bytes, length 4, leader epoch 4, magic
1, CRC 4, attributes 2, last offset delta 4, base timestamp 8, max timestamp 8, producer id 8,
producer epoch 2, base sequence 4, record count 4; then the records, compressed as a whole or not.
The CRC is Castagnoli's and covers everything from the attributes on, so base offset and leader
epoch may change without it.

Laws:
1. Bytes are never changed; whoever wants others makes new ones.
2. Whatever the bytes, the answer is a value: nothing here raises for what a client has sent.
"""

from struct import Struct
from typing import Final, NamedTuple, final

from crc32c import crc32c
from kio.schema.errors import ErrorCode

__all__ = [
    "APPEND_TIME_BIT",
    "ATTRIBUTES_AT",
    "CODEC_BITS",
    "CONTROL_BIT",
    "DELETE_HORIZON_BIT",
    "HEADER_BYTES",
    "LENGTH_OVERHEAD",
    "TRANSACTIONAL_BIT",
    "BatchHeader",
    "BatchesRead",
    "IncomingBatch",
    "checksum",
    "encode_batch",
    "header_at",
    "split_batches",
]

_HEADER: Final = Struct(">qiibIhiqqqhii")
_BEFORE_ATTRIBUTES: Final = Struct(">qiibI")
_AFTER_CRC: Final = Struct(">hiqqqhii")
HEADER_BYTES: Final = _HEADER.size
"""61: as long as a batch without records."""
LENGTH_OVERHEAD: Final = 12
"""Base offset and length, which the length itself does not count."""
ATTRIBUTES_AT: Final = 21
"""Where the attributes lie, and what the CRC covers begins."""
_MAGIC_AT: Final = 16
_LEAST_LENGTH: Final = 14
"""The least length that any format has (Kafka's LegacyRecord.RECORD_OVERHEAD_V0)."""
_PREFIX: Final = Struct(">qi")
_CURRENT_MAGIC: Final = 2
_SIGNED_BYTE_MAX: Final = 127
_OLD_FORMAT: Final = "only record batches with magic version 2 are allowed"

CODEC_BITS: Final = 0x07
APPEND_TIME_BIT: Final = 0x08
TRANSACTIONAL_BIT: Final = 0x10
CONTROL_BIT: Final = 0x20
DELETE_HORIZON_BIT: Final = 0x40
_SEQUENCES: Final = 2**31


class BatchHeader(NamedTuple):
    """The header of a batch."""

    base_offset: int
    """The offset of the first record that the batch had when it was written."""
    length: int
    """As it is written: without base offset and length themselves."""
    partition_leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp_ms: int
    """What the records' timestamp deltas count from; the delete horizon where there is one."""
    max_timestamp_ms: int
    producer_id: int
    """-1 where the producer is not idempotent."""
    producer_epoch: int
    base_sequence: int
    """-1 where there is none."""
    record_count: int

    @property
    def length_bytes(self) -> int:
        """Return the size of the whole batch in bytes."""
        return self.length + LENGTH_OVERHEAD

    @property
    def codec(self) -> int:
        """Return the compression codec's number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
        return self.attributes & CODEC_BITS

    @property
    def is_log_append_time(self) -> bool:
        """Tell whether the largest timestamp is the broker's, and every record's."""
        return self.attributes & APPEND_TIME_BIT != 0

    @property
    def is_transactional(self) -> bool:
        """Tell whether it is part of a transaction."""
        return self.attributes & TRANSACTIONAL_BIT != 0

    @property
    def is_control(self) -> bool:
        """Tell whether it holds a marker and no data."""
        return self.attributes & CONTROL_BIT != 0

    @property
    def delete_horizon_ms(self) -> int | None:
        """Return from when on compaction may drop its tombstones or marker; None if not yet set."""
        return self.base_timestamp_ms if self.attributes & DELETE_HORIZON_BIT else None

    @property
    def last_offset(self) -> int:
        """Return the offset of the last record that the batch had when it was written."""
        return self.base_offset + self.last_offset_delta

    @property
    def has_producer(self) -> bool:
        """Tell whether an idempotent or transactional producer has written it."""
        return self.producer_id >= 0

    @property
    def has_sequence(self) -> bool:
        """Tell whether it is numbered by an idempotent producer."""
        return self.producer_id >= 0 and self.base_sequence >= 0

    @property
    def last_sequence(self) -> int:
        """Return the last record's sequence number, which wraps to 0 after 2^31-1; or -1."""
        if self.base_sequence < 0:
            return -1
        return (self.base_sequence + self.last_offset_delta) % _SEQUENCES


@final
class IncomingBatch(NamedTuple):
    """One batch as it came in."""

    header: BatchHeader
    data: bytes
    """The whole batch, header included."""


@final
class BatchesRead(NamedTuple):
    """What a run of bytes holds."""

    batches: tuple[IncomingBatch, ...] = ()
    """All whole batches before the first fault; a batch that is cut at the end is none."""
    error: ErrorCode = ErrorCode.none
    """`corrupt_message`, or `invalid_record` for formats 0 and 1, as Kafka 4 answers."""
    reason: str = ""
    """Why, for a person."""
    message: str | None = None
    """The error message that Kafka sends to the client; None where it sends none."""


def header_at(data: bytes | memoryview, position: int = 0) -> BatchHeader:
    """Return the header that begins at `position`; the bytes must be there."""
    return BatchHeader._make(_HEADER.unpack_from(data, position))


def checksum(data: bytes | memoryview) -> int:
    """Return the CRC that a whole batch should have."""
    return crc32c(memoryview(data)[ATTRIBUTES_AT:])


def encode_batch(header: BatchHeader, body: bytes) -> bytes:
    """Write a batch.

    Args:
        header: its fields; length and CRC are not taken from it, but found.
        body: the records, compressed as the attributes say.

    Returns:
        The whole batch.
    """
    checked = _AFTER_CRC.pack(*header[5:]) + body
    length = ATTRIBUTES_AT - LENGTH_OVERHEAD + len(checked)
    return _BEFORE_ATTRIBUTES.pack(*header[:1], length, *header[2:4], crc32c(checked)) + checked


def split_batches(records: bytes | memoryview, *, verify: bool = True) -> BatchesRead:
    """Find the batches in a run of bytes.

    Args:
        records: what a client has sent for one partition, or what a read has returned.
        verify: compare each batch's CRC. Before an append it need not be: the append does it at
            the moment at which Kafka does.

    Returns:
        The batches, and what is wrong with the first that is not one.
    """
    found: list[IncomingBatch] = []
    position, end = 0, len(records)
    while end - position > _MAGIC_AT:
        _, length = _PREFIX.unpack_from(records, position)
        magic = records[position + _MAGIC_AT]
        after = position + LENGTH_OVERHEAD + length
        fault = _fault_of(length, magic)
        if fault:
            return _refused(found, ErrorCode.corrupt_message, fault, told=not found)
        if after > end:
            break
        if magic < _CURRENT_MAGIC:
            return _refused(found, ErrorCode.invalid_record, _OLD_FORMAT)
        if length + LENGTH_OVERHEAD < HEADER_BYTES:
            return _refused(found, ErrorCode.corrupt_message, "Record batch is corrupt: too small")
        whole = position == 0 and after == end
        data = bytes(records) if whole else bytes(records[position:after])
        header = header_at(data)
        if verify and header.crc != checksum(data):
            fault = f"Record is corrupt (stored crc = {header.crc})"
            return _refused(found, ErrorCode.corrupt_message, fault)
        found.append(IncomingBatch(header, data))
        position = after
    return BatchesRead(batches=tuple(found))


def _fault_of(length: int, magic: int) -> str:
    """Return what no reader of any format can pass over, in Kafka's words."""
    if length < _LEAST_LENGTH:
        return f"Record size {length} is less than the minimum record overhead ({_LEAST_LENGTH})"
    if magic > _CURRENT_MAGIC:
        signed = magic - 256 if magic > _SIGNED_BYTE_MAX else magic
        return f"Invalid magic found in record: {signed}"
    return ""


def _refused(
    found: list[IncomingBatch], error: ErrorCode, reason: str, *, told: bool = False
) -> BatchesRead:
    message = reason if told else None
    return BatchesRead(batches=tuple(found), error=error, reason=reason, message=message)
