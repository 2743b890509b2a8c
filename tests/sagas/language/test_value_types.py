"""Which values can be passed on: Avro's promotions, and nothing that loses a meaning."""

from dataclasses import replace

import pytest

from penstock.sagas.language.value_types import misfit, shown
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

NULL, BOOLEAN = PrimitiveType(name="null"), PrimitiveType(name="boolean")
INT, LONG = PrimitiveType(name="int"), PrimitiveType(name="long")
FLOAT, DOUBLE = PrimitiveType(name="float"), PrimitiveType(name="double")
TEXT, BYTES = PrimitiveType(name="string"), PrimitiveType(name="bytes")
DATE = PrimitiveType(name="int", logical=Logical(name="date"))
MILLIS = PrimitiveType(name="long", logical=Logical(name="timestamp-millis"))
MICROS = PrimitiveType(name="long", logical=Logical(name="timestamp-micros"))
UUID_TEXT = PrimitiveType(name="string", logical=Logical(name="uuid"))
UUID_FIXED = FixedType(full_name="shop.Id", size=16, logical=Logical(name="uuid"))
HASH = FixedType(full_name="shop.Hash", size=4)
SPEED = EnumType(full_name="shop.Speed", symbols=("SLOW", "FAST"))
ITEM = RecordType(
    full_name="shop.Item",
    fields=(FieldOfRecord(name="sku", type=TEXT), FieldOfRecord(name="count", type=INT)),
)


def decimal(precision: int, scale: int) -> PrimitiveType:
    """Return a decimal."""
    return PrimitiveType(
        name="bytes", logical=Logical(name="decimal", precision=precision, scale=scale)
    )


def union(*branches: AvroType) -> UnionType:
    """Return a union."""
    return UnionType(branches=branches)


def fields(*changed: FieldOfRecord) -> RecordType:
    """Return an item with other fields."""
    return replace(ITEM, fields=changed)


SKU, COUNT = ITEM.fields
NOTE = FieldOfRecord(name="note", type=TEXT)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (INT, INT),
        (INT, LONG),
        (INT, FLOAT),
        (INT, DOUBLE),
        (LONG, FLOAT),
        (LONG, DOUBLE),
        (FLOAT, DOUBLE),
        (TEXT, BYTES),
        (decimal(12, 2), decimal(14, 2)),
        (decimal(12, 2), decimal(12, 2)),
        (MICROS, MICROS),
        (UUID_TEXT, UUID_TEXT),
        (HASH, HASH),
        (SPEED, replace(SPEED, symbols=("FAST", "SLOW", "FASTER"))),
        (SPEED, replace(SPEED, doc="another text")),
        (ArrayType(items=INT), ArrayType(items=LONG)),
        (MapType(values=INT), MapType(values=union(NULL, LONG))),
        (ITEM, fields(COUNT, SKU)),
        (ITEM, fields(SKU, replace(COUNT, type=LONG))),
        (ITEM, fields(SKU)),
        (ITEM, fields(SKU, COUNT, replace(NOTE, default="x"))),
        (ITEM, fields(replace(SKU, name="article", aliases=("sku",)))),
        (INT, union(NULL, LONG)),
        (NULL, union(NULL, LONG)),
        (union(NULL, INT), union(LONG, NULL)),
        (INT, union(NULL, INT, TEXT)),
        (union(TEXT), TEXT),
    ],
)
def test_these_can_be_passed_on(source: AvroType, target: AvroType) -> None:
    """saga-rules S33."""
    assert misfit(source, target) is None


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (LONG, INT, "a long is no int"),
        (DOUBLE, FLOAT, "a double is no float"),
        (INT, BOOLEAN, "an int is no boolean"),
        (INT, TEXT, "an int is no string"),
        (BYTES, TEXT, "a bytes is no string"),
        (decimal(14, 2), decimal(12, 2), "precision not smaller"),
        (decimal(12, 2), decimal(12, 4), "the scale must be the same"),
        (decimal(12, 2), BYTES, "a decimal(12, 2) is no bytes"),
        (BYTES, decimal(12, 2), "a bytes is no decimal(12, 2)"),
        (INT, DATE, "an int is no date"),
        (DATE, LONG, "a date is no long"),
        (MILLIS, MICROS, "a timestamp-millis is no timestamp-micros"),
        (UUID_TEXT, TEXT, "uuid is no string"),
        (UUID_TEXT, UUID_FIXED, "one is of fixed size"),
        (HASH, BYTES, "is no bytes"),
        (HASH, replace(HASH, size=5), "of the same size"),
        (HASH, replace(HASH, full_name="other.Hash"), "is not other.Hash"),
        (SPEED, replace(SPEED, full_name="other.Speed"), "another enum than other.Speed"),
        (SPEED, replace(SPEED, symbols=("SLOW",), default="SLOW"), "does not know the symbol FAST"),
        (SPEED, TEXT, "is no string"),
        (ITEM, replace(ITEM, full_name="other.Item"), "another record than other.Item"),
        (ITEM, fields(SKU, COUNT, NOTE), "it has no field note, which shop.Item needs"),
        (ITEM, fields(SKU, replace(COUNT, type=TEXT)), "in its field count an int is no string"),
        (ITEM, MapType(values=TEXT), "is no map of string"),
        (ArrayType(items=LONG), ArrayType(items=INT), "in its items a long is no int"),
        (MapType(values=NULL), MapType(values=INT), "in its values a null is no int"),
        (ArrayType(items=ITEM), ITEM, "an array of shop.Item is no shop.Item"),
        (union(NULL, INT), INT, "a null is no int"),
        (union(NULL, TEXT), union(NULL, INT), "a string is no int"),
        (NULL, union(INT, TEXT), "of several branches none is exactly"),
        (INT, union(NULL, DATE, LONG), "of several branches none is exactly"),
        (ArrayType(items=INT), ArrayType(items=union(DATE, LONG)), "in its items of several"),
    ],
)
def test_these_cannot(source: AvroType, target: AvroType, reason: str) -> None:
    """With the reason in one phrase."""
    found = misfit(source, target)
    assert found is not None
    assert reason in found


def test_types_are_shown_as_people_say_them() -> None:
    """Null last, no unions of two."""
    assert shown(union(NULL, TEXT)) == "string or null"
    assert shown(union(TEXT, NULL)) == "string or null"
    assert shown(union(NULL, INT, TEXT)) == "union of int, string or null"
    assert shown(ArrayType(items=ITEM)) == "array of shop.Item"
