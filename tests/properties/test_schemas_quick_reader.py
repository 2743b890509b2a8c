"""The quick way to read a record is exact: what the fields' own readers read, or their refusal."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from penstock.schemas.binary import Read
from penstock.schemas.fault import Fault
from penstock.schemas.lint import tree_of
from penstock.schemas.reader import reader_of
from penstock.schemas.type_tree import RecordType, without_logical
from penstock.schemas.writer import writer_of
from tests.schemas.generated import records, values_of

KINDS = tree_of(
    {
        "type": "record",
        "name": "Kinds",
        "namespace": "shop",
        "fields": [
            {"name": "text", "type": "string"},
            {"name": "maybe", "type": ["null", "string"]},
            {"name": "perhaps", "type": ["long", "null"]},
            {"name": "number", "type": "int"},
            {"name": "raw", "type": ["bytes", "null"]},
            {"name": "flag", "type": "boolean"},
            {"name": "tone", "type": {"type": "enum", "name": "Tone", "symbols": ["HIGH", "LOW"]}},
            {"name": "later", "type": ["null", "Tone"]},
            {"name": "id", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        ],
    }
)


def one_by_one(writer: RecordType, reader: RecordType) -> Read:
    """The fields' own readers, one behind the other: what the quick way stands for."""
    targets = {each.name: each for each in reader.fields}
    steps = [
        (each.name, reader_of(each.type, targets[each.name].type, {}))
        if each.name in targets
        else (None, reader_of(each.type, without_logical(each.type), {}))
        for each in writer.fields
    ]

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        values = {}
        for (target, read_field), field in zip(steps, writer.fields, strict=True):
            try:
                value, at = read_field(data, at)
            except Fault as fault:
                fault.inside(f".{field.name}")
                raise
            if target is not None:
                values[target] = value
        return values, at

    return read


def outcome(read: Read, data: bytes) -> str:
    """What was read and up to where, or what was refused: as text, for NaN is not itself."""
    try:
        return repr(read(data, 0))
    except Fault as fault:
        return f"{type(fault.error('x')).__name__} {fault.error('x')}"


def changed(data: st.DataObject, payload: bytes) -> bytes:
    """A payload that is cut, turned at one byte, or as it was."""
    payload = payload[: data.draw(st.integers(0, len(payload)) | st.just(len(payload)))]
    if payload and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload = payload[:at] + bytes([data.draw(st.integers(0, 255))]) + payload[at + 1 :]
    return payload


@given(st.data())
def test_a_record_is_read_as_its_fields_are(data: st.DataObject) -> None:
    """Any schema, a payload of it with any damage, and a reader that lacks any of the fields."""
    record = KINDS if data.draw(st.booleans()) else data.draw(records())
    out = bytearray()
    writer_of(record, {})(data.draw(values_of(record)), out)
    payload = changed(data, bytes(out))
    kept = tuple(each for each in record.fields if data.draw(st.booleans()))
    reader = RecordType(full_name=record.full_name, fields=kept or record.fields)
    expected = outcome(one_by_one(record, reader), payload)
    assert outcome(reader_of(record, reader, {}), payload) == expected


@given(st.binary(max_size=60))
@example(b"\x06abc\x02\x04de\x02\x02\x02\x04xy\x01\x02\x02\x02\x00\x02")
@example(b"\x02\xff\x00\x02\x00\x02\x00\x00\x00\x00")
@example(b"\x00\x04\x00\x02\x00\x02\x00\x00\x00\x00\x00")
@example(b"\x00\x00\x02\x02\x02\x01\x03\x00\x00\x00")
def test_any_bytes_are_read_or_refused_alike(payload: bytes) -> None:
    """Of each kind that is read at once."""
    expected = outcome(one_by_one(KINDS, KINDS), payload)
    assert outcome(reader_of(KINDS, KINDS, {}), payload) == expected


def test_a_refusal_deep_inside_costs_one_reading_a_level() -> None:
    """A value that is read again where it is refused holds no others."""
    inner: Any = {"type": "string", "logicalType": "uuid"}
    for depth in range(40):
        fields = [{"name": "f", "type": inner}]
        inner = {"type": "record", "name": f"R{depth}", "namespace": "n", "fields": fields}
    tree = tree_of(inner)
    read = reader_of(tree, tree, {})
    assert ".f" * 40 in outcome(read, b"\x02x")
