"""The one composition root: settings go in, wired parts come out.

    open_topics   administration alone
    open_parts    what every program needs: clock, ids, topics, writer, catalogue, publisher
    connect       a Bus, for programs that publish and read
    open_worker   a worker, checked against the cluster and ready to run

Every port meets its adapter here and nowhere else. The order of opening is the order of need, and
closing goes backwards; each close is bounded.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast, final

from penstock.events.alarm import RaiseAlarm
from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.event import Event, Message
from penstock.events.event_types import partitions_of
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.events.names import (
    changelog_topic,
    consumer_group,
    dead_letter_topic,
    transactional_id,
)
from penstock.events.publisher import Published, Publisher
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.subscriber import MessageT, OnUndecodable, Start, Subscriber
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.interpreter import refuse_optimized_python
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.gate import KafkaGate
from penstock.infra.kafka.group import join_group
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.registrar import KafkaRegistrar
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.logs import log_alarm, quieten_client
from penstock.infra.settings import Settings, load_settings
from penstock.infra.topic_operations import check_topics
from penstock.schemas.record import Record, declaration_of
from penstock.workers.changelog import BarrierRecord
from penstock.workers.committers import PlainCommitter
from penstock.workers.emission import Emission
from penstock.workers.group_commit import CommitLimits
from penstock.workers.offsets import runs_that_fit
from penstock.workers.partition_context import PartitionContext
from penstock.workers.pipeline import Pipeline, PipelineContext
from penstock.workers.ports import Assignments, GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner
from penstock.workers.state import table_prefix
from penstock.workers.state_table import table_maker
from penstock.workers.topics import schemas_topic, topics_of_worker
from penstock.workers.work_seams import Committer, WorkLimits
from penstock.workers.worker import Input, Worker

__all__ = ["Bus", "Parts", "connect", "open_parts", "open_topics", "open_worker"]

METADATA_CHARACTERS = 4_000
"""Longest metadata of an offset, where the broker allows more (partition-life rules)."""
PLAIN_COMMIT_INTERVAL_S = 0.1
"""Shortest time between two commits of offsets without transactions."""
MAX_POLL_INTERVAL_S = 120.0
"""Without a poll for so long a member leaves its group. Polls do not wait for handlers, so only a
blocked process gets there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every program of an app is made of."""

    settings: Settings
    """As read from the environment."""
    connection: KafkaConnection
    """How to reach Kafka."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Ids and randomness."""
    alarm: RaiseAlarm
    """Where alarms go."""
    topics: KafkaTopics
    """Administration."""
    writer: KafkaWriter
    """Writing outside transactions."""
    catalogue: SchemaCatalogue
    """The schemas of the cluster."""
    publisher: Publisher
    """Publishing events."""


