"""`penstock schema list`, `show` and `diff`: schemas for people and programs to look at."""

import json
import sys
from pathlib import Path
from typing import Final

import typer

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.schema_places import SchemaPlaces
from penstock.infra.cli.schema_views import (
    FIELD_COLUMNS,
    LIST_COLUMNS,
    SchemaDifference,
    field_rows,
    list_rows,
    schema_document,
    schema_head,
)
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.published_schemas.choice import chosen_schema
from penstock.infra.published_schemas.versions import PublishedSchemas
from penstock.infra.schema_files.reading import NoSchemaFiles, read_schemas
from penstock.infra.schema_files.roles import SchemaRole, roles_of
from penstock.schemas.schema import AvroSchema

__all__ = ["diff_schemas", "list_schemas", "show_schema"]

_SUFFIX: Final = ".avsc"
_OWN: Final = "project"


def list_schemas(source: str, form: OutputFormat) -> None:
    """Print a line for each type of a place.

    Args:
        source: the place, as the command line says it.
        form: a table, or one JSON array.

    Raises:
        PenstockError: the place cannot be read.
    """
    places = SchemaPlaces()
    published = places.at(places.named(source))
    for note in published.notes:
        print(escaped(note), file=sys.stderr)
    rows = list_rows(published, roles_of(published.latest(), published.commands))
    if rows or form is OutputFormat.JSON:
        print_list(rows, LIST_COLUMNS, form)
    else:
        print(escaped(f"There is no schema in {published.place}."))


def show_schema(wanted: str, source: str, form: OutputFormat) -> None:
    """Print all about one schema.

    Args:
        wanted: a full name, or a fingerprint.
        source: the place, as the command line says it.
        form: for people, or one JSON object with the schema in it.

    Raises:
        UnknownSchema: there is none.
        PenstockError: the place cannot be read.
    """
    places = SchemaPlaces()
    published = places.at(places.named(source))
    schema = chosen_schema(wanted, published)
    role = _role(schema, published)
    versions = published.of(schema.full_name) if published.keeps_versions else ()
    if form is OutputFormat.JSON:
        print(json.dumps(schema_document(schema, role, versions), indent=2))
        return
    sentence, head = schema_head(schema, role, versions)
    print(escaped(sentence))
    width = max(len(word) for word, _ in head)
    for word, text in head:
        print(escaped(f"  {word.ljust(width)}  {text}"))
    print()
    if rows := field_rows(schema):
        print_list(rows, FIELD_COLUMNS, OutputFormat.TABLE)
    else:
        print("It has no fields.")


def diff_schemas(
    first: str, second: str | None, source: str | None, against: str | None, form: OutputFormat
) -> None:
    """Print what changed from one schema to another.

    Args:
        first: the old one: a name, a fingerprint or a *.avsc file; the new one with `against`.
        second: the new one.
        source: the place where names and fingerprints are looked up; None takes the project.
        against: the place where the old one is looked up by the new one's name.
        form: for people, or one JSON object.

    Raises:
        UnknownSchema: one of them is not there.
        PenstockError: a place or a file cannot be read.
    """
    if (second is None) == (against is None):
        message = "give two schemas, or one and --against, and not both"
        raise typer.BadParameter(message)
    places = SchemaPlaces()
    own = _Lookup(places, source or _OWN)
    if second is not None:
        before, before_place = own.found(first)
        after, after_place = own.found(second)
    else:
        assert against is not None
        after, after_place = own.found(first)
        earlier = places.at(places.named(against), wanted=[after])
        before, before_place = chosen_schema(after.full_name, earlier), earlier.place
    difference = SchemaDifference(
        before=before, before_place=before_place, after=after, after_place=after_place
    )
    if form is OutputFormat.JSON:
        print(json.dumps(difference.document(), indent=2))
    else:
        for line in difference.lines():
            print(escaped(line))


class _Lookup:
    """Looks schemas up in one place, which is read when the first name is asked for."""

    def __init__(self, places: SchemaPlaces, source: str) -> None:
        self._places = places
        self._source = places.named(source)
        self._published: PublishedSchemas | None = None

    def found(self, wanted: str) -> tuple[AvroSchema, str]:
        """Return a schema, and where it was found."""
        if wanted.endswith(_SUFFIX):
            return _in_file(wanted), wanted
        if self._published is None:
            self._published = self._places.at(self._source)
        return chosen_schema(wanted, self._published), self._published.place


def _in_file(path: str) -> AvroSchema:
    if Path(path).is_dir():
        raise NoSchemaFiles(path=excerpt(path, 200), reason="It is a folder, and one file is meant")
    (schema,) = read_schemas([Path(path)]).values()
    return schema


def _role(schema: AvroSchema, published: PublishedSchemas) -> SchemaRole:
    """What a schema says, be it an older version, among what its place knows."""
    known = {**published.latest(), schema.full_name: schema}
    return roles_of(known, published.commands)[schema.full_name]
