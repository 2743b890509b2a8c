"""A schema registry as a place where schemas were published.

A registry keeps versions by subject, and which subjects a type has is a rule of whoever publishes
(infra/schema_registry/subject_names.py). So a check asks for the subjects of the types it checks,
and a list for all.

Laws:
1. A registry demands what it demands, whatever a type declares: a new version has to meet both.
2. Other teams keep schemas of other kinds there, which are nothing to us: a list passes over them
   and says so, a check of such a subject is refused.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, final

from penstock.infra.published_schemas.versions import (
    PublishedSchemas,
    PublishedSubject,
    PublishedVersion,
)
from penstock.infra.schema_registry.client import RegistryVersion
from penstock.infra.schema_registry.registry_errors import SchemaUnsupported
from penstock.infra.schema_registry.subject_names import SubjectRule, subject_of
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.identity import says_the_same
from penstock.schemas.schema import AvroSchema

__all__ = ["RegistryListing", "published_in_registry", "subjects_of"]

_PLACE: Final = "the schema registry"


class RegistryListing(Protocol):
    """A registry; the part of its client that is needed."""

    async def subjects(self) -> Sequence[str]:
        """Return all subjects."""
        ...

    async def versions(self, subject: str) -> Sequence[RegistryVersion]:
        """Return the versions of a subject, the oldest first; none where it is not known."""
        ...

    async def level_of(self, subject: str) -> Level:
        """Return what is demanded of a new version of a subject."""
        ...


def subjects_of(schemas: Iterable[AvroSchema], rule: SubjectRule) -> tuple[str, ...]:
    """Return the subjects under which types are registered, each once.

    Args:
        schemas: of the types; those without a topic have no subject where the rule needs one.
        rule: how subjects are named.
    """
    named = [
        subject_of(schema, rule)
        for schema in schemas
        if rule == "record" or isinstance(schema.document.get("topic"), str)
    ]
    return tuple(dict.fromkeys(named))


async def published_in_registry(
    registry: RegistryListing, subjects: Sequence[str] | None, rule: SubjectRule = "topic"
) -> PublishedSchemas:
    """Read the versions of subjects.

    Args:
        registry: the registry.
        subjects: which; None reads all, and passes over what is not Avro's.
        rule: how subjects are named.

    Raises:
        SchemaUnsupported: a subject that was asked for has a schema of another kind.
        PenstockError: as the client raises.
    """
    reading = _Reading(rule)
    for subject in await registry.subjects() if subjects is None else subjects:
        try:
            versions = await registry.versions(subject)
        except SchemaUnsupported:
            if subjects is not None:
                raise
            reading.passed_over += 1
            continue
        if versions:
            # What is demanded counts in a check only, and a list of all would ask for each.
            level = None if subjects is None else await registry.level_of(subject)
            reading.take(versions, level)
    return reading.published()


@final
class _Reading:
    """What was read so far."""

    def __init__(self, rule: SubjectRule) -> None:
        """Begin with nothing."""
        self.rule: SubjectRule = rule
        self.subjects: dict[str, PublishedSubject] = {}
        self.versions: dict[str, list[PublishedVersion]] = {}
        self.levels: dict[str, Level] = {}
        self.passed_over = 0

    def take(self, versions: Sequence[RegistryVersion], level: Level | None) -> None:
        """Take the versions of one subject; several types may share it."""
        numbered = tuple(_published(each) for each in versions)
        self.subjects[versions[0].subject] = PublishedSubject(versions=numbered, level=level)
        for each in numbered:
            found = self.versions.setdefault(each.schema.full_name, [])
            if any(says_the_same(known.schema, each.schema) for known in found):
                continue  # it is registered under another subject, too
            found.append(each)
            if level is not None:
                self.levels[each.schema.full_name] = level

    def published(self) -> PublishedSchemas:
        """Return all of it."""
        over = f"Passed over {self.passed_over} subjects of other kinds than Avro records."
        return PublishedSchemas(
            place=_PLACE,
            versions={name: tuple(found) for name, found in self.versions.items()},
            keeps_versions=True,
            levels=self.levels,
            levels_come_first=False,
            subject_of=self._subject_of,
            subjects=self.subjects,
            notes=(over,) if self.passed_over else (),
        )

    def _subject_of(self, schema: AvroSchema) -> str | None:
        return next(iter(subjects_of([schema], self.rule)), None)


def _published(version: RegistryVersion) -> PublishedVersion:
    return PublishedVersion(
        schema=version.schema, subject=version.subject, number=version.version, id=version.id
    )
