"""Confluent's framing: a zero byte, four bytes of schema id, then the record.

The id is a number that a registry has handed out; without that registry it says nothing. This is
what Kafka's own tools, UIs and clients of schema registries read and write (`MagicByteSerializer`
of Confluent's clients, "wire format" of their documentation).

Two younger forms of theirs are recognised and refused by name: the frame of version 1, which
carries a GUID, and ids that stand in a header while the payload has no frame at all.

Laws:
1. What does not carry an id is never guessed at; least of all a payload whose id is elsewhere.
2. An id is a positive number of 31 bits, as registries and their clients keep it.
"""

from collections.abc import Sequence
from typing import Final

from penstock.schemas.codec_errors import SchemaIdInHeader

__all__ = [
    "FRAME_BYTES",
    "MARK",
    "MAX_ID",
    "frame_of_id",
    "has_guid",
    "id_in_frame",
    "refuse_header_id",
]

MARK: Final = b"\x00"
"""The first byte of a frame of version 0."""
FRAME_BYTES: Final = 5
"""Size of mark and id."""
MAX_ID: Final = 2**31 - 1
"""The highest id; Java's `int`, which registries count in."""
ID_HEADERS: Final = frozenset(
    {
        "__value_schema_id",
        "value.schemaId",
        "apicurio.value.globalId",
        "apicurio.value.contentId",
        "apicurio.value.contentHash",
        "apicurio.value.artifactId",
    }
)
"""Headers in which other serializers put the id of a record's value: Confluent's and Apicurio's."""

_GUID_MARK: Final = b"\x01"
_GUID_FRAME_BYTES: Final = 17


def frame_of_id(schema_id: int) -> bytes:
    """Return the first five bytes of every payload that is written under an id.

    Args:
        schema_id: 0 to `MAX_ID`; 0 is no schema's, and stands where the id is not known yet.
    """
    return MARK + schema_id.to_bytes(4, "big")


def id_in_frame(frame: bytes) -> int:
    """Return the id in a frame of five bytes."""
    return int.from_bytes(frame[1:FRAME_BYTES], "big")


def has_guid(payload: bytes) -> bool:
    """Return whether a payload begins as frames of version 1 do: with 01 and a GUID."""
    return payload.startswith(_GUID_MARK) and len(payload) >= _GUID_FRAME_BYTES


def refuse_header_id(headers: Sequence[tuple[str, bytes]]) -> None:
    """Refuse a record whose headers say that its payload has no frame.

    Such a payload may begin with any byte, a zero included, and would be read as something else.

    Args:
        headers: of the record.

    Raises:
        SchemaIdInHeader: one of them carries the schema's id.
    """
    for name, _ in headers:
        if name in ID_HEADERS:
            raise SchemaIdInHeader(header=name)
