"""Evolved schemas: what fastavro resolves, we resolve to the same value."""

import io
import json
from dataclasses import replace
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import Unresolvable
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import FRAME_BYTES
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)
from tests.schemas.generated import NULL, records, values_of

# Not from a whole number to a float: fastavro leaves digits in it that 32 bits do not hold.
WIDER = {
    "int": ["int", "long", "double"],
    "long": ["long", "double"],
    "float": ["float", "double"],
    "string": ["string", "bytes"],
}
ADDED = [
    FieldOfRecord(name="added", type=PrimitiveType(name="long"), default=5),
    FieldOfRecord(name="added", type=PrimitiveType(name="string"), default="x"),
    FieldOfRecord(
        name="added", type=UnionType(branches=(NULL, PrimitiveType(name="int"))), default=None
    ),
]


def evolved(draw: st.DrawFn, avro_type: AvroType) -> AvroType:
    """Draw a reader's type that Avro can resolve a writer's to, mostly."""
    found = avro_type
    match avro_type:
        case PrimitiveType(name=name):
            found = evolved_primitive(draw, name)
        case EnumType(symbols=symbols):
            kept = draw(st.permutations(symbols))[: draw(st.integers(1, len(symbols)))]
            found = replace(avro_type, symbols=tuple(kept), default=kept[0])
        case ArrayType(items=items):
            found = ArrayType(items=weighty(evolved(draw, items), items))
        case MapType(values=values):
            found = MapType(values=weighty(evolved(draw, values), values))
        case UnionType(branches=branches):
            inner = [evolved(draw, branch) for branch in branches]
            flat = [each for each in inner if not isinstance(each, UnionType)]
            found = UnionType(branches=tuple(draw(st.permutations(flat))))
        case RecordType():
            found = evolved_record(draw, avro_type)
    return found


def weighty(items: AvroType, otherwise: AvroType) -> AvroType:
    """Keep items that take bytes; dropping all fields may have left none."""
    return items if items.extent.least_bytes else otherwise


def evolved_primitive(draw: st.DrawFn, name: str) -> AvroType:
    """Draw the same primitive or a wider one, sometimes made optional."""
    widened = PrimitiveType(name=draw(st.sampled_from(WIDER.get(name, [name]))))
    if name != "null" and draw(st.integers(0, 5)) == 0:
        return UnionType(branches=(NULL, widened))
    return widened


def evolved_record(draw: st.DrawFn, record: RecordType) -> RecordType:
    """Draw a record with fields dropped, reordered, widened, added, and renamed with an alias."""
    fields = []
    for each in record.fields:
        match draw(st.sampled_from(["drop", "keep", "keep", "rename"])):
            case "keep":
                fields.append(replace(each, type=evolved(draw, each.type)))
            case "rename":
                fields.append(replace(each, name=f"new_{each.name}", aliases=(each.name,)))
    if draw(st.booleans()):
        fields.append(draw(st.sampled_from(ADDED)))
    return replace(record, fields=tuple(draw(st.permutations(fields))))


@st.composite
def evolutions(draw: st.DrawFn) -> tuple[AvroSchema, AvroSchema, Any]:
    """Draw a writer's schema, a reader's, and a value of the writer's."""
    writer = draw(records(logical=False))
    reader = evolved_record(draw, writer)
    return AvroSchema.of(writer, {}), AvroSchema.of(reader, {}), draw(values_of(writer))


@given(evolutions())
@settings(max_examples=200, deadline=None)
def test_resolved_values_are_those_of_fastavro(drawn: tuple[AvroSchema, AvroSchema, Any]) -> None:
    """Without logical types, where fastavro is right."""
    writer, reader, value = drawn
    payload = datum_encoder_of(writer)(value)
    ours = fastavro.parse_schema(json.loads(reader.text))
    theirs = fastavro.parse_schema(json.loads(writer.text))
    body = io.BytesIO(payload[FRAME_BYTES:])
    try:
        expected = fastavro.schemaless_reader(body, theirs, ours)
    except (SchemaResolutionError, UnicodeDecodeError):
        assume(False)
    assert datum_decoder_of(writer, reader)(payload) == expected


@given(records(logical=False), records(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_two_schemas_end_in_a_value_or_unresolvable(
    writer: RecordType, reader: RecordType, data: st.DataObject
) -> None:
    """Whatever two services think of each other's records."""
    theirs, ours = AvroSchema.of(writer, {}), AvroSchema.of(reader, {})
    payload = datum_encoder_of(theirs)(data.draw(values_of(writer)))
    try:
        found = datum_decoder_of(theirs, ours)(payload)
    except Unresolvable:
        return
    assert found.keys() == {each.name for each in reader.fields}
