"""Schemas that were published before, by type and in order: what a check holds new ones against.

The same value from every place: a commit of git and a folder know one version of each type; the
schemas topic and a registry know all, and number them.

Laws:
1. Versions of a type stand in the order in which they were published.
2. This file reads nothing; schema_places.py does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from penstock.infra.schema_files.roles import SchemaRole
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

__all__ = ["PublishedSchemas", "PublishedSubject", "PublishedVersion", "of_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One version of a type."""

    schema: AvroSchema
    """The schema."""
    subject: str | None = None
    """Under which name a registry keeps it."""
    number: int | None = None
    """Its number in that subject, from 1; None where the place numbers none."""
    id: int | None = None
    """By which records in Confluent's framing name it; None where the place gives no ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSubject:
    """What a registry keeps under one name."""

    versions: tuple[PublishedVersion, ...]
    """Of all its types, the oldest first."""
    level: Level | None
    """What it demands of the next version, where that was set."""


def _no_subject(_: AvroSchema) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSchemas:
    """All that one place knows."""

    place: str
    """What people call it: `git:main`, `the schemas topic`."""
    versions: Mapping[str, tuple[PublishedVersion, ...]]
    """Versions by the full name of the type, the oldest first; never an empty tuple."""
    keeps_versions: bool = False
    """Whether it keeps all versions of a type, and not only the one that stands there now."""
    levels: Mapping[str, Level] = field(default_factory=dict)
    """What the place itself demands of the next version of a type, by its full name."""
    default_level: Level = Level.BACKWARD_TRANSITIVE
    """What it demands where neither it nor the type says anything."""
    levels_come_first: bool = True
    """Whether what the place demands holds in place of what a type declares, or beside it."""
    commands: frozenset[str] = frozenset()
    """Full names of types that are known to be commands though no reply of theirs is named."""
    subject_of: Callable[[AvroSchema], str | None] = _no_subject
    """Under which subject a type is judged; None where by its name alone."""
    subjects: Mapping[str, PublishedSubject] = field(default_factory=dict)
    """What a type is judged by that has a subject."""
    notes: tuple[str, ...] = ()
    """What whoever looks should know about the reading, a sentence each."""

    def of(self, full_name: str) -> tuple[PublishedVersion, ...]:
        """Return the versions of a type, the oldest first."""
        return self.versions.get(full_name, ())

    def before(
        self, candidate: AvroSchema, full_name: str | None = None
    ) -> tuple[PublishedVersion, ...]:
        """Return the versions that a candidate is held against, the oldest first.

        Args:
            candidate: what is to be published next.
            full_name: its former name, where those of that name are meant.
        """
        name = full_name or candidate.full_name
        subject = self.subject_of(candidate)
        if subject is None:
            return self.of(name)
        found = self.subjects.get(subject)
        return tuple(
            each for each in (found.versions if found else ()) if each.schema.full_name == name
        )

    def latest(self) -> Mapping[str, AvroSchema]:
        """Return the newest version of each type, by full name in order."""
        return {name: self.versions[name][-1].schema for name in sorted(self.versions)}

    def demanded(self, candidate: AvroSchema, role: SchemaRole) -> tuple[Level, ...]:
        """Return what a new version of a type has to meet.

        Args:
            candidate: the new version.
            role: what it says.
        """
        own, declared = self._level(candidate), role.declared
        if self.levels_come_first:
            return (own or declared or self.default_level,)
        return tuple(dict.fromkeys((role.level, own or role.level)))

    def _level(self, candidate: AvroSchema) -> Level | None:
        subject = self.subject_of(candidate)
        if subject is None:
            return self.levels.get(candidate.full_name)
        found = self.subjects.get(subject)
        return None if found is None else found.level

    def with_fingerprint(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with a fingerprint; where several texts share it, the newest."""
        for versions in self.versions.values():
            for version in reversed(versions):
                if version.schema.fingerprint == fingerprint:
                    return version.schema
        return None


def of_files(
    place: str, schemas: Mapping[str, AvroSchema], *, commands: Iterable[str] = ()
) -> PublishedSchemas:
    """Return what a place knows that holds one schema for each type.

    Args:
        place: what people call it.
        schemas: by full name.
        commands: as in `PublishedSchemas`.
    """
    versions = {name: (PublishedVersion(schema=schema),) for name, schema in schemas.items()}
    return PublishedSchemas(place=place, versions=versions, commands=frozenset(commands))
