"""Compiled readers: one walk that checks, resolves and makes values."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

from penstock.schemas.codec_errors import (
    IllegalBlock,
    IllegalValue,
    IndexOutOfRange,
    IntegerTooWide,
    TooManyItems,
    Truncated,
    Unresolvable,
)
from penstock.schemas.errors import PenstockError
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_ITEMS
from penstock.schemas.lint import tree_of
from penstock.schemas.reader import reader_of
from penstock.schemas.type_tree import (
    AvroType,
    EnumType,
    FieldOfRecord,
    PrimitiveType,
    RecordType,
    UnionType,
)


def type_of(schema: Any) -> AvroType:
    """Return the tree of a schema of any type."""
    fields = [{"name": "x", "type": schema}]
    return tree_of({"type": "record", "name": "R", "fields": fields}).fields[0].type


def read(writer: Any, data: bytes, reader: Any = None, **classes: type) -> Any:
    """Read all of the bytes."""
    ours = type_of(writer if reader is None else reader)
    value, end = reader_of(type_of(writer), ours, classes)(data, 0)
    assert end == len(data)
    return value


def fault(writer: Any, data: bytes, reader: Any = None) -> Fault:
    """Return the fault that reading meets."""
    with pytest.raises(Fault) as caught:
        read(writer, data, reader)
    return caught.value


def record(*fields: tuple[str, Any], name: str = "Item", **parts: Any) -> dict[str, Any]:
    """Return a record schema."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field, "type": schema} for field, schema in fields],
        **parts,
    }


def enum(*symbols: str, **parts: Any) -> dict[str, Any]:
    """Return an enum schema."""
    return {"type": "enum", "name": "E", "symbols": list(symbols), **parts}


LONGS = {"type": "array", "items": "long"}
TEXTS = {"type": "map", "values": "string"}
MOMENT = {"type": "long", "logicalType": "timestamp-micros"}
DAY = {"type": "int", "logicalType": "date"}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    """Return a decimal schema."""
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


# The bytes of nested values


def test_nested_values() -> None:
    """Records, arrays in several blocks, maps, unions and enums."""
    schema = record(
        ("ids", LONGS), ("names", TEXTS), ("note", ["null", "string"]), ("e", enum("A", "B"))
    )
    data = b"\x04\x02\x04\x02\x06\x00" + b"\x02\x02a\x02b\x00" + b"\x02\x02c" + b"\x02"
    assert read(schema, data) == {"ids": [1, 2, 3], "names": {"a": "b"}, "note": "c", "e": "B"}


def test_blocks_with_sizes() -> None:
    """A negative count is followed by the size of the block in bytes."""
    assert read(LONGS, b"\x03\x04\x02\x04\x02\x06\x00") == [1, 2, 3]
    assert read(TEXTS, b"\x01\x08\x02a\x02b\x00") == {"a": "b"}


MINUS_2_63 = b"\xff" * 9 + b"\x01"

BROKEN: list[tuple[str, Any, bytes, type[PenstockError]]] = [
    ("B2 a branch too many", ["null", "long"], b"\x04", IndexOutOfRange),
    ("B3 a negative branch", ["null", "long"], b"\x01", IndexOutOfRange),
    ("B4 a negative symbol", enum("A", "B"), b"\x01", IndexOutOfRange),
    ("B4 a symbol too many", enum("A", "B"), b"\x04", IndexOutOfRange),
    ("B7 a long in an int", "int", b"\x80\x80\x80\x80\x10", IntegerTooWide),
    ("B10 more items than bytes", LONGS, b"\x80\x80\x80\x80\x10\x02", IllegalBlock),
    ("B10 more entries than bytes", TEXTS, b"\x04\x00\x00", IllegalBlock),
    ("B10 minus 2^63 items", LONGS, MINUS_2_63 + b"\x00\x00", IllegalBlock),
    ("B10 minus 2^63 entries", TEXTS, MINUS_2_63 + b"\x00\x00", IllegalBlock),
    ("a negative block size", LONGS, b"\x01\x01\x02\x00", IllegalBlock),
    ("a block size beyond the end", LONGS, b"\x01\x80\x01\x02\x00", IllegalBlock),
    ("a block size of other items", LONGS, b"\x01\x04\x02\x02\x00", IllegalBlock),
    ("B1 no end of the array", LONGS, b"\x02\x02", Truncated),
    ("B13 the year 10000", MOMENT, b"\xfe" + b"\xff" * 8 + b"\x01", IllegalValue),
    ("B12 100 KB of decimal", decimal(9, 2), b"\x80\x9a\x0c" + b"\x7f" * 99_968, IllegalValue),
    ("B14 no UUID", {"type": "string", "logicalType": "uuid"}, b"\x02x", IllegalValue),
]


