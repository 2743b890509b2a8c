"""The catalogue: every schema that was ever written with, from the topic `_penstock.schemas`.

An event names its schema by a fingerprint of eight bytes; here the fingerprint finds the schema.
A publisher ensures that a schema stands on the topic before the first event that names it, so a
reader that meets an unknown fingerprint finds it after one look at the topic.

A fingerprint does not see logical types: decimal(12, 2) and decimal(12, 4) have the same. Were
both registered, a price of 19.99 would be read as 0.1999. So a schema is registered only after the
topic was read to its end with nobody else able to write to it:

    fence        whoever had the turn can commit no more, and what it had open has ended
    read         to the end, so all that was ever committed is known
    check        the same fingerprint with another logical type is refused
    commit       fails if somebody else has fenced meanwhile: then all of it begins again

Laws:
1. Schemas are never removed and never change their meaning; where only docs, defaults, precision
   or attributes differ, the latest text is kept (formats.md F6).
2. Bytes on the topic that cannot be used are skipped, counted and told of (F19): one bad record
   must not stop every service of a cluster.
3. This file knows no record class and no client library.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import LogReader, LogRecord, NewRecord, Partition
from penstock.events.names import SCHEMAS_TOPIC
from penstock.schemas.errors import CallerError, ExitCode, PenstockError, WorldError
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema

__all__ = [
    "SCHEMAS_PARTITION",
    "CatalogueSettings",
    "CatalogueStatistics",
    "SchemaCatalogue",
    "SchemaConflict",
    "SchemaRegistrar",
    "SchemasNotRegistered",
    "SchemasUnreadable",
    "TurnLost",
]

SCHEMAS_PARTITION: Final = Partition(SCHEMAS_TOPIC, 0)
"""The only partition of the schemas topic: all services see one order."""

_POLL_S: Final = 0.05


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
    missing_s: float = 10.0
    """Seconds for which a fingerprint that was not found is not looked for again."""
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


@dataclass(eq=False, kw_only=True)
class TurnLost(WorldError):
    """Another process has taken the turn to write schemas."""

    code: ClassVar[str] = "PEN-E29"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Another process registers schemas now."
    why: ClassVar[str] = "One at a time may, so that two cannot give one fingerprint two meanings."
    remedy: ClassVar[str] = "Try again."


@dataclass(eq=False, kw_only=True)
class SchemaConflict(CallerError):
    """A schema has the fingerprint of a known one and another meaning."""

    full_name: str
    """The type's full name."""
    fingerprint: str
    """The fingerprint both share, sixteen hexadecimal digits."""
    conflict: str
    """What differs, naming the field."""

    code: ClassVar[str] = "PEN-E26"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "Schema {full_name} ({fingerprint}) cannot be registered: {conflict}."
    why: ClassVar[str] = (
        "Avro's fingerprint does not see the difference, so readers would read one as the other."
    )
    remedy: ClassVar[str] = "Give the changed field a new name."


@dataclass(eq=False, kw_only=True)
class SchemasNotRegistered(WorldError):
    """Schemas could not be registered within the attempts allowed."""

    attempts: int
    """Attempts made."""
    reason: str
    """How the last one ended."""

    code: ClassVar[str] = "PEN-E27"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Schemas could not be registered in {attempts} attempts. {reason}"
    why: ClassVar[str] = "No event is written before its schema stands on the schemas topic."
    remedy: ClassVar[str] = "Look after the cluster, then start again."


@dataclass(eq=False, kw_only=True)
class SchemasUnreadable(WorldError):
    """The schemas topic could not be read to its end in time."""

    position: int
    """The offset that was reached."""
    end: int
    """The offset that was to be reached."""
    timeout_s: float
    """Seconds allowed."""

    code: ClassVar[str] = "PEN-E28"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = (
        f"{SCHEMAS_TOPIC} was read to offset {{position}} of {{end}} in {{timeout_s}} seconds."
    )
    why: ClassVar[str] = "Without all schemas neither reading nor registering is safe."
    remedy: ClassVar[str] = "Look after the cluster, then start again."


