"""confluent-kafka's side of publishing and consuming: C below Python, in threads of its own.

It is no asyncio client: whoever wants its rate gives it a thread, or blocks the loop. Shown as
what the machine can do, with the same headers, acknowledged by all and idempotent.
"""

import io
import json
import time
import uuid

import fastavro
from confluent_kafka import Consumer, Producer

from benchmarks.rig import PAYMENTS, PaymentTaken, Span, Stopwatch
from penstock.schemas.record import declaration_of

__all__ = ["consume", "publish"]

_CHUNK = 1_000
_POLL_EVERY = 1_000


def publish(
    bootstrap: str, ready: list[tuple[bytes, bytes]], headers: list[tuple[str, bytes]]
) -> float:
    """`produce()` of bytes that are ready.

    Returns:
        Seconds.

    Raises:
        RuntimeError: some were not acknowledged.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 5,
            "batch.size": 960 * 1024,
            "queue.buffering.max.messages": len(ready) + 1,
        }
    )
    failed: list[object] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(error)

    watch = Stopwatch()
    for number, (key, value) in enumerate(ready):
        producer.produce(PAYMENTS.name, value, key, headers=[*headers], on_delivery=delivered)
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    left = producer.flush(60)
    seconds = watch.seconds
    if left or failed:
        message = f"{left} left, {len(failed)} failed"
        raise RuntimeError(message)
    return seconds


def consume(bootstrap: str, count: int, limit_s: float) -> float:
    """`consume()` in chunks, fastavro, pydantic, a commit each 100 ms.

    Returns:
        Seconds from the first event to the last.

    Raises:
        TimeoutError: they did not come.
    """
    schema = fastavro.parse_schema(json.loads(declaration_of(PaymentTaken).schema.text))
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"librdkafka-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([PAYMENTS.name])
    span, began_s, committed_s = Span(count), time.monotonic(), time.monotonic()
    try:
        while not span.done.is_set():
            for message in consumer.consume(_CHUNK, 0.2):
                message.headers()
                body = io.BytesIO((message.value() or b"")[10:])
                PaymentTaken.model_validate(fastavro.schemaless_reader(body, schema, None))
                span.tick()
            now_s = time.monotonic()
            if now_s - began_s > limit_s:
                problem = f"{count} events did not come in {limit_s} s"
                raise TimeoutError(problem)
            if now_s - committed_s > 0.1 and not span.empty:
                consumer.commit(asynchronous=True)
                committed_s = now_s
    finally:
        consumer.close()
    return span.seconds
