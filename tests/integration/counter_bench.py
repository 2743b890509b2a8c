"""Replicated counters of tests: a set in an app of its own, on a real Kafka."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from penstock.events.log import LogRecord, Partition
from penstock.events.names import crdt_topic, crdt_transactional_id
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.workers.counters import Counters, component_key, counter_partition, slot_replica
from penstock.workers.topics import COUNTERS_PARTITIONS
from tests.integration.workbench import make_topic, opened_topics, read_committed

__all__ = ["CounterBench", "made_counters", "restored"]


@dataclass(frozen=True, kw_only=True)
class CounterBench:
    """An app with one set of counters."""

    settings: Settings
    counters: Counters

    @property
    def connection(self) -> KafkaConnection:
        """How to reach its cluster."""
        return self.settings.connection()

    @property
    def topic(self) -> str:
        """The topic of the counters."""
        return crdt_topic(self.settings.app, self.counters.name)

    def through(self, address: str) -> "CounterBench":
        """The same app, reached by another way."""
        return replace(self, settings=self.settings.model_copy(update={"kafka": address}))

    def place(self, counter: str) -> Partition:
        """The partition of a counter."""
        return Partition(self.topic, counter_partition(counter, COUNTERS_PARTITIONS))

    def transactional_id(self, slot: str) -> str:
        """The transactional id of a slot."""
        return crdt_transactional_id(self.settings.app, self.counters.name, slot)

    async def make_topics(self) -> None:
        """What `penstock topic apply` does."""
        async with opened_topics(self.connection) as topics:
            wanted = topics_wanted(self.settings.app, [], [], counters=[self.counters])
            await apply_plan(topics, await plan_topics(topics, wanted), replication=1)

    async def make_topic(self, config: Mapping[str, str]) -> None:
        """A topic as an administrator has made it; that of schemas is there already."""
        await make_topic(self.connection, self.topic, partitions=COUNTERS_PARTITIONS, config=config)

    async def records(self, slot: str, counter: str) -> list[LogRecord]:
        """All committed records of one component."""
        key = component_key(slot_replica(slot), counter)
        found = await read_committed(self.connection, self.place(counter))
        return [record for record in found if record.key == key]

    async def fresh(self, counter: str) -> int:
        """What somebody sees who begins to read now, when all that was committed is to be seen.

        A reader goes as far as it can see when it is opened, and a commit is answered before that.
        """
        await read_committed(self.connection, self.place(counter))
        async with connect(self.settings) as bus, restored(bus, self.counters) as reader:
            return reader.value(counter).value


@asynccontextmanager
async def restored(bus: Bus, counters: Counters) -> AsyncIterator[CounterReader]:
    """A reader that has read to the end."""
    async with bus.counters(counters) as reader:
        await reader.restored()
        yield reader


def made_counters(
    kafka: str, unique: Callable[[str], str], *, decrements: bool = False, **settings: object
) -> CounterBench:
    """Make an app."""
    fields = {"app": unique("app"), "kafka": kafka, **settings}
    return CounterBench(
        settings=Settings.model_validate(fields),
        counters=Counters("orders", decrements=decrements),
    )
