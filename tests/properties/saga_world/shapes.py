"""Sagas of two steps: one for each thing that a definition can say about undoing and its end."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from tests.properties.saga_world.product import CallStep, Definition, Step, datum_encoder_of
from tests.sagas.shop import SCHEMAS, TURNED_BACK, definition

__all__ = ["INPUT", "KEY", "REPLIES", "SHAPES", "limited"]

KEY: Final = "o-1"
INPUT: Final = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])(
    {"order_id": KEY, "total": Decimal("1.00")}
)
REPLIES: Final = {
    "reserve_stock": datum_encoder_of(SCHEMAS["stock.StockReserved"])({"reservation": "r"}),
    "charge_card": datum_encoder_of(SCHEMAS["payments.CardCharged"])({"charge": "c"}),
    "ship": datum_encoder_of(SCHEMAS["shipping.ShipmentCreated"])({"tracking": "t"}),
    "mail": None,
}
"""What each step is answered with when it is done."""

_HEAD: Final = """\
saga: order
version: 1
input: shop.OrderPlaced
key: $.input.order_id
deadline: 15m
defaults: {timeout: 10s, retry: {delay: 1s}, undo: {timeout: 10s, retry: {attempts: 2, delay: 1s}}}
steps:
"""
_RESERVE: Final = """\
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}
    retry: {attempts: 2}
"""
_RESERVE_SKIPPING: Final = """\
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo: {call: stock.ReleaseReservation, with: {reservation: $.steps.reserve_stock.reservation}}
    undo_unknown: skip
    retry: {attempts: 2}
"""
_CHARGE: Final = """\
  - name: charge_card
    call: payments.ChargeCard
    with: {order_id: $.input.order_id, amount: $.input.total}
    undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}
    retry: {attempts: 2}
"""
_CHARGE_FOR_GOOD: Final = """\
  - name: charge_card
    call: payments.ChargeCard
    with: {order_id: $.input.order_id, amount: $.input.total}
    undo: none
    retry: {attempts: 2}
"""
_SHIP: Final = """\
  - name: ship
    call: shipping.CreateShipment
    with: {order_id: $.input.order_id, reservation: r}
    pivot: true
"""
_MAIL: Final = """\
  - name: mail
    call: mail.SendMail
    with: {order_id: $.input.order_id}
"""

SHAPES: Final[dict[str, Definition]] = {
    name: definition(_HEAD + steps)
    for name, steps in {
        "undoable": _RESERVE + _CHARGE,
        "pivot": _RESERVE + _SHIP,
        "behind the pivot": _SHIP + _MAIL,
        "undo_unknown: skip": _CHARGE + _RESERVE_SKIPPING,
        "undo: none": _RESERVE + _CHARGE_FOR_GOOD,
        "undoable, and says so": _RESERVE + _CHARGE + TURNED_BACK,
        "pivot, and says so": _RESERVE + _SHIP + TURNED_BACK,
        "undo_unknown: skip, and says so": _CHARGE + _RESERVE_SKIPPING + TURNED_BACK,
    }.items()
}


def limited(
    definition: Definition, attempts: tuple[int, int], undo_attempts: tuple[int, int]
) -> Definition:
    """The same saga with other limits, by step; those without a limit keep none."""
    steps = zip(definition.steps, attempts, undo_attempts, strict=True)
    return replace(definition, steps=tuple(_limited(*each) for each in steps))


def _limited(step: Step, attempts: int, undo_attempts: int) -> Step:
    assert isinstance(step, CallStep)
    undo = step.undo
    if undo is not None:
        undo = replace(undo, retry=replace(undo.retry, attempts=undo_attempts))
    limit = None if step.retry.attempts is None else attempts
    return replace(step, retry=replace(step.retry, attempts=limit), undo=undo)
