"""Compiled writers: exactly the value, or a fault."""

from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import Any

import pytest

from penstock.schemas.codec_errors import (
    FieldMissing,
    FieldUnknown,
    NoBranchFits,
    TooManyItemsGiven,
    UnfitValue,
    WrongType,
)
from penstock.schemas.errors import PenstockError
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_ITEMS
from penstock.schemas.lint import tree_of
from penstock.schemas.record import Record
from penstock.schemas.writer import writer_of

__namespace__ = "shop"


class Letter(Enum):
    """An enum whose values are not its symbols."""

    A = 1
    B = 2


class Item(Record):
    """A nested record."""

    x: int


class Special(Item):
    """One with a field more."""

    y: int = 0


def wire(schema: Any, value: Any, **classes: type) -> bytes:
    """Return the bytes of a value."""
    fields = [{"name": "x", "type": schema}]
    avro_type = tree_of({"type": "record", "name": "R", "fields": fields}).fields[0].type
    out = bytearray()
    writer_of(avro_type, classes)(value, out)
    return bytes(out)


LONGS = {"type": "array", "items": "long"}
TEXTS = {"type": "map", "values": "string"}
LETTER = {"type": "enum", "name": "Letter", "symbols": ["A", "B"]}
ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [{"name": "x", "type": "long"}, {"name": "y", "type": "long", "default": 7}],
}
PAIR = {"type": "fixed", "name": "Pair", "size": 2}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        pytest.param(LONGS, [1, 2], b"\x04\x02\x04\x00", id="a list"),
        pytest.param(LONGS, (1,), b"\x02\x02\x00", id="a tuple"),
        pytest.param(LONGS, [], b"\x00", id="no items"),
        pytest.param(TEXTS, {"a": "b"}, b"\x02\x02a\x02b\x00", id="a map"),
        pytest.param(TEXTS, {}, b"\x00", id="no entries"),
        pytest.param(LETTER, "B", b"\x02", id="a symbol"),
        pytest.param(["null", "long"], None, b"\x00", id="null"),
        pytest.param(["null", "long"], 1, b"\x02\x02", id="not null"),
        pytest.param(["long", "null"], None, b"\x02", id="null as the second"),
        pytest.param(["long", "string", "null"], "x", b"\x02\x02x", id="the first that fits"),
        pytest.param(["string"], "x", b"\x00\x02x", id="one branch"),
        pytest.param(PAIR, b"ab", b"ab", id="fixed"),
        pytest.param(ITEM, {"x": 1, "y": 2}, b"\x02\x04", id="a dictionary"),
        pytest.param(ITEM, {"x": 1}, b"\x02\x0e", id="a default"),
    ],
)
def test_values_and_bytes(schema: Any, value: Any, expected: bytes) -> None:
    """As the specification says, in one block."""
    assert wire(schema, value) == expected


def test_objects_and_members() -> None:
    """Where the class is known, its objects are taken and nothing else."""
    item = {**ITEM, "fields": ITEM["fields"][:1]}
    assert wire(item, Item(x=1), Item=Item) == b"\x02"
    assert wire(LETTER, Letter.B, Letter=Letter) == b"\x02"
    for schema, value in ((item, {"x": 1}), (item, Special(x=1)), (LETTER, "B"), (LETTER, 2)):
        with pytest.raises(Fault) as caught:
            wire(schema, value, Item=Item, Letter=Letter)
        assert caught.value.leaf is WrongType


@pytest.mark.parametrize(
    ("schema", "value", "kind", "path"),
    [
        pytest.param(ITEM, {"y": 1}, FieldMissing, ".x", id="a missing field"),
        pytest.param(ITEM, {"x": 1, "z": 1}, FieldUnknown, ".'z'", id="B22 an unknown field"),
        pytest.param(ITEM, {"x": "1"}, WrongType, ".x", id="B21 text for a number"),
        pytest.param(ITEM, [1], WrongType, "", id="a list for a record"),
        pytest.param(LONGS, [1, 2.5], WrongType, "[1]", id="B21 a fraction in a list"),
        pytest.param(LONGS, "12", WrongType, "", id="text for a list"),
        pytest.param(LONGS, [1] * (MAX_ITEMS + 1), TooManyItemsGiven, "", id="too many items"),
        pytest.param(TEXTS, {"a": 1}, WrongType, "{0}", id="a number in a map"),
        pytest.param(TEXTS, {1: "a"}, WrongType, "{0}", id="a number as a key"),
        pytest.param(TEXTS, [], WrongType, "", id="a list for a map"),
        pytest.param(LETTER, "C", UnfitValue, "", id="no symbol"),
        pytest.param(LETTER, ["A"], WrongType, "", id="a list for a symbol"),
        pytest.param(["null", "long"], "x", WrongType, "", id="text for an optional number"),
        pytest.param(["long", "string", "null"], 1.5, NoBranchFits, "", id="no branch"),
        pytest.param(MONEY, 1.5, UnfitValue, "", id="a float for a decimal"),
    ],
)
def test_what_would_change_or_be_lost_is_a_fault(
    schema: Any, value: Any, kind: type[PenstockError], path: str
) -> None:
    """With the path to the value."""
    with pytest.raises(Fault) as caught:
        wire(schema, value)
    assert caught.value.leaf is kind
    assert "".join(reversed(caught.value.path)) == path


def test_a_branch_that_fails_leaves_nothing_behind() -> None:
    """The bytes of a branch that was tried are taken back."""
    other = {**ITEM, "name": "Other", "fields": [{"name": "x", "type": "string"}]}
    assert wire([ITEM, other], {"x": "a"}) == b"\x02\x02a"


class Nowhere(tzinfo):
    """A time zone with a defect."""

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        """Fail."""
        raise KeyError

    dst = utcoffset

    def tzname(self, _moment: datetime | None) -> str:
        """Have a name."""
        return "nowhere"


def test_a_defect_of_the_users_own_is_no_missing_field() -> None:
    """A KeyError from inside of a value goes to its author as it is."""
    moment = {"type": "long", "logicalType": "timestamp-micros"}
    schema = {"type": "record", "name": "Item", "fields": [{"name": "x", "type": moment}]}
    item = Item.model_construct(x=datetime(2026, 1, 2, tzinfo=Nowhere()))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(KeyError):
        wire(schema, item, Item=Item)


def test_an_object_without_a_field_is_a_fault() -> None:
    """`model_construct` makes such objects."""
    item = {**ITEM, "fields": ITEM["fields"][:1]}
    with pytest.raises(Fault) as caught:
        wire(item, Item.model_construct(), Item=Item)  # type: ignore[call-arg]  # on purpose
    assert caught.value.leaf is FieldMissing
    assert caught.value.path[-1] == ".x"
