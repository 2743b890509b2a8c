"""JSON becomes a record by its schema alone, exactly as written, or all that is wrong is told."""

import base64
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cli.datum_json import BadData, framed_from
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.schema import AvroSchema


def logical(base: str, name: str, **more: int) -> dict[str, Any]:
    """A type with a meaning."""
    return {"type": base, "logicalType": name, **more}


FIELDS: dict[str, Any] = {
    "id": logical("string", "uuid"),
    "total": logical("bytes", "decimal", precision=30, scale=2),
    "placed": logical("long", "timestamp-micros"),
    "seen": logical("long", "timestamp-millis"),
    "day": logical("int", "date"),
    "at": logical("long", "time-micros"),
    "local": logical("long", "local-timestamp-micros"),
    "count": "int",
    "big": "long",
    "weight": "double",
    "fine": "boolean",
    "note": ["null", "string"],
    "photo": "bytes",
    "mark": {"type": "fixed", "name": "Mark", "size": 2},
    "colour": {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]},
    "items": {
        "type": "array",
        "items": {
            "type": "record",
            "name": "Item",
            "fields": [{"name": "sku", "type": "string"}, {"name": "count", "type": "int"}],
        },
    },
    "labels": {"type": "map", "values": "string"},
    "either": ["int", "string", "shop.Item"],
}
SCHEMA = AvroSchema.parse(
    json.dumps(
        {
            "type": "record",
            "name": "Order",
            "namespace": "shop",
            "fields": [
                *({"name": name, "type": kind} for name, kind in FIELDS.items()),
                {"name": "more", "type": "string", "default": "none"},
            ],
        }
    )
)
ID = "6f1e0b2c-7c0d-4e55-9bc5-8a4d3e0f1a11"
GOOD: dict[str, Any] = {
    "id": ID,
    "total": "19.99",
    "placed": "2026-01-31T09:30:00.123456+01:00",
    "seen": "2026-01-31T09:30:00Z",
    "day": "2026-01-31",
    "at": "09:30:00.25",
    "local": "2026-01-31T09:30:00",
    "count": 3,
    "big": 2**62,
    "weight": 1.5,
    "fine": True,
    "note": None,
    "photo": "AP8=",
    "mark": "_-8=",
    "colour": "RED",
    "items": [{"sku": "a", "count": 1}],
    "labels": {"a": "b"},
    "either": {"sku": "c", "count": 2},
}

decode = datum_decoder_of(SCHEMA)


def read(**changes: Any) -> dict[str, Any]:
    """Make a record of the good JSON with changes, and read it back."""
    return decode(framed_from(json.dumps({**GOOD, **changes}), SCHEMA, place="The JSON"))


def told(text: str) -> str:
    """What is said about a text that is no such record."""
    with pytest.raises(BadData) as caught:
        framed_from(text, SCHEMA, place="The JSON")
    assert caught.value.exit_code == 7
    return str(caught.value)


def told_of(**changes: Any) -> str:
    """The same about the good JSON with changes."""
    return told(json.dumps({**GOOD, **changes}))


def test_every_type_is_written_as_json_can() -> None:
    """Strings stand for what JSON does not have; a default may be left out."""
    assert read() == {
        "id": UUID(ID),
        "total": Decimal("19.99"),
        "placed": datetime(2026, 1, 31, 8, 30, 0, 123456, tzinfo=UTC),
        "seen": datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        "day": date(2026, 1, 31),
        "at": time(9, 30, 0, 250_000),
        "local": datetime(2026, 1, 31, 9, 30),  # noqa: DTZ001 - a local one has no zone
        "count": 3,
        "big": 2**62,
        "weight": 1.5,
        "fine": True,
        "note": None,
        "photo": b"\x00\xff",
        "mark": b"\xff\xef",
        "colour": "RED",
        "items": [{"sku": "a", "count": 1}],
        "labels": {"a": "b"},
        "either": {"sku": "c", "count": 2},
        "more": "none",
    }


@given(amount=st.decimals(min_value=-(10**20), max_value=10**20, places=2, allow_nan=False))
def test_an_amount_is_taken_as_written(amount: Decimal) -> None:
    """As a string, and as a number: no double comes in between."""
    assert read(total=str(amount))["total"] == amount
    text = json.dumps(GOOD).replace('"19.99"', f"{amount:f}")
    assert decode(framed_from(text, SCHEMA, place="The JSON"))["total"] == amount


@given(number=st.integers(-(2**63), 2**63 - 1), weight=st.floats(allow_nan=False, width=64))
def test_numbers_are_exact(number: int, weight: float) -> None:
    """Longs beyond 2^53, and doubles as Python writes them."""
    if abs(weight) == float("inf"):
        weight = 0.0
    found = read(big=number, weight=weight)
    assert (found["big"], found["weight"]) == (number, weight)


