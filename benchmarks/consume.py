"""Consuming typed events with a handler that does nothing, against a bare loop.

The bare loop is the floor: `getmany`, fastavro, pydantic, a commit each 100 ms; no lanes, no
retries, no checks of the bytes, no dead letters. Counted is the time from the first event to the
last, so that joining a group and starting up weigh on neither side.
"""

import asyncio
import io
import json
import time
import uuid

import fastavro
from aiokafka import AIOKafkaConsumer

from benchmarks.rig import (
    EVENTS,
    PAYMENTS,
    ROUNDS,
    PaymentTaken,
    Rounds,
    main,
    payments,
    settings_for,
    topics,
)
from penstock.infra.bootstrap import connect, open_worker
from penstock.schemas.record import declaration_of
from penstock.workers import Delivery, Worker
from penstock.workers.topics import topics_of_worker

LIMIT_S = 120.0
FLOOR = "floor: getmany + fastavro"


class Span:
    """The time from the first event to the last of a known number."""

    def __init__(self, count: int) -> None:
        """Expect so many."""
        self._left = count
        self._first = 0.0
        self.seconds = 0.0
        self.done = asyncio.Event()

    def tick(self) -> None:
        """One event."""
        if not self._first:
            self._first = time.perf_counter()
        self._left -= 1
        if not self._left:
            self.seconds = time.perf_counter() - self._first
            self.done.set()


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
    async with topics(settings, PAYMENTS):
        async with connect(settings) as bus:
            await bus.publish_many(payments(EVENTS))
        for _ in range(ROUNDS):
            await rounds.measure("penstock no-op handler", EVENTS, lambda: ours(bootstrap, EVENTS))
            await rounds.measure(FLOOR, EVENTS, lambda: floor(bootstrap, EVENTS))
    rounds.print()
    rounds.ratio("consume_vs_floor", "penstock no-op handler", FLOOR)


if __name__ == "__main__":
    main(run)
