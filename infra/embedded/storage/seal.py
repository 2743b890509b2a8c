"""The seal of a compacted file: how much of it was written at once, and that in a checksum.

It is also the moment at which compaction takes place: while the new file lies beside the old ones
and the seal does not fit to it, it is garbage; from when the seal does, the old ones are.

    version 2, padding 2, number of replaced files 4, size 8, CRC of the file 4;
    base offset 8 of each replaced file; CRC of all this 4

Pure.
"""

from dataclasses import dataclass
from struct import Struct, error
from typing import Final, final

from penstock.infra.embedded.storage.checksums import crc_of

__all__ = ["Seal", "decode_seal", "encode_seal"]

_VERSION: Final = 1
_HEAD: Final = Struct(">H2xIQI")
_BASE: Final = Struct(">q")
_CRC: Final = Struct(">I")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What compaction has written."""

    size: int
    """Bytes from the beginning of the file; what follows was appended later."""
    crc: int
    """Their CRC-32C."""
    replaced: tuple[int, ...]
    """Base offsets of the files that this one stands for."""


def encode_seal(seal: Seal) -> bytes:
    """Write a seal.

    Args:
        seal: the seal.

    Returns:
        Its bytes.
    """
    body = _HEAD.pack(_VERSION, len(seal.replaced), seal.size, seal.crc)
    body += b"".join(map(_BASE.pack, seal.replaced))
    return body + _CRC.pack(crc_of(body, 0, len(body)))


def decode_seal(data: bytes) -> Seal | None:
    """Read a seal.

    Args:
        data: what `encode_seal` made.

    Returns:
        The seal; None where it is damaged.
    """
    body = data[: -_CRC.size]
    try:
        (crc,) = _CRC.unpack(data[-_CRC.size :])
        version, count, size, file_crc = _HEAD.unpack_from(body)
    except error:
        return None
    if crc != crc_of(body, 0, len(body)) or version != _VERSION:
        return None
    replaced = tuple(_BASE.unpack_from(body, _HEAD.size + 8 * number)[0] for number in range(count))
    return Seal(size=size, crc=file_crc, replaced=replaced)
