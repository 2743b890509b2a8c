"""Runners as a process: signals, progress files, exit.

    open -> run -> SIGTERM or SIGINT -> stop -> drain -> leave the groups -> close -> return
              |                           |       |
    registered, if there is a registry   draining  gone (presence.py)

Laws:
1. `run_runners` ends in bounded time after a signal, and within its limits after any failure; a
   second signal changes nothing, because a drain that is cut short only repeats work.
2. A signal that comes while they are opened counts too: process 1 of a container does not see those
   that nobody handles, and would run on until it is killed.
3. Where several share a process, the failure of one stops all, and is the one that is raised:
   whoever restarts the process restarts them together.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final, final

from penstock.infra.presence import Presence, presence
from penstock.infra.progress_file import ProgressFile
from penstock.infra.settings import Settings
from penstock.workers.runner import WorkerRunner

__all__ = ["run_runners"]

PROGRESS_S: Final = 1.0
"""Seconds between two writings of the progress file."""

_log = logging.getLogger("penstock.worker")


async def run_runners(
    settings: Settings, opening: AbstractAsyncContextManager[Mapping[str, WorkerRunner]]
) -> None:
    """Open runners, run them until SIGTERM or SIGINT, then drain, close and return.

    Args:
        settings: As read from the environment.
        opening: Gives the runners by the name of their worker, at least one.

    Raises:
        PenstockError: one could not start, or could not go on.
    """
    with _listening() as signals:
        try:
            async with opening as runners, presence(settings, runners) as seen:
                signals.go_to(runners.values(), seen)
                await _run_all(settings, runners, seen)
        except asyncio.CancelledError:
            if not signals.came_early:
                raise
            signals.forget_cancelling()
            _log.info("stopped before anything was started")


async def _run_all(settings: Settings, runners: Mapping[str, WorkerRunner], seen: Presence) -> None:
    tasks = {
        asyncio.ensure_future(_run_one(settings, name, runner)): name
        for name, runner in runners.items()
    }
    first, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    seen.drain()
    for runner in runners.values():
        runner.stop()
    rest, _ = await asyncio.wait(tasks)
    failed = [task for task in (*first, *(rest - first)) if task.exception() is not None]
    for task in failed[1:]:
        _log.error("worker %s failed, too: %s", tasks[task], task.exception())
    for task in failed:
        task.result()


async def _run_one(settings: Settings, name: str, runner: WorkerRunner) -> None:
    async with _reporting(settings, name, runner):
        _log.info("worker %s started", name)
        await runner.run()
    _log.info("worker %s stopped", name)


@final
class _Signals:
    """Where a signal goes: it ends the opening of the runners, and later stops them."""

    def __init__(self) -> None:
        """Begin in the task that opens them."""
        self._opening = asyncio.current_task()
        self._runners: tuple[WorkerRunner, ...] = ()
        self._seen: Presence | None = None
        self.came_early = False
        """Whether one came before there was anything to stop."""

    def go_to(self, runners: Iterable[WorkerRunner], seen: Presence) -> None:
        """From now on there is.

        The cancellation by one that came early may have been lost on the way: whoever waits while
        something is opened can swallow it, as `asyncio.wait_for` of Python 3.11 does where the
        result comes with it.
        """
        self._runners, self._seen = tuple(runners), seen
        if self.came_early:
            self()

    def __call__(self) -> None:
        """Take a signal."""
        if self._seen is not None:
            self._seen.drain()
        for runner in self._runners:
            runner.stop()
        if not self._runners and not self.came_early:
            assert self._opening is not None
            self.came_early = True
            self._opening.cancel()

    def forget_cancelling(self) -> None:
        """The opening has ended."""
        assert self._opening is not None
        self._opening.uncancel()


@contextmanager
def _listening() -> Iterator[_Signals]:
    loop, signals = asyncio.get_running_loop(), _Signals()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals)
    try:
        yield signals
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
