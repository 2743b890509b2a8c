"""Where the processes of a project meet on one embedded broker: `PENSTOCK_KAFKA=embedded`.

    gate   locked while somebody joins or hosts, so that of two that come at once one waits
    life   locked by the broker's process for as long as it lives; it holds the broker's address
    dev    locked by a session of `penstock dev` for as long as it lives, so that there is one

All are files in the user's run-time folder, named for the project's folder. Who comes takes the
gate, then tries to lock the life file. If it is locked, there is a broker, and its address stands
in the file. If not, whatever stands in it is of the past: a broker is started, the locked
descriptor is left to it alone, and the address is written.

Laws:
1. Nothing is left to be cleaned up: the operating system unlocks when a process ends, however it
   does, and the address of a broker that is gone is never taken for another's.
2. The broker ends with the process that started it; that process says so when it starts one.
3. Every wait has a limit.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, final

from penstock.infra.addresses import parse_addresses
from penstock.infra.embedded_process import FOR_APPS, EmbeddedProcess, EmbeddedWishes
from penstock.infra.plain_text import excerpt
from penstock.infra.project import find_project
from penstock.infra.run_time_folder import made_run_time_folder, run_time_folder
from penstock.schemas.errors import CallerError, WorldError

__all__ = [
    "Meeting",
    "MeetingBusy",
    "MeetingUnusable",
    "SessionThere",
    "join_or_host",
    "project_folder",
    "sole_session",
]

_LIMIT_S: Final = 60.0
"""Longest wait for another process, which may be starting the broker on a slow machine."""
_PAUSE_S: Final = 0.02
"""Between two looks."""
_FILE_LIMIT: Final = 4096
_MINE_ONLY: Final = 0o600

_log = logging.getLogger("penstock.embedded")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """The broker of a project."""

    bootstrap: str
    """`host:port` for clients."""
    host: int
    """Id of the process that started it, and with which it ends."""
    hosted: EmbeddedProcess | None
    """The broker, where this process has just started it; None where it was there."""


def project_folder() -> Path:
    """Return the folder that processes meet by: the project's, or else the working directory."""
    here = Path.cwd()
    return find_project(here).folder or here


def join_or_host(
    project: Path, wishes: EmbeddedWishes | None = None, *, limit_s: float = _LIMIT_S
) -> Meeting:
    """Find the project's broker, or start it; blocks for as long as that takes.

    Args:
        project: the project's folder.
        wishes: what a broker that is started is to be like; one that is there stays as it is. If
            not given, it keeps its records in memory and is set to `embedded_process.FOR_APPS`.
        limit_s: longest wait for another process.

    Returns:
        Where it is.

    Raises:
        MeetingUnusable: the run-time folder, or a file in it, cannot be used.
        MeetingBusy: another process takes too long.
        ServerDidNotStart: the broker did not start.
    """
    place = _Place.of(project)
    deadline = time.monotonic() + limit_s
    try:
        with _opened(place.gate) as gate:
            _await_lock(gate, place, deadline)
            return _join(place, deadline) or _host(place, wishes or EmbeddedWishes(config=FOR_APPS))
    except OSError as error:
        raise _unusable(error) from error


@contextmanager
def sole_session(project: Path) -> Iterator[None]:
    """Be the one session of `penstock dev` that a project has at a time.

    Args:
        project: the project's folder.

    Raises:
        SessionThere: there is one.
        MeetingUnusable: the run-time folder, or a file in it, cannot be used.
    """
    place = _Place.of(project)
    with ExitStack() as held:
        try:
            dev = held.enter_context(_opened(place.dev))
            if not _lock(dev):
                raise SessionThere(process=_process_in(dev) or "unknown")
            _write(dev, {"process": os.getpid()})
        except OSError as error:
            raise _unusable(error) from error
        yield


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The files of one project's meeting."""

    gate: Path
    life: Path
    dev: Path
    log: Path

    @classmethod
    def of(cls, project: Path) -> "_Place":
        try:
            folder, name = made_run_time_folder(), os.fsencode(project.resolve())
        except OSError as error:
            raise _unusable(error) from error
        stem = f"broker-{hashlib.sha256(name).hexdigest()[:16]}"
        gate, life, dev, log = (
            folder / f"{stem}{end}" for end in ("-gate", "-life", "-dev", ".log")
        )
        return cls(gate=gate, life=life, dev=dev, log=log)


