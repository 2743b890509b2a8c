"""FastStream's side of publishing and consuming: JSON through pydantic, as its documents have it.

Its defaults are kept but for two. Publishing is acknowledged by all replicas, idempotent, as ours
is, and its handlers acknowledge first (commits in the background), which is its fastest way.
"""

import asyncio
import logging
import uuid
from decimal import Decimal
from uuid import UUID

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import AwareDatetime, BaseModel

from benchmarks.rig import PAYMENTS, PaymentTaken, Span, Stopwatch

__all__ = ["JSON_PAYMENTS", "consume", "publish"]

JSON_PAYMENTS = "bench.json-payments"
"""The topic with the same events as JSON, in as many partitions."""
_HEADERS = {
    "ce_specversion": "1.0",
    "ce_type": "bench.PaymentTaken",
    "ce_source": "bench",
    "ce_id": "f1d2d2f9-24e9-4ac8-8a4d-0f6f3d9f3b44",
    "ce_time": "2026-01-01T00:00:00.000000Z",
}
_AT_ONCE = 5_000


class JsonPayment(BaseModel):
    """The benchmarks' event, as FastStream's users write it."""

    account: str
    reference: str
    amount: Decimal
    taken_at: AwareDatetime
    payment_id: UUID


def _broker(bootstrap: str) -> KafkaBroker:
    return KafkaBroker(
        bootstrap, acks="all", enable_idempotence=True, max_batch_size=256 * 1024, logger=None
    )


async def publish(
    bootstrap: str, events: list[PaymentTaken], *, topic: str = PAYMENTS.name
) -> float:
    """Publish without waiting for each, and wait for the portion.

    Returns:
        Seconds.
    """
    models = [JsonPayment.model_validate(vars(event)) for event in events]
    broker = _broker(bootstrap)
    await broker.start()
    try:
        watch = Stopwatch()
        for start in range(0, len(models), _AT_ONCE):
            sent = [
                await broker.publish(
                    model, topic, key=model.account.encode(), headers=_HEADERS, no_confirm=True
                )
                for model in models[start : start + _AT_ONCE]
            ]
            await asyncio.gather(*sent)
        return watch.seconds
    finally:
        await broker.stop()


async def consume(bootstrap: str, count: int, limit_s: float) -> float:
    """Read `JSON_PAYMENTS` with a handler that does nothing.

    Returns:
        Seconds from the first event to the last.
    """
    span = Span(count)
    broker = _broker(bootstrap)

    @broker.subscriber(
        JSON_PAYMENTS,
        group_id=f"faststream-{uuid.uuid4().hex[:8]}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK_FIRST,
    )
    async def nothing(payment: JsonPayment) -> None:
        del payment
        span.tick()

    logging.getLogger("faststream").setLevel(logging.WARNING)
    await broker.start()
    try:
        await asyncio.wait_for(span.done.wait(), limit_s)
    finally:
        await broker.stop()
    return span.seconds
