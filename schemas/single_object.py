"""Single-object encoding: two bytes of mark, eight of fingerprint, then the record.

A framed payload says which schema wrote it, without an identifier that a server would hand out
(Avro specification, "Single-object encoding").

Law: what does not carry a fingerprint is never guessed at.
"""

from penstock.schemas.codec_errors import NotFramed

__all__ = ["FRAME_BYTES", "MARK", "fingerprint_in", "frame_of"]

MARK = b"\xc3\x01"
"""The first two bytes."""
FRAME_BYTES = 10
"""Size of mark and fingerprint."""


def frame_of(fingerprint: bytes) -> bytes:
    """Return the first ten bytes of every payload that a schema writes.

    Args:
        fingerprint: the schema's, eight bytes.
    """
    return MARK + fingerprint


def fingerprint_in(payload: bytes) -> bytes:
    """Return the fingerprint of the schema that wrote a payload.

    Args:
        payload: a framed payload.

    Returns:
        Eight bytes.

    Raises:
        NotFramed: the payload does not begin with the mark and a whole fingerprint.
    """
    if len(payload) < FRAME_BYTES or not payload.startswith(MARK):
        raise NotFramed(size=len(payload))
    return payload[2:FRAME_BYTES]
