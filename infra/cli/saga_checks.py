"""`penstock saga check` and `penstock check`: all that is wrong, before anything runs.

Neither settings nor a Kafka is needed. What is found goes to stdout, as a compiler writes it:
place, message, the line with a caret.

Laws:
1. A check does not stop at the first problem; what cannot be looked at because of one is said.
2. Warnings are shown and change nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar, final

import typer

from penstock.events.event_types import MessageType, declared_topics, event_types_of
from penstock.infra.cli.message_types import NoModules
from penstock.infra.cli.output import OutputFormat
from penstock.infra.cli.workplace import project_here
from penstock.infra.modules import import_modules, workers_of
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.project import Project, find_project
from penstock.infra.sagas.files import read_saga_file
from penstock.infra.sagas.sources import NoSagas, schemas_for
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.topic_operations import topics_wanted
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import check
from penstock.sagas.language.problem import Problem, render
from penstock.schemas.errors import ExitCode, PenstockError
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.worker import Worker

__all__ = ["check_files", "check_project"]

_SHOWN: Final = 300
"""Problems of one file at most; no file has more (sagas/language/findings.py)."""

_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A problem that has no place in a saga file."""

    code: str
    message: str


@final
class _Report:
    """What a check has found so far."""

    def __init__(self) -> None:
        self.found: list[Problem | _Fault] = []
        self.definitions: list[Definition] = []

    def attempt(self, look: Callable[[], _ResultT]) -> _ResultT | None:
        """Look at something; what it raises of ours is a finding, and the check goes on."""
        try:
            return look()
        except PenstockError as error:
            notes = " ".join(getattr(error, "__notes__", ()))
            self.fault(error.code, f"{error.message} {notes}".strip())
            return None

    def fault(self, code: str, message: str) -> None:
        """Take a finding without a place."""
        self.found.append(_Fault(code=code, message=message))

    def saga(self, file: Path, shown: str, schemas: Mapping[str, AvroSchema]) -> None:
        """Check one file."""
        text = self.attempt(lambda: read_saga_file(file))
        if text is None:
            return
        checked = check(text, file=shown, schemas=schemas)
        self.found.extend(checked.problems)
        if checked.definition is not None:
            self.definitions.append(checked.definition)

    def tell(self, checked: str, form: OutputFormat) -> ExitCode:
        """Print everything; return the exit code.

        Args:
            checked: what was looked at, for people.
            form: as a compiler writes it, or one JSON array.
        """
        errors = sum(isinstance(each, _Fault) or each.is_error for each in self.found)
        if form is OutputFormat.JSON:
            print(json.dumps([_object(each) for each in self.found], indent=2))
        else:
            print(end="".join(map(_text, self.found)))
            print(escaped(f"{checked}: {_count(errors, len(self.found) - errors)}."))
        return ExitCode.SCHEMA if errors else ExitCode.OK


def _object(found: Problem | _Fault) -> dict[str, Any]:
    if isinstance(found, _Fault):
        place: dict[str, Any] = {"file": None, "line": None, "column": None}
        return {"severity": "error", "code": found.code, "message": found.message, **place}
    return {
        "severity": str(found.severity),
        "code": str(found.code),
        "message": found.message,
        "file": found.file,
        "line": found.line,
        "column": found.column,
    }


def _text(found: Problem | _Fault) -> str:
    if isinstance(found, _Fault):
        return escaped(f"error[{found.code}]: {found.message}") + "\n"
    return render([found], limit=_SHOWN)


def _count(errors: int, warnings: int) -> str:
    parts = [_many(errors, "error")] * bool(errors) + [_many(warnings, "warning")] * bool(warnings)
    return ", ".join(parts) or "no problems"


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def check_files(files: Sequence[Path], folders: Sequence[Path], form: OutputFormat) -> ExitCode:
    """Check saga files and print what is wrong with them.

    Args:
        files: of definitions; none takes those that the project lists.
        folders: of Avro schemas; none takes those of the project.
        form: as a compiler writes it, or one JSON array.

    Raises:
        NoSagas: there are no files.
        PenstockError: the schemas cannot be read.
    """
    project = project_here()
    chosen = tuple(files) or project.sagas
    if not chosen:
        raise NoSagas(where=_where(project))
    schemas, report = schemas_for(project, folders), _Report()
    for file in chosen:
        report.saga(file, str(file), schemas)
    return report.tell(f"Checked {_many(len(chosen), 'saga file')}", form)


def check_project(folder: Path | None, form: OutputFormat) -> ExitCode:
    """Check everything of a project and print what is wrong with it.

    Args:
        folder: where to look for the project; None takes the working directory.
        form: as a compiler writes it, or one JSON array.

    Raises:
        NoModules: no project is there, or it names nothing.
        BadProject: its pyproject.toml cannot be used.
    """
    start = Path.cwd() if folder is None else folder
    if not start.is_dir():
        message = f"{excerpt(str(start), 200)} is no folder"
        raise typer.BadParameter(message)
    project = find_project(start)
    if not (project.modules or project.sagas or project.schemas):
        raise NoModules(file=_where(project))
    report = _Report()
    modules = _modules(project, report)
    types = report.attempt(lambda: event_types_of(modules)) or {}
    workers = report.attempt(lambda: workers_of(modules)) or ()
    is_whole = not report.found
    schemas = _schemas(project, types, report)
    for file in project.sagas:
        if schemas is None:
            report.fault(NoSagas.code, f"{_shown(file, project)} was not checked: no schemas.")
        else:
            report.saga(file, _shown(file, project), schemas)
    if is_whole:  # else topics would seem to be missing that a broken module declares
        _topics(project, types.values(), workers, report)
    counts = (
        _many(len(modules), "module"),
        _many(len(types), "type"),
        _many(len(workers), "worker"),
        _many(len(project.sagas), "saga file"),
    )
    return report.tell(f"Checked {', '.join(counts)}", form)


def _modules(project: Project, report: _Report) -> tuple[ModuleType, ...]:
    """Import module by module, so that one that fails hides no other."""
    found: list[ModuleType] = []
    for name in project.modules:
        found += report.attempt(lambda name=name: import_modules([name], project)) or ()  # type: ignore[misc] # mypy cannot tell the type of a lambda's default
    return tuple(found)


def _schemas(
    project: Project, types: Mapping[str, MessageType], report: _Report
) -> Mapping[str, AvroSchema] | None:
    own = {name: declaration_of(each).schema for name, each in types.items()}
    if not project.schemas:
        return own or None
    files = report.attempt(lambda: read_schemas(project.schemas))
    for name, schema in (files or {}).items():
        if name in own and own[name] != schema:
            report.fault(
                "stale-schema",
                f"The schema file of {name} is not what its class says, and sagas believe the "
                "file. Write it anew: penstock schema export.",
            )
    return files


def _topics(
    project: Project,
    types: Iterable[MessageType],
    workers: Iterable[Worker],
    report: _Report,
) -> None:
    """Hold all declarations of topics against each other; names need an app to be joined."""
    app, types = project.app, tuple(types)
    if app is None or not project.modules:
        report.attempt(lambda: declared_topics(types))
    else:
        report.attempt(lambda: topics_wanted(app, types, workers, report.definitions))


def _shown(file: Path, project: Project) -> str:
    assert project.folder is not None
    return (
        str(file.relative_to(project.folder)) if file.is_relative_to(project.folder) else str(file)
    )


def _where(project: Project) -> str:
    folder = project.folder
    return "this folder" if folder is None else excerpt(str(folder / "pyproject.toml"), 200)
