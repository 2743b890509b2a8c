"""Reading by a handler: in order within a partition, side by side between them, ended by errors."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events.event import Event
from penstock.events.event_types import partitions_of
from penstock.events.log import NewRecord
from penstock.events.partition_lanes import HandlerRaised
from penstock.events.range_source import RangeSource
from penstock.events.subscriber import Delivered, Subscriber, Undecodable
from penstock.events.topic import Topic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.events.conftest import World


class Paid(Event, topic=Topic("shop.payments", partitions=3), key="order_id"):
    """A payment."""

    order_id: str
    number: int


PARTITIONS = partitions_of([Paid])
COUNT = 60


@pytest.fixture
def shop(world: World) -> World:
    """A world with payments on all partitions."""
    world.log.create("shop.payments", 3)

    async def fill() -> None:
        publisher = world.publisher(world.writer())
        for number in range(COUNT):
            await publisher.publish(Paid(order_id=f"o-{number}", number=number))
        await publisher.close()

    asyncio.run(fill())
    assert all(world.log.end(partition) for partition in PARTITIONS)
    return world


def subscriber(
    world: World, *, until: Any = "end", **arguments: Any
) -> Subscriber[Delivered[Paid]]:
    """A subscriber of all payments."""
    source = RangeSource(world.reader(*PARTITIONS), PARTITIONS, world.clock, until=until)
    return Subscriber(source, [Paid], world.catalogue(), world.clock, **arguments)


async def ran(
    world: World,
    subscribed: Subscriber[Delivered[Paid]],
    handler: Callable[[Delivered[Paid]], Awaitable[object]],
    *,
    for_s: float = 600,
) -> None:
    """Run to the end, in virtual time."""
    running = asyncio.ensure_future(subscribed.run(handler))
    await world.clock.advance(for_s)
    assert running.done(), "it still runs"
    await running


def test_each_partition_is_handled_in_order_and_all_side_by_side(shop: World) -> None:
    """One handler at a time for each partition, and as many as there are partitions."""
    busy: set[int] = set()
    most = 0
    seen: dict[int, list[int]] = {}

    async def handle(delivered: Delivered[Paid]) -> None:
        nonlocal most
        assert delivered.partition not in busy
        busy.add(delivered.partition)
        most = max(most, len(busy))
        await shop.clock.sleep_until(shop.clock.monotonic() + 1 + delivered.partition)
        seen.setdefault(delivered.partition, []).append(delivered.offset)
        busy.discard(delivered.partition)

    asyncio.run(ran(shop, subscriber(shop), handle))
    assert most == len(PARTITIONS)
    for partition in PARTITIONS:
        assert seen[partition.number] == [r.offset for r in shop.log.records(partition)]


def test_handlers_that_never_wait_are_run_too(shop: World) -> None:
    """All of them, and `run` returns at the end."""
    seen: list[int] = []

    async def handle(delivered: Delivered[Paid]) -> None:
        seen.append(delivered.event.number)

    asyncio.run(ran(shop, subscriber(shop), handle))
    assert sorted(seen) == list(range(COUNT))


def test_an_error_ends_it_and_says_where(shop: World) -> None:
    """The cause is the handler's own error; other handlers end the record that they have."""
    begun: list[tuple[int, int]] = []
    ended: list[tuple[int, int]] = []

    async def handle(delivered: Delivered[Paid]) -> None:
        begun.append((delivered.partition, delivered.offset))
        if (delivered.partition, delivered.offset) == (1, 2):
            message = "no such customer"
            raise LookupError(message)
        await shop.clock.sleep_until(shop.clock.monotonic() + 1)
        ended.append((delivered.partition, delivered.offset))

    with pytest.raises(HandlerRaised) as told:
        asyncio.run(ran(shop, subscriber(shop), handle))
    assert isinstance(told.value.__cause__, LookupError)
    assert (told.value.topic, told.value.partition, told.value.offset) == ("shop.payments", 1, 2)
    assert "no such customer" not in str(told.value)
    assert set(begun) - set(ended) == {(1, 2)}


def test_whoever_reads_on_begins_with_what_was_not_handled(shop: World) -> None:
    """By `run` or by a loop: the record is not passed over, nor those behind it."""
    seen: list[int] = []
    failures = iter([True, True])

    async def handle(delivered: Delivered[Paid]) -> None:
        await shop.clock.sleep_until(shop.clock.monotonic() + 1)
        if delivered.partition == 1 and delivered.offset == 2 and next(failures, False):
            raise LookupError
        seen.append(delivered.event.number)

    async def scenario() -> None:
        subscribed = subscriber(shop)
        for _ in range(2):
            running = asyncio.ensure_future(subscribed.run(handle))
            await shop.clock.advance(COUNT)
            with pytest.raises(HandlerRaised):
                await running
        seen.extend([delivered.event.number async for delivered in subscribed])

    asyncio.run(scenario())
    assert sorted(seen) == list(range(COUNT))


