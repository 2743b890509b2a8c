"""The tree: what it says about reach, names and meaning."""

import pytest

from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    Extent,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
    described,
    logical_of,
    without_logical,
)

NULL = PrimitiveType(name="null")
LONG = PrimitiveType(name="long")
MOMENT = PrimitiveType(name="long", logical=Logical(name="timestamp-micros"))
HASH = FixedType(full_name="shop.Hash", size=32)
STATE = EnumType(full_name="shop.State", symbols=("A",))
EMPTY = RecordType(full_name="shop.Empty", fields=())
ORDER = RecordType(
    full_name="shop.Order",
    fields=(
        FieldOfRecord(name="at", type=MOMENT),
        FieldOfRecord(name="note", type=UnionType(branches=(NULL, STATE))),
        FieldOfRecord(name="nothing", type=NULL),
        FieldOfRecord(name="empty", type=EMPTY),
        FieldOfRecord(name="hashes", type=ArrayType(items=HASH)),
    ),
)


def test_a_record_reaches_as_far_as_its_fields() -> None:
    """Height, types, least bytes and parts without bytes add up over the fields."""
    assert ORDER.extent == Extent(height=3, nodes=9, least_bytes=3, hollow_parts=2)


def test_an_empty_record_is_one_part_without_bytes() -> None:
    """It takes no bytes, and reading it still makes a value."""
    assert EMPTY.extent == Extent(height=1, nodes=1, least_bytes=0, hollow_parts=1)


def test_a_branch_without_bytes_is_paid_for_by_its_number() -> None:
    """Of a union only what lies below an empty branch is without bytes."""
    two_nulls = RecordType(
        full_name="shop.Two",
        fields=(FieldOfRecord(name="a", type=NULL), FieldOfRecord(name="b", type=NULL)),
    )
    assert UnionType(branches=(NULL, LONG)).extent.hollow_parts == 0
    assert UnionType(branches=(NULL, two_nulls)).extent.hollow_parts == 2


@pytest.mark.parametrize(
    ("avro_type", "name", "text"),
    [
        (LONG, "long", "long"),
        (MOMENT, "long", "timestamp-micros"),
        (HASH, "Hash", "shop.Hash"),
        (STATE, "State", "shop.State"),
        (ORDER, "Order", "shop.Order"),
        (ArrayType(items=LONG), "array", "array of long"),
        (MapType(values=HASH), "map", "map of shop.Hash"),
        (UnionType(branches=(NULL, LONG)), "union", "union of null, long"),
        (
            PrimitiveType(name="bytes", logical=Logical(name="decimal", precision=12, scale=2)),
            "bytes",
            "decimal(12, 2)",
        ),
    ],
)
def test_names_for_matching_and_for_people(avro_type: AvroType, name: str, text: str) -> None:
    """Named types match without their namespace and are shown with it."""
    assert base_name(avro_type) == name
    assert described(avro_type) == text


def test_long_unions_are_shown_in_part() -> None:
    """A message stays one line, however many branches somebody's union has."""
    hashes = tuple(FixedType(full_name=f"shop.H{size}", size=size) for size in range(1, 1000))
    assert described(UnionType(branches=hashes)).endswith("shop.H5, ...")


def test_without_logical_keeps_the_bytes() -> None:
    """The same bytes, without meaning, at every depth."""
    wrapped = MapType(values=ArrayType(items=UnionType(branches=(NULL, ORDER))))
    bare = without_logical(wrapped)
    assert bare.extent == wrapped.extent
    assert isinstance(bare, MapType)
    assert isinstance(bare.values, ArrayType)
    assert isinstance(bare.values.items, UnionType)
    inner = bare.values.items.branches[1]
    assert isinstance(inner, RecordType)
    assert logical_of(inner.fields[0].type) is None
    assert without_logical(STATE) is STATE


def test_a_description_is_short_however_deep_the_type_is() -> None:
    """Five branches in five branches, and so on, would be a page of names in each message."""
    deep: AvroType = LONG
    for _ in range(10):
        deep = UnionType(branches=(ArrayType(items=deep), MapType(values=deep)))
    text = "union of array of union of array, map, map of union of array, map"
    assert described(deep) == text
