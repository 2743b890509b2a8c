"""Workers of tests: event types on topics of their own, and runners in this process.

A `Shop` is one app with one input and one output topic; `running` runs a worker of it, as
`penstock run worker` does, in a task.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from penstock.events import Event, Record, Topic
from penstock.events.log import LogRecord, Partition
from penstock.events.names import changelog_topic, consumer_group, dead_letter_topic
from penstock.infra.bootstrap import connect, open_worker
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.record import declaration_of
from penstock.workers.partition_life import Phase
from penstock.workers.partition_task import PartitionStatistics
from penstock.workers.runner import WorkerRunner
from penstock.workers.worker import Worker
from tests.integration.workbench import (
    LIMIT_S,
    eventually,
    group_offset,
    opened_topics,
    read_committed,
)

__all__ = ["Count", "Noted", "Placed", "Run", "Shop", "made_shop", "running"]

WORKER = "clerk"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Placed(Event, abstract=True):
    """The input of all workers here."""

    order: str
    size: int = 0


class Noted(Event, abstract=True):
    """Their output."""

    order: str
    text: str = ""


class Count(Record, namespace="bench"):
    """A state."""

    seen: int


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One app: its settings, its types, and where they lie."""

    settings: Settings
    placed: type[Placed]
    noted: type[Noted]
    inputs: Topic
    outputs: Topic

    @property
    def connection(self) -> KafkaConnection:
        """How to reach its cluster."""
        return self.settings.connection()

    @property
    def group(self) -> str:
        """The consumer group of its worker."""
        return consumer_group(self.settings.app, WORKER)

    def source(self, number: int = 0) -> Partition:
        """A partition of the input."""
        return Partition(self.inputs.name, number)

    def output(self, number: int = 0) -> Partition:
        """A partition of the output."""
        return Partition(self.outputs.name, number)

    def changelog(self, number: int = 0) -> Partition:
        """A partition of the changelog."""
        return Partition(changelog_topic(self.settings.app, WORKER, self.inputs.name), number)

    def dead_letters(self, number: int = 0) -> Partition:
        """A partition of the dead letters."""
        return Partition(dead_letter_topic(self.inputs.name, self.settings.app, WORKER), number)

    def orders(self, count: int, *, first: int = 0) -> list[Placed]:
        """Events with different keys."""
        return [self.placed(order=f"o{number:05}") for number in range(first, first + count)]

    async def publish(self, events: Iterable[Event]) -> None:
        """Write input."""
        async with connect(self.settings) as bus:
            await bus.publish_many(list(events))

    async def make_topics(self, worker: Worker) -> None:
        """What `penstock topic apply` does."""
        async with opened_topics(self.connection) as topics:
            wanted = topics_wanted(self.settings.app, [self.placed, self.noted], [worker])
            await apply_plan(topics, await plan_topics(topics, wanted), replication=1)

    async def offset(self, number: int = 0) -> int | None:
        """The committed offset of an input partition."""
        found = await group_offset(self.connection, self.group, self.source(number))
        return None if found is None else found[0]

    async def noted_orders(self, number: int = 0) -> list[str]:
        """The orders of all committed outputs."""
        return [self.read_noted(each).order for each in await self.notes(number)]

    async def notes(self, number: int = 0) -> list[LogRecord]:
        """All committed outputs."""
        return await read_committed(self.connection, self.output(number))

    async def letters(self, number: int = 0) -> list[LogRecord]:
        """All dead letters."""
        return await read_committed(self.connection, self.dead_letters(number))

    def read_noted(self, record: LogRecord) -> Noted:
        """Decode an output."""
        assert record.value is not None
        decoded = decoder_of(declaration_of(self.noted).schema, self.noted)(record.value)
        assert isinstance(decoded, Noted)
        return decoded

    def encoded(self, event: Event) -> bytes:
        """The framed bytes of an event."""
        return encoder_of(type(event))(event)


def made_shop(
    kafka: str,
    unique: Callable[[str], str],
    *,
    partitions: int = 1,
    outputs: Mapping[str, str] = _NOTHING,
    **settings: object,
) -> Shop:
    """Make an app with types of its own.

    Args:
        kafka: Where its clients bootstrap.
        unique: Makes names unique.
        partitions: Of both topics.
        outputs: Configuration of the output topic.
        settings: Fields of Settings beside app and kafka.
    """
    inputs = Topic(unique("bench.placed"), partitions=partitions)
    written = Topic(unique("bench.noted"), partitions=partitions, config=outputs)

    class PlacedHere(Placed, topic=inputs, key="order"):
        """An input."""

    class NotedHere(Noted, topic=written, key="order"):
        """An output."""

    fields = {"session_timeout_s": 6.0, "drain_s": 5.0, **settings}
    return Shop(
        settings=Settings.model_validate({"app": unique("app"), "kafka": kafka, **fields}),
        placed=PlacedHere,
        noted=NotedHere,
        inputs=inputs,
        outputs=written,
    )


@dataclass(frozen=True)
class Run:
    """A worker that runs in a task of this process."""

    runner: WorkerRunner
    task: asyncio.Task[None]

    @property
    def partitions(self) -> Sequence[PartitionStatistics]:
        """Statistics of the partitions that it has."""
        return self.runner.statistics().partitions

    async def in_phase(self, phase: Phase, *, partitions: int = 1) -> None:
        """Wait until it has so many partitions, all in one phase."""
        await self.until(
            lambda: (
                len(self.partitions) == partitions
                and all(each.phase is phase for each in self.partitions)
            ),
            what=f"{partitions} partitions {phase}",
        )

    async def done(self, records: int) -> None:
        """Wait until so many records are committed."""
        await self.until(
            lambda: sum(each.records for each in self.partitions) >= records,
            what=f"{records} records",
        )

    async def until_partition(
        self, look: Callable[[PartitionStatistics], bool], *, what: str
    ) -> None:
        """Wait for something of its one partition, which it may not have at times."""
        await self.until(lambda: len(self.partitions) == 1 and look(self.partitions[0]), what=what)

    async def until(self, look: Callable[[], bool], *, what: str) -> None:
        """Wait for something, and no longer than the worker runs."""
        await eventually(
            lambda: self.task.done() or look(), what=lambda: f"{what}; {self.runner.statistics()}"
        )
        if self.task.done():
            self.task.result()
            raise AssertionError(f"the worker stopped before {what}")

    async def failure(self, *, limit_s: float = LIMIT_S) -> BaseException:
        """Wait until it gives up; return why."""
        await asyncio.wait({self.task}, timeout=limit_s)
        assert self.task.done(), f"it goes on: {self.runner.statistics()}"
        error = self.task.exception()
        assert error is not None, "it stopped without an error"
        return error


@asynccontextmanager
async def running(
    shop: Shop, worker: Worker, *, accept_reset: frozenset[Partition] = frozenset()
) -> AsyncIterator[Run]:
    """Run a worker; stop it at the end, and raise what it raised if nobody has looked at it."""
    async with open_worker(shop.settings, worker, accept_reset=accept_reset) as runner:
        run = Run(runner, asyncio.ensure_future(runner.run()))
        try:
            yield run
        finally:
            had_ended = run.task.done()
            runner.stop()
            await asyncio.wait({run.task}, timeout=LIMIT_S)
            assert run.task.done(), f"it does not stop: {runner.statistics()}"
            if not had_ended:
                run.task.result()
