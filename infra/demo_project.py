"""The demo's project: a copy of the example as a user would have it, and its processes.

The copy stands alone: its modules are called `shop.…` instead of `penstock.examples.orders.…`, so
whoever finds it may change it and run it with a Kafka of their own.

    shop/*.py  order.saga.yaml  schemas/  pyproject.toml     what was copied
    ledgers/   logs/   progress/   broker/                   what its processes leave

Laws:
1. A process is started as a user would start it: `penstock run …` in the project's folder, told by
   the environment where Kafka is.
2. No process outlives the demo, however that ends (see owned_process.py).
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, final

from penstock.examples.orders.ledger import FOLDER_VARIABLE
from penstock.infra.processes.owned_process import OwnedProcess
from penstock.infra.progress_store import ProgressUnreadable, read_progress
from penstock.infra.settings import Settings
from penstock.infra.settings_rules import PREFIX
from penstock.workers.partition_life import Phase

__all__ = ["LEDGERS", "PACKAGE", "Cast", "copy_example", "is_of_the_example", "log_folder"]

PACKAGE: Final = "shop"
"""What the copy's package is called."""
LEDGERS: Final = "ledgers"
"""Folder of the services' ledgers, in the project."""
_EXAMPLE: Final = "penstock.examples.orders"
_LOGS: Final = "logs"
_PROGRESS: Final = "progress"
_STOP_S: Final = 30.0
"""A drain takes 20 s at the most; the rest is for leaving and closing on a loaded machine."""
_SUFFIXES: Final = frozenset({".avsc", ".jsonl", ".py", ".toml", ".yaml"})
_TAIL: Final = 400
"""Characters of the end of each log that a failure shows."""


def copy_example(folder: Path) -> None:
    """Make a project of its own of the packaged example.

    Args:
        folder: an empty one.
    """
    with as_file(files(_EXAMPLE)) as source:
        for path in sorted(source.rglob("*")):
            place = path.relative_to(source)
            if path.is_file() and is_of_the_example(place):
                target = folder / (PACKAGE / place if path.suffix == ".py" else place)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = path.read_text("utf-8").replace(_EXAMPLE, PACKAGE)
                target.write_text(text, "utf-8")


def is_of_the_example(place: Path) -> bool:
    """Say whether a file belongs to the example.

    In a checkout its folder is also where people run it: ledgers and what tools leave lie there.

    Args:
        place: its path inside of the example's folder.
    """
    # The compose file builds its image in penstock's own checkout.
    hidden = any(part.startswith(".") for part in place.parts)
    return place.suffix in _SUFFIXES and place.name != "compose.yaml" and not hidden


def log_folder(project: Path) -> Path:
    """Return the folder of the logs of a project's processes, made where there was none."""
    folder = project / _LOGS
    folder.mkdir(exist_ok=True)
    return folder


@final
class Cast:
    """The processes of one project, by name."""

    def __init__(self, project: Path, settings: Settings) -> None:
        """Begin with none.

        Args:
            project: its folder.
            settings: where Kafka and Redis are, and how long a silent member keeps its partitions.
        """
        self._project = project
        self._environment = _environment(settings)
        self._commands: dict[str, tuple[str, ...]] = {}
        self._running: dict[str, OwnedProcess] = {}
        log_folder(project)
        (project / _PROGRESS).mkdir(exist_ok=True)

    def start(self, name: str, *arguments: str) -> OwnedProcess:
        """Start `penstock` with arguments, under a name."""
        self._commands[name] = arguments
        progress = self._progress(name)
        progress.unlink(missing_ok=True)  # a killed process leaves its last one behind
        self._running[name] = OwnedProcess(
            [sys.executable, "-m", "penstock.infra.cli", *arguments],
            output=self._log(name),
            folder=self._project,
            environment={**self._environment, "PENSTOCK_PROGRESS_FILE": str(progress)},
        )
        return self._running[name]

    def finish(self, name: str, *arguments: str, timeout_s: float) -> str | None:
        """Run `penstock` with arguments to its end.

        Returns:
            What it printed; None where it did not end in time, or did not end well.
        """
        log = self._log(name)
        before = log.stat().st_size if log.exists() else 0
        process = self.start(name, *arguments)
        ended_well = process.wait(timeout_s=timeout_s) == 0
        del self._running[name]
        return log.read_bytes()[before:].decode(errors="replace") if ended_well else None

    def kill_and_replace(self, name: str) -> None:
        """Kill -9 a process, and start another in its place at once."""
        self._running[name].kill()
        self.start(name, *self._commands[name])

    def dead(self) -> Iterator[str]:
        """Name those that have ended by themselves: each should run until it is stopped."""
        return (name for name, process in self._running.items() if not process.running)

    def ready(self) -> bool:
        """Whether all of them work at their partitions."""
        return all(map(self._is_ready, self._running))

    def _is_ready(self, name: str) -> bool:
        try:
            report = read_progress(self._progress(name))
        except ProgressUnreadable:
            return False  # it is not there yet
        phases = [each.standing.phase for each in report.partitions]
        return bool(phases) and all(phase is Phase.RUNNING for phase in phases)

    def _log(self, name: str) -> Path:
        return self._project / _LOGS / f"{name}.log"

    def _progress(self, name: str) -> Path:
        return self._project / _PROGRESS / f"{name}.json"

    async def stop(self) -> None:
        """Ask all of them to end, and wait until they have; who does not is killed."""
        processes, self._running = [*self._running.values()], {}
        await asyncio.gather(
            *(asyncio.to_thread(process.stop, timeout_s=_STOP_S) for process in processes)
        )

    def log(self, name: str) -> str:
        """What the processes of a name have written."""
        return self._log(name).read_text(errors="replace")

    def log_tails(self) -> str:
        """The ends of all logs."""
        logs = sorted((self._project / _LOGS).glob("*.log"))
        return " ".join(
            f"{log.name}: {log.read_text(errors='replace')[-_TAIL:].strip()}" for log in logs
        )


def _environment(settings: Settings) -> Mapping[str, str]:
    """Our own environment without what would configure penstock or the example otherwise."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name != FOLDER_VARIABLE
    }
    if settings.kafka is not None:
        own["PENSTOCK_KAFKA"] = settings.kafka
    if settings.redis is not None:
        own["PENSTOCK_REDIS"] = settings.redis.get_secret_value()
    return {
        **own,
        "PENSTOCK_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
        "PENSTOCK_LOG_FORMAT": "text",
        FOLDER_VARIABLE: LEDGERS,
    }
