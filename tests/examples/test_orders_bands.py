"""The names that orders are counted under, and what the counters must add up to."""

from decimal import Decimal

import pytest

from penstock.examples.orders.bands import band_of, counter_of, counts_of
from penstock.examples.orders.generate import orders
from penstock.examples.orders.outcomes import End


@pytest.mark.parametrize(
    ("total", "band"),
    [
        ("0.01", "small"),
        ("99.99", "small"),
        ("100.00", "medium"),
        ("499.99", "medium"),
        ("500.00", "large"),
    ],
)
def test_each_total_is_in_one_band(total: str, band: str) -> None:
    """A band begins with its lower limit."""
    assert band_of(Decimal(total)) == band


def test_a_counter_names_end_and_band() -> None:
    """So that one topic holds all of them."""
    assert counter_of(End.COMPENSATED, Decimal(700)) == "compensated/large"


def test_what_ended_is_counted_once_and_nothing_else() -> None:
    """A parked saga has not ended, nor has one of which nothing is known."""
    first, second, third, fourth = orders(4)
    ends = {
        first.order_id: End.COMPLETED,
        second.order_id: End.COMPENSATED,
        third.order_id: End.PARKED,
    }
    assert counts_of([first, second, third, fourth], ends) == {
        counter_of(End.COMPLETED, first.total): 1,
        counter_of(End.COMPENSATED, second.total): 1,
    }
