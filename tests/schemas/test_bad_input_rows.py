"""The catalogue of bad input, rows B1 to B22: what each must be answered with.

`test_bNN` holds row NN. B23, an event over the size, is about publishing: tests/events/
test_framework_rows.py. What hurts other rooms (B24 and on) stands with them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import (
    DecodeError,
    FieldMissing,
    FieldUnknown,
    ForeignFingerprint,
    IllegalBlock,
    IllegalLength,
    IllegalText,
    IllegalValue,
    IndexOutOfRange,
    IntegerTooWide,
    NotFramed,
    RecordTooLong,
    TooManyItems,
    TooManyValues,
    TooManyValuesGiven,
    TrailingBytes,
    Truncated,
    UnfitValue,
    UnknownFingerprint,
    Unresolvable,
    VarintTooLong,
    WrongType,
)
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.errors import ExitCode, PenstockError
from penstock.schemas.incompatibility import Rule
from penstock.schemas.limits import MAX_ITEMS
from penstock.schemas.lookup import found_in
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import (
    DuplicateName,
    IllegalName,
    IllegalSize,
    IllegalUnion,
    NotASchema,
    RecursiveSchema,
    SchemaError,
    SchemaPartMissing,
    SchemaTooDeep,
    UnknownType,
    WeightlessItems,
)
from penstock.schemas.single_object import FRAME_BYTES, frame_of

__namespace__ = "shop"

CANARY = "canary"
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
DAY = {"type": "int", "logicalType": "date"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
LONGS = {"type": "array", "items": "long"}
TEXTS = {"type": "map", "values": "string"}
TONE = {"type": "enum", "name": "Tone", "symbols": ["A", "B"]}


def document(*fields: Any, name: str = "R", **parts: Any) -> dict[str, Any]:
    """Return a record's schema as JSON; a field is a type, or the whole field."""
    named = [
        each
        if isinstance(each, dict) and "name" in each and "default" in each
        else {"name": "xyzw"[number], "type": each}
        for number, each in enumerate(fields)
    ]
    return {"type": "record", "name": name, "namespace": "shop", "fields": named, **parts}


def schema(*fields: Any, **parts: Any) -> AvroSchema:
    """Return a record's schema."""
    return AvroSchema.parse(json.dumps(document(*fields, **parts)))


def read(body: bytes, writer: AvroSchema, reader: AvroSchema | None = None) -> dict[str, Any]:
    """Decode a body that the writer wrote."""
    return datum_decoder_of(writer, reader)(frame_of(writer.fingerprint) + body)


def refused(
    kind: type[PenstockError], body: bytes, writer: AvroSchema, reader: AvroSchema | None = None
) -> PenstockError:
    """Return the error that a body gives; each is a decode error, exits 7 and shows no payload."""
    with pytest.raises(kind) as caught:
        read(body, writer, reader)
    error = caught.value
    assert isinstance(error, DecodeError)
    assert error.exit_code is ExitCode.DATA
    assert all((error.what, error.why, error.remedy))
    assert CANARY not in str(error)
    return error


