"""Publishing typed events, against aiokafka's `send()` of ready bytes, a bare loop and others.

The bare loop is the floor: fastavro and `send_batch`, the same headers, no checks, no ids made, no
schema published, no deadline. Beside `publish_many` stands `publish` by the thousand and by the
twenty thousand at once: whoever waits must not make the others wait. What so many tasks cost
Python itself, whose garbage collector walks through all of them, stands beside that.
"""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable

import fastavro
from aiokafka import AIOKafkaProducer

from benchmarks import faststream_sides, librdkafka_sides
from benchmarks.rig import (
    EVENTS,
    PAYMENTS,
    ROUNDS,
    PaymentTaken,
    Rounds,
    Stopwatch,
    main,
    payments,
    settings_for,
    topics,
)
from penstock.events.partitioner import partition_of
from penstock.infra.bootstrap import connect
from penstock.schemas.codec import encoder_of
from penstock.schemas.record import declaration_of

HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_type", b"bench.PaymentTaken"),
    ("ce_source", b"bench"),
    ("content-type", b"application/avro"),
    ("ce_id", b"f1d2d2f9-24e9-4ac8-8a4d-0f6f3d9f3b44"),
    ("ce_time", b"2026-01-01T00:00:00.000000Z"),
]
OURS = "penstock publish_many"
SEND = "aiokafka send(), ready bytes"
FLOOR = "floor: fastavro + send_batch"
FEW = "penstock publish, 1 000 at once"
MANY = "penstock publish, 20 000 at once"
BARE_FEW = "asyncio alone, 1 000 at once"
BARE_MANY = "asyncio alone, 20 000 at once"
FASTSTREAM = "FastStream publish, JSON"
LIBRDKAFKA = "confluent-kafka produce()"
AT_ONCE = 5_000
"""Futures that the send() side lets gather before it waits."""


async def ours(bootstrap: str, events: list[PaymentTaken]) -> float:
    """`publish_many`."""
    async with connect(settings_for(bootstrap)) as bus:
        await bus.publish_many(events[:100])
        watch = Stopwatch()
        await bus.publish_many(events)
        return watch.seconds


async def ours_at_once(bootstrap: str, events: list[PaymentTaken], at_once: int) -> float:
    """`gather` of `publish`, so many at a time."""
    async with connect(settings_for(bootstrap)) as bus:
        await bus.publish_many(events[:100])
        watch = Stopwatch()
        for start in range(0, len(events), at_once):
            await asyncio.gather(*map(bus.publish, events[start : start + at_once]))
        return watch.seconds


async def asyncio_alone(count: int, at_once: int) -> float:
    """As many tasks, each waiting for a future of its own; nothing is published."""
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[None]] = []

    async def wait() -> None:
        futures.append(loop.create_future())
        await futures[-1]

    async def answer() -> None:
        for future in futures:
            future.set_result(None)

    watch = Stopwatch()
    for start in range(0, count, at_once):
        futures.clear()
        tasks = min(at_once, count - start)
        await asyncio.gather(*(wait() for _ in range(tasks)), answer())
    return watch.seconds


async def aiokafka_send(bootstrap: str, ready: list[tuple[bytes, bytes]]) -> float:
    """`send()` of bytes that are ready, acknowledged by all, idempotent."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        watch = Stopwatch()
        for start in range(0, len(ready), AT_ONCE):
            await asyncio.gather(
                *[
                    await producer.send(PAYMENTS.name, value, key=key, headers=HEADERS)
                    for key, value in ready[start : start + AT_ONCE]
                ]
            )
        return watch.seconds
    finally:
        await producer.stop()


async def floor(bootstrap: str, events: list[PaymentTaken]) -> float:
    """The bare loop: encode with fastavro, append, `send_batch`."""
    declared = declaration_of(PaymentTaken).schema
    schema = fastavro.parse_schema(json.loads(declared.text))
    frame = b"\xc3\x01" + declared.fingerprint
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=960 * 1024
    )
    await producer.start()
    try:
        watch = Stopwatch()
        open_batches = {number: producer.create_batch() for number in range(PAYMENTS.partitions)}
        sent = []
        for event in events:
            body = io.BytesIO()
            fastavro.schemaless_writer(body, schema, event.__dict__)
            key = event.account.encode()
            number = partition_of(key, PAYMENTS.partitions)
            value = frame + body.getvalue()
            record = {"key": key, "value": value, "timestamp": None, "headers": HEADERS}
            if open_batches[number].append(**record) is None:
                sent.append(
                    await producer.send_batch(open_batches[number], PAYMENTS.name, partition=number)
                )
                open_batches[number] = producer.create_batch()
                open_batches[number].append(**record)
        for number, batch in open_batches.items():
            sent.append(await producer.send_batch(batch, PAYMENTS.name, partition=number))
        await asyncio.gather(*sent)
        return watch.seconds
    finally:
        await producer.stop()


async def run(bootstrap: str) -> None:
    """All sides in turn, then the table."""
    events = payments(EVENTS)
    encode = encoder_of(PaymentTaken)
    ready = [(event.account.encode(), encode(event)) for event in events]
    rounds = Rounds()
    sides: dict[str, Callable[[], Awaitable[float]]] = {
        OURS: lambda: ours(bootstrap, events),
        SEND: lambda: aiokafka_send(bootstrap, ready),
        FLOOR: lambda: floor(bootstrap, events),
        FEW: lambda: ours_at_once(bootstrap, events, 1_000),
        MANY: lambda: ours_at_once(bootstrap, events, 20_000),
        BARE_FEW: lambda: asyncio_alone(EVENTS, 1_000),
        BARE_MANY: lambda: asyncio_alone(EVENTS, 20_000),
        FASTSTREAM: lambda: faststream_sides.publish(bootstrap, events),
        LIBRDKAFKA: lambda: asyncio.to_thread(librdkafka_sides.publish, bootstrap, ready, HEADERS),
    }
    async with topics(settings_for(bootstrap), PAYMENTS):
        for _ in range(ROUNDS):
            for side, measured in sides.items():
                await rounds.measure(side, EVENTS, measured)
    rounds.print()
    rounds.ratio("publish_vs_aiokafka_send", OURS, SEND)
    rounds.ratio("publish_vs_floor", OURS, FLOOR)
    rounds.ratio("publish_vs_faststream", OURS, FASTSTREAM)
    rounds.ratio("publish_vs_confluent", OURS, LIBRDKAFKA)
    rounds.ratio("publish_20000_vs_1000_at_once", MANY, FEW)
    rounds.ratio("asyncio_20000_vs_1000_at_once", BARE_MANY, BARE_FEW)


if __name__ == "__main__":
    main(run)
