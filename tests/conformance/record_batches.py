"""Batches of records as bytes on the wire: well made, badly made, and taken apart.

Kafka's record format v2 (https://kafka.apache.org/documentation/#recordbatch), written down once
more and independent of the broker under test. Two formats that brokers no longer take, magic 0 and
1, are made here too.
"""

import struct
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cramjam
import crc32c

__all__ = ["Batch", "Record", "Stored", "batches_in", "now_ms", "old_message", "records_in"]

_FRONT: Final = struct.Struct(">qiibI")
_HEADER: Final = struct.Struct(">hiqqqhii")
_FRONT_AND_HEADER: Final = _FRONT.size + _HEADER.size
CODECS: Final[Mapping[str, int]] = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def _lz4_frame(plain: bytes) -> bytes:
    """One frame of one independent block: Kafka refuses blocks that lean on earlier ones."""
    block = bytes(cramjam.lz4.compress_block(plain, store_size=False))
    # Magic number; version 1 and independent blocks; blocks of 64 KiB; checksum of these two.
    return b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(block)) + block + bytes(4)


_COMPRESS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "none": bytes,
    "gzip": cramjam.gzip.compress,
    "lz4": _lz4_frame,
    "zstd": cramjam.zstd.compress,
    "snappy": cramjam.snappy.compress_raw,
}
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
_LOG_APPEND_TIME: Final = 0x08


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a batch."""

    key: bytes | None = b"key"
    value: bytes | None = b"value"
    timestamp_ms: int | None = None
    """None: that of the batch."""
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch that is to be written."""

    records: Sequence[Record] = (Record(),)
    timestamp_ms: int | None = None
    """Base timestamp; None: now."""
    codec: str = "none"
    codec_number: int | None = None
    """Says another codec in the header than the one that was used."""
    producer_id: int = -1
    producer_epoch: int = -1
    sequence: int = -1
    transactional: bool = False
    control: bool = False
    magic: int = 2
    base_offset: int = 0
    last_offset_delta: int | None = None
    """None: as many as there are records, less one."""
    record_count: int | None = None
    """None: as many as there are."""
    spoiled: bool = False
    """One byte of the records is another one than the checksum says."""

    def encoded(self) -> bytes:
        """The bytes."""
        stamp = now_ms() if self.timestamp_ms is None else self.timestamp_ms
        stamps = [stamp if one.timestamp_ms is None else one.timestamp_ms for one in self.records]
        plain = b"".join(
            _record(one, number, at - stamp)
            for number, (one, at) in enumerate(zip(self.records, stamps, strict=True))
        )
        count = len(self.records)
        attributes = CODECS[self.codec] if self.codec_number is None else self.codec_number
        attributes |= _TRANSACTIONAL if self.transactional else 0
        attributes |= _CONTROL if self.control else 0
        delta = count - 1 if self.last_offset_delta is None else self.last_offset_delta
        body = _HEADER.pack(
            attributes,
            delta,
            stamp,
            max(stamps, default=stamp),
            self.producer_id,
            self.producer_epoch,
            self.sequence,
            count if self.record_count is None else self.record_count,
        ) + bytes(memoryview(_COMPRESS[self.codec](plain)))  # type: ignore[arg-type] # a buffer
        checksum = crc32c.crc32c(body)
        if self.spoiled:
            body = body[:-1] + bytes([body[-1] ^ 0xFF])
        length = len(body) + _FRONT.size - 12
        return _FRONT.pack(self.base_offset, length, -1, self.magic, checksum) + body

    def next(self) -> "Batch":
        """The same once more, with the sequence number that follows."""
        return replace(self, sequence=self.sequence + len(self.records))


def old_message(magic: int, value: bytes = b"value") -> bytes:
    """One message in the format of Kafka 0.9 (magic 0) or 0.10 (magic 1)."""
    stamp = struct.pack(">q", now_ms()) if magic else b""
    body = bytes([magic, 0]) + stamp + struct.pack(">ii", -1, len(value)) + value
    sized = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", 0, len(sized)) + sized


