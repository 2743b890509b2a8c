"""Castagnoli's checksum of a part of a buffer, without copying it."""

from crc32c import crc32c

__all__ = ["crc_of"]


def crc_of(data: bytes | memoryview, position: int, size: int, *, before: int = 0) -> int:
    """Return the CRC-32C of some bytes.

    Args:
        data: the buffer.
        position: where they begin.
        size: how many they are.
        before: the CRC of what comes before them, to go on with.
    """
    with memoryview(data) as view, view[position : position + size] as part:
        return crc32c(part, before)
