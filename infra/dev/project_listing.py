"""What a project consists of, told by a process that ends: it imports the user's code.

    python -m penstock.infra.dev.project_listing FILE      in the project's folder

Each module is imported in a fork of its own, so that one with a mistake in it hides none of the
others, and so that the files it is made of are known. One more fork imports them all, for what only
the whole can say: its topics, its sagas, an event to try it with.

Laws:
1. Whatever the user's code raises is told in one line; whatever it prints goes to the log.
2. An import that does not end is ended, within its limit.
3. It writes FILE, as JSON (told_project.py reads it), and nothing else.
"""

import ctypes
import hashlib
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from penstock.events.event import Event
from penstock.events.event_types import MessageType, event_types_of
from penstock.infra.dev.example_event import example_json
from penstock.infra.dev.file_changes import counts
from penstock.infra.modules import counters_of, import_modules, workers_of
from penstock.infra.plain_text import escaped
from penstock.infra.project import Project, find_project
from penstock.infra.sagas.sources import project_sagas
from penstock.infra.settings import load_settings
from penstock.infra.topic_operations import topics_wanted
from penstock.sagas.definition import Definition
from penstock.schemas.errors import PenstockError
from penstock.schemas.record import declaration_of
from penstock.workers.worker import Worker

__all__ = ["main"]

IMPORT_LIMIT_S: Final = 30
"""Whole seconds that an import may take."""
_LENGTH_BYTES: Final = 4
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h

Told = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Write what the project consists of to the file `arguments[0]`.

    Returns:
        The exit code, 0: what is wrong with the project is part of what is written.
    """
    target = Path(arguments[0])
    try:
        told = _listing(find_project(Path.cwd()))
    except PenstockError as error:
        told = {"unreadable": _line(error)}
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(told), "utf-8")
    fresh.replace(target)
    return 0


def _listing(project: Project) -> Told:
    modules: list[Told] = [
        {"name": name, "workers": [], "files": [], "problem": None}
        | _in_fork(partial(_of_module, name, project))
        for name in project.modules
    ]
    whole: Told = {
        "problem": None,
        "saga_problem": None,
        "topics": None,
        "example": None,
        "saga_files": [],
    }
    is_whole = not any(each["problem"] for each in modules)
    if project.sagas or is_whole:
        whole |= _in_fork(partial(_of_whole, project, is_whole=is_whole))
    return {"modules": modules, **whole}


def _in_fork(work: Callable[[], Told]) -> Told:
    """Do work in a copy of this process, and return what it tells."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_bounded()
        _tell(writing, work)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        length = int.from_bytes(pipe.read(_LENGTH_BYTES), "big")
        content = pipe.read(length)
    _, status = os.waitpid(child, 0)
    if length and len(content) == length:
        found: Told = json.loads(content)
        return found
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return {"problem": f"An import did not end within {IMPORT_LIMIT_S} s."}
    return {"problem": f"An import ended the process (status {status})."}


def _be_bounded() -> None:
    signal.alarm(IMPORT_LIMIT_S)
    if sys.platform == "linux":  # the leash of the parent is not inherited
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _tell(writing: int, work: Callable[[], Told]) -> None:
    """Write what the work tells, and end without running what the user registered for an end."""
    try:
        content = json.dumps(work()).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
    except BaseException:  # noqa: BLE001 - whatever it is, this copy must not go on as the original
        traceback.print_exc()
    finally:
        os._exit(0)


# --- one module ----------------------------------------------------------------------------------


def _of_module(name: str, project: Project) -> Told:
    try:
        (module,) = import_modules([name], project)
    except PenstockError as error:
        return {
            "problem": _line(error),
            "files": _own_files(project, [*_loaded(), *_passed_through(error)]),
        }
    workers = [
        {"name": worker.name, "target": _target(worker, attribute, module, project)}
        for attribute, worker in vars(module).items()
        if isinstance(worker, Worker)
    ]
    return {"workers": workers, "files": _own_files(project, _loaded())}


