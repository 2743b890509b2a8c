"""Counters under fire: whatever is killed, paused or compacted away, every increment counts once.

Three processes count in slots of their own and are killed again and again; one is paused for longer
than a transaction may stay open, another until somebody else has its slot; the broker is killed
once. The topic is compacted all the time. Diaries say what was acknowledged; a witness that knows
nothing of penstock but names reads the topic; readers that were there from the beginning and one
that came late see the same.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from penstock.events.names import crdt_topic
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.settings import Settings
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.workers.topics import COUNTERS_PARTITIONS, schemas_topic
from tests.faults.counting_process import (
    COUNTER,
    ORDERS,
    TAKEN,
    CountingFleet,
    CountingProcess,
    counting_fleet,
)
from tests.faults.order_ledger import decoded, read_committed
from tests.integration.workbench import eventually, off_loop

SEED = 20_261_126
SLOTS = ("web-0", "web-1", "web-2")
KILLS = 14
LIMIT_S = 90.0
BEYOND_A_TRANSACTION_S = 11.0
"""A transaction may stay open for 10 s."""
COMPACTED_ALL_THE_TIME = {
    "cleanup.policy": "compact",
    "segment.ms": "300",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
    "min.compaction.lag.ms": "0",
}
QUICK_CLEANER = {"log.cleaner.backoff.ms": "100"}


async def make_topics(settings: Settings) -> None:
    """The topic as an impatient administrator would have it."""
    admin = KafkaTopics(settings.connection())
    await admin.start()
    schemas = schemas_topic()
    await admin.create(schemas.name, partitions=1, replication=1, config=schemas.entries)
    await admin.create(
        crdt_topic(settings.app, ORDERS.name),
        partitions=COUNTERS_PARTITIONS,
        replication=1,
        config=COMPACTED_ALL_THE_TIME,
    )
    await admin.close()


@asynccontextmanager
async def watched(bus: Bus) -> AsyncIterator[CounterReader]:
    """A reader; its counters never fall while the block lasts."""
    async with bus.counters(ORDERS) as reader:
        falls: list[tuple[int, int]] = []

        async def watch() -> None:
            last = 0
            async for change in reader.changes():
                if change.value.value < last:
                    falls.append((last, change.value.value))
                last = change.value.value

        watching = asyncio.ensure_future(watch())
        try:
            yield reader
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        assert watching.cancelled(), watching.exception()
        assert not falls, falls


async def counting(process: CountingProcess, increments: int) -> None:
    """Wait until a process has got so far."""
    await eventually(
        lambda: process.acknowledged >= increments or not process.runs,
        limit_s=LIMIT_S,
        what=lambda: f"{increments} increments: {process.log.read_text()[-2000:]}",
    )
    told = process.diary.path.name, process.diary.entries()[-1:], process.log.read_text()[-5000:]
    assert process.runs, told


async def torment(fleet: CountingFleet, kafka: KafkaServer) -> None:
    """Kill processes at random moments: while they start, while they open, while they count."""
    draw = random.Random(SEED)
    owners = {slot: fleet.start(slot) for slot in SLOTS}
    for owner in owners.values():
        await counting(owner, 1)
    for kill in range(KILLS):
        slot = draw.choice(SLOTS)
        if draw.random() < 0.7:
            await counting(owners[slot], draw.randint(1, 40))
        await asyncio.sleep(draw.uniform(0.0, 0.5))
        owners[slot].kill()
        owners[slot] = fleet.start(slot)
        if kill == KILLS // 2:
            await broker_dies(kafka, owners.values())
    for owner in owners.values():  # so that nobody opens a slot later who was started earlier
        await counting(owner, 1)


async def broker_dies(kafka: KafkaServer, owners: Iterable[CountingProcess]) -> None:
    """The broker is killed while all count; they go on by themselves when it is there again."""
    for owner in owners:
        await counting(owner, 1)
    await off_loop(kafka.kill)
    before = {owner: owner.acknowledged for owner in owners}
    await off_loop(kafka.start)
    for owner, acknowledged in before.items():
        await counting(owner, acknowledged + 10)


async def zombie(fleet: CountingFleet) -> None:
    """A process is paused until another has its slot; it learns that, and does not take it back."""
    old = fleet.start("web-0")
    await counting(old, 20)
    old.pause()
    heir = fleet.start("web-0")
    await counting(heir, 5)
    old.resume()
    assert await off_loop(old.wait) == TAKEN, old.log.read_text()[-2000:]
    await counting(heir, 30)


async def sleeper(fleet: CountingFleet) -> None:
    """A process is paused for longer than its transaction may stay open, and nobody replaces it."""
    paused = fleet.start("web-1")
    await counting(paused, 5)
    paused.pause()
    await asyncio.sleep(BEYOND_A_TRANSACTION_S)
    paused.resume()
    before = paused.acknowledged
    await counting(paused, before + 20)
    assert paused.runs, paused.log.read_text()[-2000:]


async def witness(settings: Settings) -> tuple[dict[str, int], int]:
    """What the topic holds by slot, and how many records, read without penstock."""
    address = settings.connection().bootstrap
    schemas = await read_committed(address, "_penstock.schemas")
    records = await read_committed(address, crdt_topic(settings.app, ORDERS.name))
    found: dict[str, int] = {}
    for record, content in decoded(records, schemas):
        replica, _, counter = record.key.decode().partition(":")
        if counter == COUNTER:
            found[replica] = max(found.get(replica, 0), content["increments"])
    return found, len(records)


@pytest.mark.timeout(400)
def test_every_increment_counts_once_whatever_is_killed(
    own_kafka: Callable[..., KafkaServer], tmp_path: Path
) -> None:
    """Kills, a zombie, a sleeper, a broker restart, compaction: sums exact, for every reader."""

    async def scenario(kafka: KafkaServer) -> None:
        settings = Settings(app="shop", kafka=kafka.bootstrap)
        await make_topics(settings)
        async with AsyncExitStack() as stack:
            fleet = stack.enter_context(counting_fleet(kafka.bootstrap, settings.app, tmp_path))
            bus = await stack.enter_async_context(connect(settings))
            readers = [await stack.enter_async_context(watched(bus)) for _ in range(2)]
            await torment(fleet, kafka)
            readers.append(await stack.enter_async_context(watched(bus)))
            await asyncio.gather(zombie(fleet), sleeper(fleet))
            running = [process for process in fleet.started if process.runs]
            exits = await asyncio.gather(*(off_loop(each.terminate) for each in running))
            assert set(exits) <= {0, TAKEN}, fleet.logs()
            await compare(settings, fleet, readers)

    with_cleaner = own_kafka(config=QUICK_CLEANER)
    asyncio.run(scenario(with_cleaner))


async def compare(settings: Settings, fleet: CountingFleet, readers: list[CounterReader]) -> None:
    """Diaries, the witness, and readers old and new say the same."""
    assert not fleet.logs()
    counted = {}
    for slot in SLOTS:
        counted[f"slot/{slot}"], wrong = fleet.chain(slot)
        assert not wrong, wrong
    acknowledged = sum(process.acknowledged for process in fleet.started)
    total = sum(counted.values())
    kills = len(fleet.started)
    assert acknowledged <= total <= acknowledged + kills
    found, records = await witness(settings)
    assert found == counted
    assert records < total / 2, "the topic was compacted"
    async with connect(settings) as bus, bus.counters(ORDERS) as fresh:
        await fresh.restored()
        expected = fresh.value(COUNTER)
        assert expected.value == total
        assert expected.versions == {slot: (number, 0) for slot, number in counted.items()}
        await eventually(
            lambda: all(each.value(COUNTER).versions == expected.versions for each in readers),
            limit_s=LIMIT_S,
            what="old readers to see what a new one sees",
        )
        for reader in readers:
            view = reader.statistics().view
            assert (view.regressions, view.skipped, view.mismatches) == (0, 0, 0)
