"""Schemas as people and programs are shown them: rows of a list, all about one, changes, verdicts.

Pure: schemas and verdicts go in; rows, lines and plain values for JSON come out. Whoever prints
makes texts harmless.

Laws:
1. The names in JSON are stable, and what is unknown is null.
2. A view is bounded, however large a schema is: a named type is opened once, and a list of fields
   ends at `MOST_FIELDS`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.infra.published_schemas.verdicts import Verdict
from penstock.infra.published_schemas.versions import PublishedSchemas, PublishedVersion
from penstock.infra.schema_files.roles import ATTRIBUTES, SchemaKind, SchemaRole
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.compatibility_levels import Direction, Failure
from penstock.schemas.incompatibility import Incompatibility, cut
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_change import SchemaChange
from penstock.schemas.schema_changes import changes
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    MapType,
    RecordType,
    UnionType,
    described,
)

__all__ = [
    "CHECK_COLUMNS",
    "FIELD_COLUMNS",
    "LIST_COLUMNS",
    "MOST_FIELDS",
    "SchemaDifference",
    "check_row",
    "field_rows",
    "list_rows",
    "schema_document",
    "schema_head",
    "verdict_document",
]

LIST_COLUMNS: Final = ("type", "kind", "topic", "fingerprint", "versions")
FIELD_COLUMNS: Final = ("field", "type", "default", "doc")
CHECK_COLUMNS: Final = ("type", "compatibility", "published", "state")
MOST_FIELDS: Final = 500
"""Fields that are shown at most."""
_WIDE: Final = 80
"""Characters of a type, a default or a doc in a table."""

_Row = dict[str, str | int | None]


def list_rows(published: PublishedSchemas, roles: Mapping[str, SchemaRole]) -> list[_Row]:
    """Return a row for each type.

    Args:
        published: the types, with their versions.
        roles: what their newest versions say, by full name.
    """
    return [
        {
            "type": name,
            "kind": str(roles[name].kind),
            "topic": roles[name].topic,
            "fingerprint": schema.fingerprint.hex(),
            "versions": len(published.of(name)) if published.keeps_versions else None,
        }
        for name, schema in published.latest().items()
    ]


# One schema


def schema_head(
    schema: AvroSchema, role: SchemaRole, versions: Sequence[PublishedVersion]
) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands above the fields: a sentence, and words with what is said about them.

    Args:
        schema: the schema.
        role: what it says.
        versions: those of its type, where the place keeps them.
    """
    said = (
        ("fingerprint", schema.fingerprint.hex()),
        ("compatibility", str(role.level)),
        ("versions", ", ".join(map(_version_text, versions))),
        ("aliases", ", ".join(schema.root.aliases)),
        ("doc", schema.root.doc),
        ("problems", " ".join(role.problems)),
    )
    sentence = f"{schema.full_name} is {_kind_text(role)}"
    return sentence, [(word, text) for word, text in said if text]


def _kind_text(role: SchemaRole) -> str:
    if role.kind in {SchemaKind.REPLY, SchemaKind.RECORD}:
        return f"a {role.kind}"
    article = "an" if role.kind is SchemaKind.EVENT else "a"
    keyed = f", keyed by {role.key}" if role.key else ", without a key"
    answered = f", answered by {role.reply}" if role.reply else ""
    return f"{article} {role.kind} on {role.topic}{keyed}{answered}"


def _version_text(version: PublishedVersion) -> str:
    number = "" if version.number is None else f"{version.number}: "
    return f"{number}{version.schema.fingerprint.hex()}"


def field_rows(schema: AvroSchema) -> list[_Row]:
    """Return a row for each field, those of records inside of it too.

    A path has `[]` for an item, `{}` for a value of a map and `<T>` for the branch T of a union. A
    named type that occurs again is not opened again.
    """
    rows: list[_Row] = []
    for row in _fields(schema.root, "", {schema.full_name}):
        if len(rows) == MOST_FIELDS:
            rows.append({"field": "...", "type": None, "default": None, "doc": None})
            break
        rows.append(row)
    return rows


def _fields(record: RecordType, path: str, opened: set[str]) -> Iterator[_Row]:
    for each in record.fields:
        place = f"{path}{each.name}"
        default = None if each.default is NO_DEFAULT else cut(json.dumps(each.default), _WIDE)
        yield {
            "field": place,
            "type": cut(described(each.type), _WIDE),
            "default": default,
            "doc": cut(each.doc, _WIDE),
        }
        yield from _inside(each.type, place, opened)