def test_a_handler_that_does_not_end_is_cancelled(shop: World) -> None:
    """After the limit of draining, when another one has failed."""
    cancelled: list[int] = []

    async def handle(delivered: Delivered[Paid]) -> None:
        if delivered.partition == 0:
            raise LookupError
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(delivered.partition)
            raise

    with pytest.raises(HandlerRaised):
        asyncio.run(ran(shop, subscriber(shop), handle))
    assert sorted(cancelled) == [1, 2]


def test_a_handler_that_was_cancelled_by_somebody_else_has_failed(shop: World) -> None:
    """It is no cancellation of `run`, and its record is not handled."""

    async def handle(_delivered: Delivered[Paid]) -> None:
        raise asyncio.CancelledError

    with pytest.raises(HandlerRaised, match="CancelledError"):
        asyncio.run(ran(shop, subscriber(shop), handle))


def test_cancelling_it_cancels_its_handlers(shop: World) -> None:
    """At once, and none is left behind."""
    waiting = 0

    async def handle(_delivered: Delivered[Paid]) -> None:
        nonlocal waiting
        waiting += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            waiting -= 1

    async def scenario() -> None:
        running = asyncio.ensure_future(subscriber(shop).run(handle))
        await shop.clock.advance(1)
        assert waiting == len(PARTITIONS)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert waiting == 0

    asyncio.run(scenario())


def test_a_handler_that_ends_in_spite_of_being_cancelled_is_the_last(shop: World) -> None:
    """Its record is handled; its lane once went on alone with all that was waiting."""
    handled: list[tuple[int, int]] = []

    async def handle(delivered: Delivered[Paid]) -> None:
        if delivered.offset == 0:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
        handled.append((delivered.partition, delivered.offset))

    async def scenario() -> list[tuple[int, int]]:
        subscribed = subscriber(shop)
        running = asyncio.ensure_future(subscribed.run(handle))
        await shop.clock.advance(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await shop.clock.advance(10)
        return [(each.partition, each.offset) async for each in subscribed]

    rest = asyncio.run(scenario())
    assert sorted(handled) == [(partition.number, 0) for partition in PARTITIONS]
    assert len(handled) + len(rest) == len({*handled, *rest}) == COUNT


def test_what_cannot_be_decoded_ends_it_too(shop: World) -> None:
    """Unless somebody asked to be told instead."""
    shop.log.append(PARTITIONS[2], [NewRecord(b"k", b"rubbish", (), 0)])

    async def handle(_delivered: Delivered[Paid]) -> None:
        return

    with pytest.raises(Undecodable):
        asyncio.run(ran(shop, subscriber(shop), handle))
    told: list[int] = []
    forgiving = subscriber(shop, on_undecodable=lambda record, _: told.append(record.partition))
    asyncio.run(ran(shop, forgiving, handle))
    assert told == [2]


def test_it_may_be_stopped(shop: World) -> None:
    """What is in hand is handled to its end, what waits is not, and `run` returns."""
    handled = 0

    async def scenario() -> None:
        subscribed = subscriber(shop, until=None)

        async def handle(_delivered: Delivered[Paid]) -> None:
            nonlocal handled
            await shop.clock.sleep_until(shop.clock.monotonic() + 10)
            handled += 1

        running = asyncio.ensure_future(subscribed.run(handle))
        await shop.clock.advance(15)
        assert handled == 3
        subscribed.stop()
        await shop.clock.advance(4)
        assert not running.done()
        await shop.clock.advance(2)
        assert running.done()
        await running

    asyncio.run(scenario())
    assert handled == 6


def test_a_slow_partition_does_not_hold_up_the_others(shop: World) -> None:
    """Whatever waits of it: those that have room are read on."""
    slow, *_ = PARTITIONS
    quick: list[int] = []
    value = shop.log.records(slow)[0].value
    shop.log.append(slow, [NewRecord(b"k", value, (), 0)] * 20_000)

    async def scenario() -> None:
        source = RangeSource(reader := shop.reader(*PARTITIONS), PARTITIONS, shop.clock)
        reader.chunk = 1_000
        subscribed = Subscriber[Delivered[Paid]](source, [Paid], shop.catalogue(), shop.clock)

        async def handle(delivered: Delivered[Paid]) -> None:
            if delivered.partition == slow.number:
                await asyncio.get_running_loop().create_future()
            quick.append(delivered.event.number)

        running = asyncio.ensure_future(subscribed.run(handle))
        await shop.clock.advance(5)
        before = len(quick)
        publisher = shop.publisher(shop.writer())
        for number in range(30):
            await publisher.publish(Paid(order_id=f"later-{number}", number=1_000 + number))
        await publisher.close()
        await shop.clock.advance(5)
        assert len(quick) > before
        assert subscribed.statistics().waiting < 7_000
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