@asynccontextmanager
async def open_topics(settings: Settings) -> AsyncIterator[KafkaTopics]:
    """Open administration alone.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    topics = KafkaTopics(settings.connection())
    await topics.start()
    try:
        yield topics
    finally:
        await topics.close()


@asynccontextmanager
async def open_parts(settings: Settings, *, source: str) -> AsyncIterator[Parts]:
    """Open what every program needs, and close it on every way out.

    Args:
        settings: As read from the environment.
        source: Who publishes: the app, or app and worker.

    Raises:
        PythonOptimized: assertions are switched off.
        KafkaUnreachable: no broker answered.
        TopicsNotAsDeclared: the topic of schemas is missing.
    """
    refuse_optimized_python()
    quieten_client()
    connection, clock, entropy = settings.connection(), SystemClock(), SystemEntropy()
    async with AsyncExitStack() as closing:
        topics = await closing.enter_async_context(open_topics(settings))
        await check_topics(topics, [schemas_topic()])
        reader = await open_reader(connection, [SCHEMAS_PARTITION])
        closing.push_async_callback(reader.close)
        registrar = KafkaRegistrar(connection)
        closing.callback(registrar.close)
        catalogue = SchemaCatalogue(reader, registrar, clock, entropy, raise_alarm=log_alarm)
        writer = KafkaWriter(connection)
        await writer.start()
        closing.push_async_callback(writer.close)
        publisher = Publisher(
            writer,
            catalogue,
            clock,
            entropy,
            source=source,
            raise_alarm=log_alarm,
            settings=PublisherSettings(record_bytes=settings.max_record_bytes),
        )
        closing.push_async_callback(publisher.close)
        yield Parts(
            settings=settings,
            connection=connection,
            clock=clock,
            entropy=entropy,
            alarm=log_alarm,
            topics=topics,
            writer=writer,
            catalogue=catalogue,
            publisher=publisher,
        )


# --- the bus -----------------------------------------------------------------------------------


@final
class Bus:
    """What a program that publishes and reads holds."""

    def __init__(self, parts: Parts) -> None:
        """Stand over the parts of an app."""
        self._parts = parts
        self.publisher = parts.publisher
        """Publishes with all options; `publish` and `publish_many` are its short forms."""

    async def publish(self, message: Message) -> Published:
        """Publish one event or command and wait until it is acknowledged.

        Raises:
            CallerError: it cannot be written as it is.
            NotSent: it was not sent in time.
            WriteRefused: the broker refused it.
            WriteUnknown: it was sent and no answer came in time.
        """
        return await self.publisher.publish(message)

    async def publish_many(self, messages: Iterable[Message] | AsyncIterable[Message]) -> int:
        """Publish a stream of events in bounded memory.

        Returns:
            How many were written: all of them.

        Raises:
            PublishIncomplete: a batch failed; it says from where to go on.
        """
        return await self.publisher.publish_many(messages)

    @asynccontextmanager
    async def subscribe(
        self,
        types: Iterable[type[MessageT]],
        *,
        start: Start = "beginning",
        follow: bool = True,
        on_undecodable: OnUndecodable | None = None,
    ) -> AsyncIterator[Subscriber[MessageT]]:
        """Read all events of some types, without a group; see events/subscriber.py.

        Args:
            types: Concrete events or commands.
            start: "beginning", "end", or offsets by partition.
            follow: False ends at the ends that the partitions have now.
            on_undecodable: Takes records that cannot be decoded; without it they are raised.
        """
        types = tuple(types)
        partitions = partitions_of(cast("tuple[type[Message], ...]", types))
        reader = await open_reader(self._parts.connection, partitions)
        async with Subscriber(
            reader,
            partitions,
            types,
            self._parts.catalogue,
            start=start,
            follow=follow,
            on_undecodable=on_undecodable,
        ) as subscriber:
            yield subscriber


@asynccontextmanager
async def connect(settings: Settings | None = None) -> AsyncIterator[Bus]:
    """Open a bus.

    Args:
        settings: As read from the environment, which is done here where none are given.

    Raises:
        BadSettings: with all problems at once.
        KafkaUnreachable: no broker answered.
        TopicsNotAsDeclared: the topic of schemas is missing.
    """
    settings = settings or load_settings()
    async with open_parts(settings, source=settings.app) as parts:
        yield Bus(parts)


# --- a worker ----------------------------------------------------------------------------------


@asynccontextmanager
async def open_worker(
    settings: Settings, worker: Worker, *, accept_reset: frozenset[Partition] = frozenset()
) -> AsyncIterator[WorkerRunner]:
    """Everything of a worker process, checked and ready to run.

    Args:
        settings: As read from the environment.
        worker: What to run.
        accept_reset: Partitions whose missing or earlier offset is meant.

    Raises:
        TopicsNotAsDeclared: a topic is missing or wrong.
        SchemaConflict: a schema cannot be registered.
        KafkaUnreachable: no broker answered.
    """
    async with open_parts(settings, source=f"{settings.app}.{worker.name}") as parts:
        await check_topics(parts.topics, topics_of_worker(settings.app, worker))
        await _publish_schemas(parts, worker)
        build = _WorkerBuild(parts, worker, accept_reset)
        await build.look_at_broker()
        yield WorkerRunner(
            contexts=build.contexts,
            join=build.join,
            leave=build.leave,
            clock=parts.clock,
            limits=RunnerLimits(drain_s=settings.drain_s),
        )


async def _publish_schemas(parts: Parts, worker: Worker) -> None:
    handlers = [handler for each in worker.inputs for handler in each.handlers]
    await parts.publisher.prepare(
        [event for handler in handlers for event in (handler.event_type, *handler.announced)]
    )
    tables = [table for handler in handlers for table in handler.tables]
    records: list[type[Record]] = [BarrierRecord, *tables]
    await parts.catalogue.ensure([declaration_of(record).schema for record in records])


@final
class _WorkerBuild:
    """Wires one worker's partitions."""

    def __init__(self, parts: Parts, worker: Worker, accept_reset: frozenset[Partition]) -> None:
        self._parts = parts
        self._worker = worker
        self._accept_reset = accept_reset
        self._group = consumer_group(parts.settings.app, worker.name)
        self._gate = KafkaGate(parts.connection)
        self._runs = 0
        self._member: Any = None

    async def look_at_broker(self) -> None:
        """Learn how much an offset's metadata may hold."""
        allowed = await self._parts.topics.offset_metadata_bytes()
        self._runs = runs_that_fit(min(METADATA_CHARACTERS, allowed))

    async def join(self, assignments: Assignments) -> GroupMember:
        """Become a member of the worker's group."""
        settings = self._parts.settings
        self._member = await join_group(
            self._parts.connection,
            group=self._group,
            topics=[each.topic.name for each in self._worker.inputs],
            assignments=assignments,
            session_timeout_s=settings.session_timeout_s,
            rebalance_timeout_s=settings.drain_s + 10.0,
            max_poll_interval_s=MAX_POLL_INTERVAL_S,
        )
        member: GroupMember = self._member
        return member

    async def leave(self) -> None:
        """Leave the group."""
        if self._member is not None:
            await self._member.stop()

    def contexts(self, member: GroupMember) -> Mapping[str, PartitionContext]:
        """What the partitions of each input need."""
        return {each.topic.name: self._context(each, member) for each in self._worker.inputs}

    def _context(self, each: Input, member: GroupMember) -> PartitionContext:
        parts = self._parts
        app, name = parts.settings.app, self._worker.name

        def committer(partition: Partition) -> Committer:
            return PlainCommitter(parts.writer, member, partition)

        return PartitionContext(
            group=self._group,
            transactional=each.transactional,
            transactional_id=lambda source: transactional_id(self._group, *source),
            changelog=lambda source: Partition(
                changelog_topic(app, name, source.topic), source.number
            ),
            tables=frozenset(
                table_prefix(declaration_of(table).full_name) for table in each.tables
            ),
            plain_committer=committer,
            processor=self._pipeline(each),
            member=member,
            gate=self._gate,
            schemas=parts.catalogue,
            limits=WorkLimits(
                commit=CommitLimits(runs=self._runs),
                commit_interval_s=0.0 if each.transactional else PLAIN_COMMIT_INTERVAL_S,
            ),
            clock=parts.clock,
            entropy=parts.entropy,
            alarm=parts.alarm,
            accept_reset=self._accept_reset,
        )

    def _pipeline(self, each: Input) -> Pipeline:
        parts, app, name = self._parts, self._parts.settings.app, self._worker.name
        handlers: dict[type[Event], Any] = {
            handler.event_type: handler for handler in each.handlers
        }
        return Pipeline(
            handlers,
            PipelineContext(
                group=self._group,
                dead_letters=lambda topic: dead_letter_topic(topic, app, name),
                decoder=EventDecoder(list(handlers), parts.catalogue),
                look_up=parts.catalogue.lookup,
                prepare=parts.publisher.prepare,
                emission=Emission(
                    source=f"{app}.{name}", limit_bytes=parts.settings.max_record_bytes
                ),
                tables={table: table_maker(table, parts.catalogue) for table in each.tables},
                clock=parts.clock,
                entropy=parts.entropy,
                alarm=parts.alarm,
            ),
        )
