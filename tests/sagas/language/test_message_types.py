"""Types are found by full name, and used for what their schemas say that they are."""

import json

from penstock.sagas.language.check import check
from penstock.schemas.schema import AvroSchema
from tests.sagas.order_language import FILE, ORDER, SCHEMAS, changed, codes_of, told


def with_attributes(name: str, **attributes: object) -> list[str]:
    """Return what is said of the order saga when a schema has other attributes."""
    document = {**SCHEMAS[name].document, **attributes}
    document = {word: value for word, value in document.items() if value is not None}
    schemas = {**SCHEMAS, name: AvroSchema.parse(json.dumps(document))}
    found = check(ORDER, file=FILE, schemas=schemas)
    return [f"{each.line} {each.code}" for each in found.problems]


def test_a_type_that_is_not_there_is_told() -> None:
    """With what was perhaps meant: input, commands, undos, events."""
    for old, new in (
        ("input: shop.OrderPlaced", "input: shop.OrderPlacd"),
        ("call: stock.ReserveStock", "call: ReserveStock"),
        ("call: stock.ReleaseStock", "call: stok.ReleaseStock"),
        ("emit: shop.OrderConfirmed", "emit: shop.orderconfirmed"),
    ):
        text = changed((old, new))
        assert [each.partition(" ")[2] for each in codes_of(text)] == ["unknown-type"]
        assert f"Did you mean '{old.partition(' ')[2]}'?" in told(text)


def test_a_reply_that_is_not_there_is_told_at_the_command() -> None:
    """Its paths cannot be checked without it."""
    schemas = {name: each for name, each in SCHEMAS.items() if "ShipmentCreated" not in name}
    found = check(ORDER, file=FILE, schemas=schemas)
    assert [f"{each.line} {each.code}" for each in found.problems] == ["21 unknown-type"]
    assert "is answered with 'shipping.ShipmentCreated'" in found.problems[0].message


def test_what_travels_on_no_topic_is_neither_called_nor_emitted() -> None:
    """Nobody would receive it."""
    called = changed(("call: payments.RefundCharge", "call: shop.Customer"))
    assert "17 no-topic" in codes_of(called)
    emitted = changed(("emit: shop.OrderConfirmed", "emit: stock.StockReserved"))
    assert "26 no-topic" in codes_of(emitted)


def test_a_command_is_not_emitted() -> None:
    """What has a reply waits for an answer."""
    text = changed(("emit: shop.OrderConfirmed", "emit: shipping.CreateShipment"))
    assert codes_of(text) == ["26 not-an-event"]


def test_a_command_and_its_undo_share_a_topic() -> None:
    """Formats F11: else the undo might overtake the command."""
    text = changed(("call: payments.RefundCharge", "call: stock.ReleaseStock"))
    assert codes_of(text) == ["17 two-topics"]
    assert "stock.ReleaseStock travels on stock.commands" in told(text)


def test_bad_attributes_are_told_with_the_schema() -> None:
    """Files may be written by hand."""
    assert with_attributes("shop.OrderPlaced", topic="no topic") == ["3 bad-schema"]
    assert with_attributes("shop.OrderConfirmed", topic=5) == ["26 bad-schema"]
    assert with_attributes("shop.OrderConfirmed", key="nothing") == ["26 bad-schema"]
    assert with_attributes("shop.OrderConfirmed", key="how") == ["26 bad-schema"]
    assert with_attributes("payments.ChargeCard", reply=5) == ["15 unknown-type"]
    assert with_attributes("shop.OrderConfirmed", key=None) == []
