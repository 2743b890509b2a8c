"""What the shop says on its topics."""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime

from penstock.events import Event, Record, Topic, money

__namespace__ = "shop"

Money = Annotated[Decimal, money(12, 2)]

ORDERS = Topic("shop.orders", partitions=6)
"""Keyed by customer, so that all orders of one customer are in order, and in one partition."""

CUSTOMER_TOTALS = Topic("shop.customer-totals", partitions=6)
"""One event for each change of a customer's total."""

CONFIRMED_ORDERS = Topic("shop.confirmed-orders", partitions=2)
"""One event for each order that is on its way; what the order saga says in its last step."""

TURNED_ORDERS = Topic("shop.turned-orders", partitions=2)
"""One event for each order that came to nothing; what the order saga says once all is undone."""


class Item(Record):
    """One line of an order."""

    sku: str
    quantity: int
    price: Money


class Address(Record):
    """Where an order goes."""

    street: str
    city: str
    country: str
    """Two letters, ISO 3166-1."""


class OrderPlaced(Event, topic=ORDERS, key="customer_id"):
    """A customer placed an order. It begins the order saga (order.saga.yaml)."""

    order_id: str
    customer_id: str
    placed_at: AwareDatetime
    items: list[Item]
    total: Money
    card_token: str
    """Stands for the card at the bank; a card's own number is never an event."""
    address: Address


class OrderCancelled(Event, topic=ORDERS, key="customer_id"):
    """A customer took an order back."""

    order_id: str
    customer_id: str
    total: Money


class OrderConfirmed(Event, topic=CONFIRMED_ORDERS, key="order_id"):
    """An order is paid and on its way: its saga has come to its good end."""

    order_id: str
    customer_id: str
    total: Money
    tracking_no: str


class OrderTurnedBack(Event, topic=TURNED_ORDERS, key="order_id"):
    """An order came to nothing: its saga has turned round, and everything is undone."""

    order_id: str
    customer_id: str
    total: Money
    step: str
    """The first step that failed; empty where a cancel or the deadline turned the order round."""
    code: str
    """Why: the service's word for it, else timeout, error, cancelled or deadline."""


class CustomerTotalChanged(Event, topic=CUSTOMER_TOTALS, key="customer_id"):
    """What a customer has ordered so far."""

    customer_id: str
    order_id: str
    orders: int
    total: Money