@pytest.mark.parametrize(
    ("schema", "data", "kind"), [pytest.param(*rest, id=name) for name, *rest in BROKEN]
)
def test_broken_bytes_are_a_fault(schema: Any, data: bytes, kind: type[PenstockError]) -> None:
    """Whatever the bytes claim."""
    assert fault(schema, data).leaf is kind


@pytest.mark.parametrize(
    ("schema", "data", "kind"), [pytest.param(*rest, id=name) for name, *rest in BROKEN[:-3]]
)
def test_what_is_skipped_is_checked_too(
    schema: Any, data: bytes, kind: type[PenstockError]
) -> None:
    """A field that the reader does not know is walked like any other."""
    met = fault(record(("gone", schema)), data, record())
    assert met.leaf is kind
    assert met.path[-1] == ".gone"


def test_the_meaning_of_what_is_skipped_does_not_matter() -> None:
    """A writer's bad UUID in a field that nobody reads is nobody's trouble."""
    schema = record(("gone", {"type": "string", "logicalType": "uuid"}))
    assert read(schema, b"\x02x", record()) == {}


def test_items_are_limited_over_all_blocks() -> None:
    """B10: many small blocks are one large array."""
    half = MAX_ITEMS // 2
    block = _long(half) + b"\x02" * half
    assert len(read(LONGS, block * 2 + b"\x00")) == MAX_ITEMS
    assert fault(LONGS, block * 2 + b"\x02\x02\x00").leaf is TooManyItems
    entry = _long(half) + b"\x00\x00" * half
    assert fault(TEXTS, entry * 2 + b"\x02\x00\x00\x00").leaf is TooManyItems


def _long(number: int) -> bytes:
    out = bytearray()
    number <<= 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def test_the_path_leads_to_the_value() -> None:
    """Names of fields, numbers of items, never keys of maps."""
    schema = record(("items", {"type": "array", "items": record(("by", TEXTS), name="Inner")}))
    met = fault(schema, b"\x04\x00\x04\x02a\x02b\x02c\x08x")
    assert "".join(reversed(met.path)) == ".items[1].by{1}"
    assert met.facts["offset"] == 9


def test_containers_are_never_shared() -> None:
    """Avro-facts 2: what one handler appends to is nobody else's."""
    schema = record()
    reader = record(("tags", LONGS), ("names", TEXTS))
    for field, default in zip(reader["fields"], ([1], {"a": "b"}), strict=True):
        field["default"] = default
    compiled = reader_of(type_of(schema), type_of(reader), {})
    first, _ = compiled(b"", 0)
    first["tags"].append(2)
    first["names"]["c"] = "d"
    assert compiled(b"", 0)[0] == {"tags": [1], "names": {"a": "b"}}


# Resolution


