"""The embedded broker as a child process, which cannot outlive its owner.

    with EmbeddedProcess(log=folder / "broker.log") as broker:
        ...             # broker.bootstrap
        broker.kill()
        broker.start()  # same port; same data, where it has a folder

Laws:
1. Nothing of the broker is imported here: it is a process of its own, and its owner pays for none
   of it.
2. It counts as started when it says so, on a line of its log.
3. Two things end it with its owner: the leash of owned_process.py, and its standard input, which
   also works where there is no leash.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, final

from penstock.infra.processes.answer_wait import wait_for_answer
from penstock.infra.processes.server_errors import WrongServerState
from penstock.infra.processes.server_process import ServerProcess, ServerStatistics

__all__ = ["FOR_APPS", "EmbeddedProcess", "EmbeddedWishes", "broker_command"]

FOR_APPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # A topic exists because `penstock topic apply` made it; a mistyped name is an error.
        "auto.create.topics.enable": "false",
        # A person waits for each start; Kafka's 3 s spare rebalances where many members start.
        "group.initial.rebalance.delay.ms": "0",
    }
)
"""What differs from Kafka's defaults in a broker that is there for one app."""

_HOST: Final = "127.0.0.1"
_NAME: Final = "The embedded broker"
_READY: Final = b"penstock-broker ready "
"""How the line begins that says where it listens (server/broker_process.py)."""
_LONGEST_LOG: Final = 1024 * 1024
"""How much of the log of one start is searched for that line; it is among the first."""
_PAUSE_S: Final = 0.005
"""Between two looks at its log; a start takes a quarter of a second."""
_STOP_LIMIT_S: Final = 10.0
"""It closes connections and files within a second; a large log is flushed to disk before."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedWishes:
    """What a broker is to be like."""

    port: int = 0
    """Port on loopback, 0 to 65 535; 0 for any that is free, which it keeps when it is started
    again."""
    config: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Values by Kafka's own names."""
    data: Path | None = None
    """Folder of its records; None keeps them in memory, for as long as the process lives."""
    fsync: bool = False
    """Whether what is acknowledged is on the disk."""
    proxied: tuple[str, str] | None = None
    """A second address, `host:port`, and what clients that come there are told."""


def broker_command(arguments: Sequence[str]) -> list[str]:
    """Return what runs the broker's process.

    Args:
        arguments: of `python -m penstock.infra.embedded`.
    """
    # Without -P the working directory would come first among the places that modules come from.
    return [sys.executable, "-P", "-m", "penstock.infra.embedded", *arguments]


@final
class EmbeddedProcess:
    """One broker, from its first start to its end; a vessel for owned_server.OwnedServer, too."""

    def __init__(
        self, *, log: Path, wishes: EmbeddedWishes | None = None, start_timeout_s: float = 30.0
    ) -> None:
        """Run nothing yet.

        Args:
            log: the file that its output is appended to.
            wishes: what it is to be like; the defaults if not given.
            start_timeout_s: limit for a start. A quarter of a second is usual; more where it has to
                look through a folder of data.
        """
        self._wishes = wishes or EmbeddedWishes()
        self._log = log
        self._start_timeout_s = start_timeout_s
        self._port = self._wishes.port
        self._log_begins = 0
        self._bootstrap = ""
        self._process = ServerProcess(
            server=_NAME,
            address=f"{_HOST}:{self._port or 'any port'}",
            log=log,
            stop_limit_s=_STOP_LIMIT_S,
        )

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients, once it has been started.

        Raises:
            WrongServerState: it was never started.
        """
        if not self._bootstrap:
            raise WrongServerState(server=f"{_HOST}:any port", state="was never started")
        return self._bootstrap

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._process.pid

    def start(self, *, inherited: Sequence[int] = ()) -> None:
        """Start it, the first time or again, and wait until it listens.

        Args:
            inherited: descriptors that stay open in it: locks that are held while it lives.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not say that it listens within the limit; it no
                longer runs.
        """
        self._log_begins = self._log.stat().st_size if self._log.exists() else 0
        self._process.start(
            broker_command(self._arguments()),
            lambda alive: wait_for_answer(
                lambda _: self._has_said_so(),
                timeout_s=self._start_timeout_s,
                pause_s=_PAUSE_S,
                alive=alive,
            ),
            lifeline=True,
            inherited=inherited,
        )

    def stop(self) -> None:
        """Shut it down in order, within a limit or else by force; it may not run at all."""
        self._process.stop()

    def kill(self) -> None:
        """End it with SIGKILL, paused or not.

        Raises:
            WrongServerState: it does not run.
        """
        self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers.

        Raises:
            WrongServerState: it does not run.
        """
        self._process.pause()

    def resume(self) -> None:
        """Let it go on.

        Raises:
            WrongServerState: it does not run.
        """
        self._process.resume()

    def end(self) -> None:
        """Kill it if it runs."""
        self._process.end()

    def log_tail(self, lines: int) -> str:
        """Return the last lines of its log; empty before the first start."""
        return self._process.log_tail(lines)

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        return self._process.statistics()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Shut it down."""
        self.stop()

    def _arguments(self) -> list[str]:
        wishes = self._wishes
        arguments = ["--host", _HOST, "--port", str(self._port), "--leash", "0"]
        for name, value in wishes.config.items():
            arguments += ["--config", f"{name}={value}"]
        if wishes.data is not None:
            arguments += ["--data", str(wishes.data)]
        if wishes.fsync:
            arguments.append("--fsync")
        if wishes.proxied is not None:
            arguments += ["--listener", "=".join(wishes.proxied)]
        return arguments

    def _has_said_so(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._log_begins)
            said = log.read(_LONGEST_LOG)
        for line in said.splitlines(keepends=True):
            if line.startswith(_READY) and line.endswith(b"\n"):
                self._bootstrap = line.removeprefix(_READY).decode().strip()
                self._port = int(self._bootstrap.rpartition(":")[2])
                return True
        return False
