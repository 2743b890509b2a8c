"""Batches that nobody can read: told with their place and the way out, and not skipped.

They are written as a producer of another library may write them: packed, and larger than allowed.
Bombs of gigabytes and broken bytes, which no broker takes from a producer in good order, are in
tests/infra/kafka/test_bounded_records.py.
"""

from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from penstock.events.log import Partition
from penstock.infra.kafka.bounded_records import BatchUnreadable
from penstock.infra.kafka.connection import UNPACKED_BYTES, KafkaConnection
from penstock.infra.kafka.reader import open_reader
from penstock.workers import Delivery, Worker
from tests.integration.seat import Seat
from tests.integration.test_publishing import started, write
from tests.integration.workbench import eventually, make_topic, new_record, play
from tests.integration.worker_bench import Placed, made_shop, running

pytestmark = pytest.mark.timeout(120)

CODECS = ["gzip", "snappy", "lz4", "zstd"]


async def write_large(connection: KafkaConnection, place: Partition, codec: str) -> None:
    """One record that unpacks to more than is allowed."""
    producer = AIOKafkaProducer(
        bootstrap_servers=connection.bootstrap,
        compression_type=codec,
        max_batch_size=2 * UNPACKED_BYTES,
        max_request_size=2 * UNPACKED_BYTES,
        acks="all",
    )
    await producer.start()
    try:
        await producer.send_and_wait(
            place.topic, value=bytes(UNPACKED_BYTES), partition=place.number
        )
    finally:
        await producer.stop()


async def write_small(connection: KafkaConnection, place: Partition, *values: bytes) -> None:
    """Ordinary records."""
    writer = await started(connection)
    await write(writer, place, *(new_record(value) for value in values))
    await writer.close()


@pytest.mark.parametrize("codec", CODECS)
def test_a_reader_is_told_where_it_is_and_may_go_past_it(
    kafka: str, unique: Callable[[str], str], codec: str
) -> None:
    """What is before it comes first, other partitions go on, and each read tells it again."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        topic = unique("topic")
        place = await make_topic(
            connection, topic, partitions=2, config={"max.message.bytes": "8000000"}
        )
        other = Partition(topic, 1)
        await write_small(connection, place, b"before", b"it")
        await write_large(connection, place, codec)
        await write_small(connection, place, b"behind")
        await write_small(connection, other, b"elsewhere")
        reader = await open_reader(connection, [place, other])
        seen: list[tuple[int, bytes | None]] = []

        async def read_some() -> bool:
            seen.extend((each.partition, each.value) for each in await reader.read(timeout_s=0.2))
            return False

        for _ in range(2):
            with pytest.raises(BatchUnreadable) as told:
                await eventually(read_some, what="the error")
            assert (told.value.partition, told.value.offset) == (place, 2)
            assert told.value.next_offset == 3
            assert reader.position(place) == 2
        reader.seek(place, 3)
        while len(seen) < 4:
            await read_some()
        assert sorted(seen) == [(0, b"before"), (0, b"behind"), (0, b"it"), (1, b"elsewhere")]
        await reader.close()

    play(scenario())


def test_a_member_of_a_group_is_told_so_too(kafka: str, unique: Callable[[str], str]) -> None:
    """By `poll`, as with a position that is lost."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        place = await make_topic(
            connection, unique("topic"), config={"max.message.bytes": "8000000"}
        )
        await write_small(connection, place, b"before")
        await write_large(connection, place, "zstd")
        seat = Seat()
        member = await seat.join(connection, place.topic)
        await seat.given(1)
        member.resume(place)
        seen: list[bytes | None] = []

        async def poll() -> bool:
            for records in (await member.poll(timeout_s=0.2, max_records=100)).values():
                seen.extend(each.value for each in records)
            return False

        with pytest.raises(BatchUnreadable) as told:
            await eventually(poll, what="the error")
        assert seen == [b"before"]
        assert (told.value.partition, told.value.offset) == (place, 1)
        assert member.position(place) == 1
        await member.stop()

    play(scenario())


def test_a_worker_ends_with_it_and_has_skipped_nothing(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """What came before is done and committed; the offset stays before the batch."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker, seen = Worker("clerk"), list[str]()

        @worker.on(shop.placed)
        async def note(event: Placed, _: Delivery) -> None:
            seen.append(event.order)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(3))
        async with running(shop, worker) as run:
            await run.done(3)
            await write_large(shop.connection, shop.source(), "zstd")
            failure = await run.failure()
            assert isinstance(failure, BatchUnreadable)
            assert (failure.partition, failure.offset) == (shop.source(), 3)
        assert len(seen) == 3
        assert await shop.offset() == 3

    play(scenario())
