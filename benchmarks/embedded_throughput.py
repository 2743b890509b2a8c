"""The embedded broker against Apache Kafka: same client, batches of 16 KiB, records of 100 bytes.

Produced are batches that aiokafka has built before the clock starts, and fetched is without a
group: what is measured is mostly the broker. Beside the time counts how much CPU time the broker
takes, which other work on the machine changes less than the time. Last, what 100 000 records cost
the embedded broker's memory, in such batches and one by one.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.cpu_time import cpu_s, java_behind
from benchmarks.process_memory import resident_bytes
from benchmarks.rig import EVENTS, ROUNDS, Rounds, Stopwatch
from penstock.infra.embedded_process import EmbeddedProcess
from penstock.infra.testing import kafka_source
from penstock.infra.testing.local_kafka import LocalKafka

RECORDS: Final = 4 * EVENTS
"""Records of one round."""
WARMING: Final = 1_000
PARTITIONS: Final = 4
BATCH_BYTES: Final = 16 * 1024
RECORD_BYTES: Final = 100
VALUE: Final = bytes(range(RECORD_BYTES))
LIMIT_S: Final = 120.0
MEMORY_RECORDS: Final = 100_000
MEMORY_PARTITIONS: Final = 20
"""aiokafka sends one batch of each partition at a time."""
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One broker."""

    name: str
    bootstrap: str
    pid: int | None
    """None where its process cannot be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What records have cost a broker's memory."""

    sent_bytes: int
    """Of all batches."""
    grown_bytes: int
    """How much larger the process has become."""


class CpuTimes:
    """CPU seconds of brokers, by side and work."""

    def __init__(self) -> None:
        """Begin with none."""
        self._spent: dict[tuple[str, str], tuple[float, int]] = {}

    def add(self, side: str, work: str, seconds: float, records: int) -> None:
        """Count one round."""
        spent, done = self._spent.get((side, work), (0.0, 0))
        self._spent[side, work] = spent + seconds, done + records

    def per_million(self, side: str, work: str) -> float | None:
        """CPU seconds for a million records; None where they could not be counted."""
        spent, done = self._spent.get((side, work), (0.0, 0))
        return spent / done * 1e6 if done else None

    def print(self) -> None:
        """The table."""
        for side, work in self._spent:
            print(
                f"{side} {work:24} {self.per_million(side, work):10.2f}  CPU s per million records"
            )


def batches(
    new: Callable[[], BatchBuilder], count: int, *, most: int | None = None
) -> Iterator[BatchBuilder]:
    """Make batches that are ready to be sent.

    Args:
        new: gives an empty one.
        count: how many records they have together.
        most: how many records one may have; None: as many as it takes.

    Yields:
        Each, closed.
    """
    left = count
    while left:
        batch, records = new(), 0
        room = left if most is None else min(left, most)
        while records < room and batch.append(key=None, value=VALUE, timestamp=None):
            records += 1
        batch.close()
        left -= records
        yield batch


async def send(
    producer: AIOKafkaProducer, topic: str, ready: list[BatchBuilder], partitions: int
) -> None:
    """Send batches to the partitions in turn, and wait for all."""
    sent = [
        await producer.send_batch(batch, topic, partition=number % partitions)
        for number, batch in enumerate(ready)
    ]
    await asyncio.gather(*sent)


async def produce(side: Side, topic: str, cpu: CpuTimes) -> float:
    """One round of producing."""
    producer = AIOKafkaProducer(
        bootstrap_servers=side.bootstrap, acks="all", max_batch_size=BATCH_BYTES
    )
    async with producer:
        # A first few, so that the client knows the topic when the clock starts.
        await send(producer, topic, list(batches(producer.create_batch, WARMING)), PARTITIONS)
        ready = list(batches(producer.create_batch, RECORDS))
        before, watch = spent(side), Stopwatch()
        await send(producer, topic, ready, PARTITIONS)
        seconds = watch.seconds
        note(cpu, side, "produce", before)
        return seconds