def _join(place: _Place, deadline: float) -> Meeting | None:
    """Return the broker that lives, if one does."""
    with _opened(place.life) as life:
        while not _lock(life):
            if found := _broker_in(life):
                return found
            # Its host was killed before it could say where the broker is; the broker will follow.
            _pause(place, deadline)
    return None


def _host(place: _Place, wishes: EmbeddedWishes) -> Meeting:
    place.log.unlink(missing_ok=True)
    broker = EmbeddedProcess(log=place.log, wishes=wishes)
    with _opened(place.life) as life:
        fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(life, 0)
        broker.start(inherited=[life])
        _write(life, {"address": broker.bootstrap, "host": os.getpid()})
    where = "in memory" if wishes.data is None else f"in {wishes.data}"
    _log.warning("an embedded broker at %s, %s; it ends with this process", broker.bootstrap, where)
    return Meeting(bootstrap=broker.bootstrap, host=os.getpid(), hosted=broker)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _MINE_ONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _await_lock(gate: int, place: _Place, deadline: float) -> None:
    while not _lock(gate):
        _pause(place, deadline)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pause(place: _Place, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise MeetingBusy(log=excerpt(str(place.log), 200))
    time.sleep(_PAUSE_S)


def _write(descriptor: int, content: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode(), 0)


def _read(descriptor: int) -> object:
    try:
        return json.loads(os.pread(descriptor, _FILE_LIMIT, 0))
    except ValueError:
        return None  # whoever locked it has not written yet


def _broker_in(life: int) -> Meeting | None:
    match _read(life):
        case {"address": str(address), "host": int(host)} if not parse_addresses(address).problems:
            return Meeting(bootstrap=address, host=host, hosted=None)
    return None


def _process_in(dev: int) -> str | None:
    match _read(dev):
        case {"process": int(process)}:
            return str(process)
    return None


def _unusable(error: OSError) -> "MeetingUnusable":
    return MeetingUnusable(
        folder=excerpt(str(run_time_folder()), 200), reason=error.strerror or type(error).__name__
    )


@dataclass(eq=False, kw_only=True)
class MeetingUnusable(CallerError):
    """The processes of a project have no place to meet."""

    folder: str
    """The run-time folder."""
    reason: str
    """What the operating system said."""

    code: ClassVar[str] = "PEN-I140"
    what: ClassVar[str] = "No embedded broker can be found or started: {reason}."
    why: ClassVar[str] = "Processes of a project find its broker by files in {folder}."
    remedy: ClassVar[str] = (
        "Set XDG_RUNTIME_DIR to a folder of this user, or PENSTOCK_KAFKA to an address."
    )


@dataclass(eq=False, kw_only=True)
class MeetingBusy(WorldError):
    """Another process is at it for too long."""

    log: str
    """The log of the broker."""

    code: ClassVar[str] = "PEN-I141"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Another process of this project did not get its embedded broker started."
    why: ClassVar[str] = "Only one may start it; the others wait for that one, but not for ever."
    remedy: ClassVar[str] = "Look into {log}, end that process, and try again."


@dataclass(eq=False, kw_only=True)
class SessionThere(CallerError):
    """The project has a session of `penstock dev` already."""

    process: str
    """Its process id."""

    code: ClassVar[str] = "PEN-I142"
    what: ClassVar[str] = "This project runs already: `penstock dev` is process {process}."
    why: ClassVar[str] = "A second session would run each of its workers, and its sagas, twice."
    remedy: ClassVar[str] = (
        "End that one, or use it: PENSTOCK_KAFKA=embedded leads other commands to its broker."
    )
