"""Types and a saga file that is right, for tests of the language to bend."""

from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime

from penstock.events.event import Command, Event, Reply
from penstock.sagas.definition import CallStep, Definition, EmitStep, Step
from penstock.sagas.language.check import Checked, check
from penstock.sagas.language.problem import render
from penstock.schemas.decimal_digits import money
from penstock.schemas.record import Record, declaration_of

__all__ = [
    "COMPENSATED",
    "FILE",
    "ORDER",
    "SCHEMAS",
    "call_of",
    "changed",
    "checked",
    "codes_of",
    "defined",
    "emit_of",
    "told",
]

__namespace__ = "shop"


class Item(Record):
    sku: str
    count: int


class Speed(Enum):
    SLOW = 1
    FAST = 2


class Address(Record):
    street: str
    city: str


class Customer(Record):
    customer_id: UUID
    name: str
    address: Address | None = None


class OrderPlaced(Event, topic="shop.orders", key="order_id"):
    order_id: str
    number: int
    customer: Customer
    items: list[Item]
    total: Annotated[Decimal, money(12, 2)]
    card: str
    note: str | None = None
    speed: Speed = Speed.SLOW
    placed_at: AwareDatetime


class StockReserved(Reply, namespace="stock"):
    shelf: str
    until: AwareDatetime


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    order_id: str
    items: list[Item]


class ReleaseStock(Command, topic="stock.commands", key="order_id"):
    order_id: str
    shelf: str | None = None
    reason: str = ""


class SweepShelf(Command, topic="stock.commands"):
    reason: str = ""


class ChargeCard(Command, topic="payments.commands", key="order_id"):
    order_id: str
    amount: Annotated[Decimal, money(14, 2)]
    card: str


class RefundCharge(Command, topic="payments.commands", key="order_id"):
    order_id: str


class ShipmentCreated(Reply, namespace="shipping"):
    tracking_no: str
    label: bytes | None = None


class CreateShipment(Command, topic="shipping.commands", key="order_id", reply=ShipmentCreated):
    order_id: str
    address: Address | None
    speed: Speed = Speed.SLOW
    tags: dict[str, str] = {}  # noqa: RUF012 - a default of a pydantic field, copied for each


class OrderConfirmed(Event, topic="shop.orders", key="order_id"):
    order_id: str
    tracking_no: str
    how: Literal["parcel", "letter"] = "parcel"


class OrderTurnedBack(Event, topic="shop.turned", key="order_id"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]
    step: str
    code: str
    note: str | None = None


class Note(Event, topic="shop.notes"):
    text: str


TYPES: tuple[type[Record], ...] = (
    OrderPlaced,
    StockReserved,
    ReserveStock,
    ReleaseStock,
    SweepShelf,
    ChargeCard,
    RefundCharge,
    ShipmentCreated,
    CreateShipment,
    OrderConfirmed,
    OrderTurnedBack,
    Note,
    Customer,
)
SCHEMAS = {declaration_of(each).full_name: declaration_of(each).schema for each in TYPES}
"""Every type by full name."""

FILE = "order.saga.yaml"
ORDER = """\
saga: order
version: 3
input: shop.OrderPlaced
key: $.input.order_id
deadline: 15m
steps:
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id, items: $.input.items}
    undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}
    timeout: 10s
    retry: {attempts: 3, delay: 1s, backoff: 2, max_delay: 30s}

  - name: charge_card
    call: payments.ChargeCard
    with: {order_id: $.input.order_id, amount: $.input.total, card: $.input.card}
    undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}
    timeout: 30s

  - name: ship
    call: shipping.CreateShipment
    with: {order_id: $.input.order_id, address: $.input.customer.address}
    pivot: true

  - name: confirm
    emit: shop.OrderConfirmed
    with: {order_id: $.input.order_id, tracking_no: $.steps.ship.tracking_no}
"""
"""The saga of the study, right in every line."""
COMPENSATED = """
compensated:
  emit: shop.OrderTurnedBack
  with:
    order_id: $.input.order_id
    total: $.input.total
    step: $.failure.step
    code: $.failure.code
    note: $.input.note
"""
"""What it may say when everything is undone; stands behind its steps."""


def changed(*replacements: tuple[str, str]) -> str:
    """Return the order saga with texts replaced; each must be there."""
    text = ORDER
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def checked(text: str) -> Checked:
    """Check a text against `SCHEMAS`."""
    return check(text, file=FILE, schemas=SCHEMAS)


def told(text: str) -> str:
    """Return all that is said about a text."""
    return render(checked(text).problems)


def codes_of(text: str) -> list[str]:
    """Return line and word of each problem, `14 unknown-field`."""
    return [f"{each.line} {each.code}" for each in checked(text).problems]


def defined(text: str) -> Definition:
    """Return the definition of a text that has no error."""
    found = checked(text)
    assert found.definition is not None, render(found.problems)
    return found.definition


def call_of(definition: Definition, name: str) -> CallStep:
    """Return a call step by name."""
    step = _step_of(definition, name)
    assert isinstance(step, CallStep)
    return step


def emit_of(definition: Definition, name: str) -> EmitStep:
    """Return an emit step by name."""
    step = _step_of(definition, name)
    assert isinstance(step, EmitStep)
    return step


def _step_of(definition: Definition, name: str) -> Step:
    (step,) = [each for each in definition.steps if each.name == name]
    return step
