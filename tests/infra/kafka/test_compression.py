"""Packing batches: on every producer, within the limits, and not where it makes them larger."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, get_args

import pytest
from aiokafka import AIOKafkaProducer

from penstock.events.log import NewRecord
from penstock.infra.kafka.batch import KafkaBatch, filled_batches
from penstock.infra.kafka.connection import Compression, KafkaConnection
from penstock.infra.kafka.transactions import _strict_producer
from penstock.infra.kafka.writer import idempotent_producer
from tests.infra.kafka.bombs import CODEC_BITS

ATTRIBUTES = 22
"""Where the second byte of a batch's attributes is (Kafka's message format 2)."""

each_codec = pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
each_producer = pytest.mark.parametrize(
    "make",
    [idempotent_producer, lambda connection: _strict_producer(connection, "an-id")],
    ids=["plain", "transactional"],
)
Make = Callable[[KafkaConnection], AIOKafkaProducer]


def connection(codec: Compression, **fields: Any) -> KafkaConnection:
    """To nowhere."""
    return KafkaConnection(bootstrap="localhost:1", compression=codec, **fields)


def unstarted(make: Make, over: KafkaConnection) -> AIOKafkaProducer:
    """A producer that connects to nothing."""
    producer = make(over)
    producer._closed = True  # else it complains when it is thrown away
    return producer


def built(make: Make, over: KafkaConnection, *values: bytes) -> list[bytes]:
    """The batches that a producer makes of records with these values."""

    async def batches() -> list[bytes]:
        records = [NewRecord(b"key", value, [("name", b"header")], 1_000) for value in values]
        return [bytes(each._build()) for each in filled_batches(unstarted(make, over), records)]

    return asyncio.run(batches())


@each_producer
@each_codec
def test_a_batch_is_packed_by_the_codec_that_is_set(codec: Compression, make: Make) -> None:
    """Its attributes say so to every reader."""
    (packed,) = built(make, connection(codec), *[b"payload " * 20] * 500)
    (plain,) = built(make, connection("none"), *[b"payload " * 20] * 500)
    assert packed[ATTRIBUTES] & 7 == CODEC_BITS[codec]
    assert plain[ATTRIBUTES] & 7 == CODEC_BITS["none"]
    assert len(packed) * 3 < len(plain)


@each_producer
@each_codec
@pytest.mark.parametrize("size", [1, 50, 1_000, 300_000])
def test_what_cannot_be_packed_stays_within_the_limit(
    codec: Compression, make: Make, size: int
) -> None:
    """Random bytes become larger by packing, and aiokafka sends them all the same."""
    chance = random.Random(7)
    values = [chance.randbytes(size) for _ in range(200_000 // (size + 20) + 3)]
    batches = built(make, connection(codec, batch_bytes=100_000), *values)
    assert len(batches) > 1
    alone = max(size + 100, 100_000)  # a record that is larger than a batch goes in one of its own
    assert all(len(each) <= alone + alone // 100 * (size > 100_000) for each in batches)


@each_producer
def test_the_limit_counts_before_packing(make: Make) -> None:
    """However well records may be packed: no batch unpacks to more than its reader takes."""
    batches = built(make, connection("zstd", batch_bytes=20_000), *[bytes(1_000)] * 40)
    assert len(batches) == 3
    assert all(len(each) < 2_000 for each in batches)


@each_codec
def test_a_batch_says_its_size_before_packing(codec: Compression) -> None:
    """By it the publisher's buffer and its reports count."""

    async def size() -> int:
        batch = KafkaBatch(unstarted(idempotent_producer, connection(codec)))
        batch.append(NewRecord(None, bytes(10_000), [], 1_000))
        return batch.size_bytes

    assert asyncio.run(size()) > 10_000


def test_every_codec_of_the_settings_is_known_here() -> None:
    """And no other."""
    assert set(get_args(Compression)) == set(CODEC_BITS)
