"""The worker that keeps each customer's running total.

    penstock run worker penstock.examples.orders.totals:worker

The total lives in the partition's state, and the event that tells of its change is published in the
same transaction that commits the order's offset: whatever is killed, each order counts once.
"""

from decimal import Decimal

from penstock.events import Record
from penstock.examples.orders.events import (
    CustomerTotalChanged,
    Money,
    OrderCancelled,
    OrderPlaced,
)
from penstock.workers import Delivery, Worker

__namespace__ = "shop"

worker = Worker("totals")


class CustomerTotal(Record):
    """What a customer has ordered so far; kept per partition."""

    orders: int
    total: Money


@worker.on(OrderPlaced, state=CustomerTotal)
async def add(order: OrderPlaced, delivery: Delivery) -> CustomerTotalChanged:
    """Count an order."""
    return _change(order.customer_id, order.order_id, 1, order.total, delivery)


@worker.on(OrderCancelled, state=CustomerTotal)
async def take_back(order: OrderCancelled, delivery: Delivery) -> CustomerTotalChanged:
    """Take a cancelled order back."""
    return _change(order.customer_id, order.order_id, -1, -order.total, delivery)


def _change(
    customer_id: str, order_id: str, orders: int, amount: Decimal, delivery: Delivery
) -> CustomerTotalChanged:
    totals = delivery.state(CustomerTotal)
    before = totals.get(customer_id) or CustomerTotal(orders=0, total=Decimal("0.00"))
    after = CustomerTotal(orders=before.orders + orders, total=before.total + amount)
    totals.put(customer_id, after)
    return CustomerTotalChanged(
        customer_id=customer_id, order_id=order_id, orders=after.orders, total=after.total
    )
