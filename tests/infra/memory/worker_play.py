"""A day of a worker in memory: two processes, a rebalance, and what can go wrong in between.

Run as a program it prints a digest of all that happened, so that processes can be compared:
`python -m tests.infra.memory.worker_play SEED`.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from penstock.events import Event, Record, Topic
from penstock.events.names import consumer_group, transactional_id
from penstock.infra.bootstrap import connect, open_worker
from penstock.infra.clock import SeededEntropy
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.history import HistoryEntry
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import Latency, MemoryOptions
from penstock.infra.memory.memory_process import MemoryProcess
from penstock.infra.memory.memory_statistics import MemoryStatistics
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.scenario import make_topics, running
from penstock.infra.settings import Settings
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers import Delivery, Worker
from penstock.workers.runner import WorkerRunner
from tests.infra.memory.turning import play

__all__ = ["ORDERS", "ROUNDS", "SECOND", "Day", "day_of"]

SETTINGS = Settings(app="bench", drain_s=5.0)
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
    """All committed outputs, as they are read: those of one order in their order."""
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
    cluster: MemoryCluster

    async def publish(self) -> None:
        async with connect(SETTINGS, cluster=MemoryProcess(self.cluster, "shop")) as bus:
            orders = [Placed(order=f"o{each:02}") for each in range(ORDERS)]
            assert await bus.publish_many(orders) == ORDERS

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[WorkerRunner]:
        process = MemoryProcess(self.cluster, name)
        async with running(open_worker(SETTINGS, clerk(), cluster=process)) as (runner,):
            yield runner

    async def until(self, look: Callable[[], bool]) -> None:
        """Let time pass until something is true."""
        clock = self.cluster.clock
        while not look():
            await clock.sleep_until(clock.monotonic() + 0.1)

    async def until_done(self) -> None:
        """Let time pass until every order is committed as done."""
        await self.until(lambda: self._committed() == self._written())

    def _committed(self) -> int:
        places = self.cluster.core.groups.fetch_offsets(GROUP, None, require_stable=True)
        return sum(max(found.offset, 0) for found in places.values())

    def _written(self) -> int:
        logs = [self.cluster.core.log(PLACED.name, number) for number in range(2)]
        return sum(log.end_offset for log in logs if log is not None)

    async def noted(self) -> list[tuple[str, int]]:
        auditor = MemoryProcess(self.cluster, "auditor")
        async with (
            connect(SETTINGS, cluster=auditor) as bus,
            bus.subscribe([Noted], until="end") as found,
        ):
            return [(each.event.order, each.event.seen) async for each in found]


def partitions(runner: WorkerRunner) -> int:
    """How many it has."""
    return len(runner.statistics().partitions)


async def _day(cluster: MemoryCluster) -> Day:
    scene, shares = _Play(cluster), list[dict[str, int]]()
    await make_topics(cluster, SETTINGS, types=[Placed, Noted], workers=[clerk()])
    await scene.publish()
    async with scene.running("a") as a:
        await scene.until_done()
        async with scene.running("b") as b:
            await scene.until(lambda: partitions(a) == partitions(b) == 1)
            shares.append({"a": partitions(a), "b": partitions(b)})
            await scene.publish()
            await scene.until_done()
            # A commit took effect and its owner does not know: it must find out, not do it again.
            cluster.faults.add(
                Fault(request=RequestKind.END_TRANSACTION, client=FIRST, loses=Loss.ANSWER)
            )
            await scene.publish()
            await scene.until_done()
            # Somebody else takes a partition's producer over, as a process that came back would.
            stranger = await cluster.gate(name="stranger").fence(SECOND)
            stranger.drop()
            await scene.publish()
            await scene.until_done()
            cluster.restart()
            await scene.publish()
            await scene.until_done()
            cluster.expire(GROUP, "b")
            await scene.publish()
            await scene.until_done()
        await scene.until(lambda: partitions(a) == 2)
        shares.append({"a": partitions(a)})
        await scene.publish()
        await scene.until_done()
    noted = await scene.noted()
    return Day(
        history=cluster.history(), noted=noted, shares=shares, statistics=cluster.statistics()
    )


async def day_of(seed: int) -> Day:
    """Play the day.

    Args:
        seed: Of ids and latencies.
    """
    clock = VirtualClock()
    options = MemoryOptions(config=CONFIG, latency=LATENCY, history_entries=1_000_000)
    cluster = MemoryCluster(clock=clock, entropy=SeededEntropy(seed), options=options)
    return await clock.run(_day(cluster))


if __name__ == "__main__":
    sys.stdout.write(play(day_of(int(sys.argv[1]))).digest())