@pytest.mark.parametrize(
    ("writer", "data", "reader", "value"),
    [
        pytest.param("int", b"\x02", "long", 1, id="int to long"),
        pytest.param("int", b"\x02", "float", 1.0, id="int to float"),
        pytest.param("long", b"\x02", "double", 1.0, id="long to double"),
        pytest.param("float", b"\x00\x00\xc0\x3f", "double", 1.5, id="float to double"),
        pytest.param("string", b"\x04\xc3\xbc", "bytes", b"\xc3\xbc", id="string to bytes"),
        pytest.param("bytes", b"\x04\xc3\xbc", "string", "ü", id="bytes to string"),
        pytest.param("long", b"\x02", ["null", "double"], 1.0, id="into a union"),
        pytest.param("int", b"\x02", ["double", "int"], 1.0, id="the first branch that fits"),
        pytest.param(["null", "int"], b"\x02\x02", "long", 1, id="out of a union"),
        pytest.param(["null", "int"], b"\x00", ["string", "null"], None, id="union to union"),
        pytest.param(
            LONGS,
            b"\x02\x02\x00",
            {"type": "array", "items": ["null", "double"]},
            [1.0],
            id="items",
        ),
        pytest.param(
            {"type": "map", "values": "int"},
            b"\x02\x02a\x02\x00",
            {"type": "map", "values": "long"},
            {"a": 1},
            id="values",
        ),
        pytest.param(enum("A", "B"), b"\x02", enum("B", "A"), "B", id="symbols by name"),
        pytest.param(
            enum("A", "NEW"), b"\x02", enum("A", default="A"), "A", id="a symbol by default"
        ),
        pytest.param(
            record(("a", "int"), ("b", "string")),
            b"\x02\x02x",
            record(("b", "string"), ("a", "long")),
            {"a": 1, "b": "x"},
            id="fields by name",
        ),
        pytest.param(
            record(("a", "int"), ("b", "string")),
            b"\x02\x02x",
            record(("b", "string")),
            {"b": "x"},
            id="a field dropped",
        ),
        pytest.param(
            record(("a", "int"), name="far.away.Item"),
            b"\x02",
            record(("a", "int"), name="near.Item"),
            {"a": 1},
            id="records match without namespace",
        ),
        pytest.param(
            record(("a", "int"), name="Old"),
            b"\x02",
            record(("a", "int"), name="New", aliases=["Old"]),
            {"a": 1},
            id="a record by alias",
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 2},
            b"ab",
            {"type": "fixed", "name": "F", "size": 2},
            b"ab",
            id="fixed",
        ),
    ],
)
def test_resolution(writer: Any, data: bytes, reader: Any, value: Any) -> None:
    """What the specification says can be read, is."""
    found = read(writer, data, reader)
    assert found == value
    assert type(found) is type(value)


def test_fields_by_alias() -> None:
    """A renamed field is found under its old name; the new name comes first."""
    reader = record(("new", "int"))
    reader["fields"][0]["aliases"] = ["older", "old"]
    assert read(record(("old", "int")), b"\x02", reader) == {"new": 1}
    assert read(record(("old", "int"), ("new", "int")), b"\x02\x04", reader) == {"new": 2}


@pytest.mark.parametrize(
    ("writer", "data", "reader"),
    [
        pytest.param("string", b"\x02x", "int", id="B17 another type"),
        pytest.param("long", b"\x02", "int", id="B17 a narrower type"),
        pytest.param(["null", "int"], b"\x00", "int", id="B17 null where none is expected"),
        pytest.param("string", b"\x02x", ["null", "int"], id="B17 no branch"),
        pytest.param(enum("A", "B"), b"\x02", enum("A"), id="B17 a missing symbol"),
        pytest.param(record(name="A"), b"", record(name="B"), id="B17 a renamed record"),
        pytest.param(record(), b"", record(("a", "int")), id="B17 a field without default"),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 2},
            b"ab",
            {"type": "fixed", "name": "F", "size": 3},
            id="B17 another size",
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 2}, b"ab", "bytes", id="B17 fixed to bytes"
        ),
        pytest.param(LONGS, b"\x00", TEXTS, id="B17 array to map"),
        pytest.param(LONGS, b"\x02\x02\x00", {"type": "array", "items": "string"}, id="B17 items"),
        pytest.param(decimal(9, 2), b"\x02\x01", decimal(9, 4), id="another scale"),
        pytest.param(MOMENT, b"\x02", {**MOMENT, "logicalType": "timestamp-millis"}, id="units"),
        pytest.param(DAY, b"\x02", MOMENT, id="a date is no timestamp"),
        pytest.param(decimal(9, 2), b"\x02A", "string", id="a decimal is no text"),
    ],
)
def test_what_cannot_be_resolved(writer: Any, data: bytes, reader: Any) -> None:
    """It is said when such a value comes, with both types."""
    met = fault(writer, data, reader)
    assert met.leaf is Unresolvable
    assert met.facts["writer"]
    assert met.facts["reader"]
    assert met.facts["problem"]


def test_what_does_not_come_does_not_matter() -> None:
    """An empty array of another type and a symbol that is not used can be read."""
    assert read(LONGS, b"\x00", {"type": "array", "items": "string"}) == []
    assert read(enum("A", "NEW"), b"\x00", enum("A")) == "A"
    assert read(["null", "string"], b"\x00", ["null", "int"]) is None


def test_the_missing_field_is_named() -> None:
    """B17: the path ends at the field that the writer did not write."""
    met = fault(record(("a", "int")), b"\x02", record(("a", "int"), ("b", "string")))
    assert met.path[-1] == ".b"