@given(photo=st.binary(max_size=40))
def test_bytes_are_base64_of_either_alphabet(photo: bytes) -> None:
    """Standard and URL-safe."""
    assert read(photo=base64.b64encode(photo).decode())["photo"] == photo
    assert read(photo=base64.urlsafe_b64encode(photo).decode())["photo"] == photo


def test_a_union_takes_the_first_branch_that_fits() -> None:
    """By the value alone; no branch is named."""
    assert read(either=3)["either"] == 3
    assert read(either="3")["either"] == "3"
    assert read(note="hello")["note"] == "hello"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "x"}, "id: it is no UUID"),
        ({"total": "19.999"}, "total: it has more than 2 digits after the point"),
        ({"total": "1e999999"}, "total: it has more than 28 digits before the point"),
        ({"total": True}, "total: here stands true or false"),
        ({"total": "NaN"}, "total: it is not finite"),
        ({"placed": "2026-01-31T09:30:00"}, "placed: it is a datetime without a time zone"),
        ({"placed": "2026-01-31T09:30:00.1234567Z"}, "placed: it is finer than a microsecond"),
        ({"seen": "2026-01-31T09:30:00.0001Z"}, "seen: it is finer than a millisecond"),
        ({"placed": "yesterday"}, "placed: here stands text, not timestamp-micros as text"),
        ({"placed": 1}, "placed: here stands a number"),
        ({"local": "2026-01-31T09:30:00Z"}, "local: it has a time zone"),
        ({"count": 2**31}, "count: it does not fit into 32 bits"),
        ({"count": 1.0}, "count: here stands a number, not int"),
        ({"count": True}, "count: here stands true or false, not int"),
        ({"fine": 1}, "fine: here stands a number, not boolean"),
        ({"photo": "a"}, "photo: it is no base64"),
        ({"photo": "\u00e4\u00f6=="}, "photo: it is no base64"),
        ({"mark": "AA=="}, "mark: it has 1 bytes, not 2"),
        ({"colour": "red"}, "colour: shop.Colour has no such symbol; did you mean RED?"),
        ({"items": {}}, "items: here stands an object, not array of shop.Item"),
        ({"items": [{"sku": "a"}]}, "items[0].count: it is missing"),
        ({"items": [{"sku": "a", "count": 1, "skuu": 1}]}, "items[0].skuu: shop.Item has no such"),
        ({"labels": {"a": 1}}, "labels{a}: here stands a number, not string"),
        ({"either": 1.5}, "either: here stands a number, not union of int, string, shop.Item"),
        ({"note": 1}, "note: here stands a number, not string"),
        ({"note": "\ud800"}, "note: it holds half a character"),
        ({"counts": 1}, "counts: shop.Order has no such field; did you mean count?"),
    ],
)
def test_what_does_not_fit_is_told_by_field_and_rule(changes: Any, words: str) -> None:
    """One sentence for each problem."""
    assert words in told_of(**changes)


def test_all_problems_are_told_at_once() -> None:
    """Whoever mends one at a time gives up; beyond twenty they are only counted."""
    said = told_of(count="x", colour="BLUE", id=1)
    assert said.startswith("PEN-I58 The JSON is no shop.Order. id: ")
    assert all(word in said for word in ("count: ", "colour: ", "id: "))
    many = told_of(items=[{"sku": 1, "count": 1}] * 40)
    assert "items[19].sku" in many
    assert "items[20].sku" not in many
    assert "And more." in many


def test_values_are_not_repeated() -> None:
    """They may be what nobody should see on a terminal."""
    assert "s3cret" not in told_of(
        id="s3cret", count="s3cret", colour="s3cret-word", total="s3cret"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is no JSON: "),
        ("[]", "here stands a list, not shop.Order"),
        ("null", "here stands null"),
        ('{"id": 1, "id": 2}', "id stands twice"),
        ('{"weight": NaN}', "a number that no type takes"),
        ('{"weight": Infinity}', "a number that no type takes"),
        (f'{{"big": {"9" * 5_000}}}', "a number that no type takes"),
        (f'{{"total": 1.{"9" * 5_000}}}', "a number that no type takes"),
        ("[" * 100_000, "nested too deep"),
        ('{"weight": 1e400}', "weight: it is beyond the range"),
    ],
)
def test_what_is_no_object_of_json_is_refused(text: str, words: str) -> None:
    """Bad JSON, and JSON that only some readers take."""
    assert words in told(text)
