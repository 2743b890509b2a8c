"""The versions of a saga: registered in its definitions topic, read back, compiled.

A running saga stays on the version that it began with, so whoever runs sagas must know every
version that was ever deployed. The topic of definitions holds them all: each version once, with its
text and with every schema that it uses. Others deploy while this process runs; whoever takes over
their sagas reads the topic again first (`refresh`), for they had deployed before they began.

    fence -> read to the end -> is the version there?  yes: the same content, or refuse
                                                       no:  commit it, and know it

What was committed is not read again: Kafka answers a commit before its marker is written, and until
then readers of committed records do not see it.

Laws:
1. The first writer of a version wins; whoever comes with another content for it is refused. The
   fence makes writers take turns: a former writer's record is either seen, or never there.
2. What is in the topic is checked like what comes from a file: bytes that no checker passes, or
   that say something else than their record, are an error that names the record.
3. New sagas take the highest version.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.clock import Clock
from penstock.events.log import NewRecord, Partition, RecordTooLarge
from penstock.sagas.definition import Definition
from penstock.sagas.engine.program import Program
from penstock.sagas.outputs import record_size
from penstock.sagas.records import DefinitionRecord, RecordReader, encode_definition
from penstock.schemas.errors import CallerError, ExitCode, PenstockError, WorldError
from penstock.workers.changelog import closing, committed_records
from penstock.workers.ports import ProducerGate, Transaction, TransactionDoubt, TransactionRefused

__all__ = ["DefinitionBook", "DefinitionChanged", "DefinitionUnreadable", "VersionUnknown"]

ATTEMPTS: Final = 5
"""Attempts to write a definition, before the last doubt is raised."""
FIRST_WAIT_S: Final = 0.2
"""Wait after the first of them; each further one is twice as long."""


@dataclass(eq=False, kw_only=True)
class DefinitionChanged(CallerError):
    """A version is deployed already, with another content."""

    saga: str
    """The saga."""
    version: int
    """The version."""
    deployed: str
    """Digest of what is deployed, cut."""
    given: str
    """Digest of what was given, cut."""

    code: ClassVar[str] = "PEN-S40"
    what: ClassVar[str] = (
        "Version {version} of the saga {saga} is deployed already, with another content."
    )
    why: ClassVar[str] = (
        "Sagas may be running on it ({deployed}); {given} would be another program under its name."
    )
    remedy: ClassVar[str] = "Raise `version:` in the file; sagas that run stay on theirs."


@dataclass(eq=False, kw_only=True)
class DefinitionUnreadable(WorldError):
    """A record of the definitions topic cannot be read or does not pass the checks."""

    saga: str
    """The saga."""
    offset: int
    """The record's offset in the definitions topic."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-S41"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The definition of the saga {saga} at offset {offset} of its topic cannot be used: {reason}"
    )
    why: ClassVar[str] = "Sagas that began with it could not go on."
    remedy: ClassVar[str] = "Run the version of penstock that wrote it, or a newer one."


@dataclass(eq=False, kw_only=True)
class VersionUnknown(WorldError):
    """A saga began with a version that is not known here (yet)."""

    saga: str
    """The saga."""
    version: int
    """The version."""

    code: ClassVar[str] = "PEN-S42"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Version {version} of the saga {saga} is not known here."
    why: ClassVar[str] = "Sagas that began with it cannot go on without it."
    remedy: ClassVar[str] = (
        "Nothing, where it was just deployed: the topic is read again. Else deploy it again."
    )


