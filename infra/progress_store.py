"""Reports of progress on the disk: where they are, how they are written and read back.

JSON, one file per process, replaced as a whole. progress_file.py writes one each second, and
`penstock health` reads them without Kafka; what is in them is judged by workers/progress.py.

Laws:
1. A reader sees a whole report or the one before, never half of one.
2. Whatever stands in the file, reading it ends in a report or in `ProgressUnreadable`, quickly: it
   may be cut, foreign, hostile, or no file at all.
3. No payload, key or header: coordinates and counts only.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, TypeVar, final

from penstock.infra.plain_text import excerpt
from penstock.infra.run_time_folder import made_run_time_folder, run_time_folder
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.workers.partition_life import Phase
from penstock.workers.progress import (
    PartitionProgress,
    PartitionStanding,
    Process,
    ProgressReport,
)

__all__ = [
    "ProgressFileUnusable",
    "ProgressUnreadable",
    "find_progress",
    "is_alive",
    "progress_folder",
    "progress_path",
    "read_progress",
    "remove_left_behind",
    "write_progress",
]

_FORMAT: Final = 1
_FILE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one file at most: 20 000 partitions."""
_PIDS: Final = range(1, 2**31)
_PHASES: Final = frozenset(phase.value for phase in Phase)
_MINE_ONLY: Final = 0o600

_ValueT = TypeVar("_ValueT")


@dataclass(eq=False, kw_only=True)
class ProgressFileUnusable(CallerError):
    """A worker cannot write its progress."""

    path: str
    """Where it tried."""
    reason: str
    """What the operating system said."""

    code: ClassVar[str] = "PEN-I10"
    what: ClassVar[str] = "The progress file {path} cannot be written: {reason}."
    why: ClassVar[str] = "Without it 'penstock health' could not tell whether this worker gets on."
    remedy: ClassVar[str] = (
        "Set PENSTOCK_PROGRESS_FILE to a file in a folder that this user may write to, or to off."
    )


