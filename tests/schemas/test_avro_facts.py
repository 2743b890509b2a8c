"""What other implementations of Avro get wrong, row by row, and what is done here instead.

The rows are those of the list of facts that were found by running fastavro, the package `avro` and
Avro for Java side by side; `test_fact_NN` holds row NN.
"""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import (
    IllegalBlock,
    IllegalText,
    IllegalValue,
    IndexOutOfRange,
    IntegerTooWide,
    NoBranchFits,
    TrailingBytes,
    UnfitValue,
    Unresolvable,
    WrongType,
)
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.errors import PenstockError
from penstock.schemas.incompatibility import Rule
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import (
    IllegalName,
    RecursiveSchema,
    SchemaError,
    SchemaTooDeep,
    UnknownType,
    WeightlessItems,
)
from penstock.schemas.single_object import frame_of

MICROS = {"type": "long", "logicalType": "timestamp-micros"}
DAY = {"type": "int", "logicalType": "date"}
TIME = {"type": "long", "logicalType": "time-micros"}
UUID_TEXT = {"type": "string", "logicalType": "uuid"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
LONGS = {"type": "array", "items": "long"}
MINUS_2_63 = b"\xff" * 9 + b"\x01"


def schema(*fields: dict[str, Any], name: str = "shop.R", **parts: Any) -> AvroSchema:
    """Return the schema of a record with these fields."""
    return AvroSchema.parse(
        json.dumps({"type": "record", "name": name, "fields": list(fields), **parts})
    )


def field(avro_type: Any, name: str = "x", **parts: Any) -> dict[str, Any]:
    """Return a field."""
    return {"name": name, "type": avro_type, **parts}


def read(body: bytes, writer: AvroSchema, reader: AvroSchema | None = None) -> dict[str, Any]:
    """Decode a body that the writer wrote."""
    return datum_decoder_of(writer, reader)(frame_of(writer.fingerprint) + body)


def written(avro_type: Any, value: Any) -> bytes:
    """Return the body of a record with this one field."""
    return datum_encoder_of(schema(field(avro_type)))({"x": value})[10:]


@pytest.mark.parametrize(
    ("avro_type", "default", "value"),
    [
        ("bytes", "\x00\xff", b"\x00\xff"),
        (MONEY, "\x07\xcf", Decimal("19.99")),
        (DAY, 1, date(1970, 1, 2)),
        (MICROS, 1, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ("double", 1, 1.0),
        (
            {
                "type": "record",
                "name": "Inner",
                "fields": [field(MONEY, "a"), field(DAY, "b", default=1)],
            },
            {"a": "\x01"},
            {"a": Decimal("0.01"), "b": date(1970, 1, 2)},
        ),
    ],
    ids=["bytes", "decimal", "date", "timestamp", "double", "a nested record"],
)
def test_fact_01_defaults_are_values(avro_type: Any, default: Any, value: Any) -> None:
    """Not the raw JSON of the schema, and a nested record's own defaults are filled in."""
    found = read(b"", schema(), schema(field(avro_type, default=default)))["x"]
    assert found == value
    assert type(found) is type(value)


def test_fact_02_containers_are_never_shared() -> None:
    """What a handler does to one event changes neither the next one nor the schema."""
    reader = schema(
        field(LONGS, "tags", default=[1]),
        field({"type": "map", "values": LONGS}, "names", default={"a": [2]}),
    )
    decode = datum_decoder_of(schema(), reader)
    payload = frame_of(schema().fingerprint)
    first = decode(payload)
    first["tags"].append(5)
    first["names"]["a"].append(5)
    assert decode(payload) == {"tags": [1], "names": {"a": [2]}}
    assert AvroSchema.parse(reader.text).document == reader.document


@pytest.mark.parametrize(
    ("writer", "reader", "value"),
    [
        pytest.param(MICROS, "long", 1, id="timestamp read as long"),
        pytest.param(
            "long", MICROS, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC), id="long as timestamp"
        ),
        pytest.param("int", DAY, date(1970, 1, 2), id="int as date"),
        pytest.param(MONEY, "bytes", b"\x02", id="decimal as bytes"),
    ],
)
def test_fact_03_the_readers_type_decides(writer: Any, reader: Any, value: Any) -> None:
    """What the bytes meant to the writer is the writer's business; in a list as in a field."""
    body = b"\x02\x02" if value == b"\x02" else b"\x02"
    found = read(body, schema(field(writer)), schema(field(reader)))["x"]
    assert (found, type(found)) == (value, type(value))
    lists = [schema(field({"type": "array", "items": each})) for each in (writer, reader)]
    found = read(b"\x02" + body + b"\x00", *lists)["x"]
    assert (found, type(found[0])) == ([value], type(value))


def test_fact_04_a_decimal_is_never_rounded() -> None:
    """Neither 41 digits that are read under decimal(9, 2), nor 1e9 that is written."""
    digits = (10**40).to_bytes(17, "big", signed=True)
    with pytest.raises(IllegalValue, match="more than 9 digits"):
        read(b"\x22" + digits, schema(field(MONEY)))
    for value in ("1e9", "0.001", "12345678.00"):
        with pytest.raises(UnfitValue):
            written(MONEY, Decimal(value))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(MINUS_2_63 + b"\x00\x00", "claims 92233720368", id="a count of -2^63"),
        pytest.param(b"\x01\x01\x02\x00", "claims -1 bytes", id="a negative size"),
        pytest.param(b"\x01\x80\x01\x02\x00", "claims 64 bytes", id="a size beyond the end"),
        pytest.param(b"\x01\x04\x02\x02\x00", "its items end", id="a size of other items"),
        pytest.param(b"\x03\x02\x02\x04\x00", "its items end", id="a size of half of the items"),
    ],
)
@pytest.mark.parametrize("skipped", [False, True], ids=["read", "skipped"])
def test_fact_05_blocks_are_what_they_claim(body: bytes, problem: str, skipped: bool) -> None:
    """A count that cannot be is no empty array, and sizes are checked before the items."""
    with pytest.raises(IllegalBlock, match=problem):
        read(body, schema(field(LONGS)), schema() if skipped else None)


