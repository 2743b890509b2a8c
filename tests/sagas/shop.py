"""A shop for tests of sagas: its events and commands, and sagas over them.

`ORDER` is the saga of the documents: two steps that can be undone, the pivot, and two behind it.
The others vary one thing each.
"""

from decimal import Decimal
from typing import Annotated, Any

from penstock.events.event import Command, Event, Reply
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.sagas.scenario import SagaScenario
from penstock.schemas.decimal_digits import money
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["ORDER", "SCHEMAS", "TURNED_BACK", "begun", "definition", "order"]


class OrderPlaced(Event, topic="shop.orders", key="order_id"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]
    labels: dict[str, str] = {}  # noqa: RUF012 - a pydantic default


class OrderConfirmed(Event, topic="shop.orders", key="order_id"):
    order_id: str
    tracking: str


class OrderTurnedBack(Event, topic="shop.turned", key="order_id"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]
    step: str
    code: str
    labels: dict[str, str] = {}  # noqa: RUF012 - a pydantic default


class StockReserved(Reply, namespace="stock"):
    reservation: str


class ReserveStock(Command, topic="stock.commands", reply=StockReserved):
    order_id: str


class ReleaseStock(Command, topic="stock.commands"):
    order_id: str
    why: str = ""


class ReleaseReservation(Command, topic="stock.commands"):
    reservation: str


class CardCharged(Reply, namespace="payments"):
    charge: str


class ChargeCard(Command, topic="payments.commands", reply=CardCharged):
    order_id: str
    amount: Annotated[Decimal, money(12, 2)]


class RefundCharge(Command, topic="payments.commands"):
    order_id: str


class ShipmentCreated(Reply, namespace="shipping"):
    tracking: str


class CreateShipment(Command, topic="shipping.commands", reply=ShipmentCreated):
    order_id: str
    reservation: str


class SendMail(Command, topic="mail.commands"):
    order_id: str
    tracking: str = ""


CLASSES = (
    OrderPlaced,
    OrderConfirmed,
    OrderTurnedBack,
    ReserveStock,
    ReleaseStock,
    ReleaseReservation,
    ChargeCard,
    RefundCharge,
    CreateShipment,
    SendMail,
    StockReserved,
    CardCharged,
    ShipmentCreated,
)
SCHEMAS: dict[str, AvroSchema] = {
    schema.full_name: schema for schema in (declaration_of(each).schema for each in CLASSES)
}

HEAD = """\
saga: order
version: 1
input: shop.OrderPlaced
key: $.input.order_id
deadline: 15m
retention: 2d
steps:
"""
RESERVE = """\
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo:
      call: stock.ReleaseStock
      with: {order_id: $.input.order_id, why: $.failure.code}
      timeout: 20s
      retry: {attempts: 3, delay: 5s}
    timeout: 10s
    retry: {attempts: 3, delay: 1s, backoff: 2, max_delay: 30s}
"""
RESERVE_SKIPPING = """\
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo: {call: stock.ReleaseReservation, with: {reservation: $.steps.reserve_stock.reservation}}
    undo_unknown: skip
    timeout: 10s
    retry: {attempts: 1}
"""
CHARGE = """\
  - name: charge_card
    call: payments.ChargeCard
    with: {order_id: $.input.order_id, amount: $.input.total}
    undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}
    timeout: 30s
    retry: {attempts: 2, delay: 1s}
"""
CHARGE_FOR_GOOD = """\
  - name: charge_card
    call: payments.ChargeCard
    with: {order_id: $.input.order_id, amount: $.input.total}
    undo: none
    timeout: 30s
    retry: {attempts: 2, delay: 1s}
"""
SHIP = """\
  - name: ship
    call: shipping.CreateShipment
    with: {order_id: $.input.order_id, reservation: $.steps.reserve_stock.reservation}
    pivot: true
    timeout: 1m
    retry: {delay: 10s, backoff: 2, max_delay: 1m, give_up: 1h}
"""
MAIL = """\
  - name: mail
    call: mail.SendMail
    with: {order_id: $.input.order_id, tracking: $.steps.ship.tracking}
    timeout: 10s
    retry: {delay: 1s, give_up: 1h}
"""
MAIL_ONLY = """\
  - name: mail
    call: mail.SendMail
    with: {order_id: $.input.order_id}
    undo: none
    timeout: 10s
"""
CONFIRM = """\
  - name: confirm
    emit: shop.OrderConfirmed
    with: {order_id: $.input.order_id, tracking: $.steps.ship.tracking}
"""
ORDER = HEAD + RESERVE + CHARGE + SHIP + MAIL + CONFIRM
TURNED_BACK = """\
compensated:
  emit: shop.OrderTurnedBack
  with:
    order_id: $.input.order_id
    total: $.input.total
    step: $.failure.step
    code: $.failure.code
    labels: $.input.labels
"""


def definition(text: str = ORDER) -> Definition:
    """A saga of the shop."""
    return load(text, file="order.saga.yaml", schemas=SCHEMAS)


def order(
    text: str = ORDER, *, draw: float = 0.0, limit_bytes: int = MAX_RECORD_BYTES
) -> SagaScenario:
    """A play about an order that nobody has placed yet."""
    return SagaScenario.from_text(text, schemas=CLASSES, draw=draw, limit_bytes=limit_bytes)


def begun(
    text: str = ORDER, *, draw: float = 0.0, limit_bytes: int = MAX_RECORD_BYTES, **fields: Any
) -> SagaScenario:
    """A play about an order that was just placed."""
    values = {"order_id": "o-1", "total": Decimal("19.99"), **fields}
    return order(text, draw=draw, limit_bytes=limit_bytes).start(**values)
