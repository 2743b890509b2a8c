"""What one attempt wants to count: checked at the call, added up, taken once."""

from typing import Any

import pytest

from penstock.workers import Counters
from penstock.workers.counters import COUNT_LIMIT, BadCount
from penstock.workers.increments import COUNTERS_LIMIT, Asked, Increments, UndeclaredCounters

ORDERS = Counters("orders")
SHELF = Counters("shelf", decrements=True)


@pytest.fixture
def increments() -> Increments:
    """Those of a handler that declares two sets of counters."""
    return Increments("shop:count", (ORDERS, SHELF))


def test_amounts_of_one_counter_are_added_up(increments: Increments) -> None:
    """One record for each counter, whatever the number of calls; order does not matter."""
    increments.of(ORDERS).increment("a")
    increments.of(SHELF).decrement("a", 4)
    increments.of(ORDERS).increment("b", 2)
    increments.of(SHELF).increment("a", by=3)
    increments.of(ORDERS).increment("a", 5)
    assert increments.take() == (
        Asked(ORDERS, "a", 6, 0),
        Asked(SHELF, "a", 3, 4),
        Asked(ORDERS, "b", 2, 0),
    )


def test_nothing_is_no_change(increments: Increments) -> None:
    """It makes no record, but its name is looked at all the same."""
    increments.of(SHELF).increment("a", 0)
    increments.of(SHELF).decrement("a", 0)
    with pytest.raises(BadCount, match="0 bytes"):
        increments.of(SHELF).increment("", 0)
    assert increments.take() == ()


@pytest.mark.parametrize("by", [True, 0.5, -1, COUNT_LIMIT + 1, "1", None])
def test_a_bad_amount_is_refused_at_the_call(increments: Increments, by: Any) -> None:
    """In both directions, and what was asked for before stays."""
    increments.of(SHELF).increment("a")
    for ask in (increments.of(SHELF).increment, increments.of(SHELF).decrement):
        with pytest.raises(BadCount, match="amount"):
            ask("a", by)
    assert increments.take() == (Asked(SHELF, "a", 1, 0),)


def test_counters_that_only_grow_do_not_go_down(increments: Increments) -> None:
    """They were declared so, and readers count on it."""
    with pytest.raises(BadCount, match="grows only"):
        increments.of(ORDERS).decrement("a", 0)


@pytest.mark.parametrize(
    "asked", [Counters("others"), Counters("orders", decrements=True), "orders", None]
)
def test_what_was_not_declared_like_this_is_refused(increments: Increments, asked: Any) -> None:
    """Nobody has looked whether its topic is there."""
    with pytest.raises(UndeclaredCounters, match="shop:count") as caught:
        increments.of(asked)
    assert caught.value.code == "PEN-W34"


def test_one_attempt_counts_in_a_bounded_number_of_counters(increments: Increments) -> None:
    """Each is a record; in those that it has it may go on."""
    orders = increments.of(ORDERS)
    for number in range(COUNTERS_LIMIT):
        orders.increment(f"c{number}")
    orders.increment("c0")
    with pytest.raises(BadCount, match="more than 1000 counters"):
        orders.increment("another")
    assert len(increments.take()) == COUNTERS_LIMIT


def test_behind_the_handlers_return_nothing_is_taken_any_more(increments: Increments) -> None:
    """A task that it left behind is told, instead of being lost without a word."""
    orders = increments.of(ORDERS)
    orders.increment("a")
    increments.take()
    with pytest.raises(BadCount, match="has returned"):
        orders.increment("a")
    with pytest.raises(AssertionError):
        increments.take()
