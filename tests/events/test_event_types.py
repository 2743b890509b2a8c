"""Finding message types in modules, and their topics."""

import types
from types import ModuleType

import pytest

from penstock.events.event import Command, Event, Reply
from penstock.events.event_types import (
    TopicDeclaredTwice,
    TypeNamedTwice,
    declared_topics,
    event_types_of,
    partitions_of,
)
from penstock.events.log import Partition
from penstock.events.topic import Topic
from penstock.schemas.record import Record

ORDERS = Topic("shop.orders", partitions=2)


class Placed(Event, topic=ORDERS):
    """An event."""

    n: int


class Paid(Event, topic=ORDERS):
    """Another on the same topic."""

    n: int


class Done(Reply, namespace="shop"):
    """A reply."""

    n: int


class Do(Command, topic="shop.commands", reply=Done):
    """A command."""

    n: int


class Base(Event, abstract=True):
    """A base."""


class Line(Record, namespace="shop"):
    """A nested value, which does not travel by itself."""

    n: int


def module(**names: object) -> ModuleType:
    """A module with these names."""
    made = ModuleType("made")
    vars(made).update(names)
    return made


def test_events_commands_and_replies_are_found_by_full_name() -> None:
    """Bases and nested values are not; neither is what is no class."""
    found = event_types_of([module(Placed=Placed, Do=Do, Done=Done, Base=Base, Line=Line, n=3)])
    assert found == {"shop.Do": Do, "shop.Done": Done, "shop.Placed": Placed}
    assert list(found) == sorted(found)


def test_a_class_that_modules_share_is_found_once() -> None:
    """Importing it is no second definition."""
    assert len(event_types_of([module(Placed=Placed), module(Renamed=Placed)])) == 1


def test_two_classes_of_one_name_are_refused() -> None:
    """A reader could not choose."""
    second = types.new_class("Placed", (Event,), {"topic": "shop.orders"})
    with pytest.raises(TypeNamedTwice) as refused:
        event_types_of([module(Placed=Placed), module(Placed=second)])
    assert refused.value.full_name == "shop.Placed"


def test_topics_are_collected_from_all_types() -> None:
    """A shared declaration is one topic; replies have none."""
    topics = declared_topics([Placed, Paid, Do, Done])
    assert topics == {"shop.commands": Topic("shop.commands"), "shop.orders": ORDERS}


def test_two_declarations_of_one_topic_are_refused_and_both_named() -> None:
    """Also where one is a bare name, which declares all defaults."""

    class Bare(Event, topic="shop.orders"):
        n: int

    with pytest.raises(TopicDeclaredTwice) as refused:
        declared_topics([Placed, Bare])
    text = str(refused.value)
    assert "shop.Placed" in text
    assert "shop.Bare" in text
    assert "partitions=2" in text
    assert "partitions=4" in text


def test_partitions_are_those_of_the_declared_topics() -> None:
    """What a reader of these types must read."""
    numbers = (Partition("shop.orders", 0), Partition("shop.orders", 1))
    assert partitions_of([Placed, Paid]) == numbers
