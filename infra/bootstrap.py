"""The composition root: settings go in, wired parts come out.

    open_topics   administration alone                               (parts.py)
    open_parts    what every program needs, and nothing else         (parts.py)
    connect       a Bus, for programs that publish and read
    open_worker   a worker, checked against the cluster and ready to run
    open_saga     a saga's orchestrator, likewise                    (saga_bootstrap.py)

Every port meets its adapter in these files, in group_build.py, which the last two share, and
nowhere else. The order of opening is the order of need, and closing goes backwards; each close is
bounded.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import cast, final

from penstock.events.decoder import EventDecoder
from penstock.events.event import Message
from penstock.events.event_types import partitions_of
from penstock.events.log import Partition
from penstock.events.names import changelog_topic, dead_letter_topic
from penstock.events.publisher import Published
from penstock.events.subscriber import MessageT, OnUndecodable, Start, Subscriber
from penstock.infra.group_build import GroupBuild
from penstock.infra.kafka.reader import open_reader
from penstock.infra.parts import Parts, open_parts, open_topics
from penstock.infra.settings import Settings, load_settings
from penstock.infra.topic_operations import check_topics
from penstock.schemas.record import Record, declaration_of
from penstock.workers.changelog import BarrierRecord
from penstock.workers.emission import Emission
from penstock.workers.partition_context import PartitionContext
from penstock.workers.pipeline import Participation, Pipeline, PipelineContext
from penstock.workers.ports import GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner
from penstock.workers.state import table_prefix
from penstock.workers.state_table import table_maker
from penstock.workers.topics import topics_of_worker
from penstock.workers.worker import Input, Worker

__all__ = ["Bus", "Parts", "connect", "open_parts", "open_topics", "open_worker"]

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
        await build.group.look_at_broker()
        yield WorkerRunner(
            contexts=build.contexts,
            join=build.group.join,
            leave=build.group.leave,
            clock=parts.clock,
            limits=RunnerLimits(drain_s=settings.drain_s),
        )


async def _publish_schemas(parts: Parts, worker: Worker) -> None:
    messages = [
        message for each in worker.inputs for message in (*each.message_types, *each.announced)
    ]
    await parts.publisher.prepare(messages)
    written = [record for each in worker.inputs for record in each.records]
    records: list[type[Record]] = [BarrierRecord, *written]
    await parts.catalogue.ensure([declaration_of(record).schema for record in records])


@final
class _WorkerBuild:
    """Wires one worker's partitions."""

    def __init__(self, parts: Parts, worker: Worker, accept_reset: frozenset[Partition]) -> None:
        self._parts = parts
        self._worker = worker
        self.group = GroupBuild(
            parts, worker.name, [each.topic.name for each in worker.inputs], accept_reset
        )

    def contexts(self, member: GroupMember) -> Mapping[str, PartitionContext]:
        """What the partitions of each input need."""
        return {each.topic.name: self._context(each, member) for each in self._worker.inputs}

    def _context(self, each: Input, member: GroupMember) -> PartitionContext:
        tables = [table_prefix(declaration_of(table).full_name) for table in each.tables]
        pipeline = self._pipeline(each)
        return self.group.context(
            member,
            pipeline,
            changelog=changelog_topic(self._parts.settings.app, self._worker.name, each.topic.name),
            transactional=each.transactional,
            tables=frozenset(tables),
            timed=pipeline if each.commands else None,
        )

    def _pipeline(self, each: Input) -> Pipeline:
        parts, app, name = self._parts, self._parts.settings.app, self._worker.name
        source, limit_bytes = f"{app}.{name}", parts.settings.max_record_bytes
        return Pipeline(
            {handler.event_type: handler for handler in each.handlers},
            PipelineContext(
                group=self.group.group,
                dead_letters=lambda topic: dead_letter_topic(topic, app, name),
                decoder=EventDecoder(each.message_types, parts.catalogue),
                look_up=parts.catalogue.lookup,
                prepare=parts.publisher.prepare,
                emission=Emission(source=source, limit_bytes=limit_bytes),
                tables={table: table_maker(table, parts.catalogue) for table in each.tables},
                clock=parts.clock,
                entropy=parts.entropy,
                alarm=parts.alarm,
                participation=Participation(
                    source=source,
                    limit_bytes=limit_bytes,
                    schemas=parts.catalogue,
                    remembers=self._worker.remembers,
                    partition_count=parts.writer.partition_count,
                ),
            ),
            {handler.command_type: handler for handler in each.commands},
        )
