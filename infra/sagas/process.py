"""The orchestrators of sagas as a process; how they run stands in runner_process.py."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from penstock.events.log import Partition
from penstock.events.names import saga_worker
from penstock.infra.runner_process import run_runners
from penstock.infra.sagas.bootstrap import open_saga
from penstock.infra.settings import Settings
from penstock.sagas.definition import Definition
from penstock.schemas.errors import CallerError
from penstock.workers.runner import WorkerRunner

__all__ = ["OneProgressFile", "run_sagas"]


@dataclass(eq=False, kw_only=True)
class OneProgressFile(CallerError):
    """Several sagas of one process would write one progress file."""

    sagas: str
    """Their names."""

    code: ClassVar[str] = "PEN-I66"
    what: ClassVar[str] = "PENSTOCK_PROGRESS_FILE names one file, and this process runs {sagas}."
    why: ClassVar[str] = "Each saga reports its own progress."
    remedy: ClassVar[str] = "Leave it unset, or run each saga in a process of its own."


async def run_sagas(
    settings: Settings,
    definitions: Iterable[Definition],
    *,
    accept_reset: frozenset[Partition] = frozenset(),
) -> None:
    """Run the orchestrators of sagas until SIGTERM or SIGINT, then drain and return.

    Args:
        settings: As read from the environment.
        definitions: Of any number of sagas, each in any number of versions; at least one.
        accept_reset: Partitions whose missing or earlier offset is meant.

    Raises:
        PenstockError: one could not start, or could not go on.
    """
    versions: dict[str, list[Definition]] = {}
    for definition in definitions:
        versions.setdefault(definition.saga, []).append(definition)
    if len(versions) > 1 and settings.progress_file not in (None, "off"):
        raise OneProgressFile(sagas=", ".join(sorted(versions)))
    await run_runners(settings, _opened(settings, versions, accept_reset))


@asynccontextmanager
async def _opened(
    settings: Settings,
    versions: Mapping[str, Sequence[Definition]],
    accept_reset: frozenset[Partition],
) -> AsyncIterator[Mapping[str, WorkerRunner]]:
    async with AsyncExitStack() as opened:
        yield {
            saga_worker(saga): await opened.enter_async_context(
                open_saga(settings, each, accept_reset=accept_reset)
            )
            for saga, each in versions.items()
        }
