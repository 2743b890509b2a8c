"""The state of the schemas topic: schemas, their ids, subjects with their versions, levels.

A schema has one id. A subject numbers schemas in the order of their registration; levels say what a
subject demands of its next version. What is written, and who may, is said by schema_judgement.py.

Laws:
1. A fingerprint has one id and an id one fingerprint, for ever: the first record that says so
   holds, whatever comes later. An id that a version names is not given to another schema, also
   where the record of its own was deleted by a tool: events still carry it.
2. Schemas never change their meaning; where only docs, defaults, precision or attributes differ,
   the latest text is kept (formats.md F6), and the id with it.
3. A record that cannot be used changes nothing.
4. Everything is bounded in number: a topic filled by mistake fills no memory.
"""

from dataclasses import dataclass, field, replace
from typing import Self, final

from penstock.events.log import Headers
from penstock.events.schema_records import (
    MAX_VERSION,
    LevelRecord,
    SchemaRecord,
    UnusableRecord,
    VersionRecord,
    read_record,
)
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import MAX_ID
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema

__all__ = ["SchemaBook", "SubjectVersion", "declared_level"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectVersion:
    """A version of a subject."""

    subject: str
    """The subject."""
    version: int
    """Its number, from 1."""
    id: int
    """The schema's id."""
    schema: AvroSchema
    """The schema, in its latest text."""


def declared_level(schema: AvroSchema) -> Level | None:
    """Return the level that a schema declares for its topic, if it declares a known one."""
    name = schema.document.get("compatibility")
    return Level[name] if isinstance(name, str) and name in Level.__members__ else None


@final
@dataclass(slots=True, kw_only=True)
class SchemaBook:
    """What the schemas topic holds, as far as it has been read."""

    limit: int
    """Schemas, versions and levels at most, each."""
    schema_bytes: int
    """Bytes of a schema's text at most."""
    _schemas: dict[bytes, AvroSchema] = field(default_factory=dict)
    _ids: dict[bytes, int] = field(default_factory=dict)
    _fingerprints: dict[int, bytes] = field(default_factory=dict)
    _named: dict[bytes, int] = field(default_factory=dict)
    """Ids by which versions name schemas, whether those have been read or not."""
    _highest_id: int = 0
    _subjects: dict[str, dict[int, bytes]] = field(default_factory=dict)
    _version_count: int = 0
    _levels: dict[str, Level] = field(default_factory=dict)

    def copy(self) -> Self:
        """Return a book that says the same, to try something in."""
        return replace(
            self,
            _schemas=dict(self._schemas),
            _ids=dict(self._ids),
            _fingerprints=dict(self._fingerprints),
            _named=dict(self._named),
            _subjects={subject: dict(each) for subject, each in self._subjects.items()},
            _levels=dict(self._levels),
        )

    # --- what there is -----------------------------------------------------------------------

    def __len__(self) -> int:
        """The number of schemas."""
        return len(self._schemas)

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint."""
        return self._schemas.get(fingerprint)

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id."""
        fingerprint = self._fingerprints.get(schema_id)
        return None if fingerprint is None else self._schemas.get(fingerprint)

    def id_of(self, fingerprint: bytes) -> int | None:
        """Return the id of the schema with this fingerprint, if it has one."""
        return self._ids.get(fingerprint)

    def schemas(self) -> tuple[AvroSchema, ...]:
        """Return all schemas in the order of their ids; those that have none come first."""
        return tuple(
            sorted(self._schemas.values(), key=lambda each: self._ids.get(each.fingerprint, 0))
        )

    def subjects(self) -> tuple[str, ...]:
        """Return all subjects that have a version, in order."""
        return tuple(sorted(subject for subject in self._subjects if self.versions(subject)))

    def versions(self, subject: str) -> tuple[SubjectVersion, ...]:
        """Return the versions of a subject, the oldest first; none where it is not known."""
        numbered = self._subjects.get(subject, {})
        return tuple(
            SubjectVersion(
                subject=subject,
                version=version,
                id=self._ids[fingerprint],
                schema=self._schemas[fingerprint],
            )
            for version, fingerprint in sorted(numbered.items())
            # Compaction may leave a version before its schema: until that is read it is none.
            if fingerprint in self._ids
        )

    def version_of(self, subject: str, fingerprint: bytes) -> int | None:
        """Return the number of the version of a subject that a schema is; None where it is none."""
        numbered = self._subjects.get(subject, {})
        return next((number for number, each in numbered.items() if each == fingerprint), None)

    def id_for(self, fingerprint: bytes) -> int:
        """Return the id under which a schema is to be written.

        Its own; where its record was lost, the one by which a version still names it; else the
        next.
        """
        own = self._ids.get(fingerprint) or self._named.get(fingerprint)
        if own is not None and self._fingerprints.get(own, fingerprint) == fingerprint:
            return own
        return self.next_id()

    def next_id(self) -> int:
        """Return the id of the next schema: one more than the highest that any record names.

        The lowest free one where somebody has taken the last.
        """
        if self._highest_id < MAX_ID:
            return self._highest_id + 1
        taken = {*self._fingerprints, *self._named.values()}
        return next(each for each in range(1, MAX_ID) if each not in taken)

    def next_version(self, subject: str) -> int:
        """Return the number of the next version of a subject: one more than the highest.

        The lowest free one where somebody has taken the last, as for ids.
        """
        numbered = self._subjects.get(subject, {})
        highest = max(numbered, default=0)
        if highest < MAX_VERSION:
            return highest + 1
        return next(each for each in range(1, MAX_VERSION) if each not in numbered)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another schema."""
        return len(self._schemas) >= self.limit

    @property
    def versions_are_full(self) -> bool:
        """Whether there is no room for another version."""
        return self._version_count >= self.limit

    @property
    def levels_are_full(self) -> bool:
        """Whether there is no room for another level."""
        return len(self._levels) >= self.limit

    def level_set(self, subject: str) -> Level | None:
        """Return the level that somebody has set for a subject; "" stands for all others."""
        return self._levels.get(subject)

    def level_of(self, subject: str) -> Level:
        """Return what a subject demands of new versions.

        What was set for it, else what its latest version declares, else what was set for all, else
        BACKWARD_TRANSITIVE.
        """
        versions = self.versions(subject)
        declared = declared_level(versions[-1].schema) if versions else None
        return self._levels.get(subject) or declared or self.default_level()

    def default_level(self) -> Level:
        """Return what is demanded where nothing is said."""
        return self._levels.get("") or Level.BACKWARD_TRANSITIVE

    # --- what a record changes ---------------------------------------------------------------

    def apply(self, key: bytes | None, value: bytes | None, headers: Headers) -> str | None:
        """Take a record of the topic.

        Returns:
            Why it cannot be used, as a sentence; None where it was taken.
        """
        try:
            self.take(read_record(key, value, headers, limit_bytes=self.schema_bytes))
        except UnusableRecord as problem:
            return str(problem)
        return None

    def forget_numbers(self) -> None:
        """Forget ids, versions and levels: the topic was created anew, and gives out its own.

        Schemas stay: a fingerprint follows from the schema alone.
        """
        self._ids.clear()
        self._fingerprints.clear()
        self._named.clear()
        self._highest_id = 0
        self._subjects.clear()
        self._version_count = 0
        self._levels.clear()

    def take(self, record: SchemaRecord | VersionRecord | LevelRecord) -> None:
        """Take what a record says.

        Raises:
            UnusableRecord: it contradicts what is known, or there is no room.
        """
        match record:
            case SchemaRecord():
                self._take_schema(record)
            case VersionRecord():
                self._take_version(record)
            case LevelRecord():
                self._take_level(record)

    def _take_schema(self, record: SchemaRecord) -> None:
        schema, schema_id = record.schema, record.id
        fingerprint = schema.fingerprint
        known = self._schemas.get(fingerprint)
        if known is None and self.is_full:
            raise UnusableRecord(f"{self.limit} schemas are known already.")
        if known is not None and (conflict := logical_conflict(known, schema)) is not None:
            problem = f"{schema.full_name} has the fingerprint of a known schema: {conflict}."
            raise UnusableRecord(problem)
        if schema_id is not None:
            self._take_id(schema.full_name, fingerprint, schema_id)
        self._schemas[fingerprint] = schema

    def _take_id(self, full_name: str, fingerprint: bytes, schema_id: int) -> None:
        own = self._ids.get(fingerprint, schema_id)
        if own != schema_id:
            raise UnusableRecord(f"{full_name} has the id {own}, and not {schema_id}.")
        if self._fingerprints.get(schema_id, fingerprint) != fingerprint:
            raise UnusableRecord(f"{full_name} cannot have the id {schema_id} of another schema.")
        self._ids[fingerprint] = schema_id
        self._fingerprints[schema_id] = fingerprint
        self._highest_id = max(self._highest_id, schema_id)

    def _take_version(self, record: VersionRecord) -> None:
        if self._fingerprints.get(record.id, record.fingerprint) != record.fingerprint:
            raise UnusableRecord(f"It names the id {record.id} of another schema.")
        if self._ids.get(record.fingerprint, record.id) != record.id:
            raise UnusableRecord(f"It names a schema by the id {record.id}, which is not its own.")
        numbered = self._subjects.get(record.subject, {})
        known = numbered.get(record.version)
        if known is not None:
            if known != record.fingerprint:
                raise UnusableRecord("It names another schema for a version that is known.")
            return
        if self.versions_are_full:
            raise UnusableRecord(f"{self.limit} versions are known already.")
        self._subjects.setdefault(record.subject, numbered)[record.version] = record.fingerprint
        self._version_count += 1
        self._named.setdefault(record.fingerprint, record.id)
        self._highest_id = max(self._highest_id, record.id)

    def _take_level(self, record: LevelRecord) -> None:
        if record.level is None:
            self._levels.pop(record.subject, None)
        elif record.subject not in self._levels and self.levels_are_full:
            raise UnusableRecord(f"{self.limit} levels are known already.")
        else:
            self._levels[record.subject] = record.level
