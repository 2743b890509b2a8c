"""What a worker may say about the types on its topics, and what it is told when it cannot be."""

from typing import Any

import pytest

from penstock.events import Command, Event, Record, Topic
from penstock.events.event_types import TypeNamedTwice
from penstock.events.upcasting import BadUpcast, upcast
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.workers import Delivery, Worker
from penstock.workers.type_rules import BadTypeRules
from penstock.workers.worker import BadHandler

__namespace__ = "shop"

ORDERS = Topic("shop.orders", partitions=3)


class Placed(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Paid(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Shipped(Event, topic="shop.shipments"):
    order_id: str


class Ship(Command, topic="shop.commands"):
    order_id: str


class PlacedByNumber(Record, name="Placed"):
    number: int


class PlacedByPair(Record, name="Placed"):
    shop: int
    number: int


class ShippedByNumber(Record, name="Shipped"):
    number: int


@upcast
def paired(old: PlacedByPair) -> PlacedByNumber:
    """The first step."""
    return PlacedByNumber(number=old.number)


@upcast
def placed(old: PlacedByNumber) -> Placed:
    """The second."""
    return Placed(order_id=str(old.number))


@upcast
def shipped(old: ShippedByNumber) -> Shipped:
    """One of another topic."""
    return Shipped(order_id=str(old.number))


async def nothing(_event: Event, _delivery: Delivery) -> None:
    """Handles any event."""


def test_without_a_word_unknown_types_are_skipped() -> None:
    """A topic may carry what is none of this worker's business."""
    worker = Worker("stock")
    worker.on(Placed)(nothing)
    (source,) = worker.inputs
    assert (source.unknown_types, source.upcasts, source.ignores) == ("skip", (), ())


def test_each_topic_gets_what_concerns_it() -> None:
    """Upcasts by the class that they lead to, through others or directly; ignored types too."""
    worker = Worker(
        "stock",
        upcasts=[shipped, placed, paired],
        unknown_types={ORDERS: "park", "shop.shipments": "refuse"},
        ignores=[Paid],
    )
    worker.on(Placed)(nothing)
    worker.on(Shipped)(nothing)
    orders, shipments = worker.inputs
    assert (orders.upcasts, orders.ignores) == ((placed, paired), (Paid,))
    assert (shipments.upcasts, shipments.ignores) == ((shipped,), ())
    assert (orders.unknown_types, shipments.unknown_types) == ("park", "refuse")


def test_a_topic_that_is_not_named_skips() -> None:
    """One word stands for all topics, a mapping for those that it names."""
    worker = Worker("stock", unknown_types={"shop.shipments": "park"})
    worker.on(Placed)(nothing)
    worker.on(Shipped)(nothing)
    assert [each.unknown_types for each in worker.inputs] == ["skip", "park"]
    worker = Worker("stock", unknown_types="park")
    worker.on(Placed)(nothing)
    worker.on(Shipped)(nothing)
    assert [each.unknown_types for each in worker.inputs] == ["park", "park"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"unknown_types": "raise"}, "'skip', 'park', 'refuse'"),
        ({"unknown_types": None}, "unknown_types= says None"),
        ({"unknown_types": {"shop.orders": "dead-letter"}}, "says 'dead-letter'"),
        ({"ignores": [Record]}, "is no class of events or commands"),
        ({"ignores": ["shop.Paid"]}, "'shop.Paid' in ignores="),
    ],
)
def test_what_is_no_rule_is_refused_at_import(rules: dict[str, Any], words: str) -> None:
    """Where it stands."""
    with pytest.raises(BadTypeRules, match=words):
        Worker("stock", **rules)


def test_upcasts_that_contradict_each_other_are_refused_at_import() -> None:
    """And so is a base that is ignored."""

    @upcast
    def otherwise(old: PlacedByPair) -> Placed:
        raise AssertionError(old)

    @upcast
    def back(old: PlacedByNumber) -> PlacedByPair:
        raise AssertionError(old)

    with pytest.raises(BadUpcast, match="Both take"):
        Worker("stock", upcasts=[paired, otherwise])
    with pytest.raises(BadUpcast, match="go round"):
        Worker("stock", upcasts=[paired, back])
    with pytest.raises(AbstractRecord):
        Worker("stock", ignores=[Event])


def test_what_is_handled_is_not_ignored() -> None:
    """Which of the two was meant?"""
    worker = Worker("stock", ignores=[Placed])
    with pytest.raises(BadHandler, match="stands in ignores="):
        worker.on(Placed)(nothing)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"upcasts": [shipped]}, "test_type_rules:shipped leads to no type that it handles"),
        ({"upcasts": [paired]}, "test_type_rules:paired leads to no type that it handles"),
        (
            {"unknown_types": {"shop.shipment": "park"}},
            r"shop\.shipment, and it reads shop\.orders",
        ),
        ({"ignores": [Ship]}, r"shop\.commands, and it reads shop\.orders"),
    ],
)
def test_a_rule_that_could_never_apply_is_refused(rules: dict[str, Any], words: str) -> None:
    """It names what this worker has nothing to do with: a slip of the pen, most likely."""
    worker = Worker("stock", **rules)
    worker.on(Placed)(nothing)
    with pytest.raises(BadTypeRules, match=words):
        _ = worker.inputs


def test_what_contradicts_the_handlers_is_refused_before_anything_starts() -> None:
    """An old shape that is handled itself, and two types of one name on a topic."""

    class Ordered(Event, topic=ORDERS):
        order_id: str
        by: str

    @upcast
    def renamed(old: Ordered) -> Placed:
        return Placed(order_id=old.order_id)

    worker = Worker("stock", upcasts=[renamed])
    worker.on(Placed)(nothing)
    worker.on(Ordered)(nothing)
    with pytest.raises(BadUpcast, match="is read here itself"):
        _ = worker.inputs

    class Renamed(Event, topic=ORDERS, aliases=("shop.Placed",)):
        order_id: str

    worker = Worker("stock")
    worker.on(Placed)(nothing)
    worker.on(Renamed)(nothing)
    with pytest.raises(TypeNamedTwice):
        _ = worker.inputs