@final
class SchemaCatalogue:
    """The schemas of a cluster, as far as they have been read. Fulfils `SchemaLookup`."""

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
        self._known: dict[bytes, AvroSchema] = {}
        self._ensured: dict[bytes, str] = {}
        self._missing_until_s: dict[bytes, float] = {}
        self._position = 0
        self._readings_begun = 0
        self._latest_complete = 0
        self._reading_began_s = float("-inf")
        self._skipped = 0
        self._registered = 0
        self._reading = asyncio.Lock()
        self._registering = asyncio.Lock()

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint if it has been read."""
        return self._known.get(fingerprint)

    async def lookup(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint, after one look at the topic if need be.

        Returns:
            None where the topic has no such schema; the same fingerprint is then not looked for
            again for a while.

        Raises:
            SchemasUnreadable: the topic could not be read to its end.
        """
        if fingerprint in self._known or self._is_missing(fingerprint):
            return self.find(fingerprint)
        begun = self._readings_begun
        await self._clock.sleep_until(self._reading_began_s + self._settings.refresh_interval_s)
        await self._read_unless_read_since(begun)
        if fingerprint not in self._known:
            self._note_missing(fingerprint)
        return self.find(fingerprint)

    async def refresh(self) -> None:
        """Read the topic to the end that it has now.

        Raises:
            SchemasUnreadable: that took too long.
        """
        await self._read_unless_read_since(self._readings_begun)

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once all these schemas stand on the topic.

        Raises:
            SchemaConflict: one has the fingerprint of a known schema and another meaning.
            SchemasNotRegistered: the attempts were used up.
            SchemasUnreadable: the topic could not be read to its end.
        """
        wanted = [
            schema for schema in schemas if self._ensured.get(schema.fingerprint) != schema.text
        ]
        if not wanted:
            return
        async with self._registering:
            if self._absent(wanted):
                await self.refresh()
            if self._absent(wanted):
                await self._register(wanted)
            self._ensured.update((schema.fingerprint, schema.text) for schema in wanted)

    def statistics(self) -> CatalogueStatistics:
        """Return the counts."""
        return CatalogueStatistics(
            known=len(self._known),
            skipped=self._skipped,
            readings=self._readings_begun,
            registered=self._registered,
        )

    async def _register(self, wanted: Sequence[AvroSchema]) -> None:
        """Fence, read, check, commit; again where another process or a lost answer came between."""
        reason = ""
        for attempt in range(self._settings.attempts):
            try:
                await self._registrar.fence(timeout_s=self._settings.timeout_s)
                await self.refresh()
                if absent := self._absent(wanted):
                    await self._commit(absent)
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

    async def _commit(self, schemas: Sequence[AvroSchema]) -> None:
        records = [
            NewRecord(
                key=schema.fingerprint.hex().encode(),
                value=schema.text.encode(),
                headers=(),
                timestamp_ms=self._clock.wall_ms(),
            )
            for schema in schemas
        ]
        await self._registrar.commit(records, timeout_s=self._settings.timeout_s)
        self._registered += len(schemas)
        self._known.update((schema.fingerprint, schema) for schema in schemas)

    async def _back_off(self, attempt: int) -> None:
        longest_s = self._settings.backoff_s * 2**attempt
        wait_s = longest_s * self._entropy.random()
        await self._clock.sleep_until(self._clock.monotonic() + wait_s)

    def _absent(self, wanted: Sequence[AvroSchema]) -> list[AvroSchema]:
        """Return what is not on the topic as wanted, having refused what must not be there."""
        absent: dict[bytes, AvroSchema] = {}
        for schema in wanted:
            known = absent.get(schema.fingerprint) or self.find(schema.fingerprint)
            if known is not None and (conflict := logical_conflict(known, schema)) is not None:
                raise SchemaConflict(
                    full_name=schema.full_name,
                    fingerprint=schema.fingerprint.hex(),
                    conflict=conflict,
                )
            if known is None or known.text != schema.text:
                absent[schema.fingerprint] = schema
        return list(absent.values())

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
        # Below the end where we have been means that the topic was created anew.
        start = self._position if first <= self._position <= end else first
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
        self._position = position

    def _learn(self, record: LogRecord) -> None:
        problem = self._problem(record)
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

    def _problem(self, record: LogRecord) -> str | None:
        """Take a schema into the catalogue, or say why it cannot be used."""
        if record.value is None:
            return "It is a tombstone, and schemas are never removed."
        if len(record.value) > self._settings.schema_bytes:
            return f"Its value has {len(record.value)} bytes."
        try:
            schema = AvroSchema.parse(record.value.decode())
        except UnicodeDecodeError:
            return "Its value is not UTF-8."
        except PenstockError as error:
            return error.message
        if record.key != schema.fingerprint.hex().encode():
            return f"Its key is not the fingerprint of its schema {schema.full_name}."
        return self._take(schema)

    def _take(self, schema: AvroSchema) -> str | None:
        known = self.find(schema.fingerprint)
        if known is None and len(self._known) >= self._settings.schemas:
            return f"{self._settings.schemas} schemas are known already."
        if known is not None and (conflict := logical_conflict(known, schema)) is not None:
            return f"{schema.full_name} has the fingerprint of a known schema: {conflict}."
        self._known[schema.fingerprint] = schema
        self._missing_until_s.pop(schema.fingerprint, None)
        return None

    def _is_missing(self, fingerprint: bytes) -> bool:
        until_s = self._missing_until_s.get(fingerprint)
        return until_s is not None and self._clock.monotonic() < until_s

    def _note_missing(self, fingerprint: bytes) -> None:
        while len(self._missing_until_s) >= self._settings.schemas:
            del self._missing_until_s[next(iter(self._missing_until_s))]
        self._missing_until_s[fingerprint] = self._clock.monotonic() + self._settings.missing_s