async def fetch(side: Side, topic: str, cpu: CpuTimes) -> float:
    """One round of fetching what was produced."""
    consumer = AIOKafkaConsumer(bootstrap_servers=side.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        before, watch, left = spent(side), Stopwatch(), RECORDS
        while left > 0:
            if watch.seconds > LIMIT_S:
                raise TimeoutError(f"{left} records of {side.name} have not come")
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                left -= len(records)
        seconds = watch.seconds
        note(cpu, side, "fetch", before)
        return seconds


def spent(side: Side) -> float:
    """CPU seconds of a broker so far."""
    return 0.0 if side.pid is None else cpu_s(side.pid)


def note(cpu: CpuTimes, side: Side, work: str, before: float) -> None:
    """Count a round's CPU time, where it can be told."""
    if side.pid is not None:
        cpu.add(side.name, work, spent(side) - before, RECORDS)


@asynccontextmanager
async def admin_of(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that makes and deletes topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def topic_of(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[None]:
    """A topic, deleted afterwards: no round finds memory taken by the last one."""
    async with admin_of(bootstrap) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
        yield
        await admin.delete_topics([topic])


async def compare(kafka: Side, embedded: Side) -> tuple[Rounds, Rounds, CpuTimes]:
    """All rounds of both; a first one, in which a JVM gets warm, does not count."""
    produced, fetched, cpu = Rounds("records/s"), Rounds("records/s"), CpuTimes()
    for number in range(-1, ROUNDS):
        topic = f"bench.embedded.{number + 1}"
        counted = number >= 0
        for side in (kafka, embedded):
            times = cpu if counted else CpuTimes()
            async with topic_of(side.bootstrap, topic, PARTITIONS):
                produce_s = await produce(side, topic, times)
                fetch_s = await fetch(side, topic, times)
            if counted:
                produced.add(side.name, RECORDS, produce_s)
                fetched.add(side.name, RECORDS, fetch_s)
    return produced, fetched, cpu


async def memory_cost(folder: Path, *, most: int | None) -> Cost:
    """What records cost a fresh embedded broker, in batches of at most so many."""
    topic = "bench.memory"
    with EmbeddedProcess(log=folder / f"memory-{most}.log") as broker:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap, acks="all", max_batch_size=BATCH_BYTES
        )
        async with topic_of(broker.bootstrap, topic, MEMORY_PARTITIONS), producer:
            first = list(batches(producer.create_batch, MEMORY_PARTITIONS, most=1))
            await send(producer, topic, first, MEMORY_PARTITIONS)
            ready = list(batches(producer.create_batch, MEMORY_RECORDS, most=most))
            before = resident_bytes(broker.pid)
            await send(producer, topic, ready, MEMORY_PARTITIONS)
            return Cost(
                sent_bytes=sum(batch.size() for batch in ready),
                grown_bytes=resident_bytes(broker.pid) - before,
            )


@contextmanager
def apache_kafka() -> Iterator[Side]:
    """Apache Kafka: a given one, else one of our own with a JVM's full speed."""
    given = kafka_source.given_kafka()
    if given is not None:
        yield Side(name="Apache Kafka", bootstrap=given, pid=java_behind(given))
        return
    with LocalKafka(jvm_options=(), heap_mib=1024) as server:
        yield Side(name="Apache Kafka", bootstrap=server.bootstrap, pid=server.pid)


def print_costs(costs: dict[str, Cost]) -> None:
    """What records cost, against the limit of 1.5 times their bytes and 20 MB."""
    for kind, cost in costs.items():
        limit = 1.5 * cost.sent_bytes + 20e6
        print(
            f"{MEMORY_RECORDS} records, {kind:22} {cost.sent_bytes / MIB:8.1f} MiB sent"
            f" {cost.grown_bytes / MIB:8.1f} MiB grown {limit / MIB:8.1f} MiB allowed"
        )


async def run() -> None:
    """Both brokers in turn, then memory, then the tables."""
    with tempfile.TemporaryDirectory() as folder:
        with apache_kafka() as kafka, EmbeddedProcess(log=Path(folder, "broker.log")) as broker:
            embedded = Side(name="embedded", bootstrap=broker.bootstrap, pid=broker.pid)
            produced, fetched, cpu = await compare(kafka, embedded)
        costs = {
            "batches of 16 KiB": await memory_cost(Path(folder), most=None),
            "batches of one": await memory_cost(Path(folder), most=1),
        }
    print("produce")
    produced.print()
    print("fetch")
    fetched.print()
    cpu.print()
    print_costs(costs)
    produced.ratio("embedded_vs_kafka_produce", "embedded", "Apache Kafka")
    fetched.ratio("embedded_vs_kafka_fetch", "embedded", "Apache Kafka")


if __name__ == "__main__":
    asyncio.run(run())
