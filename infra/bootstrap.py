"""The composition root: settings go in, wired parts come out.

    open_topics   administration alone                               (parts.py)
    open_parts    what every program needs, and nothing else         (parts.py)
    connect       a Bus, for programs that publish and read
    open_worker   a worker, checked against the cluster and ready to run
    open_saga     a saga's orchestrator, likewise                    (sagas/bootstrap.py)

Each takes a cluster (log_cluster.py), from which all ports come; without one it is the Kafka that
the settings name. Ports meet what needs them in these files, in counter_build.py and in
group_build.py, which the last two share, and nowhere else. The order of opening is the order of
need, and closing goes backwards; each close is bounded.
"""

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, final, overload

from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.event import Message
from penstock.events.event_types import partitions_of
from penstock.events.log import Partition
from penstock.events.names import changelog_topic, dead_letter_topic
from penstock.events.range_source import RangeSource
from penstock.events.reading_range import (
    BadRange,
    check_group_range,
    check_range,
    chosen_partitions,
)
from penstock.events.receipt import Published
from penstock.events.record_source import RecordSource
from penstock.events.skipped_types import SkippedCounts
from penstock.events.subscriber import (
    Delivered,
    MessageT,
    OnUndecodable,
    Start,
    Subscriber,
    Tombstone,
    UnreadTypes,
    Until,
)
from penstock.events.type_choice import TypeChoice
from penstock.events.upcasting import AnyUpcast
from penstock.infra.counter_build import hold_slot, read_counters
from penstock.infra.group_build import GroupBuild
from penstock.infra.group_reading import open_group
from penstock.infra.lifespan import lifespan_of
from penstock.infra.log_cluster import LogCluster
from penstock.infra.parts import Parts, open_parts, open_topics
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.replication.counter_slot import CounterSlot
from penstock.infra.replication.slot_settings import SlotSettings
from penstock.infra.settings import Settings, load_settings
from penstock.infra.topic_operations import check_topics
from penstock.schemas.record import Record, declaration_of
from penstock.workers.changelog import BarrierRecord
from penstock.workers.counters import Counters
from penstock.workers.emission import Emission
from penstock.workers.partition_context import PartitionContext
from penstock.workers.pipeline import Participation, Pipeline, PipelineContext
from penstock.workers.ports import GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner
from penstock.workers.state import table_prefix
from penstock.workers.state_table import table_maker
from penstock.workers.tally import COMPONENTS_PREFIX, Tally
from penstock.workers.topics import counters_topic, topics_of_worker
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

    @overload
    def subscribe(
        self,
        types: Iterable[type[MessageT]],
        *,
        start: Start = ...,
        until: Until = ...,
        partitions: Iterable[Partition] | None = ...,
        group: str | None = ...,
        tombstones: Literal[False] = ...,
        on_undecodable: OnUndecodable | None = ...,
        upcasts: Iterable[AnyUpcast] = ...,
        unknown_types: UnreadTypes = ...,
    ) -> AbstractAsyncContextManager[Subscriber[Delivered[MessageT]]]: ...

    @overload
    def subscribe(
        self,
        types: Iterable[type[MessageT]],
        *,
        start: Start = ...,
        until: Until = ...,
        partitions: Iterable[Partition] | None = ...,
        group: str | None = ...,
        tombstones: Literal[True],
        on_undecodable: OnUndecodable | None = ...,
        upcasts: Iterable[AnyUpcast] = ...,
        unknown_types: UnreadTypes = ...,
    ) -> AbstractAsyncContextManager[Subscriber[Delivered[MessageT] | Tombstone]]: ...

    @asynccontextmanager
    async def subscribe(
        self,
        types: Iterable[type[Any]],
        *,
        start: Start = "beginning",
        until: Until = None,
        partitions: Iterable[Partition] | None = None,
        group: str | None = None,
        tombstones: bool = False,
        on_undecodable: OnUndecodable | None = None,
        upcasts: Iterable[AnyUpcast] = (),
        unknown_types: UnreadTypes = "skip",
    ) -> AsyncIterator[Subscriber[Any]]:
        """Read events of some types; see events/subscriber.py.

            async with bus.subscribe([OrderPlaced], start=yesterday, until="end") as placed:
                async for delivered in placed:
                    ...

        Where to begin is found out here: what is published from now on comes behind "end".

        Args:
            types: Concrete events or commands.
            start: "beginning", "end", an aware datetime, or offsets by partition. In a group it
                holds only for partitions of which the group has no offset yet.
            until: "end" ends at the ends that the partitions have now; an aware datetime before the
                first record that is as late; offsets by partition before these. Without it the
                reading goes on for ever.
            partitions: Only these of the types' topics.
            group: Share the partitions with all who read in the group of this name of the app, and
                go on where the group has come to. Commits what is finished.
            tombstones: True hands out records without a value, as `Tombstone`.
            on_undecodable: Takes records that cannot be decoded; without it they are raised.
            upcasts: Lead from shapes that the types had before to the types; see
                events/upcasting.py.
            unknown_types: What becomes of records of other types on the same topics: "skip" counts
                them, "raise" raises `UnknownMessageType`.

        Raises:
            TypeNamedTwice: Two types have one name.
            BadUpcast: Upcasts contradict each other or the types, or lead nowhere.
            BadRange: No type is given, or start, until or partitions cannot be meant.
            PositionOutside: An offset lies outside of the log.
            IllegalName: The group's name is illegal.
            TopicMissing: A topic does not exist.
            KafkaUnreachable: No broker answered.
        """
        types, upcasts = tuple(types), tuple(upcasts)
        TypeChoice(types, upcasts)  # refuses before anything is opened
        source = await self._source(types, start, until, partitions, group)
        async with Subscriber[Any](
            source,
            types,
            self._parts.schemas,
            self._parts.clock,
            tombstones=tombstones,
            on_undecodable=on_undecodable,
            upcasts=upcasts,
            unknown_types=unknown_types,
        ) as subscriber:
            yield subscriber

    async def _source(
        self,
        types: Sequence[type[Message]],
        start: Start,
        until: Until,
        partitions: Iterable[Partition] | None,
        group: str | None,
    ) -> RecordSource:
        if not types:
            raise BadRange(argument="list of types", reason="it is empty")
        declared = partitions_of(types)
        topics = sorted({partition.topic for partition in declared})
        # Whoever writes may know of more partitions than the types say here, if these are older.
        known = await self._parts.topics.describe(topics)
        there = [Partition(name, each) for name in known for each in range(known[name].partitions)]
        every = sorted({*declared, *there})
        if group is not None:
            check_group_range(start, until, every, partitions)
            return await open_group(self._parts, group, topics, start=start)
        chosen = chosen_partitions(every, partitions)
        check_range(start, until, chosen)
        reader = await self._parts.cluster.reader(*chosen)
        return RangeSource(reader, chosen, self._parts.clock, start=start, until=until)

    async def consume(
        self,
        types: Iterable[type[MessageT]],
        handler: Callable[[Delivered[MessageT]], Awaitable[object]],
        *,
        start: Start = "beginning",
        until: Until = None,
        partitions: Iterable[Partition] | None = None,
        group: str | None = None,
        on_undecodable: OnUndecodable | None = None,
        upcasts: Iterable[AnyUpcast] = (),
        unknown_types: UnreadTypes = "skip",
    ) -> None:
        """Call a handler for each event of some types, in order; partitions go side by side.

            await bus.consume([OrderPlaced], update_the_report, group="reports")

        The first error ends it, and nothing is tried again; a worker does that. With `until` it
        returns when all is handled, else it ends with its task.

        Args:
            types: Concrete events or commands.
            handler: Takes what is delivered.
            start: As for `subscribe`.
            until: As for `subscribe`.
            partitions: As for `subscribe`.
            group: As for `subscribe`.
            on_undecodable: As for `subscribe`.
            upcasts: As for `subscribe`.
            unknown_types: As for `subscribe`.

        Raises:
            HandlerRaised: The handler has raised; says where.
            Undecodable: A record cannot be decoded, and nobody asked to be told of those.
            PenstockError: As `subscribe` raises it.
        """
        async with self.subscribe(
            types,
            start=start,
            until=until,
            partitions=partitions,
            group=group,
            on_undecodable=on_undecodable,
            upcasts=upcasts,
            unknown_types=unknown_types,
        ) as subscriber:
            await subscriber.run(handler, drain_s=self._parts.settings.drain_s)

    @asynccontextmanager
    async def counters(self, counters: Counters) -> AsyncIterator[CounterReader]:
        """Read replicated counters, whoever counts them.

            async with bus.counters(orders) as reader:
                await reader.restored()
                reader.value("completed/gold").value

        While Kafka is away values stay as they were last seen; `reader.lag()` says how old that is.

        Args:
            counters: The set, as it is declared.

        Raises:
            TopicsNotAsDeclared: its topic is missing, or not compacted only.
        """
        topic = counters_topic(self._parts.settings.app, counters.name)
        async with read_counters(self._parts, counters.name, topic, counters.kind) as reader:
            yield reader

    @asynccontextmanager
    async def counting(
        self, counters: Counters, *, slot: str, settings: SlotSettings | None = None
    ) -> AsyncIterator[CounterSlot]:
        """Count outside of handlers. Inside of one, `delivery.counters(...)` counts exactly once.

            async with bus.counting(visits, slot="web-0") as slot:
                slot.increment_nowait("pages")              # written within 0.2 s
                await slot.increment("signed-up")           # committed when it returns

        One process at a time has a slot, and the latest to open it takes it from the others. Its
        counts stay for ever, so name slots after what is few and stable, web-0 to web-3, and never
        after something random.

        Args:
            counters: The set, as it is declared.
            slot: As worker names are: [a-z][a-z0-9_-]{0,62}.
            settings: Limits and rhythm.

        Raises:
            IllegalName: The slot's name is illegal.
            TopicsNotAsDeclared: The topic is missing, or not compacted only.
            TransactionDoubt: The slot could not be taken in several attempts.
            SlotTaken: At the end, or in any call: another process has the slot now.
            CountsNotWritten: At the end: Kafka did not take all in time.
        """
        async with hold_slot(self._parts, counters, slot, settings or SlotSettings()) as held:
            yield held


