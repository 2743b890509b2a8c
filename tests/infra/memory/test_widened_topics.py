"""Topics that have more partitions than their readers were declared with: nothing is left out."""

import asyncio
from typing import Final, Literal

import pytest

from penstock.events import Event, Topic
from penstock.events.event import Message
from penstock.events.log import Partition
from penstock.events.reading_range import BadRange
from penstock.events.subscriber import Delivered, Subscriber
from penstock.infra import Settings, connect
from penstock.infra.bootstrap import Bus
from penstock.infra.memory import (
    Fault,
    Loss,
    MemoryCluster,
    MemoryProcess,
    RequestKind,
    make_topics,
    play,
)

SETTINGS: Final = Settings(app="shop", drain_s=5.0)
NARROW: Final = Topic("memory.widened", partitions=2)
WIDE: Final = Topic("memory.widened", partitions=5)
COUNT: Final = 40


class Sold(Event, topic=NARROW, key="item", name="Sold"):
    """Something was sold; as an older program declares it."""

    item: str
    number: int


class SoldWide(Event, topic=WIDE, key="item", name="Sold"):
    """The same, as a newer program declares it."""

    item: str
    number: int


async def sell(bus: Bus, kind: type[Sold | SoldWide], first: int, count: int = COUNT) -> None:
    """Publish some events, on all partitions that their type has."""
    events: list[Message] = [
        kind(item=f"i{each}", number=each) for each in range(first, first + count)
    ]
    await bus.publish_many(events)


async def widen(cluster: MemoryCluster) -> None:
    """Give the topic the partitions that newer programs declare."""
    await cluster.admin().add_partitions(WIDE.name, WIDE.partitions)


def test_a_part_of_a_log_is_of_all_its_partitions() -> None:
    """Newer writers use them already, and a replay that left them out would look complete."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with connect(SETTINGS, cluster=cluster) as bus:
            await sell(bus, Sold, 0)
            await widen(cluster)
            await sell(bus, SoldWide, COUNT)
            async with bus.subscribe([Sold], until="end") as sold:
                found = [delivered.event.number async for delivered in sold]
            assert sorted(found) == list(range(2 * COUNT))
            added = Partition(WIDE.name, 4)
            async with bus.subscribe([Sold], partitions=[added], until="end") as sold:
                places = [delivered.partition async for delivered in sold]
            assert set(places) == {4}
            beyond = Partition(WIDE.name, 5)
            with pytest.raises(BadRange):
                async with bus.subscribe([Sold], partitions=[beyond], until="end"):
                    pytest.fail("there is no such partition")

    play(scenario)


@pytest.mark.parametrize("start", ["beginning", "end"])
def test_a_group_reads_partitions_that_come_later_from_their_beginning(
    start: Literal["beginning", "end"],
) -> None:
    """What was written to them before the group saw them is not skipped."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with connect(SETTINGS, cluster=cluster) as bus:
            await sell(bus, Sold, 0)
            async with bus.subscribe([Sold], group="reports", start=start) as sold:
                found: list[int] = []

                async def read() -> None:
                    found.extend([delivered.event.number async for delivered in sold])

                reading = asyncio.ensure_future(read())
                await cluster.clock.sleep_until(cluster.clock.monotonic() + 20)
                for _ in range(20):
                    # As on Kafka: a member sees new partitions long after writers do.
                    lost = Fault(request=RequestKind.FETCH_OFFSET, loses=Loss.ANSWER)
                    cluster.faults.add(lost)
                await widen(cluster)
                async with connect(SETTINGS, cluster=MemoryProcess(cluster, "newer")) as newer:
                    await sell(newer, SoldWide, COUNT)
                await cluster.clock.sleep_until(cluster.clock.monotonic() + 600)
                sold.stop()
                await reading
            first = COUNT if start == "end" else 0
            assert sorted(found) == list(range(first, 2 * COUNT))

    play(scenario, limit_s=3_600)


def test_a_group_may_begin_at_offsets_of_partitions_that_came_later() -> None:
    """The cluster knows of them, whatever the types here say."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[SoldWide])
        added, beyond = Partition(WIDE.name, 4), Partition(WIDE.name, 5)
        async with connect(SETTINGS, cluster=cluster) as bus:
            await sell(bus, SoldWide, 0)
            async with bus.subscribe([Sold], group="reports", start={added: 1}) as sold:
                found: dict[int, int] = {}
                while added.number not in found:
                    delivered = await anext(sold)
                    found.setdefault(delivered.partition, delivered.offset)
                assert found[added.number] == 1
            with pytest.raises(BadRange):
                async with bus.subscribe([Sold], group="others", start={beyond: 0}):
                    pytest.fail("there is no such partition")

    play(scenario)


def test_what_is_published_in_the_block_comes_behind_the_end() -> None:
    """Also in a group, which has its partitions a while after the block was entered."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with connect(SETTINGS, cluster=cluster) as bus:
            await sell(bus, Sold, 0)
            async with bus.subscribe([Sold], group="reports", start="end") as sold:
                await sell(bus, Sold, COUNT)
                reading = asyncio.ensure_future(_take(sold, COUNT))
                await cluster.clock.sleep_until(cluster.clock.monotonic() + 60)
                assert reading.done()
                assert sorted(reading.result()) == list(range(COUNT, 2 * COUNT))

    play(scenario)


async def _take(sold: Subscriber[Delivered[Sold]], count: int) -> list[int]:
    return [(await anext(sold)).event.number for _ in range(count)]
