"""The payments service: charges cards, and gives money back.

    penstock run worker penstock.examples.orders.payments:worker

With a bank that sometimes charges a card and does not say so. No timeout tells the two apart, so
the saga undoes a charge whose outcome is unknown, and the refund of a charge that never was does
nothing.
"""

import asyncio
from decimal import Decimal
from typing import Final

from penstock.examples.orders.commands import CardCharged, ChargeCard, RefundCharge
from penstock.examples.orders.events import Item
from penstock.examples.orders.ledger import Ledger
from penstock.examples.orders.outcomes import DECLINED_CARD, SILENT_CARD
from penstock.examples.orders.prices import PriceList
from penstock.infra.cache import Cache
from penstock.workers import Delivery, Failed, Refused, Worker

__all__ = ["PATIENCE_S", "charge", "price_of", "refund", "worker"]

PATIENCE_S: Final = 30.0
"""How long the bank is waited for. The saga waits less, and the worker cuts a handler off when its
saga does not wait any more."""

prices = Cache("prices", ttl_s=60.0)
worker = Worker("payments", lifespan=[prices.open])
ledger = Ledger("payments")
price_list = PriceList()


@prices.cached(key="{sku}")
async def price_of(sku: str) -> Decimal | None:
    """Look up what an item costs; None where it is not sold."""
    return await price_list.read(sku)


async def cost_of(items: list[Item]) -> Decimal | None:
    """Add up what items cost by our own prices; None where one of them is not sold."""
    cost = Decimal("0.00")
    for item in items:
        price = await price_of(item.sku)
        if price is None:
            return None
        cost += price * item.quantity
    return cost


@worker.command(ChargeCard)
async def charge(command: ChargeCard, delivery: Delivery) -> CardCharged:
    """Charge the card, or refuse.

    Where it neither returns nor refuses, the answer is an error: it may have happened. The saga
    asks again with the same key; when it has had enough, it undoes the step.
    """
    if command.card_token == DECLINED_CARD:
        raise Refused("card_declined", "the bank declined the card")
    if command.amount != await cost_of(command.items):
        raise Refused("wrong_amount", "the items do not cost that")
    entry = await ledger.do(
        delivery.idempotency_key, f"charged {command.amount} to {command.card_token}"
    )
    if command.card_token == SILENT_CARD:
        await asyncio.sleep(PATIENCE_S)
        raise Failed("bank_silent", "the bank took the charge and did not answer")
    return CardCharged(charge=entry.reference)


@worker.command(RefundCharge, undoes=ChargeCard)
async def refund(command: RefundCharge, delivery: Delivery) -> None:
    """Give the money back."""
    await ledger.undo(delivery.idempotency_key, delivery.undoes_key, f"refunded {command.order_id}")
