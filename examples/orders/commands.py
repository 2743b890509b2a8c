"""What the shop's three services can be asked to do, and what they answer.

A command is addressed to one service: it travels on that service's topic. An undo travels on the
same topic with the same key as what it undoes, so it can never overtake it. All are keyed by the
order, as the saga is.

In a larger shop each service would keep its commands beside its code. They stand together here,
because together they are all that order.saga.yaml speaks of.
"""

from uuid import UUID

from penstock.events import Command, Reply, Topic
from penstock.examples.orders.events import Address, Item, Money

STOCK = Topic("stock.commands", partitions=2)
PAYMENTS = Topic("payments.commands", partitions=2)
SHIPPING = Topic("shipping.commands", partitions=2)
"""A service may run as many processes as its topic has partitions. That number is for life."""


# --- stock -------------------------------------------------------------------------------------


class StockReserved(Reply, namespace="stock"):
    """The items are set aside."""

    reservation: UUID


class ReserveStock(Command, topic=STOCK, key="order_id", reply=StockReserved):
    """Set the items of an order aside."""

    order_id: str
    items: list[Item]


class ReleaseStock(Command, topic=STOCK, key="order_id"):
    """Put back what was set aside for an order, if anything was. Done is all there is to answer."""

    order_id: str


# --- payments ----------------------------------------------------------------------------------


class CardCharged(Reply, namespace="payments"):
    """The money is ours."""

    charge: UUID


class ChargeCard(Command, topic=PAYMENTS, key="order_id", reply=CardCharged):
    """Charge a card for an order."""

    order_id: str
    items: list[Item]
    amount: Money
    """What the shop says that they cost together."""
    card_token: str


class RefundCharge(Command, topic=PAYMENTS, key="order_id"):
    """Give back what was charged for an order, if anything was."""

    order_id: str


# --- shipping ----------------------------------------------------------------------------------


class ShipmentCreated(Reply, namespace="shipping"):
    """The parcel is with the carrier."""

    tracking_no: str


class CreateShipment(Command, topic=SHIPPING, key="order_id", reply=ShipmentCreated):
    """Hand the parcel of an order to the carrier.

    A parcel on its way does not come back: no command undoes this, and the saga calls it its pivot.
    """

    order_id: str
    address: Address
