"""Subscribers on a cluster: ranges, times, groups whose members come and go, handlers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from penstock.events.log import NewRecord, Partition
from penstock.events.names import subscriber_group
from penstock.events.partition_lanes import HandlerRaised
from penstock.events.reading_range import PositionOutside
from penstock.events.record_source import GroupStatistics
from penstock.events.subscriber import Delivered, Subscriber, Tombstone
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.gate import KafkaGate
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.workers import Worker
from penstock.workers.ports import Transaction
from tests.integration.workbench import (
    eventually,
    group_offset,
    new_record,
    play,
    read_committed,
)
from tests.integration.worker_bench import Placed, Shop, made_shop

pytestmark = pytest.mark.timeout(120)
GROUP = "reports"


async def opened(shop: Shop) -> None:
    """Make its topics."""
    await shop.make_topics(Worker("clerk"))


async def committed(shop: Shop, number: int = 0) -> int | None:
    """What the group of the subscribers has committed."""
    group = subscriber_group(shop.settings.app, GROUP)
    found = await group_offset(shop.connection, group, shop.source(number))
    return None if found is None else found[0]


def membership(subscriber: Subscriber[Delivered[Placed]]) -> GroupStatistics:
    """Its place in the group, in numbers."""
    group = subscriber.statistics().group
    assert group is not None
    return group


async def take(subscriber: Subscriber[Delivered[Placed]], count: int) -> list[str]:
    """Take so many, and leave the last one in hand."""
    return [(await anext(subscriber)).event.order for _ in range(count)]


@asynccontextmanager
async def reading(shop: Shop) -> AsyncIterator[Subscriber[Delivered[Placed]]]:
    """A member of the group, with clients of its own."""
    async with connect(shop.settings) as bus, bus.subscribe([shop.placed], group=GROUP) as found:
        yield found


async def all_of(bus: Bus, shop: Shop, **wishes: object) -> list[int]:
    """The offsets of a part of the log."""
    async with bus.subscribe([shop.placed], **wishes) as found:  # type: ignore[call-overload] # each test gives what is meant
        return [delivered.offset async for delivered in found]


def test_a_part_of_the_log_is_replayed(kafka: str, unique: Callable[[str], str]) -> None:
    """By offsets, by times and to the end of now, of each partition alone."""
    shop = made_shop(kafka, unique, partitions=2)

    async def scenario() -> None:
        await opened(shop)
        early = datetime.now(UTC)
        await shop.publish(shop.orders(20))
        late = datetime.now(UTC) + timedelta(seconds=1)
        async with connect(shop.settings) as bus:
            first = [Partition(shop.inputs.name, 0)]
            whole = await all_of(bus, shop, partitions=first, until="end")
            assert whole == list(range(len(whole)))
            assert len(whole) > 5
            part = await all_of(
                bus, shop, partitions=first, start={first[0]: 2}, until={first[0]: 5}
            )
            assert part == [2, 3, 4]
            assert len(await all_of(bus, shop, start=early, until="end")) == 20
            assert await all_of(bus, shop, start=late, until="end") == []
            assert len(await all_of(bus, shop, until=late)) == 20
            assert await all_of(bus, shop, until=early) == []
            with pytest.raises(PositionOutside):
                await all_of(bus, shop, start={first[0]: 1_000})

    play(scenario())


def test_a_time_in_empty_partitions_is_their_end(kafka: str, unique: Callable[[str], str]) -> None:
    """Nothing is so late there: an end is reached at once, and what comes is read."""
    shop = made_shop(kafka, unique, partitions=3)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)

    async def scenario() -> None:
        await opened(shop)
        async with connect(shop.settings) as bus:
            assert await all_of(bus, shop, start=hour_ago, until="end") == []
            assert await all_of(bus, shop, until=hour_ago) == []
            async with bus.subscribe([shop.placed], start=hour_ago, group=GROUP) as found:
                await shop.publish(shop.orders(9))
                assert len(await take(found, 9)) == 9

    play(scenario())


def test_a_group_that_begins_at_the_end_reads_what_comes(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The end is that of when the block was entered, though partitions are given later."""
    shop = made_shop(kafka, unique, partitions=3)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(20))
        async with (
            connect(shop.settings) as bus,
            bus.subscribe([shop.placed], start="end", group=GROUP) as found,
        ):
            await shop.publish(shop.orders(20, first=20))
            orders = await take(found, 20)
        assert sorted(orders) == [f"o{number:05}" for number in range(20, 40)]

    play(scenario())


