"""How an order may end, and by which of its data: the shop's test data.

Payment providers have cards that are always declined; this shop has the same for each thing that
can go wrong. So which order ends how is known before it is placed, and a test or the demo can hold
what happened against it.

Pure: the services look at the words below, the generator writes them into orders.
"""

from enum import StrEnum
from typing import Final

from penstock.examples.orders.events import Address, Item, OrderPlaced

__all__ = [
    "CARRIER_FAILURES",
    "DECLINED_CARD",
    "FLAKY_STREET",
    "NOT_SERVED",
    "SILENT_CARD",
    "UNOBTAINABLE",
    "End",
    "Outcome",
    "expected_outcome",
    "is_flaky",
    "is_obtainable",
    "is_served",
]

UNOBTAINABLE: Final = "unobtainable"
"""An item that never is in stock: the first step is refused."""
DECLINED_CARD: Final = "tok_declined"
"""A card that the bank declines: the second step is refused."""
SILENT_CARD: Final = "tok_slow"
"""A card that the bank charges without ever answering: nobody knows, so the saga undoes it."""
NOT_SERVED: Final = frozenset({"AQ"})
"""Countries to which no carrier goes: the pivot is refused, and everything before is undone."""
FLAKY_STREET: Final = "Flaky Bridge"
"""A street at which the carrier's computer stumbles at first: the pivot is tried again."""
CARRIER_FAILURES: Final = 2
"""How many times it stumbles for one parcel."""


class End(StrEnum):
    """The three ways in which a saga comes to rest."""

    COMPLETED = "completed"
    """All steps are done."""
    COMPENSATED = "compensated"
    """Whatever was or may have been done is undone."""
    PARKED = "parked"
    """It waits for a person. Nothing in this shop leads there but a bug."""


class Outcome(StrEnum):
    """How an order's saga ends, and why."""

    COMPLETED = "completed"
    """Everything went well at once."""
    SHIPPED_LATE = "shipped late"
    """The carrier failed at first; behind the pivot a saga tries until it succeeds."""
    OUT_OF_STOCK = "out of stock"
    """Refused by the first step: there is nothing to undo."""
    CARD_DECLINED = "card declined"
    """Refused by the second step: the stock is released."""
    CARD_SILENT = "bank silent"
    """The second step timed out although the card was charged: charge and stock are undone."""
    NOT_SERVED = "not served"
    """Refused by the pivot: charge and stock are undone."""

    @property
    def end(self) -> End:
        """Where the saga comes to rest."""
        well = (Outcome.COMPLETED, Outcome.SHIPPED_LATE)
        return End.COMPLETED if self in well else End.COMPENSATED


def expected_outcome(order: OrderPlaced) -> Outcome:
    """Say how an order ends, while all services answer in time.

    A service that is away for longer than a step waits for it makes a saga turn round that would
    have completed. That is no error: all is undone, and the ledgers are balanced all the same.
    """
    if not is_obtainable(order.items):
        return Outcome.OUT_OF_STOCK
    if order.card_token == DECLINED_CARD:
        return Outcome.CARD_DECLINED
    if order.card_token == SILENT_CARD:
        return Outcome.CARD_SILENT
    if not is_served(order.address):
        return Outcome.NOT_SERVED
    return Outcome.SHIPPED_LATE if is_flaky(order.address) else Outcome.COMPLETED


def is_obtainable(items: list[Item]) -> bool:
    """Whether the stock has all of the items."""
    return all(item.sku != UNOBTAINABLE for item in items)


def is_served(address: Address) -> bool:
    """Whether a carrier goes there."""
    return address.country not in NOT_SERVED


def is_flaky(address: Address) -> bool:
    """Whether the carrier's computer stumbles over the address at first."""
    return FLAKY_STREET in address.street
