"""A worker as a process; how it runs stands in runner_process.py."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from penstock.events.log import Partition
from penstock.infra.bootstrap import open_worker
from penstock.infra.runner_process import run_runners
from penstock.infra.settings import Settings
from penstock.workers.runner import WorkerRunner
from penstock.workers.worker import Worker

__all__ = ["run_worker"]


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
    await run_runners(settings, _opened(settings, worker, accept_reset))


@asynccontextmanager
async def _opened(
    settings: Settings, worker: Worker, accept_reset: frozenset[Partition]
) -> AsyncIterator[Mapping[str, WorkerRunner]]:
    async with open_worker(settings, worker, accept_reset=accept_reset) as runner:
        yield {worker.name: runner}
