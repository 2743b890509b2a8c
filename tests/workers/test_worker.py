from collections.abc import Iterable

import pytest

from penstock.events import Event, Record, Topic
from penstock.events.names import IllegalName
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.workers import Delivery, Worker
from penstock.workers.topics import changelogged_topics, topics_of_worker
from penstock.workers.worker import BadHandler

__namespace__ = "shop"

ORDERS = Topic("shop.orders", partitions=3, config={"max.message.bytes": "2000000"})


class Placed(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Cancelled(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Shipped(Event, topic="shop.shipments"):
    order_id: str


class Count(Record):
    orders: int


class Base(Event, abstract=True):
    """No topic, so nothing to handle."""


async def nothing(_event: Event, _delivery: Delivery) -> None:
    """Handles any event."""


async def announcing(_event: Placed, _delivery: Delivery) -> list[Shipped] | None:
    """Names what it puts out in its annotation."""


async def saying_little(_event: Placed, _delivery: Delivery) -> Iterable[Event]:
    """Names no concrete event."""
    return []


def test_one_stateful_handler_makes_its_whole_topic_transactional() -> None:
    """Delivery is per topic and worker: the other handlers of the topic gain by it."""
    worker = Worker("totals")
    worker.on(Placed, state=Count)(nothing)
    worker.on(Cancelled)(nothing)
    worker.on(Shipped)(nothing)
    orders, shipments = worker.inputs
    assert (orders.topic, orders.transactional, orders.tables) == (ORDERS, True, (Count,))
    assert (shipments.topic.name, shipments.transactional) == ("shop.shipments", False)


def test_a_second_handler_of_a_type_is_refused() -> None:
    """Which of the two should an event wait for?"""
    worker = Worker("totals")
    worker.on(Placed)(nothing)
    with pytest.raises(BadHandler, match="has the handler"):
        worker.on(Placed)(announcing)


def test_a_function_that_blocks_is_refused() -> None:
    """A plain function would hold up every lane of the process."""

    def blocking(_event: Placed, _delivery: Delivery) -> None: ...

    with pytest.raises(BadHandler, match="async def"):
        Worker("totals").on(Placed)(blocking)  # type: ignore[arg-type] # the point of the test


def test_a_base_without_a_topic_is_refused() -> None:
    """There is nothing to read."""
    with pytest.raises(AbstractRecord):
        Worker("totals").on(Base)(nothing)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
def test_a_time_limit_that_is_none_is_refused(timeout_s: float) -> None:
    """Every attempt is bounded."""
    with pytest.raises(BadHandler, match="timeout_s"):
        Worker("totals").on(Placed, timeout_s=timeout_s)(nothing)


@pytest.mark.parametrize("name", ["", "Totals", "saga-order", "a.b", "x" * 64, "1st"])
def test_an_illegal_name_is_refused(name: str) -> None:
    """It would be part of a group, of topics and of transactional ids."""
    with pytest.raises(IllegalName):
        Worker(name)


def test_what_a_return_annotation_names_is_looked_at_early() -> None:
    """So that a missing output topic is told at start, and not with the first output."""
    worker = Worker("totals")
    worker.on(Placed)(announcing)
    worker.on(Cancelled)(saying_little)  # type: ignore[arg-type] # the type does not matter here
    announced = [handler.announced for handler in worker.inputs[0].handlers]
    assert announced == [(Shipped,), ()]
    assert "shop.shipments" in {topic.name for topic in topics_of_worker("shop", worker)}


def test_a_worker_owns_dead_letters_and_where_needed_a_changelog() -> None:
    """With the partitions of the input, and room for the note in the letter."""
    worker = Worker("totals")
    worker.on(Placed, state=Count)(nothing)
    worker.on(Shipped)(nothing)
    topics = {topic.name: topic for topic in topics_of_worker("shop", worker)}
    letters = topics["shop.orders.shop.totals.dlq"]
    changelog = topics["_penstock.shop.changelog.totals.shop.orders"]
    assert (letters.partitions, letters.cleanup) == (3, "delete")
    assert int(letters.config["max.message.bytes"]) > 2_000_000
    assert (changelog.partitions, changelog.cleanup) == (3, "compact")
    assert "_penstock.shop.changelog.totals.shop.shipments" not in topics
    assert changelogged_topics("shop", worker) == {"shop.orders", changelog.name}
