"""The example of the shop: its data, and the demo as a newcomer runs it."""

from importlib.resources import files

from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.generate import orders


def test_the_orders_file_holds_a_thousand_orders_as_generated() -> None:
    """So that it can be made again, and nobody edits it by hand."""
    lines = files("penstock.examples.orders").joinpath("orders.jsonl").read_text().splitlines()
    assert [OrderPlaced.model_validate_json(line) for line in lines] == list(orders(1000))


def test_orders_add_up() -> None:
    """An order's total is the sum of its lines; customers come back."""
    made = list(orders(500, seed=3))
    assert all(order.total == sum(i.price * i.quantity for i in order.items) for order in made)
    assert len({order.order_id for order in made}) == 500
    assert len({order.customer_id for order in made}) <= 60


def test_the_same_seed_makes_the_same_orders() -> None:
    """A failure found with them can be repeated."""
    assert list(orders(50, seed=7)) == list(orders(50, seed=7))
    assert list(orders(50, seed=7)) != list(orders(50, seed=8))
