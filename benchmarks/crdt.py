"""Replicated counters: how fast a slot counts, a reader merges, and both begin.

Counting is measured on a slot that is open and writes meanwhile, merging on records that are at
hand as they come from the client, and the beginning on a real Kafka with 100 000 components.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.rig import ROUNDS, Stopwatch, main, settings_for, topics
from penstock.events.log import NewRecord, Partition
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.kafka.transactions import fence
from penstock.infra.replication.component_records import (
    COMPONENT_SCHEMA,
    ComponentDecoder,
    encode_component,
)
from penstock.infra.replication.component_view import ComponentView
from penstock.schemas.schema import AvroSchema
from penstock.workers.counters import (
    CounterComponent,
    Counters,
    component_key,
    counter_partition,
)
from penstock.workers.ports import Transaction
from penstock.workers.topics import counters_topic

VISITS = Counters("visits")
INCREMENTS = 1_000_000
NAMES = 100
"""Counters that are counted on in turn."""
MERGED = 200_000
KEYS = 100_000
ACKNOWLEDGED = 2_000
CALLERS = 64


@dataclass(frozen=True)
class Read:
    """A record as the client hands it out."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class _Known:
    """The one schema."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        return COMPONENT_SCHEMA if fingerprint == COMPONENT_SCHEMA.fingerprint else None


def _silent(_: object) -> None:
    """Nothing goes wrong here."""


def _value(number: int) -> bytes:
    return encode_component(CounterComponent(kind="g", increments=number, decrements=0))


def _merge(records: Sequence[Read]) -> float:
    view = ComponentView(
        [Partition("bench", 0)],
        ComponentDecoder(_Known()).decode,
        kind="g",
        raise_alarm=_silent,
    )
    watch = Stopwatch()
    for record in records:
        view.take(record)
    return len(records) / watch.seconds


def _records(counters: int) -> list[Read]:
    """Counts of one replica, going round so many counters."""
    keys = [component_key("totals/shop.orders/3", f"completed/{n:06}") for n in range(counters)]
    return [
        Read("bench", 0, number, 0, keys[number % counters], _value(number // counters + 1))
        for number in range(MERGED)
    ]


async def _count(bus: Bus) -> list[float]:
    names = [f"page/{number:03}" for number in range(NAMES)]
    rates = []
    async with bus.counting(VISITS, slot="bench-0") as slot:
        for _ in range(ROUNDS):
            increment: Callable[[str], None] = slot.increment_nowait
            watch = Stopwatch()
            for _ in range(INCREMENTS // NAMES):
                for name in names:
                    increment(name)
            rates.append(INCREMENTS / watch.seconds)
            await slot.flush()
        written = sum(component.increments for name in names if (component := slot.component(name)))
        assert written == ROUNDS * INCREMENTS
    return rates


async def _acknowledge(bus: Bus) -> tuple[float, float]:
    """Milliseconds of an increment alone; increments a second by many callers."""
    async with bus.counting(VISITS, slot="bench-1") as slot:
        alone = []
        for _ in range(100):
            watch = Stopwatch()
            await slot.increment("alone")
            alone.append(watch.seconds * 1000)

        async def call() -> None:
            for _ in range(ACKNOWLEDGED // CALLERS):
                await slot.increment("together")

        watch = Stopwatch()
        await asyncio.gather(*(call() for _ in range(CALLERS)))
        return statistics.median(alone), ACKNOWLEDGED // CALLERS * CALLERS / watch.seconds


async def _fill(bootstrap: str, topic: str, partitions: int, slot: str) -> None:
    """Components of 100 000 counters, each written once."""
    settings = settings_for(bootstrap)
    writer = await fence(settings.connection(), f"bench/{topic}")
    for start in range(0, KEYS, 5_000):
        outputs: dict[Partition, list[NewRecord]] = {}
        for number in range(start, start + 5_000):
            name = f"user-kind/{number:06}"
            place = Partition(topic, counter_partition(name, partitions))
            key = component_key(f"slot/{slot}", name)
            now_ms = time.time_ns() // 1_000_000
            outputs.setdefault(place, []).append(NewRecord(key, _value(number), [], now_ms))
        await writer.commit(Transaction(outputs=outputs, offset=None))
    await writer.close()


async def run(bootstrap: str) -> None:
    """Count, acknowledge, merge, restore."""
    settings = settings_for(bootstrap)
    large = Counters("large")
    made = [counters_topic(settings.app, each.name) for each in (VISITS, large)]
    async with topics(settings, *made), connect(settings) as bus:
        rates = await _count(bus)
        alone_ms, together = await _acknowledge(bus)
        await _fill(bootstrap, made[1].name, made[1].partitions, "bench-2")
        watch = Stopwatch()
        async with bus.counters(large) as reader:
            await reader.restored()
            reading_s = watch.seconds
            assert len(reader.values()) == KEYS
        watch = Stopwatch()
        async with bus.counting(large, slot="bench-2") as slot:
            opening_s = watch.seconds
            assert slot.statistics().ledger.counters == KEYS
    hot, cold = _records(100), _records(100_000)
    merged = {name: [_merge(each) for _ in range(ROUNDS)] for name, each in _sides(hot, cold)}
    print(f"increments, not awaited            {statistics.median(rates):10,.0f} /s")
    print(f"an increment, awaited, alone       {alone_ms:10.1f} ms")
    print(f"increments, {CALLERS} callers awaiting    {together:10,.0f} /s")
    for name, found in merged.items():
        print(f"{name:34} {statistics.median(found):10,.0f} /s")
    print(f"a reader restores {KEYS:,} keys    {reading_s:10.2f} s")
    print(f"a slot restores {KEYS:,} keys      {opening_s:10.2f} s")
    print(f"ratio crdt_million_increments_per_second {statistics.median(rates) / 1e6:.3f}")


def _sides(hot: Sequence[Read], cold: Sequence[Read]) -> list[tuple[str, Sequence[Read]]]:
    return [("records merged, 100 counters", hot), ("records merged, 100,000 counters", cold)]


if __name__ == "__main__":
    main(run)
