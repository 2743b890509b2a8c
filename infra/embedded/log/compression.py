"""The codecs of record batches: gzip, snappy, lz4 and zstd.

Java writes snappy in the framing of the xerial library, librdkafka writes it plain; both are read,
and the framing is written, as Java reads both. lz4 frames have independent blocks: Kafka and Java
refuse others.

Laws:
1. Nothing decompresses to more than a limit, and no more memory than that is taken for it.
2. The package behind the codecs is imported at first use: a broker that sees no compressed batch
   never pays for it.
"""

import zlib
from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, NamedTuple

__all__ = [
    "CODECS",
    "DECOMPRESSED_LIMIT_BYTES",
    "NO_CODEC",
    "Decompressed",
    "compress",
    "decompress",
]

NO_CODEC: Final = 0
CODECS: Final[Mapping[str, int]] = MappingProxyType(
    {"uncompressed": NO_CODEC, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
)
"""The numbers of the codecs by the names that `compression.type` has for them."""

DECOMPRESSED_LIMIT_BYTES: Final = 104_857_600
"""100 MiB: as much as Kafka takes in one request by default (socket.request.max.bytes)."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = _XERIAL_MAGIC + b"\x00\x00\x00\x01\x00\x00\x00\x01"
_XERIAL_BLOCK: Final = 32 * 1024
_BLOCK_SIZE: Final = Struct(">i")
_LZ4_FLAGS_AT: Final = 4
_LZ4_INDEPENDENT: Final = 0x20
_LZ4_LEVEL: Final = 9
_ZSTD_LEVEL: Final = 3
_FIRST_GUESS: Final = 64 * 1024
_GROWTH: Final = 16
_TOO_SMALL: Final = "failed to write whole buffer"


class Decompressed(NamedTuple):
    """What a decompression gave."""

    data: bytes = b""
    fault: str = ""
    """Why there is no data; empty if there is."""


class _Fault(Exception):
    """Bytes that can't be decompressed, or not within the limit; its text says why."""


def decompress(
    codec: int, data: bytes, *, limit_bytes: int = DECOMPRESSED_LIMIT_BYTES
) -> Decompressed:
    """Decompress a batch's records.

    Args:
        codec: the number in the batch's attributes.
        data: the compressed records.
        limit_bytes: what they may have uncompressed.

    Returns:
        The records, or why not.
    """
    if codec == NO_CODEC:
        return Decompressed(data)
    reader = _READERS.get(codec)
    if reader is None:
        return Decompressed(fault=f"Unknown compression type id: {codec}")
    try:
        return Decompressed(reader(data, limit_bytes))
    except _Fault as fault:
        return Decompressed(fault=str(fault))


def compress(codec: int, data: bytes) -> bytes:
    """Compress a batch's records as Kafka does by default; the codec must be a known one."""
    return data if codec == NO_CODEC else _WRITERS[codec](data)


def _codecs() -> Any:
    import cramjam  # noqa: PLC0415 - at first use, by law 2

    return cramjam


def _over(limit: int) -> _Fault:
    return _Fault(f"Records decompress to more than {limit} bytes")


def _read_gzip(data: bytes, limit: int) -> bytes:
    """Read one gzip member after another; what follows and is none is passed over, as in Java."""
    read: list[bytes] = []
    left = limit
    while data:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error as error:
            if read:
                break
            raise _Fault(f"Failed to decompress gzip: {error}") from error
        left -= len(part)
        if left < 0:
            raise _over(limit)
        if not member.eof:
            raise _Fault("Failed to decompress gzip: unexpected end")
        read.append(part)
        data = member.unused_data
    if not read:
        raise _Fault("Failed to decompress gzip: nothing there")
    return b"".join(read)


def _read_snappy(data: bytes, limit: int) -> bytes:
    if not data.startswith(_XERIAL_MAGIC):
        return _read_snappy_block(data, limit, limit)
    read: list[bytes] = []
    left = limit
    position = len(_XERIAL_HEADER)
    while position < len(data):
        if position + _BLOCK_SIZE.size > len(data):
            raise _Fault("Failed to decompress snappy: a block is cut")
        (size,) = _BLOCK_SIZE.unpack_from(data, position)
        position += _BLOCK_SIZE.size
        if not 0 <= size <= len(data) - position:
            raise _Fault("Failed to decompress snappy: a block is cut")
        part = _read_snappy_block(data[position : position + size], left, limit)
        left -= len(part)
        read.append(part)
        position += size
    return b"".join(read)


def _read_snappy_block(data: bytes, left: int, limit: int) -> bytes:
    codecs = _codecs()
    try:
        if codecs.snappy.decompress_raw_len(data) > left:
            raise _over(limit)
        return bytes(codecs.snappy.decompress_raw(data))
    except codecs.DecompressionError as error:
        raise _Fault(f"Failed to decompress snappy: {error}") from error


def _read_lz4(data: bytes, limit: int) -> bytes:
    if len(data) > _LZ4_FLAGS_AT and not data[_LZ4_FLAGS_AT] & _LZ4_INDEPENDENT:
        raise _Fault("Dependent block stream is unsupported (BLOCK_INDEPENDENCE must be set)")
    return _read_into("lz4", data, limit)


def _read_zstd(data: bytes, limit: int) -> bytes:
    return _read_into("zstd", data, limit)


def _read_into(name: str, data: bytes, limit: int) -> bytes:
    """Decompress into ever larger buffers, of which the last is the limit."""
    codecs = _codecs()
    into: Callable[[bytes, bytearray], int] = getattr(codecs, name).decompress_into
    size = min(limit, max(_FIRST_GUESS, len(data) * _GROWTH))
    while True:
        output = bytearray(size)
        try:
            written = into(data, output)
        except codecs.DecompressionError as error:
            if str(error) != _TOO_SMALL:
                raise _Fault(f"Failed to decompress {name}: {error}") from error
            if size == limit:
                raise _over(limit) from error
            size = min(limit, size * _GROWTH)
        else:
            with memoryview(output) as view:
                return bytes(view[:written])


def _write_gzip(data: bytes) -> bytes:
    writer = zlib.compressobj(wbits=_GZIP)
    return writer.compress(data) + writer.flush()


def _write_snappy(data: bytes) -> bytes:
    snappy = _codecs().snappy
    written = [_XERIAL_HEADER]
    for start in range(0, len(data), _XERIAL_BLOCK):
        block = bytes(snappy.compress_raw(data[start : start + _XERIAL_BLOCK]))
        written += (_BLOCK_SIZE.pack(len(block)), block)
    return b"".join(written)


def _write_lz4(data: bytes) -> bytes:
    writer = _codecs().lz4.Compressor(level=_LZ4_LEVEL, block_linked=False)
    writer.compress(data)
    return bytes(writer.finish())


def _write_zstd(data: bytes) -> bytes:
    return bytes(_codecs().zstd.compress(data, level=_ZSTD_LEVEL))


_READERS: Final[Mapping[int, Callable[[bytes, int], bytes]]] = MappingProxyType(
    {1: _read_gzip, 2: _read_snappy, 3: _read_lz4, 4: _read_zstd}
)
_WRITERS: Final[Mapping[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {1: _write_gzip, 2: _write_snappy, 3: _write_lz4, 4: _write_zstd}
)
