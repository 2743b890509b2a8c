"""The same handler exactly once and at least once: each input gives one output.

At least once commits offsets every 100 ms; exactly once commits one transaction after the other,
each with all that is ready.
"""

import asyncio

from benchmarks.consume import LIMIT_S
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
from penstock.events import Event, Topic
from penstock.infra.bootstrap import connect, open_worker
from penstock.workers import Delivery, Worker
from penstock.workers.topics import topics_of_worker

__namespace__ = "bench"

RECEIPTS = Topic("bench.receipts", partitions=4)


class ReceiptWritten(Event, topic=RECEIPTS, key="account"):
    """One for each payment."""

    account: str
    reference: str


async def receipts(bootstrap: str, count: int, *, exactly_once: bool) -> float:
    """From the first input to the last, every output committed but for the last transaction."""
    span = Span(count)
    worker = Worker("receipts")

    @worker.on(PaymentTaken, exactly_once=exactly_once)
    async def write(payment: PaymentTaken, _delivery: Delivery) -> ReceiptWritten:
        span.tick()
        return ReceiptWritten(account=payment.account, reference=payment.reference)

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


async def run(bootstrap: str) -> None:
    """Publish once, then both sides in turn, then the table."""
    settings = settings_for(bootstrap)
    rounds = Rounds()
    async with topics(settings, PAYMENTS, RECEIPTS):
        async with connect(settings) as bus:
            await bus.publish_many(payments(EVENTS))
        for _ in range(ROUNDS):
            await rounds.measure(
                "exactly once", EVENTS, lambda: receipts(bootstrap, EVENTS, exactly_once=True)
            )
            await rounds.measure(
                "at least once", EVENTS, lambda: receipts(bootstrap, EVENTS, exactly_once=False)
            )
    rounds.print()
    rounds.ratio("exactly_once_vs_at_least_once", "exactly once", "at least once")


if __name__ == "__main__":
    main(run)
