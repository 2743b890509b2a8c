"""RangeReader (events/log.py): committed records, in order, from any offset, or from a time."""

from collections.abc import Callable

import pytest

from penstock.events.log import LogRecord, NewRecord, Partition, PositionLost, TopicMissing
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


NOON_MS = 1_767_268_800_000
KEPT = {"retention.ms": "-1"}
"""Times of long ago would expire."""


def _at(value: bytes, timestamp_ms: int) -> NewRecord:
    """A record of its own time."""
    return NewRecord(None, value, [], timestamp_ms)


def test_a_time_begins_at_the_first_record_that_is_as_late(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Also where later ones are earlier, inside of a batch, and with none behind it at the end."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), config=KEPT)
        async with cluster.writer() as writer, cluster.reader(place) as reader:
            assert await reader.offset_at(place, NOON_MS) == 0
            for times in ((0, 10, 20), (40, 30), (50,)):
                batch = writer.new_batch()
                for after in times:
                    assert batch.append(_at(b"x", NOON_MS + after))
                await writer.write(place, batch, timeout_s=10)
            asked = (-5, 0, 1, 10, 20, 21, 31, 40, 41, 50, 51)
            found = [await reader.offset_at(place, NOON_MS + after) for after in asked]
            assert found == [0, 0, 1, 1, 2, 3, 3, 3, 5, 5, 6]
            assert await reader.offset_at(place, 0) == 0

    play(scenario())


def test_a_time_begins_in_what_is_committed(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Markers have a time, too; it begins at a position, behind which no record need be."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), config=KEPT)
        producer = await cluster.gate().fence(unique("id"))
        record = _at(b"a", NOON_MS)
        await producer.commit(Transaction(outputs={place: [record]}, offset=None))
        await producer.close()
        async with cluster.reader(place) as reader:

            async def ended() -> bool:
                return await reader.bounds(place) == (0, 2)

            await eventually(ended, what="the marker")
            assert await reader.offset_at(place, NOON_MS) == 0
            # The marker bears the broker's time; if that is set earlier, the end is the answer.
            assert await reader.offset_at(place, NOON_MS + 1) in {1, 2}
            assert await reader.offset_at(place, NOON_MS * 2) == 2

    play(scenario())


def test_a_partition_rests_when_it_is_told(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Its position stays, the others go on; when it is resumed, nothing is missing."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        async with cluster.writer() as writer, cluster.reader(first, second) as reader:
            reader.pause(first)
            await filled(writer, first, b"a", b"b")
            await filled(writer, second, b"c")
            found: list[LogRecord] = []
            while not found:
                found += await reader.read(timeout_s=1)
            assert [each.value for each in found] == [b"c"]
            assert list(await reader.read(timeout_s=0.3)) == []
            assert reader.position(first) == 0
            reader.resume(first)
            while len(found) < 3:
                found += await reader.read(timeout_s=1)
            assert [each.value for each in found] == [b"c", b"a", b"b"]

    play(scenario())


def test_a_position_that_is_not_there_is_lost(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """PositionLost names it; nobody is moved in silence."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.reader(place) as reader:
            reader.seek(place, 77)

            async def raises() -> bool:
                try:
                    await reader.read(timeout_s=0.2)
                except PositionLost as lost:
                    return (lost.partition, lost.position) == (place, 77)
                return False

            await eventually(raises, what="PositionLost")

    play(scenario())
