"""How much orders are worth, in bands; and what the counters of their ends must show.

    counter_of(End.COMPLETED, Decimal("12.49"))      # "completed/small"

Pure: the reporting service counts by these names, and whoever checks it adds up the same names from
what became of the sagas.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.outcomes import End

__all__ = ["band_of", "counter_of", "counts_of"]

SMALL_BELOW: Final = Decimal(100)
LARGE_FROM: Final = Decimal(500)


def band_of(total: Decimal) -> str:
    """Say how much an order is worth: `small` below 100, `large` from 500 on, else `medium`."""
    if total < SMALL_BELOW:
        return "small"
    return "large" if total >= LARGE_FROM else "medium"


def counter_of(end: End, total: Decimal) -> str:
    """Name the counter of orders that end in one way and are worth so much."""
    return f"{end}/{band_of(total)}"


def counts_of(placed: Iterable[OrderPlaced], ends: Mapping[str, End]) -> Mapping[str, int]:
    """Add up what the counters must show.

    Args:
        placed: the orders.
        ends: how the saga of each order ended, by the order's id.

    Returns:
        The value of each counter that counted anything. Nobody counts a saga that is parked: it has
        not ended.
    """
    return Counter(
        counter_of(ends[order.order_id], order.total)
        for order in placed
        if ends.get(order.order_id, End.PARKED) is not End.PARKED
    )
