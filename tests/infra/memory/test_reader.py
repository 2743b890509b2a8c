"""MemoryReader: it waits on the clock and on what arrives, and sees what is committed."""

import asyncio

import pytest

from penstock.events.log import Partition, PositionLost, TopicMissing
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.request_kind import RequestKind
from tests.infra.memory.bench import Bench, writes
from tests.infra.memory.turning import play


def test_a_read_waits_for_its_time_and_no_longer() -> None:
    """By the clock alone: until that is turned, nothing ends."""

    async def scenario() -> None:
        bench = Bench()
        reader = await bench.cluster.reader(await bench.topic())
        reading = asyncio.ensure_future(reader.read(timeout_s=5.0))
        await bench.clock.advance(4.9)
        assert not reading.done()
        assert bench.cluster.statistics().waiting_readers == 1
        await bench.clock.advance(0.1)
        assert await reading == []
        assert bench.cluster.statistics().waiting_readers == 0

    play(scenario())


def test_a_read_ends_when_a_record_comes() -> None:
    """In the same moment of the clock."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        reader = await bench.cluster.reader(place)
        reading = asyncio.ensure_future(reader.read(timeout_s=5.0))
        await bench.clock.advance(1.0)
        await bench.write(place, b"a")
        assert [each.value for each in await reading] == [b"a"]
        assert bench.clock.monotonic() == 1.0

    play(scenario())


def test_a_read_ends_when_a_transaction_commits() -> None:
    """Not when its records are written; and an abort shows nothing but another position."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        reader = await bench.cluster.reader(place)
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.hold_markers(held=True)
        await producer.commit(writes(place, b"a"))
        assert await bench.turned(reader.read(timeout_s=1.0)) == []
        reading = asyncio.ensure_future(reader.read(timeout_s=5.0))
        await bench.clock.advance(0)
        bench.cluster.hold_markers(held=False)
        assert [each.value for each in await reading] == [b"a"]
        assert reader.position(place) == 2

    play(scenario())


def test_a_seek_is_seen_by_a_read_that_waits() -> None:
    """It reads there."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        await bench.write(place, b"a")
        reader = await bench.cluster.reader(place)
        reader.seek(place, 1)
        reading = asyncio.ensure_future(reader.read(timeout_s=5.0))
        await bench.clock.advance(1.0)
        assert not reading.done()
        reader.seek(place, 0)
        assert [each.value for each in await reading] == [b"a"]

    play(scenario())


@pytest.mark.parametrize("noticed", [True, False])
def test_a_lost_fetch_is_made_again(noticed: bool) -> None:
    """Reading twice does no harm; no record is skipped, and none comes twice."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        await bench.write(place, b"a", b"b")
        reader = await bench.cluster.reader(place)
        bench.cluster.faults.add(
            Fault(request=RequestKind.FETCH, loses=Loss.ANSWER, noticed=noticed)
        )
        found = list(await bench.turned(reader.read(timeout_s=2.0)))
        assert bool(found) == noticed
        found += await bench.turned(reader.read(timeout_s=0.1))
        assert [each.value for each in found] == [b"a", b"b"]

    play(scenario())


def test_an_absent_broker_is_no_error_for_a_read() -> None:
    """It is empty after its time, as where nothing is written; questions say what is wrong."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        await bench.write(place, b"a")
        reader = await bench.cluster.reader(place)
        bench.cluster.stop()
        assert await bench.turned(reader.read(timeout_s=1.0)) == []
        with pytest.raises(KafkaUnreachable, match=str(place)):
            await bench.turned(reader.bounds(place))
        reading = asyncio.ensure_future(reader.read(timeout_s=1.0))
        await bench.clock.advance(0.5)
        bench.cluster.start()
        assert [each.value for each in await reading] == [b"a"]

    play(scenario())


def test_a_position_that_is_not_there_is_told() -> None:
    """PositionLost names it, as the adapter for Kafka does."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        reader = await bench.cluster.reader(place)
        reader.seek(place, 7)
        with pytest.raises(PositionLost) as lost:
            await reader.read(timeout_s=1.0)
        assert (lost.value.partition, lost.value.position) == (place, 7)

    play(scenario())


def test_answers_tell_the_end() -> None:
    """With a number that differs from answer to answer; None before the first."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        reader = await bench.cluster.reader(place)
        assert reader.answered_end(place) is None
        await bench.turned(reader.read(timeout_s=0.1))
        first = reader.answered_end(place)
        await bench.write(place, b"a")
        await bench.turned(reader.read(timeout_s=0.1))
        second = reader.answered_end(place)
        assert first is not None
        assert second is not None
        assert (first[0], second[0]) == (0, 1)
        assert first[1] != second[1]

    play(scenario())


def test_a_partition_that_does_not_exist_is_missing() -> None:
    """Named with its number where the topic exists."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        with pytest.raises(TopicMissing) as missing:
            await bench.cluster.reader(place, Partition("t", 1), Partition("other", 0))
        assert missing.value.topics == "other, t/1"

    play(scenario())


def test_no_partition_starves() -> None:
    """However much one of them has."""

    async def scenario() -> None:
        bench = Bench()
        first = await bench.topic(partitions=2)
        second = Partition("t", 1)
        for number in range(5):
            await bench.write(first, *(b"%d" % each for each in range(900)))
            if number == 0:
                await bench.write(second, b"b")
        reader = await bench.cluster.reader(first, second)
        found = [*await reader.read(timeout_s=0), *await reader.read(timeout_s=0)]
        assert second.number in {each.partition for each in found}

    play(scenario())


@pytest.mark.parametrize("loses", [Loss.REQUEST, Loss.ANSWER])
def test_bounds_are_asked_for_again(loses: Loss) -> None:
    """Where the connection broke; silence ends with the limit, and the error says about what."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        await bench.write(place, b"a")
        reader = await bench.cluster.reader(place)
        faults = bench.cluster.faults
        faults.add(Fault(request=RequestKind.LIST_OFFSETS, loses=loses, noticed=True, times=3))
        assert await bench.turned(reader.bounds(place)) == (0, 1)
        faults.add(Fault(request=RequestKind.LIST_OFFSETS, loses=loses))
        with pytest.raises(KafkaUnreachable, match=f"no answer in time, about {place}"):
            await bench.turned(reader.bounds(place))

    play(scenario())
