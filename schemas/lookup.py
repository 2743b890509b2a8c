"""How the codecs' callers find the schema behind a fingerprint, or behind an id.

The catalogue that keeps schemas in a topic lives in events, files are read in infra, and so are
registries; whoever only needs an answer depends on these Protocols.
"""

from collections.abc import Iterator
from typing import Protocol

from penstock.schemas.codec_errors import NewerRecord, UnknownFingerprint
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    MapType,
    RecordType,
    UnionType,
    base_name,
    described,
)

__all__ = ["SchemaIdLookup", "SchemaLookup", "found_in", "own_in"]


class SchemaLookup(Protocol):
    """Knows schemas by fingerprint. Answers from memory, at once."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint, or None when it is not known (yet).

        Args:
            fingerprint: eight bytes, as `single_object.fingerprint_in` yields them.
        """
        ...


class SchemaIdLookup(Protocol):
    """Knows schemas by the ids of one registry. Answers from memory, at once."""

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id, or None when it is not known (yet).

        Args:
            schema_id: as `confluent.id_in_frame` yields it.
        """
        ...


def found_in(lookup: SchemaLookup, fingerprint: bytes) -> AvroSchema:
    """Return the schema with this fingerprint.

    Args:
        lookup: what is known.
        fingerprint: eight bytes.

    Raises:
        UnknownFingerprint: there is none.
    """
    if (schema := lookup.find(fingerprint)) is None:
        raise UnknownFingerprint(fingerprint=fingerprint.hex())
    return schema


def own_in(lookup: SchemaLookup, fingerprint: bytes, own: AvroSchema) -> AvroSchema:
    """Return the schema of a record of penstock's own that this version or an older one wrote.

    For records that are read, changed and written again: what a newer version has added would be
    lost on the way (formats.md F9).

    Args:
        lookup: what is known.
        fingerprint: eight bytes.
        own: the record as this version writes it.

    Raises:
        UnknownFingerprint: there is none.
        NewerRecord: it has something that this version does not know.
    """
    schema = found_in(lookup, fingerprint)
    part = next(_unknown_parts(schema.root, own.root, ""), None)
    if part is not None:
        raise NewerRecord(record=own.full_name, part=part)
    return schema


def _unknown_parts(writer: AvroType, own: AvroType, place: str) -> Iterator[str]:
    """The parts of a type that another has no room for."""
    match writer, own:
        case RecordType(), RecordType():
            types = {field.name: field.type for field in own.fields}
            for field in writer.fields:
                inner = f"{place}.{field.name}" if place else field.name
                if field.name in types:
                    yield from _unknown_parts(field.type, types[field.name], inner)
                else:
                    yield inner
        case EnumType(), EnumType():
            yield from (f"{place} {each}" for each in writer.symbols if each not in own.symbols)
        case ArrayType(), ArrayType():
            yield from _unknown_parts(writer.items, own.items, place)
        case MapType(), MapType():
            yield from _unknown_parts(writer.values, own.values, place)
        case (UnionType(), _) | (_, UnionType()):
            known = {base_name(each): each for each in _branches(own)}
            for branch in _branches(writer):
                if base_name(branch) in known:
                    yield from _unknown_parts(branch, known[base_name(branch)], place)
                else:
                    yield f"{place} as {described(branch)}"


def _branches(avro_type: AvroType) -> tuple[AvroType, ...]:
    return avro_type.branches if isinstance(avro_type, UnionType) else (avro_type,)
