"""The example of the shop: its orders, and what is known of them beforehand."""

from collections import Counter
from importlib.resources import files
from itertools import islice

from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.outcomes import End, Outcome, expected_outcome


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


def test_fewer_orders_are_the_first_of_more() -> None:
    """What becomes of an order does not hang on how many follow."""
    assert list(orders(30, seed=5)) == list(islice(orders(200, seed=5), 30))


def test_the_first_fifty_orders_end_in_every_way() -> None:
    """Whatever the seed: whoever runs the demo sees all of it."""
    for seed in range(20):
        counted = Counter(map(expected_outcome, orders(50, seed=seed)))
        assert counted.keys() == set(Outcome)


def test_most_orders_complete() -> None:
    """One in 25 for each trouble; the late ones complete as well."""
    ends = Counter(expected_outcome(order).end for order in orders(200))
    assert ends == {End.COMPLETED: 168, End.COMPENSATED: 32}


def test_the_first_step_that_fails_decides() -> None:
    """The saga gets no further; what would have failed behind it is never asked."""
    of = {expected_outcome(order): order for order in orders(50)}
    nowhere = of[Outcome.NOT_SERVED].address
    declined = of[Outcome.CARD_DECLINED].model_copy(update={"address": nowhere})
    out_of_stock = of[Outcome.OUT_OF_STOCK].model_copy(update={"address": nowhere})
    assert expected_outcome(declined) is Outcome.CARD_DECLINED
    assert expected_outcome(out_of_stock) is Outcome.OUT_OF_STOCK
