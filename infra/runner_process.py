"""Runners as a process: signals, progress files, exit.

    SIGTERM or SIGINT -> stop -> drain -> leave the groups -> return

Laws:
1. `run_runners` ends in bounded time after a signal, and within its limits after any failure; a
   second signal changes nothing, because a drain that is cut short only repeats work.
2. Where several share a process, the failure of one stops all: whoever restarts the process
   restarts them together.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from penstock.infra.progress_file import ProgressFile
from penstock.infra.settings import Settings
from penstock.workers.runner import WorkerRunner

__all__ = ["run_runners"]

PROGRESS_S: Final = 1.0
"""Seconds between two writings of the progress file."""

_log = logging.getLogger("penstock.worker")


async def run_runners(settings: Settings, runners: Mapping[str, WorkerRunner]) -> None:
    """Run until SIGTERM or SIGINT, then drain and return.

    Args:
        settings: As read from the environment.
        runners: By the name of their worker; at least one.

    Raises:
        PenstockError: one could not go on.
    """
    with _stopping_on_signals(runners.values()):
        tasks = [
            asyncio.ensure_future(_run_one(settings, name, runner))
            for name, runner in runners.items()
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for runner in runners.values():
            runner.stop()
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()


async def _run_one(settings: Settings, name: str, runner: WorkerRunner) -> None:
    async with _reporting(settings, name, runner):
        _log.info("worker %s started", name)
        await runner.run()
    _log.info("worker %s stopped", name)


@contextmanager
def _stopping_on_signals(runners: Iterable[WorkerRunner]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    runners = tuple(runners)

    def stop() -> None:
        for runner in runners:
            runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _reporting(settings: Settings, name: str, runner: WorkerRunner) -> AsyncIterator[None]:
    """Write the progress file while the worker runs, and remove it at the end."""
    file = ProgressFile(settings, name)
    task = asyncio.ensure_future(_report_for_ever(file, runner))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        file.remove()


async def _report_for_ever(file: ProgressFile, runner: WorkerRunner) -> None:
    while True:
        file.write(runner.statistics())
        await asyncio.sleep(PROGRESS_S)
