"""Makes orders that look like a shop's: always the same ones for the same seed.

python -m penstock.examples.orders.generate 1000 > orders.jsonl
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from penstock.examples.orders.events import Item, OrderPlaced

__all__ = ["orders"]

_CATALOGUE = {
    "lamp": Decimal("39.90"),
    "desk": Decimal("249.00"),
    "chair": Decimal("119.50"),
    "shelf": Decimal("79.95"),
    "plant": Decimal("12.49"),
    "rug": Decimal("64.00"),
    "cable": Decimal("4.99"),
}
_FIRST = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)


def orders(count: int, *, customers: int = 60, seed: int = 1) -> Iterator[OrderPlaced]:
    """Make orders, a few seconds apart.

    Args:
        count: How many.
        customers: By how many customers at the most; some order often, some seldom.
        seed: The same seed makes the same orders.
    """
    draw = Random(seed)  # noqa: S311 - made-up orders need no secrecy
    placed_at = _FIRST
    for number in range(1, count + 1):
        placed_at += timedelta(seconds=draw.randint(1, 90))
        items = [_item(draw) for _ in range(draw.randint(1, 4))]
        yield OrderPlaced(
            order_id=f"o-{number:06}",
            customer_id=f"c-{int(customers * draw.random() ** 2):03}",
            placed_at=placed_at,
            items=items,
            total=sum((item.price * item.quantity for item in items), Decimal("0.00")),
        )


def _item(draw: Random) -> Item:
    sku = draw.choice(sorted(_CATALOGUE))
    return Item(sku=sku, quantity=draw.choice([1, 1, 1, 2, 3]), price=_CATALOGUE[sku])


if __name__ == "__main__":
    for order in orders(int(sys.argv[1])):
        sys.stdout.write(order.model_dump_json() + "\n")
