"""The example's services: what each of them answers, and what its ledger says afterwards.

The handlers are called as the worker calls them, with deliveries of a saga's commands; what the
worker adds (remembering answers, tombstones, cutting a handler at its deadline) has its own tests.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from penstock.events.log import Headers
from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.examples.orders import payments, shipping, stock
from penstock.examples.orders.commands import (
    ChargeCard,
    CreateShipment,
    RefundCharge,
    ReleaseStock,
    ReserveStock,
)
from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.ledger import FOLDER_VARIABLE, Entry, read_ledgers
from penstock.examples.orders.outcomes import CARRIER_FAILURES, Outcome, expected_outcome
from penstock.examples.orders.prices import PRICES, PriceList
from penstock.infra.settings import Settings
from penstock.workers import Delivery, Failed, Refused
from penstock.workers.group_commit import Effects
from penstock.workers.state import PartitionState

SETTINGS = Settings(app="shop", kafka="127.0.0.1:1")
"""Without Redis: the cache in front of the prices keeps nothing."""
BY_OUTCOME = {expected_outcome(order): order for order in orders(50)}


@dataclass(frozen=True)
class Record:
    """A command's record, as a delivery reads it."""

    key: bytes
    headers: Headers = field(default_factory=list)
    topic: str = "a.commands"
    partition: int = 0
    offset: int = 7
    timestamp: int = 0
    value: bytes = b""


def delivery(
    step: str, order: OrderPlaced, direction: Direction = Direction.DO, attempt: int = 1
) -> Delivery:
    """A delivery of an order saga's command."""
    asked = CommandHeaders(
        saga="order",
        step=step,
        direction=direction,
        attempt=attempt,
        idempotency_key=idempotency_key("order", direction, step, order.order_id),
        deadline_ms=3_000,
        reply_to="_penstock.shop.saga.order.inbox",
    )
    return Delivery(
        Record(order.order_id.encode(), asked.written()),
        handler="handler",
        attempt=attempt,
        state=PartitionState(),
        effects=Effects(),
        tables={},
        asked=asked,
    )


@pytest.fixture(autouse=True)
def ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own for each test."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    yield tmp_path
    for service in (stock, payments, shipping):
        service.ledger.close()
    payments.price_list.close()


def rows(folder: Path) -> list[tuple[str, str, str | None]]:
    """What stands in all ledgers: service, key, and what is undone."""
    return [(entry.service, entry.key, entry.undoes) for entry in read_ledgers(folder)]


def one(folder: Path) -> Entry:
    """The only row."""
    (entry,) = read_ledgers(folder)
    return entry


def reserve(order: OrderPlaced) -> UUID:
    """Ask the stock service to set an order's items aside."""
    command = ReserveStock(order_id=order.order_id, items=order.items)
    return asyncio.run(stock.reserve(command, delivery("reserve_stock", order))).reservation


def charge(order: OrderPlaced, attempt: int = 1) -> UUID:
    """Ask the payments service to charge an order's card."""
    asked = delivery("charge_card", order, attempt=attempt)

    async def charged() -> UUID:
        async with payments.prices.open(SETTINGS):
            return (await payments.charge(charging(order), asked)).charge

    return asyncio.run(charged())


def charging(order: OrderPlaced) -> ChargeCard:
    """The command to charge an order's card."""
    return ChargeCard(
        order_id=order.order_id,
        items=order.items,
        amount=order.total,
        card_token=order.card_token,
    )


def ship(order: OrderPlaced, attempt: int = 1) -> str:
    """Ask the shipping service to send an order."""
    command = CreateShipment(order_id=order.order_id, address=order.address)
    return asyncio.run(
        shipping.create(command, delivery("ship", order, attempt=attempt))
    ).tracking_no


def test_each_service_does_its_part_once(ledgers: Path) -> None:
    """Asked again, it answers the same."""
    order = BY_OUTCOME[Outcome.COMPLETED]
    first = reserve(order), charge(order), ship(order)
    assert (reserve(order), charge(order), ship(order)) == first
    assert rows(ledgers) == [
        ("payments", f"order/do/charge_card:{order.order_id}", None),
        ("shipping", f"order/do/ship:{order.order_id}", None),
        ("stock", f"order/do/reserve_stock:{order.order_id}", None),
    ]