@pytest.mark.parametrize(
    ("avro_type", "body", "kind"),
    [
        pytest.param(["null", "long"], b"\x01", IndexOutOfRange, id="a negative branch"),
        pytest.param(LONGS, b"\x80\x80\x80\x80\x10\x02", IllegalBlock, id="a bomb of items"),
        pytest.param("int", b"\x80\x80\x80\x80\x10", IntegerTooWide, id="a long in an int"),
    ],
)
def test_fact_06_what_is_skipped_is_checked(
    avro_type: Any, body: bytes, kind: type[PenstockError]
) -> None:
    """A field that the reader does not know is walked like any other."""
    with pytest.raises(kind) as caught:
        read(body, schema(field(avro_type, "gone")), schema())
    assert caught.value.facts["place"] == "shop.R.gone"


@pytest.mark.parametrize(
    ("avro_type", "kind"),
    [
        pytest.param({"type": "array", "items": "null"}, WeightlessItems, id="no bytes per item"),
        pytest.param(["null", "shop.R"], RecursiveSchema, id="depth without end"),
        pytest.param(
            json.loads('{"type":"array","items":' * 64 + '"int"' + "}" * 64),
            SchemaTooDeep,
            id="depth",
        ),
    ],
)
def test_fact_06_what_would_be_a_bomb_is_no_schema(avro_type: Any, kind: type[SchemaError]) -> None:
    """So there is nothing that could be skipped, either."""
    with pytest.raises(kind):
        schema(field(avro_type))


@pytest.mark.parametrize(
    ("avro_type", "body"),
    [
        pytest.param(TIME, b"\x01", id="a time of -1"),
        pytest.param(TIME, b"\x80\x80\xb8\xa6\x87\x8d\x05", id="a time after the day"),
        pytest.param(
            UUID_TEXT,
            b"\x58" + "\uff19".encode() * 4 + b"0000-0000-0000-0000-" + b"0" * 12,
            id="full-width digits",
        ),
    ],
)
def test_fact_07_near_values_are_none(avro_type: Any, body: bytes) -> None:
    """Neither wrapped around midnight nor taken for digits."""
    with pytest.raises(IllegalValue):
        read(body, schema(field(avro_type)))


NAIVE = datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001 - what must be refused


@pytest.mark.parametrize(
    ("avro_type", "value", "kind"),
    [
        pytest.param(MICROS, NAIVE, UnfitValue, id="a naive datetime"),
        pytest.param(DAY, NAIVE, UnfitValue, id="a datetime for a date"),
        pytest.param(DAY, datetime(2026, 1, 2, tzinfo=UTC), UnfitValue, id="an aware one too"),
        pytest.param(TIME, time(1, tzinfo=UTC), UnfitValue, id="a zone on a time"),
        pytest.param("int", 1.5, WrongType, id="1.5 for an int"),
        pytest.param("long", True, WrongType, id="a truth for a long"),
        pytest.param(MICROS, 1.5, UnfitValue, id="1.5 for a timestamp"),
        pytest.param("float", 1e39, UnfitValue, id="1e39 for a float"),
        pytest.param(UUID_TEXT, "any text", UnfitValue, id="text for a UUID"),
        pytest.param(UUID_TEXT, str(UUID(int=1)), UnfitValue, id="even that of one"),
    ],
)
def test_fact_08_nothing_is_converted_on_the_way_out(
    avro_type: Any, value: Any, kind: type[PenstockError]
) -> None:
    """Neither moved into the machine's zone, nor cut off, nor made infinite."""
    with pytest.raises(kind):
        written(avro_type, value)


