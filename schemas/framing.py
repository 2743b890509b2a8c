"""Frames: the bytes before a record that say which schema wrote it.

    C3 01  fingerprint, 8 bytes                 single-object encoding   (single_object.py)
    00     schema id, 4 bytes, big-endian       Confluent's              (confluent.py)

Readers take both, and tell them by their first bytes; writers write one. A fingerprint follows from
the schema alone; an id means what the registry that handed it out says, so it is looked up there.

Laws:
1. A frame is taken as it stands, and what has none is refused: bytes are never tried.
2. Penstock's own records (state, changelogs, inboxes, counters) are always single objects: they
   must be readable without any registry.
"""

from collections.abc import Sequence
from typing import Final, Literal

from penstock.schemas import confluent, single_object
from penstock.schemas.codec_errors import (
    GuidFrame,
    NotFramed,
    SchemaUnknown,
    UnknownFingerprint,
    UnknownSchemaId,
)
from penstock.schemas.lookup import SchemaIdLookup, SchemaLookup
from penstock.schemas.schema import AvroSchema

__all__ = [
    "Framing",
    "find_behind",
    "found_behind",
    "frame_in",
    "frame_in_record",
    "single_object_of",
    "unknown_frame",
]

Framing = Literal["single-object", "confluent"]
"""How messages are framed that are written."""

_SINGLE_MARK: Final = single_object.MARK
_SINGLE_BYTES: Final = single_object.FRAME_BYTES
_ID_MARK: Final = confluent.MARK
_ID_BYTES: Final = confluent.FRAME_BYTES


def frame_in(payload: bytes) -> bytes:
    """Return the frame of a payload, as it stands.

    Args:
        payload: what a record holds.

    Returns:
        Ten bytes of a single object's frame, or five of Confluent's.

    Raises:
        NotFramed: it begins with no frame.
        GuidFrame: it begins with a frame of Confluent's version 1, which is not read.
    """
    if payload.startswith(_SINGLE_MARK) and len(payload) >= _SINGLE_BYTES:
        return payload[:_SINGLE_BYTES]
    if payload.startswith(_ID_MARK) and len(payload) >= _ID_BYTES:
        return payload[:_ID_BYTES]
    if confluent.has_guid(payload):
        raise GuidFrame(size=len(payload))
    raise NotFramed(size=len(payload))


def frame_in_record(payload: bytes, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the frame of a record's payload, unless its headers say that it has none.

    The fingerprint of a single object is proof enough; a zero byte is not, so only where there is
    no fingerprint the headers are looked at.

    Args:
        payload: what the record holds.
        headers: the record's.

    Raises:
        SchemaIdInHeader: the id of the schema stands in a header, which is not read.
        NotFramed: it begins with no frame.
        GuidFrame: it begins with a frame of Confluent's version 1, which is not read.
    """
    if payload.startswith(_SINGLE_MARK) and len(payload) >= _SINGLE_BYTES:
        return payload[:_SINGLE_BYTES]
    confluent.refuse_header_id(headers)
    return frame_in(payload)


def find_behind(
    frame: bytes, schemas: SchemaLookup, ids: SchemaIdLookup | None
) -> AvroSchema | None:
    """Return the schema that a frame names, or None where it is not known (yet).

    Args:
        frame: as `frame_in` yields it.
        schemas: knows schemas by fingerprint.
        ids: knows schemas by id; None where ids mean nothing, and none is known.
    """
    if len(frame) == _SINGLE_BYTES:
        return schemas.find(frame[len(_SINGLE_MARK) :])
    return None if ids is None else ids.find_id(confluent.id_in_frame(frame))


def found_behind(frame: bytes, schemas: SchemaLookup, ids: SchemaIdLookup | None) -> AvroSchema:
    """Return the schema that a frame names; see `find_behind`.

    Raises:
        UnknownFingerprint: there is none with this fingerprint.
        UnknownSchemaId: there is none with this id.
    """
    schema = find_behind(frame, schemas, ids)
    if schema is None:
        raise unknown_frame(frame)
    return schema


def unknown_frame(frame: bytes) -> SchemaUnknown:
    """Return the error that names a frame behind which no schema was found."""
    if len(frame) == _SINGLE_BYTES:
        return UnknownFingerprint(fingerprint=frame[len(_SINGLE_MARK) :].hex())
    return UnknownSchemaId(schema_id=confluent.id_in_frame(frame))


def single_object_of(payload: bytes, writer: AvroSchema) -> bytes:
    """Return a payload as a single object: the same record behind the fingerprint of its schema.

    Args:
        payload: framed in either way.
        writer: the schema that wrote it, found behind its frame.
    """
    if payload.startswith(_SINGLE_MARK):
        return payload
    return single_object.frame_of(writer.fingerprint) + payload[_ID_BYTES:]
