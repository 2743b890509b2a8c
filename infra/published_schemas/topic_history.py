"""What the schemas topic says, put in order by type: versions, their numbers and ids, levels.

Pure: what was read of it is kept by events/schema_book.py.

Law: a type is held against the versions of its topic's subject, as registering it is: what others
have registered elsewhere, and what is only read, forbids no version and is none.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from penstock.events.names import SCHEMAS_TOPIC
from penstock.events.schema_book import SubjectVersion
from penstock.events.schema_judgement import subject_of
from penstock.events.topic import DEFAULT_COMPATIBILITY
from penstock.infra.published_schemas.versions import (
    PublishedSchemas,
    PublishedSubject,
    PublishedVersion,
)
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

__all__ = ["ReadSchemas", "on_topic"]

_UNVERSIONED: Final = (0, 0)
"""What nobody's messages are comes first: state, replies, and what is only read."""


class ReadSchemas(Protocol):
    """What has been read of the topic; the part of a catalogue, or of its book, that is needed."""

    def schemas(self) -> Sequence[AvroSchema]:
        """All schemas, in the order of their ids."""
        ...

    def id_of(self, fingerprint: bytes) -> int | None:
        """The id of a schema."""
        ...

    def subjects(self) -> Sequence[str]:
        """All subjects."""
        ...

    def versions(self, subject: str) -> Sequence[SubjectVersion]:
        """The versions of a subject, the oldest first."""
        ...

    def level_set(self, subject: str) -> Level | None:
        """The level that somebody has set for a subject; "" stands for all others."""
        ...


def on_topic(read: ReadSchemas) -> PublishedSchemas:
    """Put in order by type what the topic says.

    Args:
        read: as far as it has been read.
    """
    places, order = _places(read)
    versions: dict[str, list[PublishedVersion]] = {}
    levels: dict[str, Level] = {}
    for schema in sorted(
        read.schemas(), key=lambda each: order.get(each.fingerprint, _UNVERSIONED)
    ):
        place = places.get(schema.fingerprint)
        versions.setdefault(schema.full_name, []).append(
            _published(schema, place, read.id_of(schema.fingerprint))
        )
        level = None if place is None else read.level_set(place.subject)
        if level is not None:
            levels[schema.full_name] = level
    return PublishedSchemas(
        place=f"the topic {SCHEMAS_TOPIC}",
        versions={name: tuple(found) for name, found in versions.items()},
        keeps_versions=True,
        levels=levels,
        default_level=read.level_set("") or Level(DEFAULT_COMPATIBILITY),
        subject_of=subject_of,
        subjects={subject: _subject(read, subject) for subject in read.subjects()},
    )


def _places(
    read: ReadSchemas,
) -> tuple[Mapping[bytes, SubjectVersion], Mapping[bytes, tuple[int, int]]]:
    """Return a version for each schema that is one, and its place in the order of registration.

    A schema that was only read before it was registered has an id that is older than its version:
    so a version comes behind all ids of those before it in its subject.
    """
    places: dict[bytes, SubjectVersion] = {}
    order: dict[bytes, tuple[int, int]] = {}
    for subject in read.subjects():
        newest_id = 0
        for version in read.versions(subject):
            newest_id = max(newest_id, version.id)
            fingerprint = version.schema.fingerprint
            if fingerprint not in places or subject == subject_of(version.schema):
                places[fingerprint] = version
                order[fingerprint] = newest_id, version.version
    return places, order


def _subject(read: ReadSchemas, subject: str) -> PublishedSubject:
    return PublishedSubject(
        versions=tuple(_published(each.schema, each, each.id) for each in read.versions(subject)),
        level=read.level_set(subject),
    )


def _published(
    schema: AvroSchema, place: SubjectVersion | None, schema_id: int | None
) -> PublishedVersion:
    return PublishedVersion(
        schema=schema,
        subject=None if place is None else place.subject,
        number=None if place is None else place.version,
        id=schema_id,
    )
