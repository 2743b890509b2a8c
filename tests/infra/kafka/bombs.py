"""Batches that are small on the wire and enormous in memory, one way for each codec.

Each is a batch of Kafka's format 2 with one record, whose value is a gibibyte of zeros; it is made
without ever holding that gibibyte.
"""

import zlib
from struct import pack
from typing import Final

import cramjam
from aiokafka import codec
from aiokafka.record.util import calc_crc32c

__all__ = ["BOMBS", "CODEC_BITS", "raw_batch"]

CODEC_BITS: Final = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""How attributes of a batch name its codec."""

_GIBIBYTE: Final = 1024**3
_CHUNK: Final = 1024**2


def raw_batch(offset: int, packed: bytes, codec_bits: int, *, records: int = 1) -> bytes:
    """A batch as it stands in the log, with records that are packed already."""
    body = pack(">hiqqqhii", codec_bits, records - 1, 0, 0, -1, -1, -1, records) + packed
    head = pack(">iBI", 0, 2, calc_crc32c(body))
    return pack(">qi", offset, len(head) + len(body)) + head + body


def _varint(value: int) -> bytes:
    value <<= 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _start() -> bytes:
    """The record up to its value; the header count behind the value is a zero, too."""
    fields = bytes([0, 0, 0, 1]) + _varint(_GIBIBYTE)
    return _varint(len(fields) + _GIBIBYTE + 1) + fields


def _gzip() -> bytes:
    """Behind a full flush a piece stands for itself, and so may be repeated."""
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(_start()) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(_CHUNK)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + zeros * (_GIBIBYTE // _CHUNK) + packer.compress(b"\0") + packer.flush()


def _snappy() -> bytes:
    """Blocks as large as a raw one may be, which claims to hold 256 MiB and is not quite true."""
    head: bytes = codec.snappy_encode(b"a")[:16]
    block = _plain_varint(_GIBIBYTE // 4) + b"\xfe\x01\x00" * 1_000
    return head + (pack(">i", len(block)) + block) * 4


def _plain_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _lz4() -> bytes:
    packer = cramjam.lz4.Compressor(level=9, content_checksum=False, block_linked=False)
    packer.compress(_start())
    zeros = bytes(_CHUNK)
    for _ in range(_GIBIBYTE // _CHUNK):
        packer.compress(zeros)
    packer.compress(b"\0")
    return bytes(packer.finish())


def _zstd() -> bytes:
    """A frame of blocks that repeat one byte (RFC 8878, 3.1.1.2.2): four bytes become 128 KiB."""
    length = 128 * 1024
    start = _start() + b"\0"

    def block(kind: int, size: int, content: bytes, *, last: bool = False) -> bytes:
        return (last | kind << 1 | size << 3).to_bytes(3, "little") + content

    frame = b"\x28\xb5\x2f\xfd" + bytes([0, 7 << 3])  # a window of 128 KiB
    repeats = [block(1, length, b"\0") for _ in range(_GIBIBYTE // length)]
    return b"".join([frame, block(0, len(start), start), *repeats, block(0, 0, b"", last=True)])


BOMBS: Final = {"gzip": _gzip, "snappy": _snappy, "lz4": _lz4, "zstd": _zstd}
"""Makes what follows the header of such a batch, by codec."""
