"""How entries lie in the journal: length 4 bytes, CRC-32C 4 bytes, payload.

So lies, as the only entry of its file, what a partition keeps of producers.

The CRC covers the length too, so that no flipped bit of it goes unseen. As with batches: what is
broken at the very end is a torn write; what is broken before a whole entry is damage.

Pure: bytes in, values out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, final

from penstock.infra.embedded.storage.checksums import crc_of

__all__ = ["JournalScan", "encode_frame", "has_frame_after", "payloads", "scan_journal"]

_LENGTH: Final = Struct(">I")
_CRC: Final = Struct(">I")
_HEAD_BYTES: Final = _LENGTH.size + _CRC.size
_PAYLOAD_BEGINS: Final = re.compile(rb'(?=\{"type":)')
"""Every entry is a line of JSON that says its type first (journal_entry.py)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JournalScan:
    """What a journal holds."""

    whole_bytes: int
    """So much of it is whole entries."""
    entries: int
    """How many they are."""
    fault: str = ""
    """What is wrong behind them; empty where nothing follows."""


def encode_frame(payload: bytes) -> bytes:
    """Frame an entry.

    Args:
        payload: the entry's bytes.

    Returns:
        What is appended to the file.
    """
    checked = _LENGTH.pack(len(payload)) + payload
    return b"".join((checked[: _LENGTH.size], _CRC.pack(crc_of(checked, 0, len(checked))), payload))


def scan_journal(data: bytes) -> JournalScan:
    """Look at every byte of a journal.

    Args:
        data: the file.

    Returns:
        What it holds.
    """
    position = entries = 0
    while position < len(data):
        fault = _fault(data, position)
        if fault:
            return JournalScan(whole_bytes=position, entries=entries, fault=fault)
        position += _HEAD_BYTES + _LENGTH.unpack_from(data, position)[0]
        entries += 1
    return JournalScan(whole_bytes=position, entries=entries)


def payloads(data: bytes) -> Iterator[bytes]:
    """Give the entries of a journal that is whole.

    Args:
        data: the file, as far as `scan_journal` found it whole.

    Yields:
        The payloads, in order.
    """
    position = 0
    while position < len(data):
        begin = position + _HEAD_BYTES
        position = begin + _LENGTH.unpack_from(data, position)[0]
        yield data[begin:position]


def has_frame_after(data: bytes, position: int) -> bool:
    """Tell whether a whole entry begins anywhere behind a fault.

    Args:
        data: the file.
        position: where the fault is.

    Returns:
        True where one is found.
    """
    first = position + 1 + _HEAD_BYTES
    return any(
        not _fault(data, found.start() - _HEAD_BYTES)
        for found in _PAYLOAD_BEGINS.finditer(data, first)
    )


def _fault(data: bytes, position: int) -> str:
    left = len(data) - position - _HEAD_BYTES
    if left < 0:
        return "an entry is cut off"
    (length,) = _LENGTH.unpack_from(data, position)
    if length > left:
        return "an entry is cut off"
    (crc,) = _CRC.unpack_from(data, position + _LENGTH.size)
    begin = position + _HEAD_BYTES
    checked = data[position : position + _LENGTH.size] + data[begin : begin + length]
    if crc != crc_of(checked, 0, len(checked)):
        return "an entry's CRC is wrong"
    return ""
