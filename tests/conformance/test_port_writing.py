"""BatchWriter (events/log.py): what is acknowledged is there, what is refused is not."""

import asyncio
import time
from collections.abc import Callable

import pytest

from penstock.events.log import NewRecord, Partition, TopicMissing, WriteRefused
from tests.conformance.cluster import Cluster
from tests.conformance.port_play import committed, committed_values, filled, make_topic
from tests.integration.workbench import new_record, play


def test_written_records_are_read_as_they_were(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Key, value, headers and time to the byte; a value of None is a tombstone."""
    stamp_ms = time.time_ns() // 1_000_000 - 1000
    sent = [
        NewRecord(b"k", b"v", [("a", b"1"), ("a", b"2")], stamp_ms),
        NewRecord(None, b"", [], stamp_ms + 1),
        NewRecord(b"", None, [("empty", b"")], stamp_ms + 2),
    ]

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer:
            batch = writer.new_batch()
            for record in sent:
                assert batch.append(record)
            assert len(batch) == 3
            assert await writer.write(place, batch, timeout_s=10) == 0
            assert [*batch.content()] == sent
        found = await committed(cluster, place)
        assert [
            NewRecord(each.key, each.value, [*each.headers], each.timestamp) for each in found
        ] == sent
        assert [(each.topic, each.partition, each.offset) for each in found] == [
            (place.topic, 0, number) for number in range(3)
        ]

    play(scenario())


def test_a_write_tells_its_first_offset(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Offsets of a partition count its records."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer:
            assert await filled(writer, place, b"a", b"b") == 0
            assert await filled(writer, place, b"c") == 2

    play(scenario())


def test_writes_keep_the_order_of_their_calls(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Also where nobody waits for one before the next is called."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer:
            offsets = await asyncio.gather(
                *(filled(writer, place, str(number).encode()) for number in range(20))
            )
        assert offsets == list(range(20))
        assert await committed_values(cluster, place) == [b"%d" % number for number in range(20)]

    play(scenario())


def test_partitions_are_counted(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """A topic that does not exist is missing, and is not created by asking."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), partitions=3)
        missing = unique("missing")
        async with cluster.writer() as writer, cluster.topics() as topics:
            assert await writer.partition_count(place.topic) == 3
            with pytest.raises(TopicMissing):
                await writer.partition_count(missing)
            assert missing not in await topics.names()

    play(scenario())


REFUSED = {
    "too large": ({"max.message.bytes": "1000"}, new_record(bytes(2000))),
    "too old": ({"message.timestamp.before.max.ms": "60000"}, new_record(b"", timestamp_ms=1)),
    "without a key": ({"cleanup.policy": "compact"}, new_record(b"", key=None)),
}


@pytest.mark.parametrize(("config", "record"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_batch_is_not_there(
    config: dict[str, str], record: NewRecord, cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """WriteRefused says so; the writer goes on with what comes next."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), config=config)
        async with cluster.writer() as writer:
            batch = writer.new_batch()
            assert batch.append(record)
            with pytest.raises(WriteRefused) as refused:
                await writer.write(place, batch, timeout_s=10)
            assert refused.value.partition == place
            assert refused.value.too_large == ("max.message.bytes" in config)
            assert [*batch.content()] == [record]
            assert await filled(writer, place, b"good") == 0
        assert await committed_values(cluster, place) == [b"good"]

    play(scenario())


def test_a_batch_fills_up(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """A full one takes nothing more; an empty one takes a record of any size."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as writer:
            batch = writer.new_batch()
            empty_bytes, taken = batch.size_bytes, 0
            while batch.append(new_record(bytes(100_000))):
                taken += 1
            assert len(batch) == taken > 1
            assert empty_bytes + taken * 100_000 <= batch.size_bytes < 1_048_588
            assert await writer.write(place, batch, timeout_s=10) == 0
            huge = writer.new_batch()
            assert huge.append(new_record(bytes(3_000_000)))
            assert not huge.append(new_record(b""))
            with pytest.raises(WriteRefused):
                await writer.write(place, huge, timeout_s=10)
        assert len(await committed(cluster, place)) == taken

    play(scenario())


def test_two_writers_share_a_partition(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Each keeps its own order."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.writer() as one, cluster.writer() as two:
            await asyncio.gather(
                *(
                    filled(writer, place, name + b"%d" % number)
                    for number in range(5)
                    for writer, name in ((one, b"a"), (two, b"b"))
                )
            )
        values = [value or b"" for value in await committed_values(cluster, place)]
        for name in (b"a", b"b"):
            mine = [value for value in values if value.startswith(name)]
            assert mine == [name + b"%d" % number for number in range(5)]

    play(scenario())


def test_partitions_are_written_independently(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Each counts for itself, and a refusal in one does not touch the other."""

    async def scenario() -> None:
        first = await make_topic(
            cluster, unique("t"), partitions=2, config={"max.message.bytes": "1000"}
        )
        second = Partition(first.topic, 1)
        async with cluster.writer() as writer:
            large = writer.new_batch()
            assert large.append(new_record(bytes(2000)))
            outcomes = await asyncio.gather(
                writer.write(first, large, timeout_s=10),
                filled(writer, second, b"good"),
                return_exceptions=True,
            )
        assert isinstance(outcomes[0], WriteRefused)
        assert outcomes[1] == 0
        assert await committed_values(cluster, second) == [b"good"]

    play(scenario())