@final
class DefinitionBook:
    """All versions of one saga that are known here."""

    def __init__(
        self,
        saga: str,
        partition: Partition,
        *,
        gate: ProducerGate,
        transactional_id: str,
        reader: RecordReader,
        compiled: Callable[[DefinitionRecord], Program],
        clock: Clock,
        limit_bytes: int,
    ) -> None:
        """Begin with none.

        Args:
            saga: its name.
            partition: the one partition of its definitions topic.
            gate: opens producers and readers.
            transactional_id: who holds it may write definitions.
            reader: reads records.
            compiled: checks and compiles what the topic holds.
            clock: the time.
            limit_bytes: size of a record at most.
        """
        self.saga = saga
        self._partition = partition
        self._gate = gate
        self._transactional_id = transactional_id
        self._reader = reader
        self._compiled = compiled
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._records: dict[int, DefinitionRecord] = {}
        self._programs: dict[int, Program] = {}
        self._reading = asyncio.Lock()
        self._readings_begun = self._latest_complete = 0

    async def deploy(self, definition: Definition) -> None:
        """Make sure that a version is in the topic, and read all others.

        Raises:
            DefinitionChanged: it is there with another content.
            DefinitionUnreadable: a version cannot be used.
            RecordTooLarge: the version, with its schemas, is larger than a record may be.
            TransactionDoubt: the topic could not be written in several attempts.
        """
        wait_s = FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._deploy(definition)
            except (TransactionDoubt, TransactionRefused):
                if attempt == ATTEMPTS:
                    raise
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s *= 2
        return None

    async def _deploy(self, definition: Definition) -> None:
        writer = await self._gate.fence(self._transactional_id)
        try:
            await self.refresh()
            if not self._known(definition):
                record = _record_of(definition)
                new = self._new_record(record)
                program = self._compiled(record)
                await writer.commit(Transaction(outputs={self._partition: [new]}, offset=None))
                self._keep(record, program)
        except BaseException:
            writer.drop()
            raise
        await writer.close()

    def _new_record(self, record: DefinitionRecord) -> NewRecord:
        key, value = b"%d" % record.version, encode_definition(record)
        size = record_size(key, value, [])
        if size > self._limit_bytes:
            raise RecordTooLarge(
                topic=self._partition.topic, size_bytes=size, limit_bytes=self._limit_bytes
            )
        return NewRecord(key, value, [], self._clock.wall_ms())

    def _known(self, definition: Definition) -> bool:
        record = self._records.get(definition.version)
        if record is None:
            return False
        if record.digest != definition.digest:
            raise DefinitionChanged(
                saga=self.saga,
                version=definition.version,
                deployed=record.digest[:12],
                given=definition.digest[:12],
            )
        return True

    async def refresh(self) -> None:
        """Read the topic to its present end.

        Whoever comes while others are reading shares the next reading: the present one may have
        fixed its end before.

        Raises:
            DefinitionUnreadable: a version cannot be used.
            TransactionDoubt: the topic gives no records.
        """
        begun = self._readings_begun
        async with self._reading:
            if self._latest_complete > begun:
                return
            self._readings_begun += 1
            await self._read()
            self._latest_complete = self._readings_begun

    async def _read(self) -> None:
        async with closing(await self._gate.reader(self._partition)) as reader:
            _, end = await reader.bounds(self._partition)
            async for record in committed_records(reader, self._partition, end):
                if record.value is not None:
                    self._take(record.offset, record.value)

    def _take(self, offset: int, value: bytes) -> None:
        try:
            record = self._reader.definition(value)
            if record.version in self._records:
                return  # the first writer of a version wins
            program = self._compiled(record)
        except PenstockError as error:
            raise DefinitionUnreadable(
                saga=self.saga, offset=offset, reason=f"{error.code} {error.message}"
            ) from error
        said = program.definition
        if (said.saga, said.version) != (self.saga, record.version):
            reason = f"as version {record.version} lies version {said.version} of {said.saga}."
            raise DefinitionUnreadable(saga=self.saga, offset=offset, reason=reason)
        self._keep(record, program)

    def _keep(self, record: DefinitionRecord, program: Program) -> None:
        self._records[record.version] = record
        self._programs[record.version] = program

    def program(self, version: int) -> Program:
        """Return a version, compiled.

        Raises:
            VersionUnknown: it is not known here.
        """
        found = self._programs.get(version)
        if found is None:
            raise VersionUnknown(saga=self.saga, version=version)
        return found

    @property
    def latest(self) -> Program:
        """The version that new sagas take."""
        return self._programs[max(self._programs)]

    @property
    def versions(self) -> Mapping[int, Program]:
        """Every version that is known here."""
        return self._programs


def _record_of(definition: Definition) -> DefinitionRecord:
    return DefinitionRecord(
        version=definition.version,
        digest=definition.digest,
        text=definition.text,
        schemas=list(definition.schemas),
    )
