"""Reads sagas for people: their records, their histories, the versions of their definitions.

    state         all sagas of a name, or one
    history       all that has happened to one, in order
    definitions   the versions, and the program of each

Whoever looks belongs to no group, commits nothing and changes nothing. Each question reads a topic
to the end that it has now; what comes later belongs to the next question.

Laws:
1. Committed records only: nothing is shown that is taken back later.
2. A record that cannot be read is told with its place, never passed over (formats.md F19).
3. Every reading has a limit of time.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, TypeVar, final

from penstock.events.catalogue import SchemaCatalogue
from penstock.events.clock import Clock
from penstock.events.log import LogReader, LogRecord, Partition, TopicState
from penstock.events.names import (
    saga_definitions_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
)
from penstock.events.partitioner import partition_of
from penstock.infra.parts import Parts
from penstock.infra.sagas.address import known_saga, sagas_among
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import SagaState
from penstock.sagas.language.check import definition_from
from penstock.sagas.records import SAGA_TABLE, DefinitionRecord, RecordReader, Transition
from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.errors import ExitCode, PenstockError, WorldError
from penstock.workers.changelog import BARRIER_KEY, closing
from penstock.workers.state import IllegalStateKey, state_key, table_prefix

__all__ = [
    "READ_LIMIT_S",
    "NoVersion",
    "OpenReader",
    "Programs",
    "SagaReader",
    "SagaRecordUnreadable",
    "SagaSources",
    "SagaTopicSilent",
    "TopicLooks",
    "look_for_sagas",
    "open_saga_reader",
    "sources_of",
]

READ_LIMIT_S: Final = 60.0
"""Longest reading of one topic to its end."""
_POLL_S: Final = 0.1
_PREFIX: Final = table_prefix(SAGA_TABLE)

_ResultT = TypeVar("_ResultT")
OpenReader = Callable[[Sequence[Partition]], Awaitable[LogReader]]
"""Opens a reader of these partitions, each at its beginning."""


@dataclass(eq=False, kw_only=True)
class SagaRecordUnreadable(WorldError):
    """A record about a saga cannot be read."""

    partition: Partition
    """Where it lies."""
    offset: int
    """Its offset."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I54"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The record at offset {offset} of {partition} cannot be read: {reason}"
    why: ClassVar[str] = "What is left out would look as if it were not there."
    remedy: ClassVar[str] = "Run the version of penstock that wrote it, or a newer one."


@dataclass(eq=False, kw_only=True)
class SagaTopicSilent(WorldError):
    """A topic was not read to its end in time."""

    topic: str
    """The topic."""
    limit_s: float
    """Seconds allowed."""

    code: ClassVar[str] = "PEN-I55"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "{topic} was not read to its end within {limit_s:g} s."
    why: ClassVar[str] = "Half of it would be no answer."
    remedy: ClassVar[str] = "Look after the cluster, then ask again."


@dataclass(eq=False, kw_only=True)
class NoVersion(WorldError):
    """A version of a saga is not deployed, or none is."""

    saga: str
    """The saga."""
    version: str
    """`version 3`, or just `version` where there is none at all."""

    code: ClassVar[str] = "PEN-I56"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The definitions topic of the saga {saga} does not hold version {version}."
    )
    why: ClassVar[str] = "A definition is written there when 'penstock run saga' first starts."
    remedy: ClassVar[str] = "Run the saga once."


