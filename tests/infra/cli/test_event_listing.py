"""Types as they are shown: names, topics, fields in Python and in Avro."""

import json
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field

from penstock.events import Command, Event, Record, Reply, Topic, money
from penstock.infra.cli.event_listing import (
    FIELD_COLUMNS,
    TYPE_COLUMNS,
    TypeView,
    python_type,
    type_row,
    workers_by_type,
)
from penstock.infra.dev.example_event import example_json
from penstock.workers import Delivery, Worker

__namespace__ = "shop"

OrderId = NewType("OrderId", str)


class Colour(StrEnum):
    RED = "red"


class Item(Record):
    sku: str


class OrderPlaced(
    Event, topic=Topic("shop.orders", partitions=12, retention=timedelta(days=1)), key="order_id"
):
    """A customer placed an order.

    It begins the saga.
    """

    order_id: Annotated[OrderId, Field(alias="orderId")]
    total: Annotated[Decimal, money(12, 2)]
    note: str | None = None
    count: int = 1
    items: list[Item] = Field(default_factory=list)


class Noted(Event, topic="shop.notes"):
    text: str


class StockReserved(Reply):
    """The items are set aside."""

    shelf: str


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    order_id: str


def view(message_type: Any, *handled_by: str) -> TypeView:
    """A view of a type."""
    return TypeView(
        message_type=message_type, handled_by=handled_by, example=example_json(message_type)
    )


def test_a_row_has_the_columns_of_the_list() -> None:
    """Keys by their names on the wire, docs by their first line."""
    rows = [type_row(each) for each in (OrderPlaced, ReserveStock, StockReserved, Noted)]
    assert all(tuple(row) == TYPE_COLUMNS for row in rows)
    assert [tuple(row.values()) for row in rows] == [
        ("shop.OrderPlaced", "event", "shop.orders", "orderId", 5, "A customer placed an order."),
        ("stock.ReserveStock", "command", "stock.commands", "order_id", 1, None),
        ("shop.StockReserved", "reply", None, None, 1, "The items are set aside."),
        ("shop.Noted", "event", "shop.notes", None, 1, None),
    ]


def test_fields_have_both_types() -> None:
    """A field whose name on the wire is another shows the attribute too."""
    rows = view(OrderPlaced).fields()
    assert all(tuple(row) == FIELD_COLUMNS for row in rows)
    assert [tuple(row.values())[:4] for row in rows] == [
        ("orderId", "OrderId (order_id)", "string", None),
        ("total", "Decimal", "decimal(12, 2)", None),
        ("note", "str | None", "union of null, string", "null"),
        ("count", "int", "long", "1"),
        ("items", "list[Item]", "array of shop.Item", "[]"),
    ]


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (str, "str"),
        (None, "None"),
        (OrderId, "OrderId"),
        (Annotated[Decimal, money(12, 2)], "Decimal"),
        (Optional[UUID], "UUID | None"),  # noqa: UP045 - both spellings are shown alike
        (tuple[Item, ...], "tuple[Item, ...]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Literal[Colour.RED], "Literal['red']"),
        (AwareDatetime, "AwareDatetime"),
        (Colour, "Colour"),
    ],
)
def test_annotations_are_shown_as_they_are_written(annotation: Any, shown: str) -> None:
    """Without modules, and without what pydantic adds."""
    assert python_type(annotation) == shown


def test_the_head_says_where_a_type_travels() -> None:
    """And who handles it; a reply has no topic, a type without a key says so."""
    head = dict(view(ReserveStock, "stock", "shelf").head())
    assert head["topic"] == "stock.commands (4 partitions, cleanup.policy delete)"
    assert head["key"] == "order_id"
    assert head["reply"] == "shop.StockReserved"
    assert head["handled by"] == "stock, shelf"
    assert dict(view(Noted).head())["key"] == "none: spread over all partitions"
    assert {"topic", "key"}.isdisjoint(dict(view(StockReserved).head()))


def test_a_document_is_json_with_everything() -> None:
    """The schema as it is registered, and an example that can be published."""
    document = json.loads(json.dumps(view(OrderPlaced, "totals").document()))
    assert document["type"] == "shop.OrderPlaced"
    assert document["partitions"] == 12
    assert document["topic_configuration"] == {
        "cleanup.policy": "delete",
        "retention.ms": "86400000",
    }
    assert document["doc"].endswith("It begins the saga.")
    assert document["headers"]["ce_type"] == "shop.OrderPlaced"
    assert document["schema"]["topic"] == "shop.orders"
    OrderPlaced.model_validate_json(json.dumps(document["example"]))
    reply = view(StockReserved).document()
    assert (reply["topic"], reply["headers"]) == (None, {})
    assert "partitions" not in reply


def test_commands_have_the_headers_of_a_saga() -> None:
    """Beside those that all have."""
    assert "penstock-idempotency-key" in view(ReserveStock).headers()
    assert "penstock-idempotency-key" not in view(Noted).headers()


def test_workers_are_found_by_what_they_handle() -> None:
    """Several may handle one event."""
    workers = [Worker("totals"), Worker("stock")]

    async def handle(event: OrderPlaced, delivery: Delivery) -> None:
        del event, delivery

    async def reserve(command: ReserveStock, delivery: Delivery) -> StockReserved:
        del command, delivery
        return StockReserved(shelf="a")

    for worker in workers:
        worker.on(OrderPlaced)(handle)
    workers[1].command(ReserveStock)(reserve)
    assert workers_by_type(workers) == {
        "shop.OrderPlaced": ["totals", "stock"],
        "stock.ReserveStock": ["stock"],
    }
