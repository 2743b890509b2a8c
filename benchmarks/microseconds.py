"""Where the microseconds of an event go, publishing and consuming: CPU time, piece by piece.

Pieces are measured alone, in this process, the best of several rounds; the wholes are the CPU time
of this process against a real Kafka. What the pieces do not explain is the rest: waiting lines,
lanes, the watermark, commits, the event loop, sockets.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from benchmarks.rig import (
    EVENTS,
    PAYMENTS,
    ROUNDS,
    PaymentTaken,
    Span,
    main,
    payments,
    settings_for,
    topics,
)
from penstock.events.envelope import Envelope, stamp_of
from penstock.events.headers import parse_headers
from penstock.infra.bootstrap import connect, open_worker
from penstock.infra.kafka.bounded_records import read_safely
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.reader import reader_of
from penstock.schemas.record import declaration_of
from penstock.schemas.single_object import FRAME_BYTES
from penstock.workers import Delivery, Worker
from penstock.workers.topics import topics_of_worker

PIECES = 2_000
"""Events of one round of a piece."""
UNPACK_LIMIT_BYTES = 32 * 1024 * 1024
LIMIT_S = 120.0
ID = "f1d2d2f9-24e9-4ac8-8a4d-0f6f3d9f3b44"


def best_us(piece: Callable[[], object], count: int = PIECES) -> float:
    """CPU microseconds of one event, the best of the rounds."""
    best = float("inf")
    for _ in range(max(ROUNDS, 5)):
        begun = time.process_time()
        piece()
        best = min(best, time.process_time() - begun)
    return best / count * 1e6


def batch_of(events: list[PaymentTaken]) -> tuple[bytes, int]:
    """One batch as it lies on the broker, and how many records it took."""
    envelope = Envelope(PaymentTaken, source="bench", limit_bytes=1_000_000)
    builder = _builder()
    taken = 0
    for event in events:
        key, value, headers, at_ms = envelope.seal(event, ID, stamp_of(1_700_000_000_000)).record
        if builder.append(key=key, value=value, timestamp=at_ms, headers=headers) is None:
            break
        taken += 1
    builder.close()
    return bytes(builder._build()), taken  # noqa: SLF001 - it has no other way out


def _builder() -> Any:
    return BatchBuilder(960 * 1024, 0)


def pieces(events: list[PaymentTaken]) -> dict[str, float]:
    """Each piece by itself."""
    declared = declaration_of(PaymentTaken)
    root, classes = declared.schema.root, declared.mapped.classes
    envelope = Envelope(PaymentTaken, source="bench", limit_bytes=1_000_000)
    stamp = stamp_of(1_700_000_000_000)
    encode, decode = encoder_of(PaymentTaken), decoder_of(declared.schema, PaymentTaken)
    read, validate = reader_of(root, root, classes), PaymentTaken.__pydantic_validator__
    sealed = [envelope.seal(event, ID, stamp).record for event in events]
    payloads = [cast("bytes", record.value) for record in sealed]
    data = [read(payload, FRAME_BYTES)[0] for payload in payloads]
    raw, taken = batch_of(events)
    read_safely(UNPACK_LIMIT_BYTES)

    def append() -> None:
        builder = _builder()
        for key, value, headers, at_ms in sealed:
            builder.append(key=key, value=value, timestamp=at_ms, headers=headers)

    def unpack() -> None:
        partition = TopicPartition(PAYMENTS.name, 0)
        for _ in fetcher.PartitionRecords(
            partition,
            MemoryRecords(raw),
            [],
            0,
            None,
            None,
            False,
            1,
        ):
            pass

    return {
        "encode": best_us(lambda: [encode(event) for event in events]),
        "seal: encode, key, partition, headers, size": best_us(
            lambda: [envelope.seal(event, ID, stamp) for event in events]
        ),
        "append to a batch (aiokafka)": best_us(append),
        "unpack from a batch (aiokafka)": best_us(unpack, taken),
        "read the bytes": best_us(lambda: [read(each, FRAME_BYTES) for each in payloads]),
        "validate and make the object (pydantic)": best_us(
            lambda: [validate.validate_python(each, strict=False) for each in data]
        ),
        "decode: frame, read, validate": best_us(lambda: [decode(each) for each in payloads]),
        "parse the headers, where asked for": best_us(
            lambda: [parse_headers(record.headers) for record in sealed]
        ),
    }


async def publish_us(bootstrap: str, events: list[PaymentTaken]) -> dict[str, float]:
    """CPU of this process while events are published."""
    async with connect(settings_for(bootstrap)) as bus:
        await bus.publish_many(events[:1_000])
        begun = time.process_time()
        await bus.publish_many(events)
        many = time.process_time() - begun
        begun = time.process_time()
        for start in range(0, len(events), 1_000):
            await asyncio.gather(*map(bus.publish, events[start : start + 1_000]))
        each = time.process_time() - begun
    count = len(events) / 1e6
    return {"publish_many, whole": many / count, "gather(publish), whole": each / count}


async def consume_us(bootstrap: str, count: int) -> float:
    """CPU of this process from the first event to the last."""
    span, begun = Span(count), 0.0
    worker = Worker("reader")

    @worker.on(PaymentTaken)
    async def nothing(_payment: PaymentTaken, _delivery: Delivery) -> None:
        nonlocal begun
        begun = begun or time.process_time()
        span.tick()

    settings = settings_for(bootstrap)
    async with (
        topics(settings, *topics_of_worker(settings.app, worker)),
        open_worker(settings, worker) as runner,
    ):
        running = asyncio.ensure_future(runner.run())
        await asyncio.wait_for(span.done.wait(), LIMIT_S)
        used = time.process_time() - begun
        runner.stop()
        await running
    return used / count * 1e6


async def run(bootstrap: str) -> None:
    """The pieces, then the wholes, then the table."""
    table = pieces(payments(PIECES))
    async with topics(settings_for(bootstrap), PAYMENTS):
        # What is published here, in three goes, is what is consumed.
        table |= await publish_us(bootstrap, payments(EVENTS))
        total = 2 * EVENTS + 1_000
        table["worker, no-op handler, whole"] = min(
            [await consume_us(bootstrap, total) for _ in range(3)]
        )
    for name, used_us in table.items():
        print(f"{name:48} {used_us:7.2f} µs")


if __name__ == "__main__":
    main(run)