@pytest.mark.parametrize(
    ("writer", "data", "reader", "shown"),
    [
        pytest.param("long", b"\x02", MOMENT, "1970-01-01 00:00:00.000001+00:00", id="gained"),
        pytest.param(MOMENT, b"\x02", "long", "1", id="lost"),
        pytest.param("int", b"\x02", DAY, "1970-01-02", id="a date"),
        pytest.param("int", b"\x02", MOMENT, "1970-01-01 00:00:00.000001+00:00", id="promoted"),
        pytest.param(decimal(9, 2), b"\x02\x64", decimal(4, 2), "1.00", id="narrower"),
        pytest.param(decimal(9, 2), b"\x02\x64", "bytes", "b'd'", id="plain"),
    ],
)
def test_the_readers_meaning_decides(writer: Any, data: bytes, reader: Any, shown: str) -> None:
    """Avro-facts 3: not the writer's."""
    assert str(read(writer, data, reader)) == shown


@pytest.mark.parametrize(
    ("schema", "default", "shown"),
    [
        ("bytes", "\x00\xff", "b'\\x00\\xff'"),
        (decimal(9, 2), "\x64", "1.00"),
        (DAY, 1, "1970-01-02"),
        ("double", 1, "1.0"),
        (record(("a", "int"), ("b", "int")), {"a": 1, "b": 2}, "{'a': 1, 'b': 2}"),
    ],
)
def test_defaults_are_values(schema: Any, default: Any, shown: str) -> None:
    """Avro-facts 1: not the raw JSON of the schema."""
    reader = record(("x", schema), name="Outer")
    reader["fields"][0]["default"] = default
    assert str(read(record(name="Outer"), b"", reader)["x"]) == shown


def test_symbols_become_members_where_the_class_is_known() -> None:
    """The class is found by the reader's name."""

    class Letter(Enum):
        A = 1
        B = 2

    assert read(enum("B", "A"), b"\x02", enum("A", "B"), E=Letter) is Letter.A
    assert read(enum("NEW"), b"\x00", enum("A", "B", default="B"), E=Letter) is Letter.B


class Looked(tuple[Any, ...]):  # noqa: SLOT001 - a tuple has no slots beside its items
    """Counts how often one of its items is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        """Give the items, and count them."""
        for item in super().__iter__():
            self.looks += 1
            yield item

    def __contains__(self, wanted: object) -> bool:
        """Search, and count that."""
        self.looks += len(self)
        return super().__contains__(wanted)


class Name(str):
    """Counts how often a name is looked up."""

    __slots__ = ()
    looks = 0

    def __hash__(self) -> int:
        """Count, then do as text does."""
        Name.looks += 1
        return super().__hash__()


def test_the_branches_of_a_union_are_not_searched_for_each_of_the_writers() -> None:
    """A writer's schema may come from anywhere; compiling it looks at each branch a few times."""
    count = 500
    theirs = [RecordType(full_name=f"T{number}", fields=()) for number in range(count)]
    branches = Looked(reversed(theirs))
    reader = UnionType(branches=branches)
    branches.looks = 0
    read_branch = reader_of(UnionType(branches=tuple(theirs)), reader, {})
    assert branches.looks <= 3 * count
    assert read_branch(b"\x02", 0) == ({}, 1)


def test_the_symbols_of_an_enum_are_not_searched_for_each_of_the_writers() -> None:
    """The same of symbols."""
    symbols = [f"S{number}" for number in range(500)]
    known = Looked(reversed(symbols))
    ours = EnumType(full_name="E", symbols=known)
    read_symbol = reader_of(EnumType(full_name="E", symbols=tuple(symbols)), ours, {})
    assert known.looks <= 3 * len(symbols)
    assert read_symbol(b"\x02", 0) == ("S1", 1)


def test_fields_are_not_gone_through_for_each_alias() -> None:
    """The same of fields that have changed their names."""
    count, text = 500, PrimitiveType(name="string")
    theirs = [FieldOfRecord(name=Name(f"old{number}"), type=text) for number in range(count)]
    ours = [
        FieldOfRecord(name=f"new{number}", type=text, aliases=(Name(f"old{number}"),))
        for number in range(count)
    ]
    writer = RecordType(full_name="R", fields=tuple(theirs))
    Name.looks = 0
    reader_of(writer, RecordType(full_name="R", fields=tuple(ours)), {})
    assert Name.looks <= 10 * count
