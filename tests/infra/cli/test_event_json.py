"""JSON becomes an event exactly as written, or all that is wrong with it is told."""

import json
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime

from penstock.events.event import Event
from penstock.infra.cli.event_json import BadEvent, EventLines, event_from
from penstock.schemas.decimal_digits import money
from penstock.schemas.record import Record


class Colour(Enum):
    """What it is painted with."""

    RED = "RED"


class Item(Record, namespace="shop"):
    """One position."""

    sku: str
    price: Annotated[Decimal, money(30, 4)]


class Order(Event, topic="shop.orders", key="order_id"):
    """One of each kind of field."""

    order_id: UUID
    placed: AwareDatetime
    items: tuple[Item, ...] = ()
    weight: float = 0.0
    colour: Colour = Colour.RED
    note: str | None = None


ID = "6f1e0b2c-7c0d-4e55-9bc5-8a4d3e0f1a11"
FIELDS: dict[str, Any] = {"order_id": ID, "placed": "2026-01-01T00:00:00Z"}


def event(text: str) -> Order:
    """Return the event of a text."""
    found = event_from(text, Order, place="The argument")
    assert isinstance(found, Order)
    return found


def with_price(written: str) -> str:
    """Return an order with this price, as it is written."""
    order = json.dumps({**FIELDS, "items": [{"sku": "a", "price": 0}]})
    return order.replace('"price": 0', f'"price": {written}')


def told(text: str) -> str:
    """Return what is said about a text that is no event."""
    with pytest.raises(BadEvent) as caught:
        event(text)
    assert caught.value.exit_code == 7
    return str(caught.value)


def test_strings_stand_for_what_json_does_not_have() -> None:
    """Ids, times, amounts and words of an enum."""
    found = event(
        json.dumps({**FIELDS, "colour": "RED", "items": [{"sku": "a", "price": "19.99"}]})
    )
    assert found.order_id == UUID(ID)
    assert found.placed.year == 2026
    assert found.items[0].price == Decimal("19.99")
    assert found.colour is Colour.RED


@given(amount=st.decimals(min_value=0, max_value=10**10, places=4, allow_nan=False))
def test_amounts_may_be_numbers_and_are_taken_as_written(amount: Decimal) -> None:
    """19.99 is 19.99, never the nearest binary fraction."""
    assert event(with_price(str(amount))).items[0].price == amount


@given(digits=st.integers(10**15, 10**25), scale=st.integers(0, 4))
def test_a_long_number_is_exact_or_refused(digits: int, scale: int) -> None:
    """JSON's readers keep 15 digits; what they would round is never published."""
    written = format(Decimal(digits).scaleb(-scale), "f")
    try:
        found = event(with_price(written))
    except BadEvent as bad:
        assert "write it as a string" in str(bad)  # noqa: PT017 - either is right, a third is not
    else:
        assert found.items[0].price == Decimal(written)


@pytest.mark.parametrize(
    "written", ["123456789012345678.99", "12345678901234567.5e2", "25090202460258.062"]
)
def test_a_number_that_would_be_rounded_says_what_to_write(written: str) -> None:
    """As a string it has all its digits. Python and pydantic print the last double differently."""
    text = told(with_price(written))
    assert "write it as a string" in text
    assert written[:8] not in text


def test_a_long_string_is_exact() -> None:
    """All digits that the field has room for."""
    amount = "12345678901234567890123456.7891"
    assert event(with_price(f'"{amount}"')).items[0].price == Decimal(amount)


def test_fractions_of_float_fields_may_be_long() -> None:
    """A double is what such a field holds, so rounding to one is no loss."""
    found = event(json.dumps(FIELDS)[:-1] + ', "weight": 0.1000000000000000055511151231257827}')
    assert found.weight == 0.1


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"order_id": "no id"}, "order_id: "),
        ({"placed": "2026-01-01T00:00:00"}, "placed: input should have timezone info"),
        ({"placed": 3}, "placed: "),
        ({"colour": "BLUE"}, "colour: input should be 'RED'"),
        ({"weight": "1"}, "weight: input should be a valid number"),
        ({"items": [{"sku": "a", "price": 1}, {"sku": 3, "price": 1}]}, "items[1].sku: "),
        ({"items": [{"sku": "a", "price": "1.23456"}]}, "items[0].price: has more than 4 digits"),
        ({"new\nfield": 1}, r"new\nfield: extra inputs are not permitted"),
    ],
)
def test_a_wrong_field_is_told_by_its_path_and_rule(change: dict[str, Any], part: str) -> None:
    """Never by its value."""
    assert part in told(json.dumps({**FIELDS, **change}))


def test_all_wrong_fields_are_told_at_once() -> None:
    """Missing, wrong and unknown ones."""
    text = told('{"placed": "s3cret", "x": "s3cret", "items": [{}]}')
    assert text.count(": ") == 5
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "text", ["", "x", "{", "3", "[]", "null", '{"a": 1}}', "[" * 5000, '{"order_id": NaN}']
)
def test_what_is_no_object_is_refused(text: str) -> None:
    """Whatever it is."""
    assert "PEN-I14" in told(text)


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    """It ends in an event or in one kind of error, in one line."""
    assert len(told(text).splitlines()) == 1


# --- lines -----------------------------------------------------------------------------------


def lines() -> EventLines:
    """Return a reader."""
    return EventLines(Order, place="orders.jsonl")


GOOD = json.dumps(FIELDS).encode()


def test_each_line_is_an_event() -> None:
    """Blank lines, a byte order mark, Windows line ends and a missing last one do no harm."""
    content = [b"\xef\xbb\xbf" + GOOD + b"\r\n", b"\r\n", b"   \n", GOOD + b"\n", GOOD]
    assert len(list(lines().events(content))) == 3
    assert lines().count(content) == 3
    assert lines().count([]) == 0


def test_counting_tells_what_is_wrong_with_all_lines() -> None:
    """By number, from 1, blank ones counted."""
    with pytest.raises(BadEvent) as caught:
        lines().count([GOOD, b"\n", b"{}", GOOD, b"\xff", b"x"])
    numbers = [problem.split(":")[0] for problem in caught.value.problems]
    assert numbers == ["Line 3", "Line 3", "Line 5", "Line 6"]
    assert "orders.jsonl is no shop.Order" in str(caught.value)


def test_reading_ends_at_the_first_bad_line() -> None:
    """What stands before it has been taken."""
    reading = lines().events([GOOD, b"\n", GOOD, b"{", GOOD])
    assert [next(reading), next(reading)] == [event(GOOD.decode())] * 2
    with pytest.raises(BadEvent, match="Line 4: "):
        next(reading)


def test_a_file_full_of_mistakes_is_not_told_to_its_end() -> None:
    """Twenty sentences, and that there are more."""
    with pytest.raises(BadEvent) as caught:
        lines().count([b"{}"] * 1_000_000)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "And more."