def test_an_end_behind_markers_is_reached(kafka: str, unique: Callable[[str], str]) -> None:
    """No record is there that anybody could wait for."""
    shop = made_shop(kafka, unique)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(3))
        producer = await KafkaGate(shop.connection).fence(unique("id"))
        value = shop.encoded(shop.orders(1)[0])
        for _ in range(2):
            record = new_record(value)
            await producer.commit(Transaction(outputs={shop.source(): [record]}, offset=None))
        await producer.close()
        async with connect(shop.settings) as bus:
            await eventually(lambda: _reaches(bus, shop, 7), what="the last marker")
            for until, wanted in ((4, [0, 1, 2, 3]), (5, [0, 1, 2, 3]), (6, [0, 1, 2, 3, 5])):
                assert await all_of(bus, shop, until={shop.source(): until}) == wanted
            assert await all_of(bus, shop, until="end") == [0, 1, 2, 3, 5]

    play(scenario())


async def _reaches(bus: Bus, shop: Shop, end: int) -> bool:
    """Whether the log reaches an offset by now."""
    try:
        await all_of(bus, shop, start={shop.source(): end}, until="end")
    except PositionOutside:
        return False
    return True


def test_tombstones_are_handed_out(kafka: str, unique: Callable[[str], str]) -> None:
    """To whoever asks, beside the events."""
    shop = made_shop(kafka, unique)

    async def scenario() -> None:
        await opened(shop)
        async with connect(shop.settings) as bus:
            await bus.publish(shop.orders(1)[0])
            await _bury(shop, b"o00000")
            async with bus.subscribe([shop.placed], until="end", tombstones=True) as found:
                items = [item async for item in found]
        event, tombstone = items
        assert isinstance(event, Delivered)
        assert isinstance(tombstone, Tombstone)
        assert tombstone.key_as(str) == event.key_as(str) == event.event.order

    play(scenario())


async def _bury(shop: Shop, key: bytes) -> None:
    producer = await KafkaGate(shop.connection).fence(f"bury-{shop.inputs.name}")
    record = NewRecord(key, None, [], 0)
    await producer.commit(Transaction(outputs={shop.source(): [record]}, offset=None))
    await producer.close()
    await read_committed(shop.connection, shop.source())  # its marker comes behind the answer


def test_a_group_goes_on_where_it_has_come_to(kafka: str, unique: Callable[[str], str]) -> None:
    """What is finished is committed at an interval and at the end; what was in hand comes again."""
    shop = made_shop(kafka, unique)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(10))
        async with reading(shop) as found:
            assert await take(found, 4) == [f"o{number:05}" for number in range(4)]
            await eventually(lambda: _has(shop, 3), what="a commit of what is finished")
            await found.commit()
            assert await committed(shop) == 4
            await take(found, 2)
        assert await committed(shop) == 5
        async with reading(shop) as found:
            assert await take(found, 5) == [f"o{number:05}" for number in range(5, 10)]
            await found.commit()
        assert await committed(shop) == 10

    play(scenario())


async def _has(shop: Shop, offset: int) -> bool:
    return await committed(shop) == offset


