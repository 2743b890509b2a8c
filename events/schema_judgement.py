"""What must be written to the schemas topic, and what may not be.

A schema's id is one more than the highest, a version's number one more than its subject's highest.
A schema that names its topic is a version of the subject `<topic>-value`. Ids and numbers are
allotted here, and count only if nobody else can have written meanwhile: the caller has the turn,
reads to the end of the topic, asks here, and commits.

Laws:
1. What is registered stays as it is: asking for it again asks for nothing, and going back to an
   older version is always allowed.
2. A new version fits to those before it of the same name, as its level demands; so does another
   text of a version, whose defaults and aliases its fingerprint does not see, to those before it.
3. A book is asked and never changed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from penstock.events.names import IllegalName
from penstock.events.schema_book import SchemaBook, SubjectVersion, declared_level
from penstock.events.schema_records import (
    SUBJECT_LIMIT,
    LevelRecord,
    SchemaEntry,
    SchemaRecord,
    VersionRecord,
)
from penstock.schemas.compatibility_levels import Level, check, render
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaTooLarge

__all__ = [
    "CatalogueFull",
    "SchemaConflict",
    "SchemaIncompatible",
    "Wish",
    "demanded",
    "entries_for",
    "judge_reader",
    "level_entry",
    "subject_of",
]

_BACKWARD: Final = {
    Level.BACKWARD: Level.BACKWARD,
    Level.FULL: Level.BACKWARD,
    Level.BACKWARD_TRANSITIVE: Level.BACKWARD_TRANSITIVE,
    Level.FULL_TRANSITIVE: Level.BACKWARD_TRANSITIVE,
}
"""What each level promises to those who only read; the others promise nothing."""


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
class SchemaIncompatible(CallerError):
    """A schema does not fit to earlier versions as its topic demands."""

    full_name: str
    """The type's full name."""
    subject: str
    """The subject whose versions it was held against."""
    level: str
    """What is demanded."""
    reasons: str
    """Who cannot read whom, and why: lines with paths, and a remedy for each."""

    code: ClassVar[str] = "PEN-E41"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "Schema {full_name} does not fit to the versions of {subject}."
    why: ClassVar[str] = "Compatibility {level} is demanded, and:\n{reasons}"
    remedy: ClassVar[str] = (
        "Change the class as told, or give it a new name; Topic(compatibility=...) says what a "
        "topic demands, and penstock schema check tells before a start does."
    )


