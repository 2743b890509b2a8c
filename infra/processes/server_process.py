"""A server as a child process of ours: the part that all of them have in common.

It can be started again, killed, frozen and thawed, and counts what was done to it. It counts as
started once it has answered, and does not outlive its owner (owned_process.py).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from penstock.infra.processes.log_file import last_lines
from penstock.infra.processes.owned_process import OwnedProcess
from penstock.infra.processes.server_errors import ServerDidNotStart, WrongServerState

__all__ = ["ServerProcess", "ServerStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics:
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
class ServerProcess:
    """One server, from its first start to its end."""

    def __init__(self, *, server: str, address: str, log: Path, stop_limit_s: float) -> None:
        """Run nothing yet.

        Args:
            server: what it is, for errors: Apache Kafka, Redis, the embedded broker.
            address: `host:port`, for errors.
            log: the file that its output goes to.
            stop_limit_s: seconds between SIGTERM and SIGKILL.
        """
        self._server = server
        self._address = address
        self._log = log
        self._stop_limit_s = stop_limit_s
        self._process: OwnedProcess | None = None
        self._starts = self._kills = 0
        self._last_start_s = 0.0

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._running().pid

    def make_ready(self) -> None:
        """See that it can be started.

        Raises:
            WrongServerState: it runs already.
        """
        if self._process is not None:
            if self._process.running:
                raise WrongServerState(server=self._address, state="runs already")
            self._process.kill()  # it may have ended by itself, and still be ours to forget

    def start(
        self,
        command: Sequence[str],
        answers: Callable[[Callable[[], bool]], bool],
        *,
        lifeline: bool = False,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Args:
            command: what to run.
            answers: waits until the server answers, within a limit, and gives up as soon as what it
                is given says that the process has ended; False where there was no answer.
            lifeline: give it a standard input that ends with its owner.
            inherited: descriptors that stay open in it.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        self.make_ready()
        begin = time.monotonic()
        self._process = process = OwnedProcess(
            [*command], output=self._log, lifeline=lifeline, inherited=inherited
        )
        self._starts += 1
        if not answers(lambda: process.running):
            reason = "no answer in time" if process.running else "its process ended"
            process.kill()
            raise self.did_not_start(reason)
        self._last_start_s = time.monotonic() - begin

    def stop(self) -> None:
        """Shut it down in order, within the limit or else by force."""
        if self._process is not None:
            self._process.stop(timeout_s=self._stop_limit_s)

    def kill(self) -> None:
        """End it with SIGKILL, paused or not.

        Raises:
            WrongServerState: it does not run.
        """
        self._running().kill()
        self._kills += 1

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open, nothing answers.

        Raises:
            WrongServerState: it does not run.
        """
        self._running().pause()

    def resume(self) -> None:
        """Let it go on with SIGCONT.

        Raises:
            WrongServerState: it does not run.
        """
        self._running().resume()

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self._process.kill()

    def log_tail(self, lines: int) -> str:
        """Return the last lines of its log; empty before the first start.

        Args:
            lines: how many at most; what does not fit in 64 KiB is left out.
        """
        return last_lines(self._log, lines)

    def did_not_start(self, reason: str) -> ServerDidNotStart:
        """Return the error that says so, with what it logged last."""
        return ServerDidNotStart(server=self._server, reason=reason, log_tail=self.log_tail(40))

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        process = self._process
        return ServerStatistics(
            running=process is not None and process.running,
            paused=process is not None and process.paused,
            starts=self._starts,
            kills=self._kills,
            last_start_s=self._last_start_s,
        )

    def _running(self) -> OwnedProcess:
        if self._process is None or not self._process.running:
            raise WrongServerState(server=self._address, state="does not run")
        return self._process
