"""Unpacking compressed batches within limits: a few bytes that unpack to gigabytes are refused.

Kafka bounds a batch by its packed size alone, and its client unpacks whatever comes: one mebibyte
of zeros in gzip became a gibibyte in memory (and so did a few KiB in zstd). Whoever may write to a
topic could end all of its readers with it. Here each codec stops at a limit, before it has made
more than that.

Python's objects are a second bomb: an empty header is two bytes in a batch and forty times as much
in memory, so the headers of large batches are counted before anybody makes them.

Laws:
1. No function makes more bytes than its limit, and a scratch of the same size.
2. What is within the limits is unpacked as the client itself would.
3. This is a core: bytes go in, bytes or `CannotUnpack` come out. It knows no topic and no client.
"""

import struct
import zlib
from collections.abc import Callable
from mmap import mmap
from typing import Any, Final

import cramjam

__all__ = ["CannotUnpack", "check_headers", "unpack_gzip", "unpack_lz4", "unpack_snappy"]
__all__ += ["unpack_zstd"]

HEADERS_LIMIT: Final = 100_000
"""Headers in all long records of one batch; as objects they take about 10 MB."""
RECORDS_LIMIT: Final = 500_000
"""Records of one batch. To have as many, 32 MiB would have to hold records of 67 bytes."""
_LONG_RECORD: Final = 1024
"""Bytes. In what is shorter, headers are few: two thousand such records, the most that a reader
takes at once, have a million at the very worst."""
_LARGE: Final = 1024 * 1024
"""Bytes of a batch; a smaller one does no more harm than one that is not compressed."""
_GZIP: Final = 31
"""zlib's `wbits` for a gzip member with its header and its checksum."""
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = len(_XERIAL_MAGIC) + 8
_GOES_ON: Final = 0x80
"""The bit of a varint's byte behind which another follows."""
_VARINT_BITS: Final = 70
_MEMBERS_LIMIT: Final = 100
"""Parts that are packed on their own, one behind the other; producers write one."""
_NO_ROOM: Final = "failed to write whole buffer"
"""What cramjam says when the output does not fit."""


class CannotUnpack(ValueError):
    """A batch is not what its codec makes, or is larger than allowed. The text says which."""


def unpack_gzip(packed: bytes | memoryview, limit: int) -> bytes:
    """Unpack gzip.

    Args:
        packed: what follows the header of a batch.
        limit: bytes that it may unpack to.

    Raises:
        CannotUnpack: it is broken or too large.
    """
    parts: list[bytes] = []
    size, rest = 0, bytes(packed)
    for _ in range(_MEMBERS_LIMIT):
        member = zlib.decompressobj(_GZIP)
        try:
            parts.append(member.decompress(rest, limit + 1 - size))
        except zlib.error as error:
            raise _broken("gzip", error) from error
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        if not member.eof:
            raise _broken("gzip", "it ends too early")
        rest = member.unused_data.lstrip(b"\0")
        if not rest:
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise _broken("gzip", f"it has more than {_MEMBERS_LIMIT} parts")


def unpack_snappy(packed: bytes | memoryview, limit: int) -> bytes:
    """Unpack snappy, in Xerial's blocks as Kafka's clients write it, or raw.

    Args:
        packed: what follows the header of a batch.
        limit: bytes that it may unpack to.

    Raises:
        CannotUnpack: it is broken or too large.
    """
    data = bytes(packed)
    if not data.startswith(_XERIAL_MAGIC):
        return _unpack_raw_snappy(data, limit, limit)
    parts: list[bytes] = []
    size, at = 0, _XERIAL_HEADER
    while at < len(data):
        if at + 4 > len(data):
            raise _broken("snappy", "it ends within the length of a block")
        (length,) = struct.unpack_from(">i", data, at)
        at += 4
        if not 0 < length <= len(data) - at:
            raise _broken("snappy", f"a block of {length} bytes does not fit in")
        part = _unpack_raw_snappy(data[at : at + length], limit - size, limit)
        if not part:
            raise _broken("snappy", "a block is empty")
        parts.append(part)
        size += len(part)
        at += length
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpack_lz4(packed: bytes | memoryview, limit: int) -> bytes:
    """Unpack frames of lz4.

    Args:
        packed: what follows the header of a batch.
        limit: bytes that it may unpack to.

    Raises:
        CannotUnpack: it is broken or too large.
    """
    return _unpack_into(cramjam.lz4.decompress_into, "lz4", packed, limit)


def unpack_zstd(packed: bytes | memoryview, limit: int) -> bytes:
    """Unpack frames of zstd.

    Args:
        packed: what follows the header of a batch.
        limit: bytes that it may unpack to.

    Raises:
        CannotUnpack: it is broken or too large.
    """
    return _unpack_into(cramjam.zstd.decompress_into, "zstd", packed, limit)


def check_headers(records: bytes) -> None:
    """Refuse a large batch whose records would burst as objects.

    It goes from record to record by their lengths, and looks closer only at long ones. What is no
    record at all is left to whoever reads them.

    Args:
        records: the records of a batch, one behind the other, as Kafka's format 2 has them.

    Raises:
        CannotUnpack: there are more records or headers than allowed.
    """
    if len(records) < _LARGE:
        return
    at, end = 0, len(records)
    count = headers = 0
    try:
        while at < end:
            length, at = _varint(records, at)
            if length <= 0:
                return
            count += 1
            if length > _LONG_RECORD:
                headers += _header_count(records, at)
            if headers > HEADERS_LIMIT or count > RECORDS_LIMIT:
                reason = f"it holds more than {RECORDS_LIMIT} records or {HEADERS_LIMIT} headers"
                raise CannotUnpack(reason)
            at += length
    except IndexError:
        return


def _header_count(records: bytes, at: int) -> int:
    """The number of headers of the record whose attributes are at this place."""
    at += 1
    _, at = _varint(records, at)  # time
    _, at = _varint(records, at)  # offset
    for _ in ("key", "value"):
        length, at = _varint(records, at)
        at += max(length, 0)
    count, _ = _varint(records, at)
    return max(count, 0)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint, and the place behind it."""
    byte = data[at]
    at += 1
    if byte < _GOES_ON:
        return (byte >> 1) ^ -(byte & 1), at
    value = byte & ~_GOES_ON
    for shift in range(7, _VARINT_BITS, 7):
        byte = data[at]
        at += 1
        value |= (byte & ~_GOES_ON) << shift
        if byte < _GOES_ON:
            return (value >> 1) ^ -(value & 1), at
    raise IndexError


def _unpack_raw_snappy(packed: bytes, room: int, limit: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(packed) > room:  # it says so itself
            raise _too_large(limit)
        return bytes(cramjam.snappy.decompress_raw(packed))
    except cramjam.DecompressionError as error:
        raise _broken("snappy", error) from error


def _unpack_into(
    decompress_into: Callable[[Any, Any], int], codec: str, packed: bytes | memoryview, limit: int
) -> bytes:
    # Pages of a mapping cost nothing until they are written to, so the room may be as large as the
    # limit for the smallest batch.
    with mmap(-1, limit + 1) as room:
        try:
            size = decompress_into(bytes(packed), room)
        except cramjam.DecompressionError as error:
            if _NO_ROOM in str(error):
                raise _too_large(limit) from error
            raise _broken(codec, error) from error
        if size > limit:
            raise _too_large(limit)
        return room[:size]


def _too_large(limit: int) -> CannotUnpack:
    return CannotUnpack(f"it unpacks to more than {limit} bytes")


def _broken(codec: str, reason: object) -> CannotUnpack:
    return CannotUnpack(f"it is not what {codec} makes: {reason}")
