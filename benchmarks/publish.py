"""Publishing typed events, against aiokafka's `send()` of ready bytes and against a bare loop.

The bare loop is the floor: fastavro and `send_batch`, the same headers, no checks, no ids made, no
schema published, no deadline.
"""

import asyncio
import io
import json

import fastavro
from aiokafka import AIOKafkaProducer

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
FLOOR = "floor: fastavro + send_batch"
AT_ONCE = 5_000
"""Futures that the send() side lets gather before it waits."""


async def ours(bootstrap: str, events: list[PaymentTaken]) -> float:
    """`publish_many`."""
    async with connect(settings_for(bootstrap)) as bus:
        await bus.publish_many(events[:100])
        watch = Stopwatch()
        await bus.publish_many(events)
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
    async with topics(settings_for(bootstrap), PAYMENTS):
        for _ in range(ROUNDS):
            await rounds.measure("penstock publish_many", EVENTS, lambda: ours(bootstrap, events))
            await rounds.measure(
                "aiokafka send(), ready bytes", EVENTS, lambda: aiokafka_send(bootstrap, ready)
            )
            await rounds.measure(FLOOR, EVENTS, lambda: floor(bootstrap, events))
    rounds.print()
    rounds.ratio(
        "publish_vs_aiokafka_send", "penstock publish_many", "aiokafka send(), ready bytes"
    )
    rounds.ratio("publish_vs_floor", "penstock publish_many", FLOOR)


if __name__ == "__main__":
    main(run)
