"""A worker as a process: signals, progress file, exit.

    SIGTERM or SIGINT -> stop -> drain -> leave the group -> return

Law: `run_worker` ends in bounded time after a signal, and within its limits after any failure; a
second signal changes nothing, because a drain that is cut short only repeats work.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from penstock.events.log import Partition
from penstock.infra.bootstrap import open_worker
from penstock.infra.progress_file import ProgressFile
from penstock.infra.settings import Settings
from penstock.workers.runner import WorkerRunner
from penstock.workers.worker import Worker

__all__ = ["run_worker"]

PROGRESS_S: Final = 1.0
"""Seconds between two writings of the progress file."""

_log = logging.getLogger("penstock.worker")


async def run_worker(
    settings: Settings, worker: Worker, *, accept_reset: frozenset[Partition] = frozenset()
) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain and return.

    Args:
        settings: As read from the environment.
        worker: What to run.
        accept_reset: Partitions whose missing or earlier offset is meant.

    Raises:
        PenstockError: it could not start, or could not go on.
    """
    async with open_worker(settings, worker, accept_reset=accept_reset) as runner:
        with _stopping_on_signals(runner):
            async with _reporting(settings, worker, runner):
                _log.info("worker %s started", worker.name)
                await runner.run()
    _log.info("worker %s stopped", worker.name)


@contextmanager
def _stopping_on_signals(runner: WorkerRunner) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _reporting(
    settings: Settings, worker: Worker, runner: WorkerRunner
) -> AsyncIterator[None]:
    """Write the progress file while the worker runs, and remove it at the end."""
    file = ProgressFile(settings, worker.name)
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
