"""A day of a worker in memory: two processes, a rebalance, and what can go wrong in between.

Run as a program it prints a digest of all that happened, so that processes can be compared:
`python -m tests.infra.memory.worker_play SEED`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from penstock.events import Event, Record, Topic
from penstock.events.log import Partition
from penstock.events.names import consumer_group, transactional_id
from penstock.infra.clock import SeededEntropy
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.history import HistoryEntry
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import Latency, MemoryOptions
from penstock.infra.memory.memory_statistics import MemoryStatistics
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.codec import decoder_of
from penstock.schemas.record import declaration_of
from penstock.workers import Delivery, Worker
from penstock.workers.runner import WorkerRunner
from tests.infra.memory.memory_app import SETTINGS, memory_parts, memory_worker
from tests.infra.memory.turning import play, turned, turned_until

__all__ = ["ORDERS", "ROUNDS", "SECOND", "Day", "day_of"]

PLACED = Topic("memory.placed", partitions=2)
NOTED = Topic("memory.noted", partitions=2)
GROUP = consumer_group(SETTINGS.app, "clerk")
LATENCY = Latency(least_s=0.001, most_s=0.02)
ORDERS = 20
"""Published again and again."""
ROUNDS = 7
FIRST, SECOND = (transactional_id(GROUP, PLACED.name, number) for number in range(2))
"""Of the producers of the two partitions."""
CONFIG = {"group.initial.rebalance.delay.ms": "0"}


class Placed(Event, topic=PLACED, key="order"):
    """An order."""

    order: str


class Noted(Event, topic=NOTED, key="order"):
    """An order that was noted."""

    order: str
    seen: int


class Seen(Record, namespace="memory"):
    """How often an order was seen."""

    times: int


def clerk() -> Worker:
    """Count each order in a state, and say how often it was seen."""
    worker = Worker("clerk")

    @worker.on(Placed, state=Seen)
    async def note(event: Placed, delivery: Delivery) -> Noted:
        table = delivery.state(Seen)
        before = table.get(event.order)
        seen = 1 if before is None else before.times + 1
        table.put(event.order, Seen(times=seen))
        return Noted(order=event.order, seen=seen)

    return worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What became of it."""

    history: tuple[HistoryEntry, ...]
    """Every request."""
    noted: list[tuple[str, int]]
    """All committed outputs, in the order of partitions and offsets."""
    shares: list[dict[str, int]]
    """How many partitions each process had, at each look."""
    statistics: MemoryStatistics
    """At the end."""

    def digest(self) -> str:
        """All of it in few characters."""
        text = "\n".join([*map(str, self.history), str(self.noted), str(self.shares)])
        return sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _Play:
    clock: VirtualClock
    entropy: SeededEntropy
    cluster: MemoryCluster

    async def make_topics(self) -> None:
        topics = self.cluster.admin()
        wanted = topics_wanted(SETTINGS.app, [Placed, Noted], [clerk()])
        await apply_plan(topics, await plan_topics(topics, wanted), replication=1)

    async def publish(self) -> None:
        parts = memory_parts(
            self.cluster, clock=self.clock, entropy=self.entropy, source="bench", name="shop"
        )
        async with parts as opened:
            orders = [Placed(order=f"o{each:02}") for each in range(ORDERS)]
            assert await opened.publisher.publish_many(orders) == ORDERS

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[WorkerRunner]:
        opening = memory_worker(
            self.cluster, clerk(), clock=self.clock, entropy=self.entropy, name=name
        )
        runner = await turned(self.clock, opening.__aenter__())
        running = asyncio.ensure_future(runner.run())
        try:
            yield runner
            runner.stop()
            await turned_until(self.clock, running.done)
            running.result()
        finally:
            running.cancel()
            await turned(self.clock, opening.__aexit__(None, None, None))

    def partitions(self, runner: WorkerRunner) -> int:
        return len(runner.statistics().partitions)

    async def until_done(self) -> None:
        """Let time pass until every order is committed as done."""
        await turned_until(self.clock, lambda: self._committed() == self._written())

    def _committed(self) -> int:
        places = self.cluster.core.groups.fetch_offsets(GROUP, None, require_stable=True)
        return sum(max(found.offset, 0) for found in places.values())

    def _written(self) -> int:
        logs = [self.cluster.core.log(PLACED.name, number) for number in range(2)]
        return sum(log.end_offset for log in logs if log is not None)

    async def noted(self) -> list[tuple[str, int]]:
        decode = decoder_of(declaration_of(Noted).schema, Noted)
        places = [Partition(NOTED.name, number) for number in range(2)]
        found: list[tuple[str, int]] = []
        for place in places:
            reader = await self.cluster.reader(place, name="auditor")
            _, end = await reader.bounds(place)
            while reader.position(place) < end:
                for record in await reader.read(timeout_s=1.0):
                    assert record.value is not None
                    event = decode(record.value)
                    assert isinstance(event, Noted)
                    found.append((event.order, event.seen))
            await reader.close()
        return found


async def day_of(seed: int) -> Day:
    """Play the day.

    Args:
        seed: Of ids and latencies.
    """
    clock, entropy = VirtualClock(), SeededEntropy(seed)
    options = MemoryOptions(config=CONFIG, latency=LATENCY, history_entries=1_000_000)
    cluster = MemoryCluster(clock=clock, entropy=entropy, options=options)
    scene = _Play(clock, entropy, cluster)
    shares: list[dict[str, int]] = []

    async def more() -> None:
        await turned(clock, scene.publish())

    await turned(clock, scene.make_topics())
    await more()
    async with scene.running("a") as a:
        await scene.until_done()
        async with scene.running("b") as b:
            await turned_until(clock, lambda: scene.partitions(a) == scene.partitions(b) == 1)
            shares.append({"a": scene.partitions(a), "b": scene.partitions(b)})
            await more()
            await scene.until_done()
            # A commit took effect and its owner does not know: it must find out, not do it again.
            cluster.faults.add(
                Fault(request=RequestKind.END_TRANSACTION, client=FIRST, loses=Loss.ANSWER)
            )
            await more()
            await scene.until_done()
            # Somebody else takes a partition's producer over, as a process that came back would.
            stranger = await turned(clock, cluster.gate(name="stranger").fence(SECOND))
            stranger.drop()
            await more()
            await scene.until_done()
            cluster.restart()
            await more()
            await scene.until_done()
            cluster.expire(GROUP, "b")
            await more()
            await scene.until_done()
        await turned_until(clock, lambda: scene.partitions(a) == 2)
        shares.append({"a": scene.partitions(a)})
        await more()
        await scene.until_done()
    noted = await turned(clock, scene.noted())
    return Day(
        history=cluster.history(), noted=noted, shares=shares, statistics=cluster.statistics()
    )


if __name__ == "__main__":
    sys.stdout.write(play(day_of(int(sys.argv[1]))).digest())
