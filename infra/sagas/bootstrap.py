"""The composition root of sagas: definitions go in, an orchestrator that is ready to run comes out.

    check topics -> publish schemas -> deploy definitions -> wire starter and orchestrator
    behind the barrier of each partition: learn what others have deployed since

One saga is one consumer group with two inputs: its inbox, whose changelog is the topic of its
records, and the topic of events that start it. All versions of a saga run in one orchestrator.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, final

from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.log import Partition, TopicMissing
from penstock.events.names import (
    changelog_topic,
    dead_letter_topic,
    saga_definitions_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
    saga_worker,
    transactional_id,
)
from penstock.events.saga_messages import InboxMessage
from penstock.infra.group_build import GroupBuild
from penstock.infra.log_cluster import LogCluster
from penstock.infra.parts import Parts, open_parts
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import check_topics
from penstock.sagas.definition import Definition
from penstock.sagas.definition_book import DefinitionBook
from penstock.sagas.engine.program import Program
from penstock.sagas.inbox_reading import InboxReading
from penstock.sagas.language.check import definition_from
from penstock.sagas.orchestrator import Orchestrator, OrchestratorContext
from penstock.sagas.outputs import Outputs
from penstock.sagas.records import RECORDS, SAGA_TABLE, DefinitionRecord, RecordReader
from penstock.sagas.starter import Starter, StarterContext
from penstock.sagas.topics import output_topics, own_topics, written_schemas
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import BarrierRecord
from penstock.workers.parking import Parking
from penstock.workers.partition_context import PartitionContext
from penstock.workers.ports import GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner
from penstock.workers.state import table_prefix

__all__ = ["InputMoved", "MixedSagas", "compiled", "open_saga"]


@dataclass(eq=False, kw_only=True)
class MixedSagas(CallerError):
    """Two files hold one version of one saga."""

    saga: str
    """The saga."""
    version: int
    """The version."""

    code: ClassVar[str] = "PEN-I68"
    what: ClassVar[str] = "Version {version} of the saga {saga} was given twice."
    why: ClassVar[str] = "A version is one content."
    remedy: ClassVar[str] = "Give one file for each version."


@dataclass(eq=False, kw_only=True)
class InputMoved(CallerError):
    """A newer version is deployed that starts by events of another topic."""

    saga: str
    """The saga."""
    given: int
    """The newest version that was given."""
    newest: int
    """The newest version that is deployed."""
    reads: str
    """The topic that the given version starts from."""
    topic: str
    """The topic that the newest version starts from."""

    code: ClassVar[str] = "PEN-I71"
    what: ClassVar[str] = (
        "Version {newest} of the saga {saga} is deployed and starts by events on {topic}; version "
        "{given}, which was given, starts by those on {reads}."
    )
    why: ClassVar[str] = (
        "New sagas take the newest version: its events would not be read, and those on {reads} "
        "would be passed over."
    )
    remedy: ClassVar[str] = (
        "Give the file of the newest version; to go back, deploy the old content as a newer one."
    )


def compiled(record: DefinitionRecord) -> Program:
    """Check and compile what a definitions topic holds."""
    return Program(definition_from(record.text, record.schemas))


@asynccontextmanager
async def open_saga(
    settings: Settings,
    definitions: Sequence[Definition],
    *,
    accept_reset: frozenset[Partition] = frozenset(),
    cluster: LogCluster | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[WorkerRunner]:
    """Everything of a saga's orchestrator, checked and ready to run.

    Args:
        settings: As read from the environment.
        definitions: Versions of one saga, at least one.
        accept_reset: Partitions whose missing or earlier offset is meant.
        cluster: As for `open_parts`.
        clock: As for `open_parts`.

    Raises:
        MixedSagas: a version was given twice.
        TopicsNotAsDeclared: a topic of the saga's own is missing or wrong.
        TopicMissing: a topic that it reads or writes is missing.
        SchemaConflict: a schema cannot be registered.
        DefinitionChanged: a version is deployed with another content.
        InputMoved: a newer version is deployed that starts by events of another topic.
        RecordTooLarge: a version, with its schemas, is larger than a record may be.
        KafkaUnreachable: no broker answered.
    """
    definitions = sorted(definitions, key=lambda each: each.version)
    for first, second in pairwise(definitions):
        if first.version == second.version:
            raise MixedSagas(saga=first.saga, version=first.version)
    source = f"{settings.app}.{saga_worker(definitions[-1].saga)}"
    async with open_parts(settings, source=source, cluster=cluster, clock=clock) as parts:
        build = _SagaBuild(parts, definitions, accept_reset)
        await build.look_at_topics()
        await build.publish_schemas()
        await build.deploy()
        yield WorkerRunner(
            contexts=build.contexts,
            join=build.group.join,
            leave=build.group.leave,
            clock=parts.clock,
            limits=RunnerLimits(drain_s=settings.drain_s),
        )


@final
class _SagaBuild:
    """Wires one saga's partitions."""

    def __init__(
        self,
        parts: Parts,
        definitions: Sequence[Definition],
        accept_reset: frozenset[Partition],
    ) -> None:
        self._parts = parts
        self._definitions = definitions
        self._latest = definitions[-1]
        self._app, self._saga = parts.settings.app, self._latest.saga
        self._worker = saga_worker(self._saga)
        self._inbox = saga_inbox_topic(self._app, self._saga)
        source = self._latest.input_topic
        inputs = [self._inbox] if source is None else [self._inbox, source]
        self.group = GroupBuild(parts, self._worker, inputs, accept_reset)
        self._reader = RecordReader(parts.catalogue)
        self._partitions: dict[str, int] = {}
        self._book = DefinitionBook(
            self._saga,
            Partition(saga_definitions_topic(self._app, self._saga), 0),
            gate=self.group.gate,
            transactional_id=transactional_id(
                self.group.group, saga_definitions_topic(self._app, self._saga), 0
            ),
            reader=self._reader,
            compiled=compiled,
            clock=parts.clock,
            limit_bytes=parts.settings.max_record_bytes,
        )

    async def look_at_topics(self) -> None:
        """Hold the saga's topics against what it needs, and learn their partitions."""
        needed = {self._inbox}
        for definition in self._definitions:
            needed |= output_topics(definition)
        source = self._latest.input_topic
        if source is not None:
            needed.add(source)
        states = await self._parts.topics.describe(sorted(needed))
        counts = {name: state.partitions for name, state in states.items()}
        inbox = counts.get(self._inbox, self._parts.settings.saga_partitions)
        await check_topics(
            self._parts.topics,
            own_topics(
                self._app,
                self._latest,
                inbox,
                None if source is None else counts.get(source),
            ),
        )
        missing = sorted(needed - counts.keys())
        if missing:
            raise TopicMissing(topics=", ".join(missing))
        self._partitions = {**counts, saga_history_topic(self._app, self._saga): inbox}
        await self.group.look_at_broker()

    async def publish_schemas(self) -> None:
        """Put every schema of what the saga writes and reads into the catalogue."""
        records: list[type[Record]] = [BarrierRecord, InboxMessage, *RECORDS]
        await self._parts.catalogue.ensure([declaration_of(record).schema for record in records])
        written = _all_written(self._definitions)
        used = {text for definition in self._definitions for text in definition.schemas}
        read = [AvroSchema.parse(text) for text in sorted(used - written.keys())]
        await self._parts.catalogue.ensure_readable(read)
        await self._parts.written.ensure(written.values())

    async def deploy(self) -> None:
        """Put every version into the definitions topic, and read all others."""
        for definition in self._definitions:
            await self._book.deploy(definition)
        newest = self._book.latest.definition
        if newest.input_topic != self._latest.input_topic:
            raise InputMoved(
                saga=self._saga,
                given=self._latest.version,
                newest=newest.version,
                reads=self._latest.input_topic or "no topic",
                topic=newest.input_topic or "no topic",
            )

    async def learn(self) -> None:
        """Learn of the versions that others have deployed by now, and of the topics they use.

        Sagas of an old version may still run and need its topics; or none does and they were
        deleted, so one of them that is missing is no error here (see Outputs). The topics of the
        version that new sagas take are there.

        Raises:
            DefinitionUnreadable: a version cannot be used.
            TopicMissing: the latest version writes to a topic that is missing.
        """
        await self._book.refresh()
        versions = self._book.versions.values()
        written = _all_written(each.definition for each in versions)
        await self._parts.written.identify(written.values())
        used = frozenset[str]().union(*(output_topics(each.definition) for each in versions))
        if new := sorted(used - self._partitions.keys()):
            states = await self._parts.topics.describe(new)
            self._partitions.update((name, state.partitions) for name, state in states.items())
        latest = output_topics(self._book.latest.definition)
        if missing := sorted(latest - self._partitions.keys()):
            raise TopicMissing(topics=", ".join(missing))

    def contexts(self, member: GroupMember) -> Mapping[str, PartitionContext]:
        """What the partitions of each input need."""
        orchestrator = self._orchestrator()
        contexts = {
            self._inbox: self.group.context(
                member,
                orchestrator,
                changelog=saga_state_topic(self._app, self._saga),
                tables=frozenset({table_prefix(SAGA_TABLE)}),
                timed=orchestrator,
                learn=self.learn,
            )
        }
        source = self._latest.input_topic
        if source is not None:
            changelog = changelog_topic(self._app, self._worker, source)
            contexts[source] = self.group.context(
                member, self._starter(), changelog=changelog, learn=self.learn
            )
        return contexts

    def _parking(self) -> Parking:
        return Parking(
            group=self.group.group,
            dead_letters=lambda topic: dead_letter_topic(topic, self._app, self._worker),
            alarm=self._parts.alarm,
        )

    def _orchestrator(self) -> Orchestrator:
        parts = self._parts
        return Orchestrator(
            OrchestratorContext(
                parking=self._parking(),
                book=self._book,
                outputs=Outputs(
                    saga=self._saga,
                    source=f"{self._app}.{self._worker}",
                    inbox=self._inbox,
                    history=saga_history_topic(self._app, self._saga),
                    partitions=self._partitions,
                    limit_bytes=parts.settings.max_record_bytes,
                    frames=parts.frames,
                ),
                messages=EventDecoder([InboxMessage], parts.catalogue),
                reading=InboxReading(parts.catalogue, parts.catalogue.lookup),
                reader=self._reader,
                look_up=parts.catalogue.lookup,
                clock=parts.clock,
                entropy=parts.entropy,
                alarm=parts.alarm,
            )
        )

    def _starter(self) -> Starter:
        parts = self._parts
        return Starter(
            StarterContext(
                parking=self._parking(),
                source=f"{self._app}.{self._worker}",
                inbox=self._inbox,
                inbox_partitions=self._partitions[self._inbox],
                limit_bytes=parts.settings.max_record_bytes,
                book=self._book,
                schemas=parts.schemas,
                ids=parts.schemas,
                look_up=parts.schemas.look_up,
                keep=parts.catalogue.keep,
                clock=parts.clock,
            )
        )


def _all_written(definitions: Iterable[Definition]) -> dict[str, AvroSchema]:
    """The schemas of commands and events of several versions, by their text."""
    return {
        schema.text: schema for definition in definitions for schema in written_schemas(definition)
    }