@asynccontextmanager
async def connect(
    settings: Settings | None = None,
    *,
    cluster: LogCluster | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Bus]:
    """Open a bus.

    Args:
        settings: As read from the environment, which is done here where none are given.
        cluster: As for `open_parts`.
        clock: As for `open_parts`.

    Raises:
        BadSettings: with all problems at once.
        KafkaUnreachable: no broker answered.
        TopicsNotAsDeclared: the topic of schemas is missing.
    """
    settings = settings or load_settings(needs_kafka=cluster is None)
    async with open_parts(settings, source=settings.app, cluster=cluster, clock=clock) as parts:
        yield Bus(parts)


# --- a worker ----------------------------------------------------------------------------------


@asynccontextmanager
async def open_worker(
    settings: Settings,
    worker: Worker,
    *,
    accept_reset: frozenset[Partition] = frozenset(),
    cluster: LogCluster | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[WorkerRunner]:
    """Everything of a worker process, checked and ready to run.

    Args:
        settings: As read from the environment.
        worker: What to run.
        accept_reset: Partitions whose missing or earlier offset is meant.
        cluster: As for `open_parts`.
        clock: As for `open_parts`.

    Raises:
        TopicsNotAsDeclared: a topic is missing or wrong.
        SchemaConflict: a schema cannot be registered.
        KafkaUnreachable: no broker answered.
        BadLifespan: what stands in the worker's lifespan cannot be used.
        LifespanUnreachable: what that connects to is away.
    """
    source = f"{settings.app}.{worker.name}"
    async with open_parts(settings, source=source, cluster=cluster, clock=clock) as parts:
        await check_topics(parts.topics, topics_of_worker(settings.app, worker))
        await _publish_schemas(parts, worker)
        build = _WorkerBuild(parts, worker, accept_reset)
        await build.group.look_at_broker()
        async with lifespan_of(worker):
            yield WorkerRunner(
                contexts=build.contexts,
                join=build.group.join,
                leave=build.group.leave,
                clock=parts.clock,
                limits=RunnerLimits(drain_s=settings.drain_s),
                skipped=build.skipped,
            )


async def _publish_schemas(parts: Parts, worker: Worker) -> None:
    for each in worker.inputs:
        choice = TypeChoice(each.message_types, each.upcasts, each.ignores)
        await parts.catalogue.ensure_readable(
            [declaration_of(message).schema for message in each.message_types],
            upcast=choice.upcasts_all,
        )
    await parts.publisher.prepare([event for each in worker.inputs for event in each.announced])
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
        self._pipelines: dict[str, Pipeline] = {}

    def skipped(self) -> Mapping[str, SkippedCounts]:
        """By input topic, how many records of types that nobody handles were skipped."""
        return {topic: pipeline.statistics() for topic, pipeline in self._pipelines.items()}

    def contexts(self, member: GroupMember) -> Mapping[str, PartitionContext]:
        """What the partitions of each input need."""
        return {each.topic.name: self._context(each, member) for each in self._worker.inputs}

    def _context(self, each: Input, member: GroupMember) -> PartitionContext:
        tables = {table_prefix(declaration_of(table).full_name) for table in each.tables}
        # Also where no handler counts any more: what was counted stays in the changelog, and goes
        # on from there if one does again.
        tables.add(COMPONENTS_PREFIX)
        pipeline = self._pipelines[each.topic.name] = self._pipeline(each)
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
                decoder=EventDecoder(
                    each.message_types,
                    parts.schemas,
                    ids=parts.schemas,
                    upcasts=each.upcasts,
                    ignores=each.ignores,
                ),
                unknown_types=each.unknown_types,
                look_up=parts.schemas.look_up,
                prepare=parts.publisher.prepare,
                emission=Emission(source=source, limit_bytes=limit_bytes, frames=parts.frames),
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
                tally=Tally(
                    worker=name,
                    topics={
                        counters.name: counters_topic(app, counters.name)
                        for counters in each.counters
                    },
                    schemas=parts.catalogue,
                ),
            ),
            {handler.command_type: handler for handler in each.commands},
        )
