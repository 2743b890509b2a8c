"""What a test's app is made of beside its workers: message types, their topics, sagas.

Types are looked for where their users would look: in the modules of the project, in those of the
given workers' handlers and messages, and in the test's own.

Law: modules that are loaded already are looked through; only those that `[tool.penstock] modules`
names are imported.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from penstock.events.event_types import MessageType, event_types_of
from penstock.infra.modules import counters_of, import_modules
from penstock.infra.project import Project
from penstock.infra.sagas.files import read_saga_file
from penstock.infra.schema_files.reading import read_schemas
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.counters import Counters
from penstock.workers.worker import Worker

__all__ = ["AppContents", "contents_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContents:
    """All that topics are made for."""

    workers: tuple[Worker, ...]
    """What runs."""
    sagas: tuple[Definition, ...]
    """What runs beside them."""
    types: tuple[MessageType, ...]
    """All that may be published."""
    counters: tuple[Counters, ...]
    """All that may be counted in."""


def contents_of(
    workers: Sequence[Worker],
    sagas: Iterable[str | Path | Definition],
    types: Iterable[MessageType],
    *,
    project: Project,
    folder: Path,
    module: ModuleType | None,
) -> AppContents:
    """Gather it.

    Args:
        workers: what is to run.
        sagas: files, or definitions that were read.
        types: further messages; one of them wins over another of the same name.
        project: around the test.
        folder: where relative paths begin, unless the project lies elsewhere.
        module: the test's.

    Raises:
        TypeNamedTwice: two different classes have one full name.
        BadSaga: with all problems of one file.
        CallerError: a file or a module cannot be used.
    """
    types = tuple(types)
    imported = import_modules(project.modules, project) if project.modules else ()
    names = dict.fromkeys(_modules_named(workers, types))
    found = [sys.modules[name] for name in names if name in sys.modules]
    modules = [*imported, *found, *([] if module is None else [module])]
    known: dict[str, MessageType] = dict(event_types_of(modules))
    known |= {declaration_of(each).full_name: each for each in _declared(workers)}
    known |= {declaration_of(each).full_name: each for each in types}
    return AppContents(
        workers=tuple(workers),
        sagas=tuple(_definitions(sagas, known, project, project.folder or folder)),
        types=tuple(known.values()),
        counters=counters_of(modules),
    )


def _declared(workers: Iterable[Worker]) -> Iterator[MessageType]:
    for worker in workers:
        for each in worker.inputs:
            yield from each.message_types
            yield from each.announced
            for handler in each.commands:
                if handler.reply is not None:
                    yield handler.reply


def _modules_named(workers: Sequence[Worker], types: Sequence[MessageType]) -> Iterator[str]:
    for worker in workers:
        for each in worker.inputs:
            yield from (handler.function.__module__ for handler in each.handlers)
            yield from (handler.function.__module__ for handler in each.commands)
    for message in (*types, *_declared(workers)):
        yield message.__module__


def _definitions(
    sagas: Iterable[str | Path | Definition],
    types: Mapping[str, MessageType],
    project: Project,
    folder: Path,
) -> Iterator[Definition]:
    schemas: dict[str, AvroSchema] = dict(read_schemas(project.schemas)) if project.schemas else {}
    schemas |= {name: declaration_of(each).schema for name, each in types.items()}
    for saga in sagas:
        if isinstance(saga, Definition):
            yield saga
        else:
            file = folder / saga
            yield load(read_saga_file(file), file=str(file), schemas=schemas)
