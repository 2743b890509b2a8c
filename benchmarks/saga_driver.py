"""Keeps sagas in flight: begins a new one as soon as one completes, and measures them meanwhile.

It is the same for all sides: a start is a record in the side's inbox, an end is a record under the
saga's key in the topic `done`. Values are made before and never read.

Laws:
1. Only the steady state counts: the clock runs from the time when as many sagas have completed as
   are in flight, and new ones are begun until it has stopped.
2. An end that was told twice, or of a saga that was never begun, fails the benchmark.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from penstock.events.partitioner import partition_of
from penstock.events.topic import Topic

__all__ = ["Driver", "Meter", "Played", "driving"]

SILENCE_S: Final = 60.0
"""So long nothing may complete; starting the processes is part of the first wait."""
LOOK_MS: Final = 500
"""How often it is looked whether the processes still live, while nothing completes."""
MEASURED_LIMIT_S: Final = 12.0
"""A measurement ends then, even if fewer sagas have completed than were asked for."""

Meter = Callable[[], Mapping[str, float]]
"""Reads the CPU seconds that each process has used so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What was measured."""

    sagas: int
    """How many completed while the clock ran."""
    seconds: float
    """How long it ran."""
    p50_ms: float
    """Median time from the start's sending to the end's arrival."""
    cpu_s: Mapping[str, float]
    """CPU seconds of each process while the clock ran."""

    @property
    def rate(self) -> float:
        """Completed sagas per second."""
        return self.sagas / self.seconds

    def cpu_s_per_1000(self, process: str) -> float:
        """CPU seconds of a process for 1 000 sagas."""
        return self.cpu_s[process] * 1_000 / self.sagas


class Driver:
    """One side's driver."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        *,
        inbox: Topic,
        start_value: Callable[[str], bytes],
        check: Callable[[], None],
    ) -> None:
        """Take clients that have been started; `check` raises where a process has died."""
        self._producer = producer
        self._consumer = consumer
        self._inbox = inbox
        self._start_value = start_value
        self._check = check
        self._number = 0
        self._waiting: list[tuple[bytes, bytes]] = []
        self._begun: dict[bytes, float] = {}
        self._written: list[asyncio.Future[Any]] = []

    async def play(self, sagas: int, in_flight: int, meter: Meter) -> Played:
        """Keep so many in flight until so many have completed."""
        self._prepare(sagas + 4 * in_flight)
        await self._begin(in_flight)
        await self._pass(in_flight)
        begun, before = time.perf_counter(), meter()
        latencies = await self._pass(sagas)
        seconds, after = time.perf_counter() - begun, meter()
        while self._begun:
            await self._finished()
        await asyncio.gather(*self._written)
        self._written.clear()
        return Played(
            sagas=len(latencies),
            seconds=seconds,
            p50_ms=statistics.median(latencies) * 1_000,
            cpu_s={process: after[process] - before[process] for process in after},
        )

    async def _pass(self, sagas: int) -> Sequence[float]:
        """Replace what completes, until so many have; the seconds that each took."""
        latencies: list[float] = []
        until = time.perf_counter() + MEASURED_LIMIT_S
        while len(latencies) < sagas and (time.perf_counter() < until or not latencies):
            finished = await self._finished()
            latencies += finished
            await self._begin(len(finished))
        return latencies

    def _prepare(self, sagas: int) -> None:
        """Make starts while no clock runs."""
        for _ in range(sagas - len(self._waiting)):
            self._number += 1
            key = f"order-{self._number:08}"
            self._waiting.append((key.encode(), self._start_value(key)))

    async def _begin(self, sagas: int) -> None:
        self._prepare(sagas)
        batches: dict[int, Any] = {}
        now = time.perf_counter()
        for key, value in islice(self._waiting, sagas):
            number = partition_of(key, self._inbox.partitions)
            batch = batches.setdefault(number, self._producer.create_batch())
            taken = batch.append(key=key, value=value, timestamp=None)
            assert taken is not None, "the starts of all that are in flight fit into a batch"
            self._begun[key] = now
        del self._waiting[:sagas]
        # Not awaited here: the next ends are taken meanwhile.
        self._written += [
            await self._producer.send_batch(batch, self._inbox.name, partition=number)
            for number, batch in batches.items()
        ]

    async def _finished(self) -> list[float]:
        """Wait for ends; the seconds that each saga took."""
        begun = time.perf_counter()
        while not (chunks := await self._consumer.getmany(timeout_ms=LOOK_MS)):
            self._check()
            if time.perf_counter() - begun > SILENCE_S:
                message = f"no saga has completed for {SILENCE_S:.0f} s"
                raise TimeoutError(message)
        now = time.perf_counter()
        keys = [record.key for records in chunks.values() for record in records]
        unknown = [key for key in keys if key not in self._begun]
        assert not unknown, f"completed twice, or never begun: {unknown[:3]}"
        return [now - self._begun.pop(key) for key in keys]


@asynccontextmanager
async def driving(
    bootstrap: str,
    *,
    inbox: Topic,
    done: str,
    start_value: Callable[[str], bytes],
    check: Callable[[], None],
) -> AsyncIterator[Driver]:
    """Open a driver.

    Args:
        bootstrap: address of Kafka.
        inbox: where sagas are started.
        done: where their ends are told; what is there already is passed over.
        start_value: makes the inbox record that starts a saga, of its key.
        check: raises where a process of the side has died.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=960 * 1024
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False
    )
    consumer.assign([TopicPartition(done, 0)])
    await producer.start()
    try:
        await consumer.start()
        try:
            await consumer.seek_to_end()
            yield Driver(producer, consumer, inbox=inbox, start_value=start_value, check=check)
        finally:
            await consumer.stop()
    finally:
        await producer.stop()
