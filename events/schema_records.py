"""The records of the schemas topic: what their keys and values say, and how they are written.

    <fingerprint, 16 hex>           the schema's full JSON; its header `penstock-schema-id` its id
    subject/<subject>/<version>     {"id": 7, "fingerprint": "<16 hex>"}
    config/<subject>                {"compatibility": "FULL"}, where somebody has set a level

The topic is compacted, and schemas are what everything depends on: what is read here may have been
written by anybody.

Laws:
1. A record is read as a whole or refused with a reason; nothing of it is guessed.
2. What is read is bounded before it is parsed.
3. A subject may hold any character; the version behind it is digits, so every key is read back in
   one way.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeGuard

from penstock.events.headers import Header
from penstock.events.log import Headers
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import MAX_ID
from penstock.schemas.errors import PenstockError
from penstock.schemas.schema import AvroSchema

__all__ = [
    "ID_HEADER",
    "MAX_VERSION",
    "SUBJECT_LIMIT",
    "LevelRecord",
    "SchemaEntry",
    "SchemaRecord",
    "UnusableRecord",
    "VersionRecord",
    "read_record",
]

ID_HEADER: Final = "penstock-schema-id"
"""The header of a schema's record that holds its id, as decimal digits."""
SUBJECT_LIMIT: Final = 512
"""Characters of a subject at most: twice a topic's name, and room for a type's."""

MAX_VERSION: Final = 2**31 - 1
"""The highest version; Java's `int`, as for ids."""

_SUBJECT: Final = b"subject/"
_LEVEL: Final = b"config/"
_NOTE_LIMIT_BYTES: Final = 4_096
"""Bytes of the value of a version or a level at most."""
_ID_DIGITS: Final = 10
_FINGERPRINT_BYTES: Final = 8


class UnusableRecord(Exception):
    """A record cannot be used; the text says why. Never leaves the room."""


class SchemaEntry(NamedTuple):
    """A record that is to be written to the schemas topic."""

    key: bytes
    """Its key."""
    value: bytes | None
    """Its value; None takes a level back."""
    headers: tuple[Header, ...] = ()
    """Its headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRecord:
    """A schema, and its id."""

    schema: AvroSchema
    """The schema."""
    id: int | None
    """Its id; None where whoever wrote the record gave it none."""

    def entry(self) -> SchemaEntry:
        """Return the record as it is written."""
        headers = () if self.id is None else ((ID_HEADER, b"%d" % self.id),)
        key = self.schema.fingerprint.hex().encode()
        return SchemaEntry(key, self.schema.text.encode(), headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """A version of a subject."""

    subject: str
    """The subject."""
    version: int
    """Its number, from 1."""
    id: int
    """The schema's id."""
    fingerprint: bytes
    """The schema's fingerprint."""

    def entry(self) -> SchemaEntry:
        """Return the record as it is written."""
        key = b"%s%s/%d" % (_SUBJECT, self.subject.encode(), self.version)
        return SchemaEntry(key, _json({"id": self.id, "fingerprint": self.fingerprint.hex()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRecord:
    """A level of compatibility that somebody has set for a subject."""

    subject: str
    """The subject; empty for all that have none of their own."""
    level: Level | None
    """The level; None where it was taken back."""

    def entry(self) -> SchemaEntry:
        """Return the record as it is written."""
        value = None if self.level is None else _json({"compatibility": self.level.value})
        return SchemaEntry(_LEVEL + self.subject.encode(), value)


def read_record(
    key: bytes | None, value: bytes | None, headers: Headers, *, limit_bytes: int
) -> SchemaRecord | VersionRecord | LevelRecord:
    """Read a record of the schemas topic.

    Args:
        key: its key.
        value: its value.
        headers: its headers.
        limit_bytes: bytes of a schema's text at most.

    Raises:
        UnusableRecord: it is none that is known here, or not whole.
    """
    if key is not None and key.startswith(_LEVEL):
        return _level(key, value)
    if value is None:
        raise UnusableRecord("It is a tombstone, and schemas are never removed.")
    if key is not None and key.startswith(_SUBJECT):
        return _version(key, value)
    return _schema(key, value, headers, limit_bytes)


def _schema(key: bytes | None, value: bytes, headers: Headers, limit_bytes: int) -> SchemaRecord:
    if len(value) > limit_bytes:
        raise UnusableRecord(f"Its value has {len(value)} bytes.")
    try:
        schema = AvroSchema.parse(_text(value, "value"))
    except PenstockError as error:
        raise UnusableRecord(error.message) from None
    if key != schema.fingerprint.hex().encode():
        problem = f"Its key is not the fingerprint of its schema {schema.full_name}."
        raise UnusableRecord(problem)
    return SchemaRecord(schema=schema, id=_id_in(headers))


def _id_in(headers: Headers) -> int | None:
    """The last id that a header names, as for all headers."""
    found = [value for name, value in headers if name == ID_HEADER]
    if not found:
        return None
    digits = found[-1] or b""  # a foreign producer may have written a header without a value
    if not (digits.isdigit() and len(digits) <= _ID_DIGITS and 0 < int(digits) <= MAX_ID):
        raise UnusableRecord(f"Its header {ID_HEADER} is no id.")
    return int(digits)


def _version(key: bytes, value: bytes) -> VersionRecord:
    subject, _, digits = key[len(_SUBJECT) :].rpartition(b"/")
    canonical = digits.isdigit() and len(digits) <= _ID_DIGITS and not digits.startswith(b"0")
    if not (canonical and int(digits) <= MAX_VERSION):
        raise UnusableRecord("Its key names no version of a subject.")
    note = _note(value)
    schema_id, fingerprint = note.get("id"), _bytes_of(note.get("fingerprint"))
    if not _is_id(schema_id) or fingerprint is None:
        raise UnusableRecord("Its value does not name a schema by id and fingerprint.")
    return VersionRecord(
        subject=_subject(subject), version=int(digits), id=schema_id, fingerprint=fingerprint
    )


def _level(key: bytes, value: bytes | None) -> LevelRecord:
    subject = _subject(key[len(_LEVEL) :])
    if value is None:
        return LevelRecord(subject=subject, level=None)
    name = _note(value).get("compatibility")
    if not isinstance(name, str) or name not in Level.__members__:
        raise UnusableRecord("Its value names no level of compatibility.")
    return LevelRecord(subject=subject, level=Level[name])


def _subject(raw: bytes) -> str:
    subject = _text(raw, "key")
    if len(subject) > SUBJECT_LIMIT:
        raise UnusableRecord(f"Its subject has {len(subject)} characters.")
    return subject


def _note(value: bytes) -> dict[str, Any]:
    if len(value) > _NOTE_LIMIT_BYTES:
        raise UnusableRecord(f"Its value has {len(value)} bytes.")
    try:
        note = json.loads(_text(value, "value"))
    except (ValueError, RecursionError):
        raise UnusableRecord("Its value is no JSON.") from None
    if not isinstance(note, dict):
        raise UnusableRecord("Its value is no JSON object.")
    return note


def _text(raw: bytes, part: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnusableRecord(f"Its {part} is not UTF-8.") from None


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID


def _bytes_of(digits: object) -> bytes | None:
    if not isinstance(digits, str) or len(digits) != 2 * _FINGERPRINT_BYTES:
        return None
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def _json(note: dict[str, object]) -> bytes:
    return json.dumps(note, separators=(",", ":")).encode()
