"""What the measured saga says; the bare loop of bare_sagas.py says the same in JSON.

All topics have one partition, on both sides: what is compared is one orchestrator and one process
of participants, each with one transactional producer.
"""

from decimal import Decimal
from typing import Annotated

from penstock.events import Command, Event, Reply, Topic, money

__all__ = [
    "COMMANDS",
    "DONE",
    "ORDERS",
    "CardCharged",
    "ChargeCard",
    "OrderPlaced",
    "OrderShipped",
    "ReserveStock",
    "Ship",
    "Shipped",
    "StockReserved",
]

__namespace__ = "bench"

ORDERS = Topic("bench.orders", partitions=1)
"""Nothing is written to it: the driver puts its starts into the inbox."""
COMMANDS = Topic("bench.commands", partitions=1)
DONE = Topic("bench.done", partitions=1)
"""Where both sides tell of completed sagas; keyed by the saga's key."""

Money = Annotated[Decimal, money(12, 2)]


class OrderPlaced(Event, topic=ORDERS, key="order_id"):
    """The saga's input."""

    order_id: str
    sku: str
    quantity: int
    card: str
    amount: Money


class StockReserved(Reply):
    """Answers `ReserveStock`."""

    reservation: str


class ReserveStock(Command, topic=COMMANDS, key="order_id", reply=StockReserved):
    """The first step."""

    order_id: str
    sku: str
    quantity: int


class CardCharged(Reply):
    """Answers `ChargeCard`."""

    charge: str


class ChargeCard(Command, topic=COMMANDS, key="order_id", reply=CardCharged):
    """The second step."""

    order_id: str
    card: str
    amount: Money


class Shipped(Reply):
    """Answers `Ship`."""

    tracking: str


class Ship(Command, topic=COMMANDS, key="order_id", reply=Shipped):
    """The third step, and the pivot."""

    order_id: str
    reservation: str


class OrderShipped(Event, topic=DONE, key="order_id"):
    """The saga is complete."""

    order_id: str
    tracking: str
