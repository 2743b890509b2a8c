"""Reading several types from one topic, in several versions, without a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events.event import Event
from penstock.events.event_types import partitions_of
from penstock.events.range_source import RangeSource
from penstock.events.skipped_types import SkippedCounts
from penstock.events.subscriber import Delivered, Subscriber, Undecodable, UnknownMessageType
from penstock.events.topic import Topic
from penstock.events.upcasting import BadUpcast, Upcast, UpcastFailed

if TYPE_CHECKING:
    from tests.events.conftest import World

ORDERS = Topic("shop.orders", partitions=1)


class Placed(Event, topic=ORDERS, key="order_id"):
    """What is read."""

    order_id: str
    number: int


class Paid(Event, topic=ORDERS, key="order_id"):
    """Another type on the topic."""

    order_id: str


class Bought(Event, topic=ORDERS, key="order_id"):
    """What `Placed` was called, and what it was."""

    order_id: str
    words: str


def placed_of(old: Bought) -> Placed:
    """Read the number."""
    return Placed(order_id=old.order_id, number=int(old.words))


BOUGHT = Upcast(old=Bought, new=Placed, function=placed_of, name="here:placed_of")
PARTITIONS = partitions_of([Placed])


@pytest.fixture
def shop(world: World) -> World:
    """A partition with four records."""
    world.log.create("shop.orders", 1)

    async def fill() -> None:
        publisher = world.publisher(world.writer())
        await publisher.publish(Placed(order_id="o", number=1))
        await publisher.publish(Paid(order_id="o"))
        await publisher.publish(Bought(order_id="o", words="2"))
        await publisher.publish(Bought(order_id="o", words="two"))
        await publisher.close()

    asyncio.run(fill())
    return world


def subscriber(world: World, **arguments: Any) -> Subscriber[Delivered[Placed]]:
    """A subscriber to all that lies there."""
    source = RangeSource(
        world.reader(*PARTITIONS), PARTITIONS, world.clock, start="beginning", until="end"
    )
    return Subscriber(source, [Placed], world.catalogue(), world.clock, **arguments)


def outcomes(subscribed: Subscriber[Delivered[Placed]]) -> list[object]:
    """Read to the end, on behind whatever is raised; numbers, and what was raised."""

    async def scenario() -> list[object]:
        found: list[object] = []
        while True:
            try:
                found.append((await anext(subscribed)).event.number)
            except StopAsyncIteration:
                return found
            except (Undecodable, UnknownMessageType) as error:
                found.append(error)

    return asyncio.run(scenario())


def test_types_that_were_not_asked_for_are_counted_by_name(shop: World) -> None:
    """Several types share a topic."""
    subscribed = subscriber(shop)
    assert outcomes(subscribed) == [1]
    statistics = subscribed.statistics()
    assert statistics.passed_over == 3
    assert statistics.passed_over_by_type == SkippedCounts(
        by_type={"shop.Paid": 1, "shop.Bought": 2}
    )


def test_types_that_were_not_asked_for_are_raised_where_that_is_wished(shop: World) -> None:
    """Each with its place and type, once; reading goes on behind it."""
    subscribed = subscriber(shop, unknown_types="raise")
    first, *raised = outcomes(subscribed)
    assert first == 1
    assert [
        (error.offset, error.type) for error in raised if isinstance(error, UnknownMessageType)
    ] == [(1, "shop.Paid"), (2, "shop.Bought"), (3, "shop.Bought")]
    assert "shop.orders/0 at offset 1 is of the type shop.Paid" in str(raised[0])
    assert subscribed.statistics().passed_over == 0


def test_a_handler_is_ended_by_a_type_that_was_not_asked_for(shop: World) -> None:
    """As by whatever else is raised."""

    async def nothing(_delivered: Delivered[Placed]) -> None: ...

    with pytest.raises(UnknownMessageType):
        asyncio.run(subscriber(shop, unknown_types="raise").run(nothing))


def test_old_shapes_are_read_as_the_class_that_was_asked_for(shop: World) -> None:
    """And what their upcast cannot make anything of cannot be decoded."""
    subscribed = subscriber(shop, upcasts=[BOUGHT])
    one, two, failed = outcomes(subscribed)
    assert (one, two) == (1, 2)
    assert isinstance(failed, Undecodable)
    assert failed.offset == 3
    assert isinstance(failed.__cause__, UpcastFailed)
    assert "two" not in str(failed)
    assert subscribed.statistics().undecodable == 1


def test_upcasts_that_lead_nowhere_are_refused_at_once(shop: World) -> None:
    """Before anything is read."""
    astray: Upcast[Bought, Paid] = Upcast(
        old=Bought, new=Paid, function=lambda old: Paid(order_id=old.order_id), name="here:astray"
    )
    with pytest.raises(BadUpcast, match="not read here"):
        subscriber(shop, upcasts=[astray])
