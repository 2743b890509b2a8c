"""Consuming typed events with a handler that does nothing, against a bare loop and other clients.

The bare loop is the floor: `getmany`, fastavro, pydantic, a commit each 100 ms; no lanes, no
retries, no checks of the bytes, no dead letters. FastStream reads the same events as JSON,
confluent-kafka with fastavro and pydantic around it. Counted is the time from the first event to
the last, so that joining a group and starting up weigh on no side.
"""

import asyncio
import io
import json
import time
import uuid

import fastavro
from aiokafka import AIOKafkaConsumer

from benchmarks import faststream_sides, librdkafka_sides
from benchmarks.rig import (
    EVENTS,
    PAYMENTS,
    ROUNDS,
    PaymentTaken,
    Rounds,
    Span,
    main,
    payments,
    settings_for,
    topics,
)
from penstock.events import Topic
from penstock.infra.bootstrap import connect, open_worker
from penstock.schemas.record import declaration_of
from penstock.workers import Delivery, Worker
from penstock.workers.topics import topics_of_worker

LIMIT_S = 120.0
OURS = "penstock no-op handler"
FLOOR = "floor: getmany + fastavro"
FASTSTREAM = "FastStream, JSON"
LIBRDKAFKA = "confluent-kafka + fastavro"


async def ours(bootstrap: str, count: int) -> float:
    """A worker with one at-least-once handler."""
    span = Span(count)
    worker = Worker("reader")

    @worker.on(PaymentTaken)
    async def nothing(_payment: PaymentTaken, _delivery: Delivery) -> None:
        span.tick()

    settings = settings_for(bootstrap)
    async with (
        topics(settings, *topics_of_worker(settings.app, worker)),
        open_worker(settings, worker) as runner,
    ):
        running = asyncio.ensure_future(runner.run())
        await asyncio.wait_for(span.done.wait(), LIMIT_S)
        runner.stop()
        await running
    return span.seconds


async def floor(bootstrap: str, count: int) -> float:
    """The bare loop."""
    schema = fastavro.parse_schema(json.loads(declaration_of(PaymentTaken).schema.text))
    consumer = AIOKafkaConsumer(
        PAYMENTS.name,
        bootstrap_servers=bootstrap,
        group_id=f"floor-{uuid.uuid4().hex[:8]}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    await consumer.start()
    span, committed_at = Span(count), time.monotonic()
    try:
        while not span.done.is_set():
            for chunk in (await consumer.getmany(timeout_ms=200, max_records=1_000)).values():
                for record in chunk:
                    body = io.BytesIO(record.value[10:])
                    PaymentTaken.model_validate(fastavro.schemaless_reader(body, schema, None))
                    span.tick()
            if time.monotonic() - committed_at > 0.1:
                await consumer.commit()
                committed_at = time.monotonic()
    finally:
        await consumer.stop()
    return span.seconds


async def run(bootstrap: str) -> None:
    """Publish once, then all sides in turn, then the table."""
    settings = settings_for(bootstrap)
    rounds = Rounds()
    json_topic = Topic(faststream_sides.JSON_PAYMENTS, partitions=PAYMENTS.partitions)
    async with topics(settings, PAYMENTS, json_topic):
        async with connect(settings) as bus:
            await bus.publish_many(payments(EVENTS))
        await faststream_sides.publish(bootstrap, payments(EVENTS), topic=json_topic.name)
        for _ in range(ROUNDS):
            await rounds.measure(OURS, EVENTS, lambda: ours(bootstrap, EVENTS))
            await rounds.measure(FLOOR, EVENTS, lambda: floor(bootstrap, EVENTS))
            await rounds.measure(
                FASTSTREAM, EVENTS, lambda: faststream_sides.consume(bootstrap, EVENTS, LIMIT_S)
            )
            await rounds.measure(
                LIBRDKAFKA,
                EVENTS,
                lambda: asyncio.to_thread(librdkafka_sides.consume, bootstrap, EVENTS, LIMIT_S),
            )
    rounds.print()
    rounds.ratio("consume_vs_floor", OURS, FLOOR)
    rounds.ratio("consume_vs_faststream", OURS, FASTSTREAM)
    rounds.ratio("consume_vs_confluent", OURS, LIBRDKAFKA)


if __name__ == "__main__":
    main(run)