@dataclass(eq=False, kw_only=True)
class CatalogueFull(CallerError):
    """There is no room for another schema or version."""

    limit: int
    """How many there may be."""

    code: ClassVar[str] = "PEN-E42"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The schemas topic holds {limit} schemas or versions already."
    why: ClassVar[str] = "Every service keeps all of them in memory, and would pass over more."
    remedy: ClassVar[str] = (
        "Find out who registers schemas without end; a type that is new for each message is none."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A schema that is to stand on the topic."""

    schema: AvroSchema
    """The schema."""
    subject: str | None = None
    """The subject that it is to be a version of; None where it is none."""
    inherits: bool = False
    """Whether a schema that declares no level is judged by the one of its subject, and not by the
    default: text from outside does not say what a topic demands, a class does."""
    replaces: bool = True
    """Whether its text takes the place of another one with the same fingerprint: text from outside
    may lack what a class says beside the fields."""


def subject_of(schema: AvroSchema) -> str | None:
    """Return the subject that a schema is a version of: `<topic>-value`; None without a topic."""
    topic = schema.document.get("topic")
    return f"{topic}-value" if isinstance(topic, str) and topic else None


def entries_for(book: SchemaBook, wishes: Iterable[Wish]) -> tuple[SchemaEntry, ...]:
    """Return what must be written so that schemas stand on the topic.

    Args:
        book: what stands there.
        wishes: schemas, judged in this order, each as if those before it were written.

    Returns:
        The records; none where all stands there as it is wanted.

    Raises:
        SchemaConflict: one has the fingerprint of a known schema and another meaning.
        SchemaIncompatible: one does not fit to the versions before it.
        SchemaTooLarge: everybody would pass over one.
        CatalogueFull: there is no room for one.
        IllegalName: a subject is empty or too long.
    """
    draft = book
    entries: dict[bytes, SchemaEntry] = {}
    for wish in wishes:
        for record in _records_for(draft, wish):
            draft = book.copy() if draft is book else draft
            draft.take(record)
            entry = record.entry()
            entries[entry.key] = entry
    return tuple(entries.values())


def demanded(book: SchemaBook, wish: Wish, subject: str) -> Level:
    """Return the level by which a schema is judged that is to be a version of a subject.

    What was set for the subject, else what the schema declares, else what the wish inherits.
    """
    named = book.level_set(subject) or declared_level(wish.schema)
    if named is not None:
        return named
    return book.level_of(subject) if wish.inherits else book.default_level()


def level_entry(book: SchemaBook, subject: str, level: Level | None) -> SchemaEntry | None:
    """Return what must be written so that a level is set; None where it is.

    Args:
        book: what stands on the topic.
        subject: the subject; empty for all that have none of their own.
        level: the level; None takes it back.

    Raises:
        CatalogueFull: levels are set for too many subjects.
        IllegalName: the subject is too long.
    """
    if subject:
        _check_subject(subject)
    known = book.level_set(subject)
    if known == level:
        return None
    if known is None and book.levels_are_full:
        raise CatalogueFull(limit=book.limit)
    return LevelRecord(subject=subject, level=level).entry()


def judge_reader(
    book: SchemaBook, schema: AvroSchema, *, upcast: Callable[[AvroSchema], bool] | None = None
) -> None:
    """Refuse a schema that is to read a topic and cannot, as far as the topic promises that.

    A reader is no version: it may know less than what is written. A version that is registered may
    always read.

    Args:
        book: what stands on the topic of schemas.
        schema: of the class that reads.
        upcast: tells of a version whether its records reach the class by an upcast, so that the
            class itself need not be able to read them; without it none do.

    Raises:
        SchemaIncompatible: it cannot read a version that it should.
    """
    subject = subject_of(schema)
    if subject is None or book.version_of(subject, schema.fingerprint) is not None:
        return
    named = book.level_set(subject) or declared_level(schema)
    promised = _BACKWARD.get(named or book.level_of(subject))
    if promised is not None:
        earlier = _namesakes(book, subject, schema)
        if promised is Level.BACKWARD:
            earlier = earlier[-1:]
        if upcast is not None:
            earlier = [each for each in earlier if not upcast(each.schema)]
        _refuse(schema, subject, promised, earlier)


def _records_for(book: SchemaBook, wish: Wish) -> Sequence[SchemaRecord | VersionRecord]:
    schema, fingerprint = wish.schema, wish.schema.fingerprint
    known, own_id = book.find(fingerprint), book.id_of(fingerprint)
    if known is not None and (conflict := logical_conflict(known, schema)) is not None:
        raise SchemaConflict(
            full_name=schema.full_name, fingerprint=fingerprint.hex(), conflict=conflict
        )
    if known is None and book.is_full:
        raise CatalogueFull(limit=book.limit)
    changed = known is None or (wish.replaces and known.text != schema.text)
    if changed and len(schema.text.encode()) > book.schema_bytes:
        raise SchemaTooLarge(pointer="", limit=book.schema_bytes, unit="bytes")
    schema_id = book.id_for(fingerprint)
    records: list[SchemaRecord | VersionRecord] = []
    if changed or own_id is None:
        records.append(SchemaRecord(schema=schema, id=schema_id))
    if wish.subject is not None and _is_new_version(book, wish, wish.subject, changed=changed):
        records.append(
            VersionRecord(
                subject=wish.subject,
                version=book.next_version(wish.subject),
                id=schema_id,
                fingerprint=fingerprint,
            )
        )
    return records


def _is_new_version(book: SchemaBook, wish: Wish, subject: str, *, changed: bool) -> bool:
    """Judge a schema as a version, and return whether it is a new one."""
    _check_subject(subject)
    own = book.version_of(subject, wish.schema.fingerprint)
    if own is None or changed:
        earlier = [
            each
            for each in _namesakes(book, subject, wish.schema)
            if own is None or each.version < own
        ]
        _refuse(wish.schema, subject, demanded(book, wish, subject), earlier)
    if own is None and book.versions_are_full:
        raise CatalogueFull(limit=book.limit)
    return own is None


def _namesakes(book: SchemaBook, subject: str, schema: AvroSchema) -> list[SubjectVersion]:
    return [each for each in book.versions(subject) if each.schema.full_name == schema.full_name]


def _refuse(
    schema: AvroSchema, subject: str, level: Level, earlier: Sequence[SubjectVersion]
) -> None:
    failures = check(schema.root, [each.schema.root for each in earlier], level)
    if failures:
        # They are counted from 1 among the namesakes; a subject may number other types between.
        named = [replace(each, version=earlier[each.version - 1].version) for each in failures]
        raise SchemaIncompatible(
            full_name=schema.full_name,
            subject=subject,
            level=level.value,
            reasons=render(named).rstrip("\n"),
        )


def _check_subject(subject: str) -> None:
    if not 1 <= len(subject) <= SUBJECT_LIMIT:
        rule = f"it has 1 to {SUBJECT_LIMIT} characters"
        raise IllegalName(kind="subject", name=ascii(subject[:64])[1:-1], rule=rule)