def long(number: int) -> bytes:
    """Return a number as Avro writes it; it may have any number of bits."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


WHOLE = schema("string", "long", MICROS, "double")


def cuts() -> Iterator[bytes]:
    """Yield a body cut at every place."""
    body = b"\x0c" + CANARY.encode() + b"\x80\x01" + b"\x02" + bytes(8)
    read(body, WHOLE)
    for size in range(len(body)):
        yield body[:size]


@pytest.mark.parametrize("body", [*cuts()], ids=len)
def test_b01_every_cut_is_told_with_the_field(body: bytes) -> None:
    """Where it ends, in which field, and how much is missing."""
    error = refused(Truncated, body, WHOLE)
    assert error.facts["place"].startswith("shop.R.")
    assert error.facts["claimed"] > error.facts["left"] >= 0


def test_b02_a_branch_that_does_not_exist() -> None:
    """With the index and the number of branches."""
    error = refused(IndexOutOfRange, b"\x06", schema(["null", "long"]))
    assert (error.facts["index"], error.facts["count"]) == (3, 2)


@pytest.mark.parametrize("index", [-1, -2, -(2**63)])
def test_b03_a_negative_branch(index: int) -> None:
    """Not the branch that Python counts from the end."""
    assert refused(IndexOutOfRange, long(index), schema(["null", "long"])).facts["index"] == index


@pytest.mark.parametrize("index", [-1, -2, 2, 2**40])
def test_b04_a_symbol_that_does_not_exist(index: int) -> None:
    """Nor the last symbol for -1."""
    assert refused(IndexOutOfRange, long(index), schema(TONE)).facts["index"] == index


@pytest.mark.parametrize("text", [b"ab\xff", b"ab\xc3\x28", b"ab\xed\xa0\x80", b"ab\xf8"])
def test_b05_text_that_is_no_utf_8(text: bytes) -> None:
    """With the offset of the byte in the payload, in values and in keys."""
    body = bytes([len(text) << 1]) + text
    assert refused(IllegalText, body, schema("string")).facts["offset"] == FRAME_BYTES + 3
    refused(IllegalText, b"\x02" + body + b"\x00\x00", schema(TEXTS))


def test_b06_trailing_bytes() -> None:
    """What nobody reads is not passed over."""
    error = refused(TrailingBytes, b"\x0a" + b"GARBAGE", schema("long"))
    assert (error.facts["offset"], error.facts["size"]) == (FRAME_BYTES + 1, FRAME_BYTES + 8)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63 - 1])
def test_b07_an_int_of_more_than_32_bits(number: int) -> None:
    """Neither read nor written, whatever it is read as."""
    refused(IntegerTooWide, long(number), schema("int"))
    refused(IntegerTooWide, long(number), schema("int"), schema("long"))
    with pytest.raises(UnfitValue):
        datum_encoder_of(schema("int"))({"x": number})


def test_b07_a_long_of_more_than_64_bits() -> None:
    """Ten bytes hold seventy bits."""
    refused(IntegerTooWide, b"\xff" * 9 + b"\x02", schema("long"))
    assert read(b"\xff" * 9 + b"\x01", schema("long")) == {"x": -(2**63)}


@pytest.mark.parametrize("size", [11, 30, 10_000])
def test_b08_a_number_of_many_bytes(size: int) -> None:
    """Ten bytes are the most, also where they hold nothing."""
    refused(VarintTooLong, b"\x80" * (size - 1) + b"\x00", schema("long"))


def test_b09_there_is_no_depth_to_be_reached() -> None:
    """Recursive schemas are refused, and so are deep ones: the bytes have no say in it."""
    with pytest.raises(RecursiveSchema):
        schema(["null", "shop.R"])
    deep: Any = "long"
    for _ in range(64):
        deep = {"type": "array", "items": deep}
    with pytest.raises(SchemaTooDeep):
        schema(deep)


def test_b09_the_deepest_schema_is_read_in_a_small_thread() -> None:
    """64 levels in a stack of 256 KiB, without a signal."""
    program = (
        "import json, threading\n"
        "from penstock.schemas.codec import datum_decoder_of, datum_encoder_of\n"
        "from penstock.schemas.schema import AvroSchema\n"
        "inner, value = 'long', 1\n"
        "for level in range(31):\n"
        "    inner = {'type': 'record', 'name': f'R{level}',\n"
        "             'fields': [{'name': 'x', 'type': ['null', inner]}]}\n"
        "    value = {'x': value}\n"
        "parsed = AvroSchema.parse(json.dumps(inner))\n"
        "assert parsed.root.extent.height == 63\n"
        "def run():\n"
        "    payload = datum_encoder_of(parsed)(value)\n"
        "    print(datum_decoder_of(parsed)(payload) == value)\n"
        "threading.stack_size(256 * 1024)\n"
        "thread = threading.Thread(target=run)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.parametrize(
    ("avro_type", "body"),
    [
        pytest.param(LONGS, long(2**31) + b"\x02", id="two billion items"),
        pytest.param(LONGS, long(-(2**63)) + b"\x00\x00", id="-2^63 items"),
        pytest.param(TEXTS, long(3) + b"\x00\x00\x00\x00", id="entries of one byte"),
        pytest.param(
            {"type": "array", "items": {"type": "fixed", "name": "F", "size": 100}},
            long(2) + b"x" * 199,
            id="items of a hundred bytes",
        ),
    ],
)
def test_b10_more_items_than_bytes(avro_type: Any, body: bytes) -> None:
    """A count is believed as far as the bytes that are left can bear it out."""
    refused(IllegalBlock, body, schema(avro_type))


@pytest.mark.parametrize("items", ["null", document(name="Empty"), document("null", name="Hollow")])
@pytest.mark.parametrize(("kind", "part"), [("array", "items"), ("map", "values")])
def test_b10_items_without_bytes(items: Any, kind: str, part: str) -> None:
    """No bytes could bear them out, so there is no such schema."""
    with pytest.raises(WeightlessItems):
        schema({"type": kind, part: items})


def test_b10_more_items_than_the_limit() -> None:
    """In one block and in many."""
    block = long(MAX_ITEMS // 2) + b"\x02" * (MAX_ITEMS // 2)
    assert len(read(block * 2 + b"\x00", schema(LONGS))["x"]) == MAX_ITEMS
    refused(TooManyItems, block * 2 + b"\x02\x02\x00", schema(LONGS))


class Point(Record):
    """A byte on the wire, and half a kilobyte as an object."""

    x: bool


class Wide(Record):
    """The same, with a list of its own for each, which is not on the wire."""

    x: bool
    tags: tuple[str, ...] = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")


class Points(Record):
    """Lists of lists: none of them long."""

    rows: list[list[Point]]


class WidePoints(Record, name="Points"):
    """As another version reads them."""

    rows: list[list[Wide]]


def test_b10_more_values_than_the_limit_in_lists_of_lists() -> None:
    """A megabyte made 700 MB of objects. Who writes is refused as well: nobody could read it."""
    assert encoder_of(Points)(Points(rows=[[Point(x=True)] * 9_000] * 11))
    many = Points.model_construct(rows=[[Point(x=True)] * 9_000] * 12)
    with pytest.raises(TooManyValuesGiven):
        encoder_of(Points)(many)
    points = Points.__penstock__.schema
    row = long(9_000) + b"\x01" * 9_000 + b"\x00"
    ration = decoder_of(points, Points)
    assert len(ration(frame_of(points.fingerprint) + long(11) + row * 11 + b"\x00").rows) == 11
    with pytest.raises(TooManyValues):
        ration(frame_of(points.fingerprint) + long(12) + row * 12 + b"\x00")


def test_b10_defaults_count_as_well() -> None:
    """What the reader adds to each item is made, though it is on no wire."""
    names = json.loads(Points.__penstock__.schema.text.replace('Point"', 'Wide"'))
    writer = AvroSchema.parse(json.dumps(names))
    row = long(9_000) + b"\x01" * 9_000 + b"\x00"
    payload = frame_of(writer.fingerprint) + long(5) + row * 5 + b"\x00"
    assert len(datum_decoder_of(writer)(payload)["rows"]) == 5
    with pytest.raises(TooManyValues):
        decoder_of(writer, WidePoints)(payload)


@pytest.mark.parametrize("avro_type", ["bytes", "string", TEXTS], ids=str)
def test_b11_a_length_beyond_the_end_or_below_zero(avro_type: Any) -> None:
    """What it claims is told, and none of it is taken from memory."""
    before = b"\x02" if avro_type == TEXTS else b""
    error = refused(Truncated, before + long(2**40) + b"abc", schema(avro_type))
    assert (error.facts["claimed"], error.facts["left"]) == (2**40, 3)
    refused(IllegalLength, before + long(-1) + b"abc", schema(avro_type))


@pytest.mark.parametrize("size", [5, 100_000])
def test_b12_a_decimal_of_many_digits(size: int) -> None:
    """Compared with its precision before a number is made of it."""
    refused(IllegalValue, long(size) + b"\x7f" * size, schema(MONEY))


@pytest.mark.parametrize(
    ("avro_type", "number"),
    [
        (MICROS, 253_402_300_800_000_000),
        (MICROS, -62_135_596_800_000_001),
        (MICROS, 2**63 - 1),
        ({**MICROS, "logicalType": "timestamp-millis"}, 2**63 - 1),
        ({**MICROS, "logicalType": "local-timestamp-micros"}, -(2**63)),
        (DAY, 2_932_897),
        (DAY, -(2**31)),
        ({**DAY, "logicalType": "time-millis"}, 86_400_000),
    ],
)
def test_b13_a_time_outside_of_the_calendar(avro_type: Any, number: int) -> None:
    """Years 1 to 9999, and a day of 24 hours."""
    refused(IllegalValue, long(number), schema(avro_type))


@pytest.mark.parametrize("text", ["", CANARY, "0" * 32, "{" + "0" * 36 + "}", "g" * 36])
def test_b14_a_bad_uuid(text: str) -> None:
    """36 characters, digits and hyphens where they belong."""
    body = long(len(text)) + text.encode()
    refused(IllegalValue, body, schema({"type": "string", "logicalType": "uuid"}))


def test_b15_bytes_of_another_schema_of_the_same_shape() -> None:
    """HELLO was read as {x: 36, y: 34}: the fingerprint says who wrote it."""
    ours, theirs = schema("long", "long"), schema("long", "int")
    payload = datum_encoder_of(theirs)({"x": 36, "y": 34})
    with pytest.raises(ForeignFingerprint, match=theirs.fingerprint.hex()):
        datum_decoder_of(ours)(payload)
    assert payload[FRAME_BYTES:] == datum_encoder_of(ours)({"x": 36, "y": 34})[FRAME_BYTES:]


@pytest.mark.parametrize("payload", [b"", b"HELLO", b"\xc3\x01", b"{}", b"\xc3\x02" + b"x" * 8])
def test_b16_no_frame(payload: bytes) -> None:
    """Never guessed at."""
    with pytest.raises(NotFramed) as caught:
        datum_decoder_of(schema("long"))(payload)
    assert caught.value.exit_code is ExitCode.DATA


def test_b16_an_unknown_fingerprint() -> None:
    """Told in the form in which `schema show` takes it."""

    class Nothing:
        def find(self, fingerprint: bytes) -> AvroSchema | None:
            del fingerprint
            return None

    with pytest.raises(UnknownFingerprint, match="0001020304050607"):
        found_in(Nothing(), bytes(range(8)))


@pytest.mark.parametrize(
    ("writer", "body", "reader", "rule"),
    [
        pytest.param([], b"", ["long"], Rule.FIELD, id="a field without default"),
        pytest.param(["string"], b"\x02x", ["long"], Rule.TYPE, id="another type"),
        pytest.param(
            [TONE], b"\x02", [{**TONE, "symbols": ["A"]}], Rule.SYMBOL, id="a missing symbol"
        ),
        pytest.param(
            [document("long", name="Old")],
            b"\x02",
            [document("long", name="New")],
            Rule.NAME,
            id="a renamed record",
        ),
        pytest.param([["null", "long"]], b"\x00", ["long"], Rule.BRANCH, id="null for a long"),
    ],
)
def test_b17_what_cannot_be_resolved(
    writer: list[Any], body: bytes, reader: list[Any], rule: Rule
) -> None:
    """The check names field and rule beforehand; when it happens, the event does not pass."""
    theirs, ours = schema(*writer), schema(*reader)
    (found,) = incompatibilities(ours.root, theirs.root)
    assert (found.rule, found.path) == (rule, "x")
    error = refused(Unresolvable, body, theirs, ours)
    assert error.facts["place"] == "shop.R.x"


FIXED = {"type": "fixed", "name": "F"}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        pytest.param(
            document({"name": "x", "type": "int", "default": 0}, "long"), DuplicateName, id="field"
        ),
        pytest.param(document(name="1bad"), IllegalName, id="name"),
        pytest.param({"type": "record", "name": "R"}, SchemaPartMissing, id="no fields"),
        pytest.param(document({**FIXED, "size": -1}), IllegalSize, id="size -1"),
        pytest.param(document({**FIXED, "size": 10**11}), IllegalSize, id="size 10^11"),
        pytest.param(document(["int", "int"]), IllegalUnion, id="int twice"),
        pytest.param(document([]), IllegalUnion, id="empty union"),
    ],
)
def test_b18_schemas_that_fastavro_takes(wrong: Any, kind: type[SchemaError]) -> None:
    """Refused with a pointer to the place."""
    if kind is DuplicateName:
        wrong["fields"][1]["name"] = "x"
    with pytest.raises(kind) as caught:
        AvroSchema.parse(json.dumps(wrong))
    assert caught.value.exit_code is ExitCode.SCHEMA
    assert "pointer" in caught.value.facts


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_b19_a_schema_of_a_thousand_levels(levels: int) -> None:
    """No RecursionError, whatever parses it."""
    text = '{"type":"array","items":' * levels + '"int"' + "}" * levels
    with pytest.raises(SchemaError) as caught:
        AvroSchema.parse('{"type":"record","name":"R","fields":[{"name":"x","type":' + text + "}]}")
    assert caught.value.exit_code is ExitCode.SCHEMA


@pytest.mark.parametrize(
    ("wrong", "kind", "pointer"),
    [
        ({}, NotASchema, ""),
        (document({"type": "array"}), SchemaPartMissing, "/fields/0/type"),
        (document({"type": "map"}), SchemaPartMissing, "/fields/0/type"),
        (document("strnig"), UnknownType, "/fields/0/type"),
        (document({"type": "strnig"}), UnknownType, "/fields/0/type/type"),
    ],
)
def test_b20_missing_and_unknown_parts(wrong: Any, kind: type[SchemaError], pointer: str) -> None:
    """With a JSON pointer."""
    with pytest.raises(kind) as caught:
        AvroSchema.parse(json.dumps(wrong))
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("avro_type", "value", "kind"),
    [
        ("int", 1.5, WrongType),
        pytest.param("int", True, WrongType, id="a truth"),
        ("long", "1", WrongType),
        ("long", Decimal(1), WrongType),
        ("boolean", 1, WrongType),
        ("string", b"x", WrongType),
        ("bytes", "x", WrongType),
        (MONEY, 1, UnfitValue),
    ],
)
def test_b21_a_value_of_another_type(avro_type: Any, value: Any, kind: type[PenstockError]) -> None:
    """Nothing is made an int on the way out; the class refuses it already when it is made."""
    with pytest.raises(kind):
        datum_encoder_of(schema(avro_type))({"x": value})


def test_b22_a_field_too_many_or_too_few() -> None:
    """Fields with a default may be absent; an unknown one would be lost."""
    encode = datum_encoder_of(schema("long", {"name": "y", "type": "long", "default": 7}))
    assert encode({"x": 1})[FRAME_BYTES:] == b"\x02\x0e"
    with pytest.raises(FieldUnknown):
        encode({"x": 1, "z": 1})
    with pytest.raises(FieldMissing):
        encode({"y": 1})


def test_b23_a_payload_over_the_limit_is_not_looked_at() -> None:
    """The size alone decides, before the first byte of the record."""
    writer = schema("bytes")
    payload = frame_of(writer.fingerprint) + b"\x01" * 100
    with pytest.raises(RecordTooLong) as caught:
        datum_decoder_of(writer, limit_bytes=109)(payload)
    assert (caught.value.size, caught.value.limit) == (110, 109)
