"""LogReader (events/log.py): committed records, in order, from any offset."""

from collections.abc import Callable

import pytest

from penstock.events.log import LogRecord, Partition, TopicMissing
from penstock.workers.ports import Transaction
from tests.conformance.cluster import Cluster
from tests.conformance.port_play import filled, make_topic
from tests.integration.workbench import eventually, new_record, play


def test_a_reader_begins_at_the_beginning(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """And reads on; after the last record a read is empty."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer, cluster.reader(place) as reader:
            assert await reader.bounds(place) == (0, 0)
            assert reader.position(place) == 0
            assert list(await reader.read(timeout_s=0.1)) == []
            await filled(writer, place, b"a", b"b")
            found: list[LogRecord] = []
            while len(found) < 2:
                found += await reader.read(timeout_s=1)
            assert [(each.offset, each.value) for each in found] == [(0, b"a"), (1, b"b")]
            assert reader.position(place) == 2
            assert await reader.bounds(place) == (0, 2)
            assert list(await reader.read(timeout_s=0.1)) == []

    play(scenario())


def test_a_reader_goes_where_it_is_told(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Forward and back, also into the middle of a batch."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer, cluster.reader(place) as reader:
            await filled(writer, place, b"a", b"b", b"c")
            for offset, first in ((2, b"c"), (0, b"a"), (1, b"b")):
                reader.seek(place, offset)
                assert reader.position(place) == offset
                found: list[LogRecord] = []
                while not found:
                    found += await reader.read(timeout_s=1)
                assert (found[0].offset, found[0].value) == (offset, first)

    play(scenario())


def test_each_partition_is_read_in_order(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Between partitions there is none."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        async with cluster.writer() as writer, cluster.reader(first, second) as reader:
            for number in range(10):
                await filled(writer, (first, second)[number % 2], b"%d" % number)
            found: list[LogRecord] = []
            while len(found) < 10:
                found += await reader.read(timeout_s=1)
        for partition, start in ((0, 0), (1, 1)):
            values = [each.value for each in found if each.partition == partition]
            assert values == [b"%d" % number for number in range(start, 10, 2)]

    play(scenario())


def test_positions_move_past_markers(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """The marker of a transaction takes an offset and is never read as a record."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        producer = await cluster.gate().fence(unique("id"))
        await producer.commit(Transaction(outputs={place: [new_record(b"a")]}, offset=None))
        await producer.close()
        async with cluster.reader(place) as reader:

            async def ended() -> bool:
                return await reader.bounds(place) == (0, 2)

            await eventually(ended, what="the marker")
            found: list[LogRecord] = []
            while reader.position(place) < 2:
                found += await reader.read(timeout_s=0.2)
            assert [each.value for each in found] == [b"a"]

    play(scenario())


def test_what_does_not_exist_is_not_read(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """TopicMissing; nothing is created."""

    async def scenario() -> None:
        missing = unique("missing")
        with pytest.raises(TopicMissing):
            async with cluster.reader(Partition(missing, 0)):
                pass
        async with cluster.topics() as topics:
            assert missing not in await topics.names()

    play(scenario())


def test_two_readers_do_not_share_anything(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Each has its own position."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer:
            await filled(writer, place, b"a", b"b")
        async with cluster.reader(place) as one, cluster.reader(place) as two:
            one.seek(place, 2)
            found: list[LogRecord] = []
            while len(found) < 2:
                found += await two.read(timeout_s=1)
            assert (one.position(place), two.position(place)) == (2, 2)
            assert list(await one.read(timeout_s=0.1)) == []

    play(scenario())