def _record(record: Record, number: int, after_ms: int) -> bytes:
    body = b"\0" + _varint(after_ms) + _varint(number) + _sized(record.key) + _sized(record.value)
    body += _varint(len(record.headers))
    for name, value in record.headers:
        body += _sized(name.encode()) + _sized(value)
    return _varint(len(body)) + body


def _sized(value: bytes | None) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _varint(value: int) -> bytes:
    rest = (value << 1) ^ (value >> 63)
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch as it was read."""

    base_offset: int
    leader_epoch: int
    attributes: int
    last_offset_delta: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    sequence: int
    record_count: int
    body: bytes

    @property
    def last_offset(self) -> int:
        """The offset of its last record."""
        return self.base_offset + self.last_offset_delta

    @property
    def is_control(self) -> bool:
        """Whether it is a marker."""
        return bool(self.attributes & _CONTROL)

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_log_append_time(self) -> bool:
        """Whether its timestamps are the broker's."""
        return bool(self.attributes & _LOG_APPEND_TIME)

    @property
    def codec(self) -> int:
        """The number of its compression."""
        return self.attributes & 0x07


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record as it was read."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def batches_in(fetched: bytes | None) -> list[StoredBatch]:
    """The whole batches of an answer to a fetch, each with a checksum that holds."""
    found = []
    rest = memoryview(fetched or b"")
    while len(rest) >= _FRONT_AND_HEADER:
        base_offset, length, leader_epoch, magic, checksum = _FRONT.unpack_from(rest)
        if len(rest) < 12 + length:
            break
        body = rest[_FRONT.size : 12 + length]
        assert magic == 2
        assert crc32c.crc32c(bytes(body)) == checksum, "the checksum must hold"
        attributes, delta, base, largest, pid, epoch, sequence, count = _HEADER.unpack_from(body)
        found.append(
            StoredBatch(
                base_offset=base_offset,
                leader_epoch=leader_epoch,
                attributes=attributes,
                last_offset_delta=delta,
                base_timestamp_ms=base,
                max_timestamp_ms=largest,
                producer_id=pid,
                producer_epoch=epoch,
                sequence=sequence,
                record_count=count,
                body=bytes(body[_HEADER.size :]),
            )
        )
        rest = rest[12 + length :]
    return found


_DECOMPRESS: Final[Mapping[int, Callable[[bytes], object]]] = {
    0: bytes,
    1: cramjam.gzip.decompress,
    2: cramjam.snappy.decompress_raw,
    3: cramjam.lz4.decompress,
    4: cramjam.zstd.decompress,
}


def records_in(batches: Iterable[StoredBatch]) -> list[Stored]:
    """The records of batches, those of markers too."""
    return [record for batch in batches for record in _records(batch)]


def _records(batch: StoredBatch) -> list[Stored]:
    plain = _DECOMPRESS[batch.codec](batch.body)
    cursor = _Cursor(bytes(memoryview(plain)))  # type: ignore[arg-type] # a buffer
    found = []
    for _ in range(batch.record_count):
        cursor.number()  # length
        cursor.take(1)  # attributes
        after_ms, delta = cursor.number(), cursor.number()
        key, value = cursor.sized(), cursor.sized()
        headers = tuple(
            ((cursor.sized() or b"").decode(), cursor.sized()) for _ in range(cursor.number())
        )
        stamp = batch.max_timestamp_ms
        if not batch.is_log_append_time:
            stamp = batch.base_timestamp_ms + after_ms
        found.append(
            Stored(
                offset=batch.base_offset + delta,
                timestamp_ms=stamp,
                key=key,
                value=value,
                headers=headers,
            )
        )
    return found


class _Cursor:
    def __init__(self, plain: bytes) -> None:
        self._plain = plain
        self._at = 0

    def take(self, size: int) -> bytes:
        found = self._plain[self._at : self._at + size]
        self._at += size
        return found

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self._plain[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def sized(self) -> bytes | None:
        size = self.number()
        return None if size < 0 else self.take(size)
