"""aiokafka (old versions) and librdkafka (newer ones) write and read logs through a socket."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AioPartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.infra.embedded.apis.client_patience import read_values

_LIMIT_S = 30.0
_NOON_MS = 1_700_000_000_000
_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


async def read_all(consumer: AIOKafkaConsumer, count: int) -> list[Any]:
    """Read so many records."""
    found: list[Any] = []
    async with asyncio.timeout(_LIMIT_S):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    return found


@pytest.mark.parametrize("codec", _CODECS)
def test_aiokafka_reads_what_it_wrote(bootstrap: str, topic: str, codec: str) -> None:
    """In each compression, keys, times and headers included."""

    async def play() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
        ) as producer:
            for number in range(50):
                await producer.send(
                    topic,
                    b"%d" % number,
                    key=b"k%d" % (number % 3),
                    timestamp_ms=_NOON_MS + number,
                    headers=[("h", b"v")],
                )
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
        ) as consumer:
            found = await read_all(consumer, 50)
        assert [record.value for record in found] == [b"%d" % number for number in range(50)]
        assert [record.offset for record in found] == list(range(50))
        assert [record.timestamp - _NOON_MS for record in found] == list(range(50))
        assert {record.headers for record in found} == {(("h", b"v"),)}

    asyncio.run(play())


def test_aiokafka_finds_offsets_by_time(bootstrap: str, topic: str) -> None:
    """And where a log begins and ends."""

    async def play() -> None:
        place = AioPartition(topic, 0)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for number in range(3):
                await producer.send_and_wait(topic, b"v", timestamp_ms=_NOON_MS + 1000 * number)
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
            found = await consumer.offsets_for_times({place: _NOON_MS + 500})
            assert (found[place].offset, found[place].timestamp) == (1, _NOON_MS + 1000)
            assert await consumer.beginning_offsets([place]) == {place: 0}
            assert await consumer.end_offsets([place]) == {place: 3}

    asyncio.run(play())


def test_aiokafka_makes_a_topic_by_writing_to_it(bootstrap: str, name: str) -> None:
    """Its first question makes it, its second finds it."""

    async def play() -> None:
        async with asyncio.timeout(_LIMIT_S):
            async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
                sent = await producer.send_and_wait(name, b"v")
                assert (sent.partition, sent.offset) == (0, 0)

    asyncio.run(play())


def test_aiokafka_waits_for_a_record_that_comes_later(bootstrap: str, topic: str) -> None:
    """A waiting fetch holds up neither the writer nor other readers."""

    async def play() -> None:
        async with (
            AIOKafkaConsumer(
                topic,
                bootstrap_servers=bootstrap,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=20_000,
            ) as consumer,
            AIOKafkaProducer(bootstrap_servers=bootstrap) as producer,
        ):
            waiting = asyncio.ensure_future(read_all(consumer, 1))
            await producer.send_and_wait(topic, b"v")
            (record,) = await waiting
            assert record.value == b"v"

    asyncio.run(play())


@pytest.mark.parametrize("codec", _CODECS)
def test_librdkafka_reads_what_it_wrote(
    bootstrap: str, make_topic: Callable[[int], str], codec: str
) -> None:
    """With acks=0 too: nothing of it is lost while nothing is wrong."""
    topic = make_topic(2)
    for acks in ("0", "1", "all"):
        producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": codec, "acks": acks}
        )
        for number in range(20):
            producer.produce(topic, b"%d" % number, partition=number % 2)
        assert producer.flush(_LIMIT_S) == 0
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for index in (0, 1)])
        found = sorted(int(value) for value in read_values(consumer, 60))
    finally:
        consumer.close()
    assert found == sorted(3 * list(range(20)))


def test_librdkafka_is_told_that_a_record_is_too_large(bootstrap: str, topic: str) -> None:
    """The record is refused, the connection goes on."""
    told: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 4_000_000})
    producer.produce(topic, bytes(2_000_000), on_delivery=lambda error, _: told.append(error))
    producer.produce(topic, b"small", on_delivery=lambda error, _: told.append(error))
    assert producer.flush(_LIMIT_S) == 0
    codes = [None if error is None else error.code() for error in told]
    assert sorted(codes, key=str) == [KafkaError.MSG_SIZE_TOO_LARGE, None]


def test_librdkafka_deletes_records(bootstrap: str, topic: str) -> None:
    """A reader from the beginning reads what is left."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(5):
        producer.produce(topic, b"%d" % number, partition=0)
        assert producer.flush(_LIMIT_S) == 0
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 3)]).values()
    assert deleted.result(_LIMIT_S).low_watermark == 3
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "unused", "auto.offset.reset": "earliest"}
    )
    try:
        assert consumer.get_watermark_offsets(TopicPartition(topic, 0), _LIMIT_S) == (3, 5)
        consumer.assign([TopicPartition(topic, 0, 0)])
        assert read_values(consumer, 2) == [b"3", b"4"]
    finally:
        consumer.close()


def test_librdkafka_reads_a_megabyte_at_a_time(bootstrap: str, topic: str) -> None:
    """Many batches in one answer, and many answers, without a gap."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for number in range(3000):
        producer.produce(topic, b"%4d" % number + bytes(1000), partition=0)
        producer.poll(0)
    assert producer.flush(_LIMIT_S) == 0
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        found = [int(value[:4]) for value in read_values(consumer, 3000)]
    finally:
        consumer.close()
    assert found == list(range(3000))