def _target(worker: Worker, attribute: str, module: ModuleType, project: Project) -> str:
    """Name a worker by the module of the project that made it: others import it from there."""
    others = (sys.modules.get(name) for name in project.modules)
    makers = [
        f"{other.__name__}:{name}"
        for other in others
        if other is not None and other is not module
        for name, value in vars(other).items()
        if value is worker
    ]
    return makers[0] if makers else f"{module.__name__}:{attribute}"


def _loaded() -> list[str]:
    files = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    return [file for file in files if isinstance(file, str)]


def _passed_through(error: BaseException) -> list[str]:
    """The files that an error came through, those of a broken file included."""
    files: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        files += [frame.filename for frame in traceback.extract_tb(cause.__traceback__)]
        if isinstance(cause, SyntaxError) and cause.filename:
            files.append(cause.filename)
        cause = cause.__cause__ or cause.__context__
    return files


def _own_files(project: Project, files: Iterable[str]) -> list[str]:
    folder = (project.folder or Path.cwd()).resolve()
    resolved = {Path(file).resolve() for file in files if not file.startswith("<")}
    return sorted(
        str(file)
        for file in resolved
        if file.is_relative_to(folder) and counts(file.relative_to(folder).as_posix())
    )


# --- the whole -----------------------------------------------------------------------------------


def _of_whole(project: Project, *, is_whole: bool) -> Told:
    told: Told = {"saga_files": _saga_files(project)}
    sagas: tuple[Definition, ...] = ()
    try:
        sagas = project_sagas(project)
    except PenstockError as error:
        told["saga_problem"] = _line(error)
    if is_whole:
        try:
            told |= _of_modules(project, sagas)
        except PenstockError as error:
            told["problem"] = _line(error)
    return told


def _of_modules(project: Project, sagas: tuple[Definition, ...]) -> Told:
    settings = load_settings(project)
    modules = import_modules(project.modules, project)
    types, workers = event_types_of(modules), workers_of(modules)
    wanted = topics_wanted(
        settings.app,
        types.values(),
        workers,
        sagas,
        saga_partitions=settings.saga_partitions,
        counters=counters_of(modules),
    )
    shown = [
        (topic.name, topic.partitions, sorted(topic.entries.items()))
        for _, topic in sorted(wanted.declared.items())
    ]
    return {
        "topics": hashlib.sha256(repr(shown).encode()).hexdigest(),
        "example": _example(types, workers, sagas),
        "drain_s": settings.drain_s,
    }


def _example(
    types: Mapping[str, MessageType], workers: Iterable[Worker], sagas: Iterable[Definition]
) -> str | None:
    """An event that begins something: a saga's, or else one that a worker takes."""
    begins = [saga.input.full_name for saga in sagas if saga.input_topic]
    handled = [
        declaration_of(message).schema.full_name
        for worker in workers
        for each in worker.inputs
        for message in each.message_types
    ]
    for name in (*begins, *handled):
        found = types.get(name)
        if found is not None and issubclass(found, Event):
            text = example_json(found)
            if text is not None:
                return f"{name} {shlex.quote(text)}"
    return None


def _saga_files(project: Project) -> list[str]:
    if not project.sagas:
        return []
    files = [*project.sagas]
    for path in project.schemas:
        files += sorted(path.rglob("*.avsc")) if path.is_dir() else [path]
    found = [str(file.resolve()) for file in files]
    # Without schemas as files, sagas are checked against the types in the modules.
    return found if project.schemas else sorted({*found, *_code_of(project)})


def _code_of(project: Project) -> list[str]:
    try:
        import_modules(project.modules, project)
    except PenstockError as error:
        return _own_files(project, [*_loaded(), *_passed_through(error)])
    return _own_files(project, _loaded())


def _line(error: PenstockError) -> str:
    return escaped(" ".join((str(error), *getattr(error, "__notes__", ()))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
