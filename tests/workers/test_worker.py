from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from penstock.events import Event, Record, Topic
from penstock.events.log import TopicState
from penstock.events.names import IllegalName
from penstock.events.topic_plan import problems
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.workers import Counters, Delivery, Worker
from penstock.workers.counters import CounterComponent
from penstock.workers.lifespan import BadLifespan, LifespanFunction
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


# --- counters -----------------------------------------------------------------------------------

TOTALS = Counters("totals")


def test_a_handler_that_counts_makes_its_whole_topic_transactional() -> None:
    """Its increments are committed with the input's offset, and its partition keeps them."""
    worker = Worker("totals")
    worker.on(Placed, counters=TOTALS)(nothing)
    worker.on(Cancelled, counters=(Counters("totals"), Counters("more")))(nothing)
    (orders,) = worker.inputs
    assert orders.transactional
    assert all(handler.exactly_once for handler in orders.handlers)
    assert orders.counters == (TOTALS, Counters("more"))
    assert orders.tables == (CounterComponent,)
    assert CounterComponent in orders.records
    names = {topic.name for topic in topics_of_worker("shop", worker)}
    assert {"_penstock.shop.crdt.totals", "_penstock.shop.crdt.more"} <= names
    changelog = "_penstock.shop.changelog.totals.shop.orders"
    assert changelogged_topics("shop", worker) == {"shop.orders", changelog}


@pytest.mark.parametrize("given", ["totals", [TOTALS], (TOTALS, None)], ids=repr)
def test_what_is_no_set_of_counters_is_refused(given: Any) -> None:
    """Where it stands."""
    with pytest.raises(BadHandler, match="What it counts in is a"):
        Worker("totals").on(Placed, counters=given)(nothing)


def test_counters_are_declared_once_in_a_worker() -> None:
    """Two handlers with two minds about one counter: who of them is right?"""
    worker, other = Worker("totals"), Counters("totals", decrements=True)
    worker.on(Placed, counters=TOTALS)(nothing)
    with pytest.raises(BadHandler, match="declared twice"):
        worker.on(Cancelled, counters=other)(nothing)
    with pytest.raises(BadHandler, match="declared twice"):
        Worker("totals").on(Placed, counters=(other, TOTALS))(nothing)


@pytest.mark.parametrize("policy", ["delete", "compact,delete", "delete, compact", None])
def test_counters_whose_topic_would_lose_them_keep_a_worker_from_starting(
    policy: str | None,
) -> None:
    """A counter that rests is older than any retention."""
    worker = Worker("totals")
    worker.on(Placed, counters=TOTALS)(nothing)
    name = "_penstock.shop.crdt.totals"
    declared = {each.name: each for each in topics_of_worker("shop", worker) if each.name == name}
    config = {} if policy is None else {"cleanup.policy": policy}
    found = problems(
        declared, {name: TopicState(name=name, partitions=4, replication=1, config=config)}
    )
    assert [sentence for sentence in found if "cleanup policy" in sentence]
    good = TopicState(name=name, partitions=4, replication=1, config={"cleanup.policy": "compact"})
    assert not problems(declared, {name: good})


# --- lifespan -----------------------------------------------------------------------------------


@asynccontextmanager
async def ledger(_url: str = "") -> AsyncIterator[None]:
    """Something that is open while the worker lives."""
    yield


async def coroutine() -> None:
    """What somebody writes who forgets the decorator."""


async def generator() -> AsyncIterator[None]:
    """Likewise."""
    yield


class Cache:
    """Has a method that opens it."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Cache"]:
        """Be open."""
        yield self


def test_a_worker_keeps_what_it_has_open_in_order() -> None:
    """Functions, methods and partial calls; nothing is called at import."""
    functions: list[LifespanFunction] = [ledger, Cache().open, partial(ledger, "sqlite:")]
    assert Worker("totals", lifespan=functions).lifespan == tuple(functions)
    assert Worker("totals").lifespan == ()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (Cache(), "it is a Cache, and no function"),
        (None, "it is a NoneType, and no function"),
        (coroutine, "@asynccontextmanager is missing"),
        (generator, "@asynccontextmanager is missing"),
    ],
    ids=["object", "nothing", "coroutine", "generator"],
)
def test_what_is_no_function_of_a_lifespan_is_refused(given: Any, problem: str) -> None:
    """At import, by name."""
    with pytest.raises(BadLifespan, match=problem):
        Worker("totals", lifespan=[ledger, given])


def test_what_was_called_already_is_refused() -> None:
    """A worker may run again, and what was entered once cannot be."""
    with pytest.raises(BadLifespan, match="called already"):
        Worker("totals", lifespan=[ledger()])  # type: ignore[list-item] # the point of the test


@pytest.mark.parametrize("given", [ledger, None, "ledger"], ids=["one", "none", "text"])
def test_a_lifespan_is_a_list(given: Any) -> None:
    """One function alone is a slip that would else be told by its letters."""
    with pytest.raises(BadLifespan, match="no list of functions"):
        Worker("totals", lifespan=given)
