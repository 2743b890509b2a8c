"""Processes of `penstock run` that tests kill, pause and replace."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["WorkerFleet", "WorkerProcess"]

STOP_LIMIT_S = 40.0
"""A drain takes 20 s at the most; the rest is for leaving and closing on a loaded machine."""


@dataclass
class WorkerProcess:
    """One worker process and its log."""

    process: subprocess.Popen[bytes]
    log: Path
    environment: Mapping[str, str]

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait(timeout=10)

    def pause(self) -> None:
        """Stop it where it stands: it does not notice that time passes."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, as if nothing had happened."""
        os.kill(self.process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """SIGTERM, and the exit code after the drain."""
        self.process.terminate()
        return self.process.wait(timeout=STOP_LIMIT_S)


class WorkerFleet:
    """Several processes that do the same."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        """Make an empty fleet.

        Args:
            arguments: Of `penstock run`: worker and its MODULE:NAME, or saga and its file.
            environment: PENSTOCK_ variables; the rest is inherited.
            folder: Where logs and progress files go; made if there is none.
        """
        self._arguments = arguments
        self._environment = environment
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._started = 0
        self.members: list[WorkerProcess] = []

    def start(self, **environment: str) -> WorkerProcess:
        """Start one more process."""
        self._started += 1
        name = f"worker-{self._started}"
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "penstock"), "run", *self._arguments],
                env={
                    **os.environ,
                    **self._environment,
                    **environment,
                    "PENSTOCK_PROGRESS_FILE": str(self._folder / f"{name}.json"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        member = WorkerProcess(process, log, environment)
        self.members.append(member)
        return member

    def replace(self, index: int) -> WorkerProcess:
        """Kill -9 one, and start another in its place."""
        gone = self.members.pop(index)
        gone.kill()
        member = self.start(**gone.environment)
        self.members.insert(index, self.members.pop())
        return member

    def logs(self) -> list[str]:
        """The ends of all logs."""
        return [f"{member.log.name}:\n{tail(member.log)}" for member in self.members]

    def dead(self) -> list[str]:
        """Logs' ends of those that have ended by themselves."""
        return [
            f"{member.log.name} exited with {member.process.returncode}:\n{tail(member.log)}"
            for member in self.members
            if member.process.poll() is not None
        ]

    def __enter__(self) -> Self:
        """Nothing runs before `start`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
        for member in self.members:
            if member.process.poll() is None:
                member.resume()
                member.kill()


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def paused(member: WorkerProcess) -> Iterator[None]:
    """Pause a process for the time of a block."""
    member.pause()
    try:
        yield
    finally:
        member.resume()
