"""Makes orders that look like a shop's: always the same ones for the same seed.

python -m penstock.examples.orders.generate 1000 > orders.jsonl

Among every 25 orders is one for each thing that can go wrong (outcomes.py); the rest go well.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from random import Random
from typing import Final

from penstock.examples.orders.events import Address, Item, OrderPlaced
from penstock.examples.orders.outcomes import (
    DECLINED_CARD,
    FLAKY_STREET,
    SILENT_CARD,
    UNOBTAINABLE,
    Outcome,
)
from penstock.examples.orders.prices import CATALOGUE, PRICES

__all__ = ["orders"]

_CITIES = (("Lisbon", "PT"), ("Ghent", "BE"), ("Turku", "FI"), ("Bergen", "NO"), ("Graz", "AT"))
_STREETS = ("Mill Lane", "Harbour Road", "Station Street", "Orchard Way")
_FIRST = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)

_GROUP: Final = 25
"""Among so many orders in a row each trouble happens once."""
_TROUBLES = tuple(outcome for outcome in Outcome if outcome is not Outcome.COMPLETED)


def orders(count: int, *, customers: int = 60, seed: int = 1) -> Iterator[OrderPlaced]:
    """Make orders, a few seconds apart.

    Args:
        count: How many.
        customers: By how many customers at the most; some order often, some seldom.
        seed: The same seed makes the same orders.
    """
    # Two sources, so that who orders when does not hang on what goes wrong.
    draw, fate = Random(seed), Random(f"fate {seed}")  # noqa: S311 - made-up orders need no secrecy
    placed_at = _FIRST
    for number, outcome in zip(range(1, count + 1), _outcomes(fate), strict=False):
        placed_at += timedelta(seconds=draw.randint(1, 90))
        items = [_item(draw) for _ in range(draw.randint(1, 4))]
        if outcome is Outcome.OUT_OF_STOCK:
            items.append(Item(sku=UNOBTAINABLE, quantity=1, price=PRICES[UNOBTAINABLE]))
        yield OrderPlaced(
            order_id=f"o-{number:06}",
            customer_id=f"c-{int(customers * draw.random() ** 2):03}",
            placed_at=placed_at,
            items=items,
            total=sum((item.price * item.quantity for item in items), Decimal("0.00")),
            card_token=_card(fate, outcome),
            address=_address(fate, outcome),
        )


def _outcomes(fate: Random) -> Iterator[Outcome]:
    while True:
        group = list(chain(_TROUBLES, repeat(Outcome.COMPLETED, _GROUP - len(_TROUBLES))))
        fate.shuffle(group)
        yield from group


def _item(draw: Random) -> Item:
    sku = draw.choice(sorted(CATALOGUE))
    return Item(sku=sku, quantity=draw.choice([1, 1, 1, 2, 3]), price=CATALOGUE[sku])


def _card(fate: Random, outcome: Outcome) -> str:
    token = f"tok_{fate.randrange(16**6):06x}"
    special = {Outcome.CARD_DECLINED: DECLINED_CARD, Outcome.CARD_SILENT: SILENT_CARD}
    return special.get(outcome, token)


def _address(fate: Random, outcome: Outcome) -> Address:
    house, street = fate.randint(1, 99), fate.choice(_STREETS)
    city, country = fate.choice(_CITIES)
    if outcome is Outcome.SHIPPED_LATE:
        street = FLAKY_STREET
    if outcome is Outcome.NOT_SERVED:
        city, country = "McMurdo Station", "AQ"
    return Address(street=f"{house} {street}", city=city, country=country)


if __name__ == "__main__":
    for order in orders(int(sys.argv[1])):
        sys.stdout.write(order.model_dump_json() + "\n")
