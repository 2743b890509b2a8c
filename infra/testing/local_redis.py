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

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, final

from penstock.infra.processes import redis_probe
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.processes.server_process import ServerProcess, ServerStatistics
from penstock.infra.redis.address import RedisAddress
from penstock.infra.testing import redis_options
from penstock.infra.testing.redis_server import RedisServer

__all__ = ["LocalRedis"]

_STOP_LIMIT_S: Final = 10.0
"""A shutdown in order took 0.1 s."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@final
class LocalRedis(RedisServer):
    """A Redis server of our own, as a child process."""

    def __init__(
        self, *, program: str, config: Mapping[str, str] = _NOTHING, start_timeout_s: float = 20.0
    ) -> None:
        """Reserve a port and a folder; nothing runs yet.

        Args:
            program: path of redis-server; see redis_program.py.
            config: values by Redis' own names, over `redis_options.FOR_TESTS`.
            start_timeout_s: limit for a start, from process to first answer.
        """
        self._port = LoopbackPort()
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
        self._process = ServerProcess(
            server="Redis",
            address=self._port.address,
            log=Path(self._folder.name) / "server.log",
            stop_limit_s=_STOP_LIMIT_S,
        )
        super().__init__(self._process, url=redis_options.url(self._port.address, config))

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._process.pid

    def start(self) -> None:
        """Start it, the first time or again, empty, and wait until it serves clients.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        address = RedisAddress(host=LOOPBACK, port=self._port.number)
        self._process.start(
            self._command,
            lambda alive: redis_probe.wait_until_answers(
                address, timeout_s=self._start_timeout_s, alive=alive
            ),
        )

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        return self._process.statistics()

    def close(self) -> None:
        """Kill it, give back its port and remove its folder. Closing twice is fine."""
        self._process.end()
        self._port.close()
        self._folder.cleanup()
