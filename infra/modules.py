"""The user's modules: imported, with honest words where that fails, and looked through.

Importing runs the user's code, so anything may be raised. What the user needs then is not our
traceback but three things: what was raised, its text, and the line of their own it came from.

Laws:
1. Modules are found as `python -m` would find them: the project's folder comes first.
2. An error of penstock that a module raises at import keeps its code and gains the place.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Final

from penstock.infra.own_code import place_of
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project
from penstock.schemas.errors import CallerError, PenstockError
from penstock.workers.counters import Counters
from penstock.workers.worker import Worker

__all__ = [
    "ModuleRaised",
    "UnknownModule",
    "WorkerNamedTwice",
    "WorkerNotFound",
    "counters_of",
    "import_modules",
    "load_worker",
    "workers_of",
]

_MESSAGE_LIMIT: Final = 300
"""Characters of a foreign error's message at most."""


@dataclass(eq=False, kw_only=True)
class UnknownModule(CallerError):
    """There is no module of that name."""

    module: str
    """The name as given."""
    missing: str
    """The part of it that was not found."""
    hint: str
    """What it may have been meant to be, or where it was looked for."""

    code: ClassVar[str] = "PEN-I4"
    what: ClassVar[str] = "There is no module {module}."
    why: ClassVar[str] = "{missing} was not found. {hint}"
    remedy: ClassVar[str] = "Mend the name, or start in the folder that holds its top package."


@dataclass(eq=False, kw_only=True)
class ModuleRaised(CallerError):
    """A module of the user raised while it was imported."""

    module: str
    """The module."""
    error: str
    """Name of the class of what was raised."""
    text: str
    """Its text, cut and escaped."""
    place: str
    """The user's own file and line."""

    code: ClassVar[str] = "PEN-I5"
    what: ClassVar[str] = "The module {module} cannot be imported: {error}: {text}"
    why: ClassVar[str] = "It was raised at {place}."
    remedy: ClassVar[str] = "Mend that line; --debug shows the whole traceback."


@dataclass(eq=False, kw_only=True)
class WorkerNotFound(CallerError):
    """A module holds no worker of that name."""

    module: str
    """The module."""
    problem: str
    """What is wrong with the name, as a sentence without its end."""
    workers: str
    """What may be said instead."""

    code: ClassVar[str] = "PEN-I6"
    what: ClassVar[str] = "The module {module} was found, and no worker to run in it."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{workers}."


@dataclass(eq=False, kw_only=True)
class WorkerNamedTwice(CallerError):
    """Two workers of a project have one name."""

    worker: str
    """The name."""
    first: str
    """Where one of them is, `module:name`."""
    second: str
    """Where the other is."""

    code: ClassVar[str] = "PEN-I7"
    what: ClassVar[str] = "Both {first} and {second} are workers named {worker}."
    why: ClassVar[str] = "They would be one consumer group, and take each other's partitions."
    remedy: ClassVar[str] = "Rename one of them."


def import_modules(names: Iterable[str], project: Project) -> tuple[ModuleType, ...]:
    """Import modules of the user.

    Args:
        names: dotted.
        project: its folder, or else the working directory, is searched first.

    Raises:
        UnknownModule: one of them does not exist.
        ModuleRaised: one of them raised.
        PenstockError: a declaration in one of them was refused.
    """
    folder = str(project.folder or Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return tuple(_imported(name) for name in names)


def load_worker(target: str, project: Project) -> Worker:
    """Import the worker that a command line names.

    Args:
        target: `MODULE:NAME`, as in `shop.stock:worker`.
        project: as for `import_modules`.

    Raises:
        WorkerNotFound: the name is missing, unknown, or no worker.
        UnknownModule: there is no such module.
        ModuleRaised: the module raised.
        PenstockError: a declaration in the module was refused.
    """
    name, _, attribute = target.partition(":")
    (module,) = import_modules([name], project)
    if not attribute:
        raise _not_found(module, "The name of the worker is missing behind the module's")
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _not_found(module, f"It has no {excerpt(attribute)}")
        found = getattr(found, part)
    if not isinstance(found, Worker):
        kind = "class" if isinstance(found, type) else type(found).__name__
        raise _not_found(module, f"{excerpt(attribute)} is a {kind}, and no Worker object")
    return found


def workers_of(modules: Iterable[ModuleType]) -> tuple[Worker, ...]:
    """Find all workers in modules, in the order of their names.

    Raises:
        WorkerNamedTwice: two different workers have one name.
    """
    found: dict[str, tuple[Worker, str]] = {}
    for module in modules:
        for attribute, worker in _workers_in(module).items():
            place = f"{module.__name__}:{attribute}"
            known, known_place = found.setdefault(worker.name, (worker, place))
            if known is not worker:
                raise WorkerNamedTwice(worker=worker.name, first=known_place, second=place)
    return tuple(worker for _, (worker, _) in sorted(found.items()))


def counters_of(modules: Iterable[ModuleType]) -> tuple[Counters, ...]:
    """Find all sets of counters in modules, in the order of their names.

    One name may stand for two declarations while `decrements=True` is being introduced; their topic
    is the same.
    """
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Counters)
    }
    return tuple(each for _, each in sorted(found.items()))


def _workers_in(module: ModuleType) -> dict[str, Worker]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Worker)}


def _not_found(module: ModuleType, problem: str) -> WorkerNotFound:
    targets = [f"{module.__name__}:{name}" for name in _workers_in(module)]
    workers = f"Say {' or '.join(targets)}" if targets else "Make one: worker = Worker('name')"
    return WorkerNotFound(module=module.__name__, problem=problem, workers=workers)


def _imported(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        hint = "A module is named as in an import, shop.stock, and not by its file."
        raise UnknownModule(module=excerpt(name), missing=excerpt(name), hint=hint)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise _unknown(name, error.name) from error
        raise _raised(name, error) from error
    except PenstockError as error:
        error.add_note(f"Raised at {place_of(error)}, while {name} was imported.")
        raise
    except (Exception, SystemExit) as error:  # the user's code may raise anything, exit included
        raise _raised(name, error) from error


def _raised(name: str, error: BaseException) -> ModuleRaised:
    return ModuleRaised(
        module=name,
        error=type(error).__name__,
        text=excerpt(str(error), _MESSAGE_LIMIT),
        place=place_of(error),
    )


def _unknown(name: str, missing: str) -> UnknownModule:
    parent, _, last = missing.rpartition(".")
    close = get_close_matches(last, _siblings(parent), n=1)
    if close:
        hint = f"Did you mean {'.'.join(filter(None, (parent, close[0])))}?"
    elif parent:
        hint = f"The package {parent} has no such module."
    else:
        hint = f"It was looked for in {excerpt(sys.path[0], 200)} and where packages are installed."
    return UnknownModule(module=name, missing=missing, hint=hint)


def _siblings(parent: str) -> list[str]:
    """Return the names of modules beside one that was not found."""
    folders: Sequence[str] = sys.path
    if parent:
        folders = list(getattr(sys.modules.get(parent), "__path__", ()))
    return [found.name for found in pkgutil.iter_modules(folders)]