def test_members_come_and_go_and_nothing_is_lost_or_repeated(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Whoever lets a partition go has finished what it had in hand, and committed that."""
    shop = made_shop(kafka, unique, partitions=4)
    seen: Counter[str] = Counter()

    async def member(found: Subscriber[Delivered[Placed]]) -> None:
        async for delivered in found:
            await asyncio.sleep(0)
            seen[delivered.event.order] += 1

    async def scenario() -> None:
        await opened(shop)
        async with reading(shop) as first:
            one = asyncio.ensure_future(member(first))
            await shop.publish(shop.orders(100))
            await eventually(lambda: len(seen) == 100, what="the first hundred")
            async with reading(shop) as second:
                two = asyncio.ensure_future(member(second))
                await shop.publish(shop.orders(300, first=100))
                await eventually(
                    lambda: membership(first).partitions == membership(second).partitions == 2,
                    what="two partitions each",
                )
                await shop.publish(shop.orders(300, first=400))
                await eventually(lambda: len(seen) == 700, what="seven hundred")
                second.stop()
                await two
            await shop.publish(shop.orders(100, first=700))
            await eventually(lambda: len(seen) == 800, what="all of them")
            first.stop()
            await one
            assert membership(first).repeats == membership(second).repeats == 0
        assert set(seen.values()) == {1}
        ends = [await committed(shop, number) for number in range(4)]
        assert sum(end or 0 for end in ends) == 800

    play(scenario())


def test_a_partition_is_let_go_when_its_record_is_finished(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The group waits for a slow body, within the limit; then another member goes on behind it."""
    shop = made_shop(kafka, unique, partitions=1, drain_s=15.0)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(3))
        async with reading(shop) as slow:
            await take(slow, 1)
            async with reading(shop) as other:
                await eventually(lambda: membership(slow).rebalances, what="the rebalance")
                # Its record is still in hand: nobody else is given it.
                assert membership(other).partitions == 0
                coming = asyncio.ensure_future(anext(other))
                next_of_slow = asyncio.ensure_future(anext(slow))
                done, _ = await asyncio.wait(
                    {coming, next_of_slow}, timeout=60, return_when=asyncio.FIRST_COMPLETED
                )
                (found,) = done
                assert found.result().event.order == "o00001"
                assert await committed(shop) == 1
                for task in (coming, next_of_slow):
                    task.cancel()

    play(scenario())


def test_a_lost_commit_is_made_again(fault_proxy: FaultProxy, unique: Callable[[str], str]) -> None:
    """A connection that breaks in it loses nothing, and ends nothing."""
    shop = made_shop(fault_proxy.address, unique)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(5))
        async with reading(shop) as found:
            await take(found, 1)
            for _ in range(2):
                fault_proxy.reset(ApiKey.OFFSET_COMMIT, after_bytes=1)
            await take(found, 2)
            await eventually(lambda: _has(shop, 2), what="the commit")
            assert membership(found).commits_failed >= 1
            assert await take(found, 2) == ["o00003", "o00004"]
        assert await committed(shop) == 4

    play(scenario())


def test_a_handler_is_run_in_a_group(kafka: str, unique: Callable[[str], str]) -> None:
    """An error ends it with the record's place, and leaves that record for the next start."""
    shop = made_shop(kafka, unique, partitions=2)
    handled: Counter[str] = Counter()
    bad = {"o00013"}

    async def handle(delivered: Delivered[Placed]) -> None:
        await asyncio.sleep(0)
        if delivered.event.order in bad:
            raise LookupError
        handled[delivered.event.order] += 1

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(40))
        async with connect(shop.settings) as bus:
            with pytest.raises(HandlerRaised) as told:
                await bus.consume([shop.placed], handle, group=GROUP)
            assert await committed(shop, told.value.partition) == told.value.offset
            bad.clear()
            async with bus.subscribe([shop.placed], group=GROUP) as found:
                running = asyncio.ensure_future(found.run(handle))
                await eventually(lambda: len(handled) == 40, what="the rest")
                found.stop()
                await running
        assert set(handled.values()) == {1}
        assert sum([await committed(shop, number) or 0 for number in range(2)]) == 40

    play(scenario())


def test_a_whole_topic_is_run_through_a_handler(kafka: str, unique: Callable[[str], str]) -> None:
    """Up to the end of now, more than is held in memory at once, in order."""
    shop = made_shop(kafka, unique, partitions=2)
    offsets: dict[int, list[int]] = {0: [], 1: []}

    async def handle(delivered: Delivered[Placed]) -> None:
        offsets[delivered.partition].append(delivered.offset)

    async def scenario() -> None:
        await opened(shop)
        await shop.publish(shop.orders(15_000))
        async with connect(shop.settings) as bus:
            await bus.consume([shop.placed], handle, until="end")
        for found in offsets.values():
            assert found == list(range(len(found)))
        assert sum(map(len, offsets.values())) == 15_000

    play(scenario())
