"""What all benchmarks share: a Kafka, the event they measure with, rounds, and the table."""

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime

from penstock.events import Event, Topic, money
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.settings import Settings
from penstock.infra.testing import kafka_source
from penstock.infra.testing.local_kafka import LocalKafka
from penstock.workers.topics import schemas_topic

__namespace__ = "bench"

ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "5"))
"""Rounds of each side."""
EVENTS = int(os.environ.get("BENCHMARK_EVENTS", "50000"))
"""Events of one round."""

PAYMENTS = Topic("bench.payments", partitions=4)


class PaymentTaken(Event, topic=PAYMENTS, key="account"):
    """A typical flat event: two texts, money, a time, an id."""

    account: str
    reference: str
    amount: Annotated[Decimal, money(12, 2)]
    taken_at: AwareDatetime
    payment_id: UUID


def payments(count: int) -> list[PaymentTaken]:
    """Events, all different, over 500 accounts."""
    taken_at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        PaymentTaken(
            account=f"account-{number % 500:04}",
            reference=f"reference {number:08}",
            amount=Decimal(number % 100_000) / 100,
            taken_at=taken_at,
            payment_id=UUID(int=number),
        )
        for number in range(count)
    ]


@contextmanager
def kafka() -> Iterator[str]:
    """The address of a Kafka: a given one, else one of our own with a JVM's full speed."""
    given = kafka_source.given_kafka()
    if given is not None:
        yield given
        return
    with LocalKafka(jvm_options=(), heap_mib=1024) as server:
        yield server.bootstrap


def settings_for(bootstrap: str) -> Settings:
    """Settings of an app that no other run shares."""
    return Settings(app=f"bench-{uuid.uuid4().hex[:8]}", kafka=bootstrap)


@asynccontextmanager
async def topics(settings: Settings, *declared: Topic) -> AsyncIterator[None]:
    """Make topics that do not exist yet, the schemas' topic among them."""
    admin = KafkaTopics(settings.connection())
    await admin.start()
    try:
        there = set(await admin.names())
        for topic in (schemas_topic(), *declared):
            if topic.name not in there:
                await admin.create(
                    topic.name,
                    partitions=topic.partitions,
                    replication=1,
                    config=topic.entries,
                )
        yield
    finally:
        await admin.close()


class Rounds:
    """Rates by side, round after round."""

    def __init__(self, unit: str = "events/s") -> None:
        """Begin with none."""
        self._unit = unit
        self._rates: dict[str, list[float]] = {}

    async def measure(self, side: str, count: int, run: Callable[[], Awaitable[float]]) -> None:
        """Run one side once; it returns the seconds that counted."""
        self.add(side, count, await run())

    def add(self, side: str, count: int, seconds: float) -> None:
        """Count one run of one side."""
        self._rates.setdefault(side, []).append(count / seconds)

    def print(self) -> None:
        """The table: minimum, median and maximum of each side."""
        print(f"{'side':34} {'min':>10} {'median':>10} {'max':>10}  {self._unit}")
        for side, rates in self._rates.items():
            low, middle, high = min(rates), statistics.median(rates), max(rates)
            print(f"{side:34} {low:10,.0f} {middle:10,.0f} {high:10,.0f}")

    def ratio(self, name: str, ours: str, theirs: str) -> None:
        """One line `ratio <name> <value>`: the median of the rounds' ratios."""
        pairs = zip(self._rates[ours], self._rates[theirs], strict=True)
        print(f"ratio {name} {statistics.median(a / b for a, b in pairs):.3f}")


class Stopwatch:
    """Seconds of a block."""

    def __init__(self) -> None:
        """Start now."""
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self._begun


class Span:
    """The time from the first event to the last of a known number."""

    def __init__(self, count: int) -> None:
        """Expect so many."""
        self._left = count
        self._first = 0.0
        self.seconds = 0.0
        self.done = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether none has come."""
        return not self._first

    def tick(self) -> None:
        """One event."""
        if not self._first:
            self._first = time.perf_counter()
        self._left -= 1
        if not self._left:
            self.seconds = time.perf_counter() - self._first
            self.done.set()


def main(run: Callable[[str], Coroutine[None, None, None]]) -> None:
    """Find a Kafka and run a benchmark on it."""
    with kafka() as bootstrap:
        asyncio.run(run(bootstrap))