def test_the_undo_names_what_it_undoes(ledgers: Path) -> None:
    """Also where nothing was done: nobody may know."""
    order = BY_OUTCOME[Outcome.COMPLETED]
    reserve(order)
    release = delivery("reserve_stock", order, Direction.UNDO)
    refund = delivery("charge_card", order, Direction.UNDO)
    asyncio.run(stock.release(ReleaseStock(order_id=order.order_id), release))
    asyncio.run(payments.refund(RefundCharge(order_id=order.order_id), refund))
    undos = [row for row in rows(ledgers) if row[2] is not None]
    assert undos == [
        (
            "payments",
            f"order/undo/charge_card:{order.order_id}",
            f"order/do/charge_card:{order.order_id}",
        ),
        (
            "stock",
            f"order/undo/reserve_stock:{order.order_id}",
            f"order/do/reserve_stock:{order.order_id}",
        ),
    ]


def test_a_do_behind_its_undo_is_refused(ledgers: Path) -> None:
    """It comes from a process that was held up; there is one row, the undo's."""
    order = BY_OUTCOME[Outcome.COMPLETED]
    refund = delivery("charge_card", order, Direction.UNDO)
    asyncio.run(payments.refund(RefundCharge(order_id=order.order_id), refund))
    with pytest.raises(Refused, match="undone"):
        charge(order)
    assert one(ledgers).undoes is not None


def test_a_refusal_leaves_no_trace(ledgers: Path) -> None:
    """Refused is a promise that nothing happened."""
    with pytest.raises(Refused, match="out_of_stock"):
        reserve(BY_OUTCOME[Outcome.OUT_OF_STOCK])
    with pytest.raises(Refused, match="card_declined"):
        charge(BY_OUTCOME[Outcome.CARD_DECLINED])
    with pytest.raises(Refused, match="not_served"):
        ship(BY_OUTCOME[Outcome.NOT_SERVED])
    assert rows(ledgers) == []


def test_a_silent_bank_has_charged(ledgers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every attempt it stays silent; the card is charged once."""
    monkeypatch.setattr(payments, "PATIENCE_S", 0.0)
    for attempt in (1, 2, 3):
        with pytest.raises(Failed, match="bank_silent"):
            charge(BY_OUTCOME[Outcome.CARD_SILENT], attempt)
    assert one(ledgers).service == "payments"


def test_a_wrong_amount_is_refused(ledgers: Path) -> None:
    """What things cost is not for the order to say."""
    order = BY_OUTCOME[Outcome.COMPLETED]
    with pytest.raises(Refused, match="wrong_amount"):
        charge(order.model_copy(update={"total": order.total - 1}))
    unknown = [*order.items, order.items[0].model_copy(update={"sku": "unheard-of"})]
    with pytest.raises(Refused, match="wrong_amount"):
        charge(order.model_copy(update={"items": unknown}))
    assert rows(ledgers) == []


def test_what_costs_nothing_is_sold_all_the_same(
    ledgers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price of 0 is a price."""
    order = BY_OUTCOME[Outcome.COMPLETED]
    gift = order.items[0].model_copy(update={"sku": "gift", "price": Decimal("0.00")})
    price_list = PriceList(ledgers)
    monkeypatch.setattr(payments, "price_list", price_list)
    asyncio.run(price_list.read("lamp"))  # makes the table
    with sqlite3.connect(ledgers / "prices.db") as table:
        table.execute("INSERT INTO prices (sku, price) VALUES ('gift', '0.00')")
    table.close()
    charge(order.model_copy(update={"items": [*order.items, gift]}))
    price_list.close()
    assert one(ledgers).service == "payments"


def test_the_table_has_a_price_for_whatever_is_ordered(ledgers: Path) -> None:
    """So that only its own trouble refuses a generated order."""
    del ledgers
    price_list = payments.price_list
    assert {sku: asyncio.run(price_list.read(sku)) for sku in PRICES} == dict(PRICES)
    assert asyncio.run(price_list.read("unheard-of")) is None


def test_a_flaky_carrier_takes_the_parcel_in_the_end(ledgers: Path) -> None:
    """How often it was asked is told by the saga, so no process needs to remember it."""
    order = BY_OUTCOME[Outcome.SHIPPED_LATE]
    for attempt in range(1, CARRIER_FAILURES + 1):
        with pytest.raises(Failed, match="carrier_down"):
            ship(order, attempt)
    assert rows(ledgers) == []
    assert ship(order, CARRIER_FAILURES + 1).startswith("track-")


def test_only_its_own_trouble_stops_a_service(ledgers: Path) -> None:
    """What will fail at a later step goes well at the ones before."""
    for outcome in (Outcome.CARD_DECLINED, Outcome.CARD_SILENT, Outcome.NOT_SERVED):
        reserve(BY_OUTCOME[outcome])
    charge(BY_OUTCOME[Outcome.NOT_SERVED])
    assert len(rows(ledgers)) == 4
