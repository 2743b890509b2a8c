"""Reading without a group: everything asked for, in order, and nothing passed over in silence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events.event import Event
from penstock.events.event_types import partitions_of
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.events.subscriber import Delivered, Subscriber, Undecodable
from penstock.events.topic import Topic

if TYPE_CHECKING:
    from tests.events.conftest import World

ORDERS = Topic("shop.orders", partitions=2)


class Placed(Event, topic=ORDERS, key="order_id"):
    """Keyed."""

    order_id: str
    number: int


class Paid(Event, topic=ORDERS, key="order_id"):
    """Another type on the topic."""

    order_id: str


PARTITIONS = partitions_of([Placed])
RUBBISH = NewRecord(b"k", b"rubbish", (), 0)


@pytest.fixture
def shop(world: World) -> World:
    """A world with twenty orders, placed and paid."""
    world.log.create("shop.orders", 2)

    async def fill() -> None:
        publisher = world.publisher(world.writer())
        for number in range(20):
            await publisher.publish(Placed(order_id=f"o-{number}", number=number))
            await publisher.publish(Paid(order_id=f"o-{number}"))
        await publisher.close()

    asyncio.run(fill())
    return world


def subscriber(world: World, **arguments: Any) -> Subscriber[Placed]:
    """A subscriber with a reader and a catalogue of its own."""
    reader = world.reader(*PARTITIONS)
    return Subscriber(reader, PARTITIONS, [Placed], world.catalogue(), **arguments)


def read(subscribed: Subscriber[Placed]) -> list[Delivered[Placed]]:
    """Read to the end that is there at the start."""

    async def scenario() -> list[Delivered[Placed]]:
        return [delivered async for delivered in subscribed]

    return asyncio.run(scenario())


def test_all_events_of_a_type_are_read_in_order_within_each_partition(shop: World) -> None:
    """Other types are counted; the catalogue is asked when a schema is unknown."""
    subscribed = subscriber(shop, follow=False)
    found = read(subscribed)
    assert sorted(each.event.number for each in found) == list(range(20))
    for number in range(2):
        offsets = [each.offset for each in found if each.partition == number]
        assert offsets == sorted(offsets)
    statistics = subscribed.statistics()
    assert (statistics.delivered, statistics.passed_over) == (20, 20)


def test_what_is_delivered_says_where_it_lay_and_what_its_headers_say(shop: World) -> None:
    """Headers are read when somebody asks."""
    delivered = read(subscriber(shop, follow=False))[0]
    record = shop.log.records(Partition("shop.orders", delivered.partition))[delivered.offset]
    assert delivered.topic == "shop.orders"
    assert delivered.timestamp_ms == record.timestamp
    assert delivered.headers.type == "shop.Placed"
    assert delivered.headers.source == "shop.test"
    assert delivered.record_headers == record.headers


def test_records_that_come_later_are_not_read_without_following(shop: World) -> None:
    """The end is the one that was there at the beginning of the iteration."""

    async def scenario() -> int:
        count = 0
        async for _ in subscriber(shop, follow=False):
            count += 1
            publisher = shop.publisher(shop.writer())
            await publisher.publish(Placed(order_id="late", number=99))
            await publisher.close()
        return count

    assert asyncio.run(scenario()) == 20


def test_reading_may_begin_at_the_end_and_follow(shop: World) -> None:
    """Only what comes from now on."""

    async def scenario() -> list[int]:
        subscribed = subscriber(shop, start="end")
        coming = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(3)
        assert not coming.done()
        publisher = shop.publisher(shop.writer())
        await publisher.publish(Placed(order_id="late", number=99))
        await publisher.close()
        await shop.clock.advance(1)
        found = [(await coming).event.number]
        waiting = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return found

    assert asyncio.run(scenario()) == [99]


def test_reading_may_begin_at_offsets(shop: World) -> None:
    """Partitions that are not named begin at their first record."""
    first, second = PARTITIONS
    half = shop.log.end(first) // 2
    found = read(subscriber(shop, start={first: half}, follow=False))
    assert min(each.offset for each in found if each.partition == first.number) >= half
    assert min(each.offset for each in found if each.partition == second.number) <= 1


def test_what_cannot_be_decoded_is_raised_and_reading_may_go_on(shop: World) -> None:
    """With its place, and without its payload."""
    place = PARTITIONS[0]
    offset = shop.log.append(place, [RUBBISH])
    shop.log.append(place, [NewRecord(b"k", b"\xc3\x0112345678x", (), 0)])

    async def scenario() -> None:
        subscribed = subscriber(shop, start={place: offset}, follow=False)
        for expected in (offset, offset + 1):
            while True:
                coming = asyncio.ensure_future(anext(subscribed))
                await shop.clock.advance(1)
                if coming.exception() is not None:
                    break
            with pytest.raises(Undecodable) as told:
                await coming
            assert (told.value.topic, told.value.offset) == ("shop.orders", expected)
            assert "rubbish" not in str(told.value)
        assert subscribed.statistics().undecodable == 2

    asyncio.run(scenario())


def test_what_cannot_be_decoded_may_be_told_instead(shop: World) -> None:
    """The iteration goes on by itself."""
    shop.log.append(PARTITIONS[0], [RUBBISH])
    told: list[tuple[int, str]] = []

    def tell(record: LogRecord, error: Exception) -> None:
        told.append((record.offset, type(error).__name__))

    subscribed = subscriber(shop, follow=False, on_undecodable=tell)
    assert len(read(subscribed)) == 20
    assert told == [(shop.log.end(PARTITIONS[0]) - 1, "NotFramed")]


def test_tombstones_are_counted(shop: World) -> None:
    """They are no events."""
    shop.log.append(PARTITIONS[0], [NewRecord(b"k", None, (), 0)])
    subscribed = subscriber(shop, follow=False)
    assert len(read(subscribed)) == 20
    assert subscribed.statistics().tombstones == 1


def test_an_empty_log_ends_at_once(world: World) -> None:
    """Also where it ends with a marker and holds no record."""
    world.log.create("shop.orders", 2)
    assert read(subscriber(world, follow=False)) == []


def test_a_log_that_ends_in_a_marker_ends(shop: World) -> None:
    """T21: the position passes markers, so the end is reached."""
    for partition in PARTITIONS:
        shop.log.mark(partition)
    assert len(read(subscriber(shop, follow=False))) == 20


def test_the_reader_is_closed_with_the_block(shop: World) -> None:
    """Its connections belong to the subscriber."""
    reader = shop.reader(*PARTITIONS)

    async def scenario() -> None:
        async with Subscriber(reader, PARTITIONS, [Placed], shop.catalogue()) as subscribed:
            assert (await anext(aiter(subscribed))).event.number >= 0

    asyncio.run(scenario())
    assert reader.closed
