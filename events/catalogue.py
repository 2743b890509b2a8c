"""The catalogue: every schema that was ever written with, from the topic `_penstock.schemas`.

An event names its schema by a fingerprint of eight bytes, or by an id; here the schema is found by
either. A publisher ensures that a schema stands on the topic before the first event that names it,
so a reader that meets an unknown one finds it after one look at the topic, or after a few where the
topic was copied from elsewhere (schema_hold.py). What the topic says is kept in schema_book.py,
what may be written to it is said by schema_judgement.py; here it is read and written.

Two processes must not give one id to two schemas, nor register what contradicts each other: a
fingerprint does not see logical types, and if decimal(12, 2) and decimal(12, 4) were both there, a
price of 19.99 would be read as 0.1999. So a schema is registered only after the topic was read to
its end with nobody else able to write to it:

    fence        whoever had the turn can commit no more, and what it had open has ended
    read         to the end, so all that was ever committed is known
    judge        conflicts and what does not fit are refused; ids and versions are allotted
    commit       fails if somebody else has fenced meanwhile: then all of it begins again

Laws:
1. Schemas are never removed and never change their meaning; where only docs, defaults, precision
   or attributes differ, the latest text is kept (formats.md F6).
2. Bytes on the topic that cannot be used are skipped, counted and told of (F19): one bad record
   must not stop every service of a cluster.
3. An id that was given out or looked up here means the same to the end of the process, or the
   process is told that it does not.
4. This file knows no record class and no client library.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.catalogue_errors import (
    SchemasCreatedAnew,
    SchemasNotRegistered,
    SchemasUnreadable,
)
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import LogReader, LogRecord, NewRecord, Partition
from penstock.events.names import SCHEMAS_TOPIC
from penstock.events.schema_book import SchemaBook, SubjectVersion
from penstock.events.schema_hold import SchemaHold
from penstock.events.schema_judgement import (
    Wish,
    demanded,
    entries_for,
    judge_reader,
    level_entry,
    subject_of,
)
from penstock.events.schema_records import SchemaEntry
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.errors import WorldError
from penstock.schemas.framing import find_behind
from penstock.schemas.schema import AvroSchema

__all__ = [
    "SCHEMAS_PARTITION",
    "CatalogueSettings",
    "CatalogueStatistics",
    "SchemaCatalogue",
    "SchemaRegistrar",
]

SCHEMAS_PARTITION: Final = Partition(SCHEMAS_TOPIC, 0)
"""The only partition of the schemas topic: all services see one order."""

_POLL_S: Final = 0.05
_Key = tuple[str | None, bool, bytes]


class SchemaRegistrar(Protocol):
    """Writes to the schemas topic, one process of the cluster at a time.

    On Kafka: a transactional producer with the id `SCHEMAS_TRANSACTIONAL_ID`.
    """

    async def fence(self, *, timeout_s: float) -> None:
        """Take the turn.

        When it returns, whoever had the turn before can commit no more, and what it had begun
        has been committed or aborted, visibly to a reader of committed records.
        """
        ...

    async def commit(self, records: Sequence[NewRecord], *, timeout_s: float) -> None:
        """Write these records to the schemas topic, all or none, and give the turn back.

        Raises:
            TurnLost: somebody else has fenced since; nothing was written.
            WriteUnknown: no answer in time; they may be there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSettings:
    """Limits of a catalogue."""

    timeout_s: float = 10.0
    """Seconds for one reading to the end, one fencing or one commit. A schemas topic is a few
    hundred records; ten seconds outlast the election of a partition's leader."""
    refresh_interval_s: float = 0.1
    """Seconds between two readings for unknown fingerprints at least: bytes of chance that look
    like fingerprints must not become load on the broker."""
    schema_wait_s: float = 5.0
    """Seconds for which an event with an unknown schema is held while that is looked for. Copies of
    topics are behind by less than that; and much longer, a draining worker could not wait for."""
    missing_s: float = 10.0
    """Seconds for which a schema that was not found is not looked for again."""
    attempts: int = 8
    """Attempts to register before giving up: each loses only to another service's success."""
    backoff_s: float = 0.2
    """Seconds of the longest wait after the first attempt; doubled for each further one."""
    schemas: int = 10_000
    """Schemas kept at most. A large company has hundreds."""
    schema_bytes: int = 1_000_000
    """Bytes of one schema's text at most; Kafka's own default limit for a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueStatistics:
    """Counts since the start."""

    known: int
    """Schemas known now."""
    skipped: int
    """Records on the topic that could not be used."""
    readings: int
    """Readings to the end of the topic."""
    registered: int
    """Schemas that this process has written."""
    held: int
    """Events that were held because their schemas were not known."""
    missing: int
    """Schemas that are known to be missing now."""


@final
class SchemaCatalogue:
    """The schemas of a cluster, as far as they have been read.

    Fulfils `SchemaLookup`, `SchemaIds` and `FrameSchemas`.
    """

    def __init__(
        self,
        reader: LogReader,
        registrar: SchemaRegistrar,
        clock: Clock,
        entropy: Entropy,
        *,
        raise_alarm: RaiseAlarm,
        settings: CatalogueSettings | None = None,
    ) -> None:
        """Begin with nothing; `refresh` reads what is there.

        Args:
            reader: reads `SCHEMAS_PARTITION`, and nobody else reads with it.
            registrar: writes to it.
            clock: time.
            entropy: for jitter.
            raise_alarm: is told of records that were skipped.
            settings: limits.
        """
        self._reader = reader
        self._registrar = registrar
        self._clock = clock
        self._entropy = entropy
        self._raise_alarm = raise_alarm
        self._settings = settings or CatalogueSettings()
        self._book = SchemaBook(
            limit=self._settings.schemas, schema_bytes=self._settings.schema_bytes
        )
        self._hold = SchemaHold(
            clock,
            wait_s=self._settings.schema_wait_s,
            missing_s=self._settings.missing_s,
            remembered=self._settings.schemas,
        )
        self._ensured: dict[_Key, str] = {}
        self._ids_in_use = False
        self._position = 0
        self._readings_begun = 0
        self._latest_complete = 0
        self._reading_began_s = float("-inf")
        self._skipped = 0
        self._registered = 0
        self._reading = asyncio.Lock()
        self._registering = asyncio.Lock()

    # --- from memory -------------------------------------------------------------------------

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint if it has been read."""
        return self._book.find(fingerprint)

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id if it has been read."""
        schema = self._book.find_id(schema_id)
        self._ids_in_use = self._ids_in_use or schema is not None
        return schema

    def id_of(self, fingerprint: bytes) -> int | None:
        """Return the id of the schema with this fingerprint if it has been read."""
        return self._book.id_of(fingerprint)

    def schemas(self) -> tuple[AvroSchema, ...]:
        """Return all schemas that have been read, in the order of their ids."""
        return self._book.schemas()

    def subjects(self) -> tuple[str, ...]:
        """Return all subjects that have been read, in order."""
        return self._book.subjects()

    def versions(self, subject: str) -> tuple[SubjectVersion, ...]:
        """Return the versions of a subject that have been read, the oldest first."""
        found = self._book.versions(subject)
        self._ids_in_use = self._ids_in_use or bool(found)
        return found

    def level_of(self, subject: str) -> Level:
        """Return what a subject demands of new versions.

        What was set for it, else what its latest version declares, else what was set for all, else
        BACKWARD_TRANSITIVE.
        """
        return self._book.level_of(subject)

    def level_for(self, subject: str, schema: AvroSchema) -> Level:
        """Return what `register` would hold a schema to that is to be a version of a subject."""
        wish = Wish(schema=schema, subject=subject, inherits=True, replaces=False)
        return demanded(self._book, wish, subject)

    def level_set(self, subject: str) -> Level | None:
        """Return the level that somebody has set for a subject; "" stands for all others."""
        return self._book.level_set(subject)

    # --- from the topic ----------------------------------------------------------------------

    async def lookup(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint, after one look at the topic if need be.

        Returns:
            None where the topic has no such schema; the same fingerprint is then not looked for
            again for a while.

        Raises:
            SchemasUnreadable: the topic could not be read to its end.
        """
        find = partial(self.find, fingerprint)
        return await self._hold.until_found(fingerprint, find, self._look, once=True)

    async def lookup_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id; as `lookup`."""
        find = partial(self.find_id, schema_id)
        return await self._hold.until_found(frame_of_id(schema_id), find, self._look, once=True)

    async def look_up(self, frame: bytes) -> AvroSchema | None:
        """Hold whoever has an event with an unknown frame, while its schema is looked for.

        Args:
            frame: as `framing.frame_in` yields it.

        Returns:
            None where the schema has not come in `schema_wait_s`, or is known to be missing.

        Raises:
            SchemasUnreadable: the topic could not be read to its end.
        """
        find = partial(find_behind, frame, self, self)
        return await self._hold.until_found(frame, find, self._look)

    async def refresh(self) -> None:
        """Read the topic to the end that it has now.

        Raises:
            SchemasUnreadable: that took too long.
        """
        await self._read_unless_read_since(self._readings_begun)

    async def _look(self) -> None:
        """Refresh, but not too often, and together with whoever else wants that."""
        begun = self._readings_begun
        await self._clock.sleep_until(self._reading_began_s + self._settings.refresh_interval_s)
        await self._read_unless_read_since(begun)

    # --- to the topic ------------------------------------------------------------------------

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once all these schemas, which are about to be written with, stand on the topic.

        One that names its topic is a version of the subject `<topic>-value`, and must fit to those
        before it as its level demands.

        Raises:
            SchemaConflict: one has the fingerprint of a known schema and another meaning.
            SchemaIncompatible: one does not fit to earlier versions of its type.
            SchemaTooLarge: one has more bytes than are read.
            CatalogueFull: there is no room for one.
            SchemasNotRegistered: the attempts were used up.
            SchemasUnreadable: the topic could not be read to its end.
        """
        await self._ensure([Wish(schema=each, subject=subject_of(each)) for each in schemas])

    async def keep(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once schemas stand on the topic by which others have written, or others read.

        They become no versions, and a text that is there under the same fingerprint stays.

        Raises:
            SchemaConflict: as for `ensure`, and so are the others.
            CatalogueFull: see above.
            SchemasNotRegistered: see above.
            SchemasUnreadable: see above.
        """
        await self._ensure([Wish(schema=each, replaces=False) for each in schemas])

    async def ensure_readable(
        self,
        schemas: Iterable[AvroSchema],
        *,
        upcast: Callable[[AvroSchema], bool] | None = None,
    ) -> None:
        """Keep schemas that records are read by, and hold them against what is written.

        Nobody writes by them: a class that knows only half of the fields says nothing about what
        the next version may be.

        Args:
            schemas: of the classes that read.
            upcast: tells of a version whether its records reach a class by an upcast.

        Raises:
            SchemaIncompatible: one cannot read a version that its topic promises to be readable.
            SchemaConflict: as for `ensure`, and so are the others.
            CatalogueFull: see above.
            SchemasNotRegistered: see above.
            SchemasUnreadable: see above.
        """
        schemas = tuple(schemas)
        await self.keep(schemas)
        for each in schemas:
            judge_reader(self._book, each, upcast=upcast)

    async def ids_for(self, schemas: Sequence[AvroSchema]) -> Mapping[bytes, int]:
        """Return the ids of schemas by fingerprint, each a version of its topic's subject.

        Raises:
            SchemaConflict: as for `ensure`, and so are the others.
            SchemaIncompatible: see above.
            CatalogueFull: see above.
            SchemasNotRegistered: see above.
            SchemasUnreadable: see above.
        """
        await self._ensure(
            [Wish(schema=each, subject=subject_of(each), replaces=False) for each in schemas]
        )
        self._ids_in_use = self._ids_in_use or bool(schemas)
        ids = {each.fingerprint: self.id_of(each.fingerprint) for each in schemas}
        return {fingerprint: known for fingerprint, known in ids.items() if known is not None}

    async def register(self, subject: str, schema: AvroSchema) -> SubjectVersion:
        """Make a schema a version of a subject; the same fingerprint again gives the same answer.

        A text that is there under the same fingerprint stays: it may say more than this one.

        Args:
            subject: 1 to 512 characters.
            schema: it must fit to the earlier versions of its full name, as its own level demands,
                or the subject's where it declares none.

        Raises:
            IllegalName: the subject is empty or too long.
            SchemaConflict: as for `ensure`, and so are the others.
            SchemaIncompatible: see above.
            CatalogueFull: see above.
            SchemasNotRegistered: see above.
            SchemasUnreadable: see above.
        """
        wish = Wish(schema=schema, subject=subject, inherits=True, replaces=False)
        await self._ensure([wish])
        return next(
            each for each in self.versions(subject) if each.schema.fingerprint == schema.fingerprint
        )

    async def set_level(self, subject: str, level: Level | None) -> None:
        """Set what a subject demands of new versions, whatever their schemas declare.

        Args:
            subject: at most 512 characters; "" sets what is demanded where nothing is declared.
            level: the level; None takes it back.

        Raises:
            IllegalName: the subject is too long.
            CatalogueFull: levels are set for too many subjects.
            SchemasNotRegistered: the attempts were used up.
            SchemasUnreadable: the topic could not be read to its end.
        """

        def judge() -> Sequence[SchemaEntry]:
            entry = level_entry(self._book, subject, level)
            return () if entry is None else (entry,)

        async with self._registering:
            await self._write(judge)

    def statistics(self) -> CatalogueStatistics:
        """Return the counts."""
        hold = self._hold.statistics()
        return CatalogueStatistics(
            known=len(self._book),
            skipped=self._skipped,
            readings=self._readings_begun,
            registered=self._registered,
            held=hold.held,
            missing=hold.missing,
        )

    async def _ensure(self, wishes: Sequence[Wish]) -> None:
        wishes = [wish for wish in wishes if self._ensured.get(_key(wish)) != wish.schema.text]
        if not wishes:
            return
        async with self._registering:
            await self._write(lambda: entries_for(self._book, wishes))
            self._ensured.update((_key(wish), wish.schema.text) for wish in wishes)

    async def _write(self, judge: Callable[[], Sequence[SchemaEntry]]) -> None:
        """Write what is missing, if anything is: most starts find all there, by reading alone.

        Args:
            judge: says what is missing, or refuses it, by all that has been read.
        """
        await self.refresh()
        if judge():
            await self._write_in_turn(judge)

    async def _write_in_turn(self, judge: Callable[[], Sequence[SchemaEntry]]) -> None:
        """Fence, read, judge, commit; again where another process or a lost answer came between."""
        reason = ""
        for attempt in range(self._settings.attempts):
            try:
                await self._registrar.fence(timeout_s=self._settings.timeout_s)
                await self.refresh()
                if entries := judge():
                    await self._commit(entries)
            except WorldError as failure:
                # Retryable is what a later attempt may find changed: the turn is lost, or the
                # outcome is unknown and the next reading shows it. Anything else stays as it is.
                if not failure.retryable:
                    raise
                reason = failure.message
                await self._back_off(attempt)
            else:
                return
        raise SchemasNotRegistered(attempts=self._settings.attempts, reason=reason)

    async def _commit(self, entries: Sequence[SchemaEntry]) -> None:
        now_ms = self._clock.wall_ms()
        records = [NewRecord(each.key, each.value, each.headers, now_ms) for each in entries]
        begun = self._readings_begun
        await self._registrar.commit(records, timeout_s=self._settings.timeout_s)
        # Of the records that are written only those of schemas have headers: their ids.
        self._registered += sum(bool(each.headers) for each in entries)
        if self._readings_begun != begun:
            # The answer came late: what others wrote behind these records may have been read.
            await self.refresh()
            return
        for each in entries:
            problem = self._book.apply(*each)
            assert problem is None, problem

    async def _back_off(self, attempt: int) -> None:
        longest_s = self._settings.backoff_s * 2**attempt
        wait_s = longest_s * self._entropy.random()
        await self._clock.sleep_until(self._clock.monotonic() + wait_s)

    async def _read_unless_read_since(self, begun: int) -> None:
        """Read to the end, unless a reading that began after `begun` of them is complete.

        One that began before this call may have fixed its end before the record that this caller
        needs was written; one that began later serves all who waited for it.
        """
        async with self._reading:
            if self._latest_complete > begun:
                return
            self._readings_begun += 1
            self._reading_began_s = self._clock.monotonic()
            await self._read_to_end()
            self._latest_complete = self._readings_begun

    async def _read_to_end(self) -> None:
        deadline_s = self._clock.monotonic() + self._settings.timeout_s
        first, end = await self._reader.bounds(SCHEMAS_PARTITION)
        start = max(first, self._position)
        if start > end:
            # Below the end where we have been means that the topic was created anew.
            if self._ids_in_use:
                # Decoders and frames are made for those ids, and would go on to mean them.
                raise SchemasCreatedAnew(position=self._position, end=end)
            self._position = start = first
            self._book.forget_numbers()
            self._ensured.clear()
        self._reader.seek(SCHEMAS_PARTITION, start)
        while (position := self._reader.position(SCHEMAS_PARTITION)) < end:
            left_s = deadline_s - self._clock.monotonic()
            if left_s <= 0:
                raise SchemasUnreadable(
                    position=position, end=end, timeout_s=self._settings.timeout_s
                )
            # A reader may wait out its time although it has moved past the marker at the end.
            for record in await self._reader.read(timeout_s=min(left_s, _POLL_S)):
                self._learn(record)
            # At once: the next reading goes on here, also where this one does not reach the end.
            self._position = self._reader.position(SCHEMAS_PARTITION)

    def _learn(self, record: LogRecord) -> None:
        problem = self._book.apply(record.key, record.value, record.headers)
        if problem is not None:
            self._skipped += 1
            self._raise_alarm(
                Alarm(
                    name="schema-record-skipped",
                    text=f"A record on {SCHEMAS_TOPIC} was skipped: {problem}",
                    facts={
                        "topic": record.topic,
                        "partition": record.partition,
                        "offset": record.offset,
                    },
                )
            )


def _key(wish: Wish) -> _Key:
    return wish.subject, wish.replaces, wish.schema.fingerprint