class TopicLooks(Protocol):
    """Looks at topics; the part of `events.log.TopicAdmin` that is needed here."""

    async def names(self) -> list[str]:
        """The names of all topics that exist."""
        ...

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """The state of each topic that exists; missing ones are absent from the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaSources:
    """What reading sagas takes."""

    app: str
    """The application."""
    topics: TopicLooks
    """Which topics there are."""
    open_reader: OpenReader
    """Reads them."""
    catalogue: SchemaCatalogue
    """Knows the schemas of what is read."""
    clock: Clock
    """The time."""
    limit_s: float = READ_LIMIT_S
    """Longest reading of one topic."""


def sources_of(parts: Parts) -> SagaSources:
    """Return what reading sagas takes, of the parts of a program."""
    return SagaSources(
        app=parts.settings.app,
        topics=parts.topics,
        open_reader=lambda partitions: parts.cluster.reader(*partitions),
        catalogue=parts.catalogue,
        clock=parts.clock,
    )


async def look_for_sagas(sources: SagaSources) -> tuple[str, ...]:
    """Return the names of all sagas of the app that the cluster has topics for."""
    return sagas_among(sources.app, await sources.topics.names())


async def open_saga_reader(sources: SagaSources, saga: str) -> "SagaReader":
    """Make ready to read the sagas of one name.

    Raises:
        UnknownSaga: the cluster has none of that name.
    """
    known_saga(saga, sources.app, await look_for_sagas(sources))
    inbox = saga_inbox_topic(sources.app, saga)
    state = saga_state_topic(sources.app, saga)
    found = await sources.topics.describe([inbox, state])
    # They are made together and have as many partitions; one may be there before the other.
    counts = [each.partitions for each in found.values()]
    return SagaReader(sources, saga, partitions=min(counts, default=0))


@final
class SagaReader:
    """Reads what there is about the sagas of one name. Each call reads anew."""

    def __init__(self, sources: SagaSources, saga: str, *, partitions: int) -> None:
        """Read; see `open_saga_reader`.

        Args:
            sources: what it takes.
            saga: a saga that is there.
            partitions: of its inbox, its records and its histories.
        """
        self.saga = saga
        self.partitions = partitions
        self._sources = sources
        self._records = RecordReader(sources.catalogue)

    async def sagas(self) -> Mapping[str, SagaState]:
        """Return every saga that is remembered, by its key.

        Raises:
            SagaRecordUnreadable: one cannot be read.
            SagaTopicSilent: reading took too long.
        """
        topic = saga_state_topic(self._sources.app, self.saga)
        return await self._latest([Partition(topic, each) for each in range(self.partitions)])

    async def one(self, key: str) -> SagaState | None:
        """Return a saga; None where none of that key is remembered. Raises as `sagas` does."""
        entry = _entry(key)
        if entry is None:
            return None
        found = await self._latest(
            [self.partition(saga_state_topic(self._sources.app, self.saga), key)], only=entry
        )
        return found.get(key)

    async def history(self, key: str) -> list[Transition]:
        """Return all that is kept about a key, the oldest first. Raises as `sagas` does."""
        raw_key = key.encode(errors="surrogatepass")
        partition = self.partition(saga_history_topic(self._sources.app, self.saga), key)
        async with aclosing(self._read([partition])) as records:
            return [
                await self.transition(record)
                async for record in records
                if record.key == raw_key and record.value is not None
            ]

    async def transition(self, record: LogRecord) -> Transition:
        """Read an entry of a history."""
        key = (record.key or b"").decode(errors="replace")
        return await self._decoded(record, lambda value: self._records.transition(key, value))

    @staticmethod
    def may_be(key: str) -> bool:
        """Tell whether a saga can have this key at all."""
        return _entry(key) is not None

    def partition(self, topic: str, key: str) -> Partition:
        """Return where a key's records lie on the saga's inbox, records or histories."""
        raw_key = key.encode(errors="surrogatepass")
        return Partition(topic, partition_of(raw_key, self.partitions))

    async def versions(self) -> Mapping[int, DefinitionRecord]:
        """Return every version that was deployed; the first writer of each wins (formats.md F21).

        Raises:
            SagaRecordUnreadable: one cannot be read.
            SagaTopicSilent: reading took too long.
        """
        partition = Partition(saga_definitions_topic(self._sources.app, self.saga), 0)
        found: dict[int, DefinitionRecord] = {}
        async with aclosing(self._read([partition])) as records:
            async for record in records:
                if record.value is not None:
                    definition = await self._decoded(record, self._records.definition)
                    found.setdefault(definition.version, definition)
        return found

    async def programs(self) -> "Programs":
        """Return every version, to be compiled when it is asked for. Raises as `versions` does."""
        return Programs(self.saga, await self.versions())

    async def _latest(
        self, partitions: Sequence[Partition], *, only: bytes | None = None
    ) -> Mapping[str, SagaState]:
        latest: dict[bytes, LogRecord] = {}
        async with aclosing(self._read(partitions)) as records:
            async for record in records:
                entry = record.key
                if entry == BARRIER_KEY or (only is not None and entry != only):
                    continue
                if entry is None or not entry.startswith(_PREFIX):
                    raise _unreadable(record, "its key is of no kind that this version knows.")
                if record.value is None:
                    latest.pop(entry, None)
                else:
                    latest[entry] = record
        return {
            key: await self._state(key, record)
            for entry, record in latest.items()
            if (key := entry.removeprefix(_PREFIX).decode(errors="replace"))
        }

    async def _state(self, key: str, record: LogRecord) -> SagaState:
        return await self._decoded(record, lambda value: self._records.saga(key, value))

    async def _decoded(self, record: LogRecord, decode: Callable[[bytes], _ResultT]) -> _ResultT:
        """Decode a record, after one look at the schemas topic where its schema is new here."""
        value = record.value or b""
        try:
            try:
                return decode(value)
            except UnknownFingerprint as unknown:
                await self._sources.catalogue.lookup(bytes.fromhex(unknown.fingerprint))
                return decode(value)
        except PenstockError as error:
            raise _unreadable(record, str(error)) from error

    async def _read(self, partitions: Sequence[Partition]) -> AsyncGenerator[LogRecord, None]:
        """Yield all committed records up to the present end."""
        sources = self._sources
        deadline_s = sources.clock.monotonic() + sources.limit_s
        async with closing(await sources.open_reader(partitions)) as reader:
            ends = {each: (await reader.bounds(each))[1] for each in partitions}
            while any(reader.position(each) < end for each, end in ends.items()):
                left_s = deadline_s - sources.clock.monotonic()
                if left_s <= 0:
                    raise SagaTopicSilent(topic=partitions[0].topic, limit_s=sources.limit_s)
                for record in await reader.read(timeout_s=min(left_s, _POLL_S)):
                    if record.offset < ends[Partition(record.topic, record.partition)]:
                        yield record


@final
class Programs:
    """The deployed versions of a saga."""

    def __init__(self, saga: str, records: Mapping[int, DefinitionRecord]) -> None:
        """Take over what was read."""
        self._saga = saga
        self._records = records
        self._compiled: dict[int, Program] = {}

    @property
    def latest(self) -> Program:
        """The version that new sagas take.

        Raises:
            NoVersion: none is deployed.
            PenstockError: it does not pass the checks of this version of penstock.
        """
        if not self._records:
            raise NoVersion(saga=self._saga, version="version")
        return self.of(max(self._records))

    def of(self, version: int) -> Program:
        """Return a version; raises as `latest` does."""
        found = self._compiled.get(version)
        if found is None:
            record = self._records.get(version)
            if record is None:
                raise NoVersion(saga=self._saga, version=f"version {version}")
            found = Program(definition_from(record.text, record.schemas))
            self._compiled[version] = found
        return found


def _entry(key: str) -> bytes | None:
    """Return a saga's key in the changelog; None where nothing can have such a key."""
    try:
        return state_key(SAGA_TABLE, key)
    except IllegalStateKey:
        return None


def _unreadable(record: LogRecord, reason: str) -> SagaRecordUnreadable:
    return SagaRecordUnreadable(
        partition=Partition(record.topic, record.partition), offset=record.offset, reason=reason
    )
