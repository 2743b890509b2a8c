"""A project, as its pyproject.toml describes it to penstock.

    [tool.penstock]
    app = "shop"
    modules = ["shop.orders", "shop.stock"]
    sagas = ["order.saga.yaml"]
    schemas = ["schemas"]

The file is looked for in the working directory and upward, as other tools do; the first one with
that table counts. A project without one is empty: the environment can say all that a worker needs.

Laws:
1. The file is judged as a whole: one error names everything that is wrong with the table.
2. Nothing is imported here (modules.py does), and no file that it names is opened.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Final, final

from penstock.events.names import IllegalName, check_app
from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError

__all__ = ["BadProject", "Project", "find_project"]

_FILE: Final = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What `[tool.penstock]` says."""

    folder: Path | None = None
    """Where its pyproject.toml lies, absolute; None where there is none with the table."""
    app: str | None = None
    """The application's name; PENSTOCK_APP wins over it."""
    modules: tuple[str, ...] = ()
    """Modules to import, dotted: where events, commands and workers are."""
    sagas: tuple[Path, ...] = ()
    """Files of saga definitions, absolute."""
    schemas: tuple[Path, ...] = ()
    """Files and folders of Avro schemas, absolute."""


@dataclass(eq=False, kw_only=True)
class BadProject(CallerError):
    """A project's pyproject.toml cannot be used."""

    file: str
    """The file."""
    problems: Problems
    """Everything that is wrong with it."""

    code: ClassVar[str] = "PEN-I3"
    what: ClassVar[str] = "The table [tool.penstock] of {file} cannot be used."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = (
        'It knows app = "name" and the lists of strings modules, sagas and schemas.'
    )


def find_project(start: Path) -> Project:
    """Read the nearest project.

    Args:
        start: the folder to begin in; its parents are looked at after it.

    Raises:
        BadProject: the file is broken, or its table is.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / _FILE
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _Reading(file, table).project()
    return Project()


def _table(file: Path) -> Mapping[str, Any] | None:
    """Return the table, or nothing where the file belongs to other tools only."""
    try:
        document = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise _bad(file, f"It cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise _bad(file, "It is not written in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise _bad(file, f"It is no TOML: {excerpt(str(error), 200)}.") from None
    tool = document.get("tool")
    table = tool.get("penstock") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise _bad(file, "It is no table.")
    return table


def _bad(file: Path, *problems: str) -> BadProject:
    return BadProject(file=excerpt(str(file), 200), problems=Problems(problems))


@final
class _Reading:
    """One reading of a table; collects what is wrong with it."""

    def __init__(self, file: Path, table: Mapping[str, Any]) -> None:
        self._file = file
        self._table = table
        self._problems: list[str] = []

    def project(self) -> Project:
        """Return the project, or refuse the table with all of its problems."""
        folder = self._file.parent
        project = Project(
            folder=folder,
            app=self._app(),
            modules=self._strings("modules", _module_problem),
            sagas=tuple(folder / path for path in self._strings("sagas", _path_problem)),
            schemas=tuple(folder / path for path in self._strings("schemas", _path_problem)),
        )
        self._look_for_unknown_keys()
        if self._problems:
            raise _bad(self._file, *self._problems)
        return project

    def _app(self) -> str | None:
        app = self._table.get("app")
        if app is None:
            return None
        if not isinstance(app, str):
            self._problems.append("app is not a string.")
            return None
        try:
            return check_app(app)
        except IllegalName as illegal:
            self._problems.append(f"app is '{illegal.name}'; the rule: {illegal.rule}.")
            return None

    def _strings(self, key: str, problem_of: Callable[[str], str | None]) -> tuple[str, ...]:
        values = self._table.get(key, [])
        if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            self._problems.append(f"{key} is not a list of strings.")
            return ()
        distinct = tuple(dict.fromkeys(values))
        for value in distinct:
            if problem := problem_of(value):
                self._problems.append(f"{key} has '{excerpt(value)}', which {problem}.")
            elif values.count(value) > 1:
                self._problems.append(f"{key} has '{excerpt(value)}' more than once.")
        return distinct

    def _look_for_unknown_keys(self) -> None:
        known = ("app", "modules", "sagas", "schemas")
        for key in self._table:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else "."
                self._problems.append(f"It has the unknown key '{excerpt(key)}'{hint}")


def _module_problem(name: str) -> str | None:
    if all(part.isidentifier() for part in name.split(".")):
        return None
    return "is no module: write it as in an import, shop.orders"


def _path_problem(path: str) -> str | None:
    if not path or "\x00" in path:
        return "is no path"
    return None