@pytest.mark.parametrize("bits", [7, 15, 23, 31])
def test_fact_09_decimals_are_equal_in_more_bytes_too(bits: int) -> None:
    """-128 takes one byte, as in Java; what fastavro writes in two is the same number."""
    number = -(1 << bits)
    value = Decimal(number).scaleb(-2)
    wide = {**MONEY, "precision": 12}
    size = (bits + 1) // 8
    assert written(wide, value) == bytes([size << 1]) + number.to_bytes(size, "big", signed=True)
    longer = bytes([(size + 1) << 1]) + number.to_bytes(size + 1, "big", signed=True)
    assert read(longer, schema(field(wide)))["x"] == value


def test_fact_10_relative_aliases_stand_in_the_namespace() -> None:
    """The package `avro` compares them as they are written, and sees an incompatibility."""
    inner = {"type": "record", "name": "shop.Old", "fields": [field("int", "a")]}
    renamed = {**inner, "name": "shop.New", "aliases": ["Old"]}
    writer, reader = schema(field(inner)), schema(field(renamed))
    assert incompatibilities(reader.root, writer.root) == ()
    assert read(b"\x02", writer, reader) == {"x": {"a": 1}}
    elsewhere = schema(field({**renamed, "aliases": ["far.Old"]}))
    assert [each.rule for each in incompatibilities(elsewhere.root, writer.root)] == [Rule.NAME]


def test_fact_10_an_empty_namespace_is_none() -> None:
    """The package `avro` puts such a type into the enclosing namespace."""
    bare = {"type": "enum", "name": "Tone", "namespace": "", "symbols": ["A"]}
    assert '"name":"Tone"' in schema(field(bare)).text
    with pytest.raises(UnknownType):
        schema(field(bare), field("shop.Tone", "y"))


def test_fact_10_local_timestamps_are_known() -> None:
    """Two units of them are two meanings; the package `avro` sees longs."""
    local = [
        {"type": "long", "logicalType": f"local-timestamp-{unit}"} for unit in ("micros", "millis")
    ]
    writer, reader = (schema(field(each)) for each in local)
    assert [each.rule for each in incompatibilities(reader.root, writer.root)] == [Rule.MEANING]


@pytest.mark.parametrize(
    ("avro_type", "body", "kind"),
    [
        pytest.param("int", b"\x80\x80\x80\x80\x10", IntegerTooWide, id="2^31 is not 0"),
        pytest.param(
            ["null", "long"],
            b"\x80\x80\x80\x80\x20\x02",
            IndexOutOfRange,
            id="an index of 2^32 is not 0",
        ),
        pytest.param("string", b"\x02\xff", IllegalText, id="bad UTF-8 is no U+FFFD"),
        pytest.param("long", b"\x02\x02", TrailingBytes, id="trailing bytes"),
    ],
)
def test_fact_11_javas_leniency_is_not_copied(
    avro_type: Any, body: bytes, kind: type[PenstockError]
) -> None:
    """What Java reads as something else, or does not look at, is refused."""
    with pytest.raises(kind):
        read(body, schema(field(avro_type)))


def test_fact_11_a_record_is_read_under_its_name_alone() -> None:
    """Reader and checker say the same; Java reads under any name what its checker refuses."""
    writer, reader = schema(field("int"), name="shop.A"), schema(field("int"), name="shop.B")
    assert [each.rule for each in incompatibilities(reader.root, writer.root)] == [Rule.NAME]
    with pytest.raises(Unresolvable):
        read(b"\x02", writer, reader)


def test_fact_11_the_first_branch_that_matches_is_taken() -> None:
    """As the specification says; Java looks for the exact type first."""
    found = read(b"\x02", schema(field("int")), schema(field(["double", "int"])))["x"]
    assert (found, type(found)) == (1.0, float)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        pytest.param(
            [field("Tone", "a"), field({"type": "enum", "name": "Tone", "symbols": ["A"]}, "b")],
            UnknownType,
            id="used before it is defined",
        ),
        pytest.param([field("int", "größe")], IllegalName, id="a name that is not ASCII"),
    ],
)
def test_fact_11_names_are_the_specifications(
    fields: list[dict[str, Any]], kind: type[SchemaError]
) -> None:
    """Others could not read a schema that only Java takes."""
    with pytest.raises(kind):
        schema(*fields)


def test_fact_11_no_branch_fits_by_conversion() -> None:
    """A union is written as the branch that takes the value as it is, or not at all."""
    with pytest.raises(NoBranchFits):
        written(["int", "string", "null"], 1.0)
