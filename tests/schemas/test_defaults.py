"""Defaults: JSON and values say the same."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from penstock.schemas.defaults import json_of, value_of
from penstock.schemas.limits import MAX_DEFAULT_VALUES
from penstock.schemas.logical import Unfit
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


class State(Enum):
    """An enum of the user's."""

    OPEN = "open"


@dataclass
class Item:
    """Stands for a nested record."""

    sku: str
    price: Decimal


NULL = PrimitiveType(name="null")
LONG = PrimitiveType(name="long")
INT = PrimitiveType(name="int")
TEXT = PrimitiveType(name="string")
DOUBLE = PrimitiveType(name="double")
BYTES = PrimitiveType(name="bytes")
TRUTH = PrimitiveType(name="boolean")
MONEY = PrimitiveType(name="bytes", logical=Logical(name="decimal", precision=9, scale=2))
MOMENT = PrimitiveType(name="long", logical=Logical(name="timestamp-micros"))
PAIR = FixedType(full_name="shop.Pair", size=2)
STATE = EnumType(full_name="shop.State", symbols=("OPEN", "DONE"))
ITEM = RecordType(
    full_name="shop.Item",
    fields=(
        FieldOfRecord(name="sku", type=TEXT),
        FieldOfRecord(name="price", type=MONEY, default="\x64"),
    ),
)
CLASSES = {"shop.State": State}


@pytest.mark.parametrize(
    ("avro_type", "json", "value"),
    [
        (NULL, None, None),
        (TRUTH, True, True),
        (INT, -(2**31), -(2**31)),
        (LONG, 2**63 - 1, 2**63 - 1),
        (DOUBLE, 1.5, 1.5),
        (TEXT, "Grüße", "Grüße"),
        (BYTES, "\x00\xff", b"\x00\xff"),
        (PAIR, "\x00\xff", b"\x00\xff"),
        (MONEY, "\x07\xcf", Decimal("19.99")),
        (MOMENT, 1, datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        (STATE, "OPEN", State.OPEN),
        (ArrayType(items=LONG), [1, 2], [1, 2]),
        (MapType(values=MONEY), {"a": "\x01"}, {"a": Decimal("0.01")}),
        (UnionType(branches=(LONG, NULL)), 3, 3),
        (UnionType(branches=(NULL, LONG)), None, None),
    ],
)
def test_both_directions_agree(avro_type: AvroType, json: Any, value: Any) -> None:
    """A default read from the schema is the default that the class has."""
    assert value_of(avro_type, json, CLASSES) == value
    assert json_of(avro_type, value) == json


def test_records_are_dictionaries_to_read_and_objects_to_write() -> None:
    """The class makes its objects itself; here they are dictionaries."""
    assert json_of(ITEM, Item("a", Decimal("1.00"))) == {"sku": "a", "price": "d"}
    assert value_of(ITEM, {"sku": "a"}, {}) == {"sku": "a", "price": Decimal("1.00")}


def test_an_integer_default_of_a_double_is_a_double() -> None:
    """JSON does not tell 1 from 1.0; the type does."""
    assert isinstance(value_of(DOUBLE, 1, {}), float)


def test_without_a_class_a_symbol_is_text() -> None:
    """Whoever has only the schema gets the symbol."""
    assert value_of(STATE, "DONE", {}) == "DONE"


def test_each_value_is_new() -> None:
    """What a handler appends to stays its own."""
    listed = ArrayType(items=TEXT)
    first, second = value_of(listed, [], {}), value_of(listed, [], {})
    first.append("x")
    assert second == []


def test_a_union_is_read_by_any_branch_and_written_by_its_first() -> None:
    """Avro 1.12 reads the default of any branch, older versions only that of the first."""
    optional = UnionType(branches=(NULL, LONG))
    assert value_of(optional, 3, {}) == 3
    with pytest.raises(Unfit):
        json_of(optional, 3)


@pytest.mark.parametrize(
    ("avro_type", "json"),
    [
        (NULL, 0),
        (TRUTH, 1),
        (INT, True),
        (INT, 2**31),
        (LONG, 2**63),
        (LONG, 1.0),
        (DOUBLE, "NaN"),
        (DOUBLE, 10**400),
        (DOUBLE, False),
        (TEXT, 5),
        (BYTES, "\u0100"),
        (PAIR, "\x00"),
        (MONEY, "\x7f" * 10),
        (MOMENT, 2**62),
        (STATE, "GONE"),
        (STATE, []),
        (ArrayType(items=LONG), {}),
        (ArrayType(items=LONG), ["a"]),
        (MapType(values=LONG), []),
        (ITEM, {}),
        (ITEM, {"sku": "a", "weight": 1}),
        (ITEM, "sku"),
        (UnionType(branches=(NULL, LONG)), "a"),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(avro_type: AvroType, json: Any) -> None:
    """A reader would take it for a value of the field."""
    with pytest.raises(Unfit):
        value_of(avro_type, json, {})


@pytest.mark.parametrize(
    ("avro_type", "value"),
    [
        (DOUBLE, float("nan")),
        (DOUBLE, float("inf")),
        (LONG, "a"),
        (LONG, None),
        (STATE, "GONE"),
        (ArrayType(items=LONG), 5),
        (MapType(values=LONG), [1]),
        (ITEM, 5),
        (MONEY, Decimal("0.001")),
    ],
)
def test_what_json_cannot_say_is_refused(avro_type: AvroType, value: Any) -> None:
    """A class with such a default is refused."""
    with pytest.raises(Unfit):
        json_of(avro_type, value)


def test_a_default_stands_for_a_bounded_number_of_values() -> None:
    """A few bytes of default must not unfold into millions of values."""
    wide = RecordType(
        full_name="shop.Wide",
        fields=tuple(
            FieldOfRecord(name=f"f{number}", type=LONG, default=0) for number in range(500)
        ),
    )
    value_of(wide, {}, {})
    with pytest.raises(Unfit, match=str(MAX_DEFAULT_VALUES)):
        value_of(ArrayType(items=wide), [{}, {}, {}], {})