def _inside(avro_type: AvroType, path: str, opened: set[str]) -> Iterator[_Row]:
    match avro_type:
        case RecordType(full_name=name) if name not in opened:
            opened.add(name)
            yield from _fields(avro_type, f"{path}.", opened)
        case ArrayType(items=items):
            yield from _inside(items, f"{path}[]", opened)
        case MapType(values=values):
            yield from _inside(values, f"{path}{{}}", opened)
        case UnionType(branches=branches):
            records = [each for each in branches if isinstance(each, RecordType)]
            for each in branches:
                several = len(records) > 1 and isinstance(each, RecordType)
                mark = f"<{each.full_name}>" if several and isinstance(each, RecordType) else ""
                yield from _inside(each, path + mark, opened)


def schema_document(
    schema: AvroSchema, role: SchemaRole, versions: Sequence[PublishedVersion]
) -> dict[str, Any]:
    """Return all about one schema for programs; the arguments are those of `schema_head`."""
    return {
        "type": schema.full_name,
        "kind": str(role.kind),
        "topic": role.topic,
        "key": role.key,
        "reply": role.reply,
        "compatibility": str(role.level),
        "fingerprint": schema.fingerprint.hex(),
        "versions": [
            {
                "subject": each.subject,
                "version": each.number,
                "id": each.id,
                "fingerprint": each.schema.fingerprint.hex(),
            }
            for each in versions
        ],
        "schema": schema.document,
    }


# Two schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifference:
    """Two schemas beside each other."""

    before: AvroSchema
    """The old one."""
    before_place: str
    """Where it was found."""
    after: AvroSchema
    """The new one."""
    after_place: str
    """Where it was found."""

    def lines(self) -> list[str]:
        """Return what is said to people."""
        old = f"{self.before.full_name} {self.before.fingerprint.hex()} ({self.before_place})"
        new = f"{self.after.full_name} {self.after.fingerprint.hex()} ({self.after_place})"
        told = [f"from {old}", f"to   {new}", ""]
        found = [str(each) for each in self._changes()]
        found += [
            f'"{name}": {_said(before)} became {_said(after)}.'
            for name, before, after in self._attributes()
        ]
        told += found or ["No change."]
        if not found:
            return told
        reads, is_read = self._readings()
        told += ["", f"New readers {'can' if reads else 'cannot'} read all old records."]
        told += [f"Old readers {'can' if is_read else 'cannot'} read all new records."]
        return told

    def document(self) -> dict[str, Any]:
        """Return the same for programs."""
        reads, is_read = self._readings()
        return {
            "before": _end(self.before, self.before_place),
            "after": _end(self.after, self.after_place),
            "new_reads_old": reads,
            "old_reads_new": is_read,
            "changes": [
                {
                    "kind": str(each.kind),
                    "path": each.path,
                    "text": each.text,
                    "old_readers": str(each.old_readers),
                    "new_readers": str(each.new_readers),
                }
                for each in self._changes()
            ],
            "attributes": [
                {"name": name, "before": before, "after": after}
                for name, before, after in self._attributes()
            ],
        }

    def _changes(self) -> tuple[SchemaChange, ...]:
        return changes(self.before.root, self.after.root)

    def _readings(self) -> tuple[bool, bool]:
        """Tell whether the new one reads the old one's records, and the other way round."""
        reads = not incompatibilities(self.after.root, self.before.root)
        return reads, not incompatibilities(self.before.root, self.after.root)

    def _attributes(self) -> list[tuple[str, Any, Any]]:
        old, new = self.before.document, self.after.document
        return [
            (name, old.get(name), new.get(name))
            for name in ATTRIBUTES
            if old.get(name) != new.get(name)
        ]


def _said(value: Any) -> str:
    return "nothing" if value is None else cut(json.dumps(value), _WIDE)


def _end(schema: AvroSchema, place: str) -> dict[str, str]:
    return {"type": schema.full_name, "fingerprint": schema.fingerprint.hex(), "place": place}


# Verdicts


def check_row(verdict: Verdict) -> _Row:
    """Return the row of one verdict."""
    return {
        "type": verdict.full_name,
        "compatibility": " and ".join(verdict.levels),
        "published": verdict.versions,
        "state": str(verdict.state),
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return one verdict for programs."""
    named = [(verdict.full_name, verdict.failures)]
    named += [(each.full_name, each.failures) for each in verdict.former]
    return {
        **check_row(verdict),
        "topic": verdict.role.topic,
        "problems": list(verdict.problems),
        "failures": [
            _reason(name, failure, each)
            for name, failures in named
            for failure in failures
            for each in failure.incompatibilities
        ],
    }


def _reason(name: str, failure: Failure, found: Incompatibility) -> dict[str, Any]:
    backward = failure.direction is Direction.BACKWARD
    return {
        "type": name,
        "version": failure.version,
        "direction": str(failure.direction),
        "rule": str(found.rule),
        "path": found.path,
        "text": str(found),
        "remedy": found.reader_remedy if backward else found.writer_remedy,
    }
