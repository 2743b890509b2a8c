"""How much of a file of batches is whole, and whether what is not can be the end of a torn write.

A broker that dies leaves at most the beginning of its last write at the end of its newest file. So
a fault behind which no whole batch follows is such an end, and everything from it on may go. A
fault with a whole batch behind it is damage: somebody else has changed the file.

The CRC of a batch does not cover its first 21 bytes. They are held to what this broker writes:
offsets without gaps, leader epoch 0, format 2; a compacted file, which has gaps, is covered by its
seal as far as that reaches.

Pure: bytes in, values out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, final

from penstock.infra.embedded.log.record_batch import (
    ATTRIBUTES_AT,
    HEADER_BYTES,
    LENGTH_OVERHEAD,
    BatchHeader,
    header_at,
)
from penstock.infra.embedded.storage.checksums import crc_of
from penstock.infra.embedded.storage.seal import Seal

__all__ = ["Bytes", "SegmentScan", "has_batch_after", "scan_segment"]

Bytes = bytes | memoryview
_MAGIC: Final = 2
_MOST_OFFSETS: Final = 2**31 - 1
_OFFSET: Final = Struct(">q")
_HALF_OFFSET_BYTES: Final = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentScan:
    """What a file holds."""

    whole_bytes: int
    """So much of it is whole batches."""
    next_offset: int
    """The offset after the last of them."""
    fault: str = ""
    """What is wrong behind them; empty where nothing follows."""
    in_seal: bool = False
    """True where the fault lies in what is sealed: no torn write explains it."""


def scan_segment(data: Bytes, *, base_offset: int, seal: Seal | None = None) -> SegmentScan:
    """Look at every byte of a file.

    Args:
        data: the file.
        base_offset: from its name.
        seal: of a compacted file.

    Returns:
        What it holds.
    """
    position, offset = 0, base_offset
    if seal is not None:
        if len(data) < seal.size or crc_of(data, 0, seal.size) != seal.crc:
            fault = f"its first {seal.size} bytes are not what compaction has written"
            return SegmentScan(whole_bytes=0, next_offset=offset, fault=fault, in_seal=True)
        while position < seal.size:
            header = header_at(data, position)
            position += header.length_bytes
            offset = header.last_offset + 1
    sealed = position
    while position < len(data):
        fault = _fault(data, position, offset, exact=position > sealed or seal is None)
        if fault:
            return SegmentScan(whole_bytes=position, next_offset=offset, fault=fault)
        header = header_at(data, position)
        position += header.length_bytes
        offset = header.last_offset + 1
    return SegmentScan(whole_bytes=position, next_offset=offset)


def has_batch_after(data: Bytes, position: int, *, least_offset: int) -> bool:
    """Tell whether a whole batch begins anywhere behind a fault.

    Args:
        data: the file.
        position: where the fault is.
        least_offset: where the batches before it end.

    Returns:
        True where one is found.
    """
    return any(
        not _fault(data, start, least_offset, exact=False)
        for start in _candidates(data, position + 1, least_offset)
    )


def _candidates(data: Bytes, position: int, least_offset: int) -> Iterator[int]:
    """Find where the first bytes of a batch could be, at the speed of a regular expression."""
    halves = {
        _OFFSET.pack(offset)[:_HALF_OFFSET_BYTES]
        for offset in (least_offset, least_offset + _MOST_OFFSETS)
    }
    begins = b"|".join(map(re.escape, sorted(halves)))
    # The rest of the offset, the length, leader epoch 0, format 2. Looking ahead consumes nothing,
    # so that a candidate within another is found as well.
    pattern = re.compile(b"(?=(?:" + begins + rb").{4}.{4}\x00{4}\x02)", re.DOTALL)
    for found in pattern.finditer(data, position):
        yield found.start()


def _fault(  # noqa: PLR0911 - one for each thing that can be wrong
    data: Bytes, position: int, offset: int, *, exact: bool
) -> str:
    """Say what keeps the bytes from being a whole batch; empty where nothing does."""
    left = len(data) - position
    if left < HEADER_BYTES:
        return "a batch is cut off"
    header = header_at(data, position)
    if header.magic != _MAGIC or header.partition_leader_epoch != 0:
        return "no batch begins here"
    if header.length_bytes < HEADER_BYTES or header.last_offset_delta < 0:
        return "the batch's length is impossible"
    if header.length_bytes > left:
        return "a batch is cut off"
    if header.base_offset != offset and (exact or not _fits(header, offset)):
        return f"offset {header.base_offset} stands where {offset} should"
    if header.crc != crc_of(
        data, position + ATTRIBUTES_AT, header.length + LENGTH_OVERHEAD - ATTRIBUTES_AT
    ):
        return "the batch's CRC is wrong"
    return ""


def _fits(header: BatchHeader, offset: int) -> bool:
    return offset <= header.base_offset <= offset + _MOST_OFFSETS
