"""Schemas from where a command line says: the project, a commit, the topic, a registry, files.

What is read is one value whatever the place (infra/published_schemas/versions.py); settings are
read only where a server is asked, so that a build without any can check its schemas against a
commit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from penstock.events.event import Command
from penstock.events.event_types import MessageType
from penstock.infra.cli.message_types import NoModules, project_types
from penstock.infra.cli.workplace import project_here, short_command
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project
from penstock.infra.published_schemas.committed_files import published_in_git
from penstock.infra.published_schemas.place import (
    FilesPlace,
    GitPlace,
    Place,
    ProjectPlace,
    RegistryPlace,
    TopicPlace,
    place_named,
)
from penstock.infra.published_schemas.registry_place import published_in_registry, subjects_of
from penstock.infra.published_schemas.topic_place import published_on_topic
from penstock.infra.published_schemas.versions import PublishedSchemas, of_files
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.schema_registry.opening import open_schema_registry
from penstock.schemas.errors import CallerError
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["PROJECT", "NoRegistry", "NoSchemaFolder", "SchemaPlaces"]

PROJECT = "this project"
"""What people call the place in which they work."""


@dataclass(eq=False, kw_only=True)
class NoSchemaFolder(CallerError):
    """Nobody knows where schema files lie in a commit."""

    place: str
    """The commit."""
    file: str
    """The project's file, or where none was found."""

    code: ClassVar[str] = "PEN-I189"
    what: ClassVar[str] = "Nothing says where the schema files lie in {place} ({file})."
    why: ClassVar[str] = "A commit is read by its files, and this project lists none."
    remedy: ClassVar[str] = (
        "Run penstock schema export schemas, commit the folder, and list it under "
        '[tool.penstock]: schemas = ["schemas"]; or say the folder, as in git:main:schemas.'
    )


@dataclass(eq=False, kw_only=True)
class NoRegistry(CallerError):
    """A schema registry was asked for, and none is set."""

    code: ClassVar[str] = "PEN-I193"
    what: ClassVar[str] = "There is no schema registry: PENSTOCK_SCHEMA_REGISTRY is not set."
    why: ClassVar[str] = "Without its URL nobody can be asked."
    remedy: ClassVar[str] = (
        "Set PENSTOCK_SCHEMA_REGISTRY, or look into the schemas topic: topic in place of registry."
    )


@final
class SchemaPlaces:
    """The places as they are seen from the working directory."""

    def __init__(self) -> None:
        """Find the project."""
        self.project: Project = project_here()
        self._types: Mapping[str, MessageType] | None = None

    def types(self) -> Mapping[str, MessageType]:
        """Return the project's types by full name, its modules imported once; none without any."""
        if self._types is None:
            self._types = project_types(self.project) if self.project.modules else {}
        return self._types

    def named(self, text: str) -> Place:
        """Return the place that a text names.

        Raises:
            BadPlace: there is none of that name.
        """
        return place_named(text, is_path=_is_path(text))

    def own(self) -> PublishedSchemas:
        """Return the project's schemas: those of its classes, or of its files where it has none.

        Raises:
            NoModules: it has neither.
            CallerError: a module or a file cannot be used.
        """
        if self.project.modules:
            types = self.types()
            schemas = {name: declaration_of(each).schema for name, each in types.items()}
            commands = [name for name, each in types.items() if issubclass(each, Command)]
            return of_files(PROJECT, schemas, commands=commands)
        if self.project.schemas:
            return of_files(PROJECT, read_schemas(self.project.schemas))
        raise NoModules(file=self._file())

    def at(self, place: Place, *, wanted: Iterable[AvroSchema] | None = None) -> PublishedSchemas:
        """Read the schemas of a place.

        Args:
            place: where to look.
            wanted: only versions of these types are needed; None needs all.

        Raises:
            PenstockError: it cannot be read, or has none.
        """
        match place:
            case ProjectPlace():
                return self.own()
            case GitPlace():
                return self._in_git(place)
            case FilesPlace(path=path):
                return of_files(path, read_schemas([Path(path)]))
            case TopicPlace():
                here = short_command()
                return here.run(published_on_topic(here.settings))
            case RegistryPlace():
                return self._in_registry(wanted)

    def _in_registry(self, wanted: Iterable[AvroSchema] | None) -> PublishedSchemas:
        place = short_command(needs_kafka=False)
        settings = place.settings
        subjects = None if wanted is None else subjects_of(wanted, settings.subject_names)

        async def read() -> PublishedSchemas:
            client = open_schema_registry(settings, SystemClock(), SystemEntropy())
            if client is None:
                raise NoRegistry
            try:
                return await published_in_registry(client, subjects, settings.subject_names)
            finally:
                await client.close()

        return place.run(read())

    def _in_git(self, place: GitPlace) -> PublishedSchemas:
        folder = self.project.folder or Path.cwd()
        paths = self.project.schemas if place.path is None else (folder / place.path,)
        if not paths:
            raise NoSchemaFolder(place=excerpt(str(place), 200), file=self._file())
        return published_in_git(place, paths, folder)

    def _file(self) -> str:
        folder = self.project.folder
        return "this folder" if folder is None else excerpt(str(folder / "pyproject.toml"), 200)


def _is_path(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a path, or with a zero byte in it: no path of any
        return False