@dataclass(eq=False, kw_only=True)
class ProgressUnreadable(WorldError):
    """A progress file does not hold a report."""

    path: str
    """The file."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I11"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The progress file {path} cannot be read: {reason}."
    why: ClassVar[str] = "So nobody can say whether its worker gets on."
    remedy: ClassVar[str] = "See that it was written by a worker of this version, or remove it."


# --- where ---------------------------------------------------------------------------------------


def progress_folder() -> Path:
    """Return where progress files are, unless a setting says otherwise."""
    return run_time_folder()


def progress_path(process: Process) -> Path:
    """Return the file of a process: `<app>.<worker>.<pid>.json` in a folder of this user's own.

    Raises:
        ProgressFileUnusable: the folder cannot be made, or is not this user's.
    """
    try:
        folder = made_run_time_folder()
    except OSError as error:
        raise _unusable(run_time_folder(), _reason(error)) from error
    return folder / f"{process.app}.{process.worker}.{process.pid}.json"


def find_progress(worker: str | None = None) -> list[Path]:
    """Return the files in the folder, in the order of their names.

    Args:
        worker: of this worker only.
    """
    pattern = f"*.{worker or '*'}.*.json"
    return sorted(path for path in progress_folder().glob(pattern) if path.name[0] != ".")


def remove_left_behind(path: Path) -> None:
    """Remove what killed processes of the same app and worker have left beside a file."""
    prefix = ".".join(path.name.split(".")[:2])
    for other in path.parent.glob(f"{prefix}.*.json"):
        pid = other.name.split(".")[2]
        if pid.isdecimal() and int(pid) in _PIDS and not is_alive(int(pid)):
            other.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Return whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, so there is one
    return True


# --- writing -------------------------------------------------------------------------------------


def write_progress(path: Path, report: ProgressReport) -> None:
    """Replace the file by this report.

    Raises:
        ProgressFileUnusable: the operating system refused it.
    """
    content = json.dumps({"format": _FORMAT, **asdict(report)}, sort_keys=True).encode()
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(fresh, flags, _MINE_ONLY), "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError as error:
        raise _unusable(path, _reason(error)) from error


def _unusable(path: Path, reason: str) -> ProgressFileUnusable:
    return ProgressFileUnusable(path=excerpt(str(path), 200), reason=reason)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


# --- reading -------------------------------------------------------------------------------------


def read_progress(path: Path) -> ProgressReport:
    """Read a report.

    Raises:
        ProgressUnreadable: there is none in it.
    """
    try:
        document = json.loads(_content(path), parse_constant=_refuse_constant)
        return _report(_Fields(document))
    except OSError as error:
        raise _unreadable(path, _reason(error)) from error
    except RecursionError:
        raise _unreadable(path, "it is nested too deeply") from None
    except _Wrong as wrong:
        raise _unreadable(path, str(wrong)) from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise _unreadable(path, f"it is no JSON ({type(error).__name__})") from None


def _unreadable(path: Path, reason: str) -> ProgressUnreadable:
    return ProgressUnreadable(path=excerpt(str(path), 200), reason=reason)


def _content(path: Path) -> bytes:
    # Without O_NONBLOCK a pipe would keep the reader waiting until somebody writes to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _Wrong("it is no regular file")
        content = file.read(_FILE_LIMIT + 1)
    if len(content) > _FILE_LIMIT:
        raise _Wrong(f"it has more than {_FILE_LIMIT} bytes")
    return content


class _Wrong(Exception):
    """Something in the file is not as it should be; the text says what."""


def _refuse_constant(name: str) -> NoReturn:
    raise _Wrong(f"it holds {name}")


@final
class _Fields:
    """An object in a document, whose fields are taken out one by one."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, Mapping):
            raise _Wrong("an object is missing")
        self._document = document

    def whole(self, name: str) -> int:
        value: int = self._take(name, lambda value: type(value) is int and 0 <= value < 2**63)
        return value

    def seconds(self, name: str) -> float:
        return float(self._take(name, lambda value: type(value) in (int, float) and _sane(value)))

    def text(self, name: str) -> str:
        return str(self._take(name, lambda value: isinstance(value, str)))

    def optional(self, name: str, take: Callable[[str], _ValueT]) -> _ValueT | None:
        return None if self._document.get(name, 0) is None else take(name)

    def object(self, name: str) -> "_Fields":
        return _Fields(self._document.get(name))

    def objects(self, name: str) -> Iterator["_Fields"]:
        return map(_Fields, self._take(name, lambda value: isinstance(value, list)))

    def _take(self, name: str, is_right: Callable[[Any], bool]) -> Any:
        value = self._document.get(name)
        if not is_right(value):
            raise _Wrong(f"its field {name} is missing or wrong")
        return value


def _sane(value: float) -> bool:
    return abs(value) < 2**63 and isfinite(value)


def _report(fields: _Fields) -> ProgressReport:
    if fields.whole("format") != _FORMAT:
        raise _Wrong("another version of penstock wrote it")
    return ProgressReport(
        process=_process(fields.object("process")),
        written_at=fields.text("written_at"),
        written_s=fields.seconds("written_s"),
        polled_s=fields.seconds("polled_s"),
        late_s=fields.seconds("late_s"),
        stopping_since_s=fields.optional("stopping_since_s", fields.seconds),
        partitions=tuple(_partition(each) for each in fields.objects("partitions")),
    )


def _process(fields: _Fields) -> Process:
    pid = fields.whole("pid")
    if pid not in _PIDS:
        raise _Wrong("its field pid is missing or wrong")
    return Process(
        pid=pid,
        app=fields.text("app"),
        worker=fields.text("worker"),
        group=fields.text("group"),
        version=fields.text("version"),
    )


def _partition(fields: _Fields) -> PartitionProgress:
    return PartitionProgress(
        standing=_standing(fields.object("standing")),
        progress_since_s=fields.seconds("progress_since_s"),
        grown_s=fields.seconds("grown_s"),
    )


def _standing(fields: _Fields) -> PartitionStanding:
    phase = fields.text("phase")
    if phase not in _PHASES:
        raise _Wrong("its field phase is missing or wrong")
    return PartitionStanding(
        topic=fields.text("topic"),
        partition=fields.whole("partition"),
        phase=Phase(phase),
        phase_since_s=fields.seconds("phase_since_s"),
        position=fields.optional("position", fields.whole),
        lag=fields.optional("lag", fields.whole),
        records=fields.whole("records"),
        entries=fields.whole("entries"),
        doubts=fields.whole("doubts"),
    )
