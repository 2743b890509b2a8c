"""Where a command finds sagas and the schemas that they are checked against.

    --schemas DIR, else [tool.penstock] schemas, else the types in [tool.penstock] modules

Law: where schemas are given as files, nothing of the user's Python is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.events.event_types import event_types_of
from penstock.infra.modules import import_modules
from penstock.infra.project import Project
from penstock.infra.sagas.files import read_saga_file
from penstock.infra.schema_files.reading import read_schemas
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.schemas.errors import CallerError
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = [
    "NoSagas",
    "NoSchemas",
    "load_sagas",
    "project_sagas",
    "sagas_given",
    "schemas_for",
]


@dataclass(eq=False, kw_only=True)
class NoSchemas(CallerError):
    """Nothing says what a saga's messages look like."""

    where: str
    """The project's file, or where none was found."""

    code: ClassVar[str] = "PEN-I64"
    what: ClassVar[str] = "No schemas are known to check a saga against ({where})."
    why: ClassVar[str] = "Every path and value of a saga is checked against the types it names."
    remedy: ClassVar[str] = (
        "Give --schemas DIR, or list schemas or modules under [tool.penstock] in pyproject.toml."
    )


@dataclass(eq=False, kw_only=True)
class NoSagas(CallerError):
    """No saga was named."""

    where: str
    """The project's file, or where none was found."""

    code: ClassVar[str] = "PEN-I65"
    what: ClassVar[str] = "No saga was named ({where})."
    why: ClassVar[str] = "Without a file there is nothing to run or to check."
    remedy: ClassVar[str] = (
        'Give files, or list them under [tool.penstock]: sagas = ["order.saga.yaml"].'
    )


def schemas_for(project: Project, folders: Sequence[Path] = ()) -> Mapping[str, AvroSchema]:
    """Return schemas by full name.

    Args:
        project: around the working directory.
        folders: given on the command line; they win.

    Raises:
        NoSchemas: nothing names any.
        CallerError: a file or a module cannot be used.
    """
    paths = tuple(folders) or project.schemas
    if paths:
        return read_schemas(paths)
    if not project.modules:
        raise NoSchemas(where=_where(project))
    types = event_types_of(import_modules(project.modules, project)).values()
    schemas = [declaration_of(each).schema for each in types]
    return {schema.full_name: schema for schema in schemas}


def load_sagas(files: Sequence[Path], schemas: Mapping[str, AvroSchema]) -> tuple[Definition, ...]:
    """Read and check saga files.

    Raises:
        BadSaga: with all problems of one file.
        CallerError: a file cannot be read.
    """
    return tuple(load(read_saga_file(file), file=str(file), schemas=schemas) for file in files)


def project_sagas(project: Project) -> tuple[Definition, ...]:
    """Read and check the sagas that a project lists; none is fine.

    Raises:
        BadSaga: with all problems of one file.
        CallerError: a file cannot be read, or there are no schemas.
    """
    if not project.sagas:
        return ()
    return load_sagas(project.sagas, schemas_for(project))


def sagas_given(
    project: Project, files: Sequence[Path], folders: Sequence[Path]
) -> tuple[Definition, ...]:
    """Read and check the sagas of a command: the files given, else those of the project.

    Raises:
        NoSagas: there are none.
        BadSaga: with all problems of one file.
        CallerError: a file cannot be read, or there are no schemas.
    """
    chosen = tuple(files) or project.sagas
    if not chosen:
        raise NoSagas(where=_where(project))
    return load_sagas(chosen, schemas_for(project, folders))


def _where(project: Project) -> str:
    return "no pyproject.toml" if project.folder is None else str(project.folder / "pyproject.toml")
