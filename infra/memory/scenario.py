"""A whole app in virtual time: what a test of workers, sagas and counters is written with.

    async def lending(cluster: MemoryCluster) -> list[BookLent]:
        await make_topics(cluster, SETTINGS, types=[BookAsked, BookLent], workers=[clerk])
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            running(open_worker(SETTINGS, clerk, cluster=cluster)),
        ):
            await bus.publish(BookAsked(loan="1", title="Emma"))
            ...

    def test_lending() -> None:
        assert play(lending, seed=7) == [BookLent(loan="1", shelf="E")]

Laws:
1. Time passes while all wait for it, and at no other moment; so nothing may wait for anything else:
   threads and sockets have no place in a scenario. `asyncio.sleep` and its like wait for it, too.
2. The same scenario with the same seed is the same to the last request.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from penstock.events.event_types import MessageType
from penstock.infra.clock import SeededEntropy
from penstock.infra.log_cluster import LogCluster
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.parts import open_topics
from penstock.infra.sagas.files import read_saga_file
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.infra.virtual_clock import VirtualClock
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.schemas.record import declaration_of
from penstock.workers.counters import Counters
from penstock.workers.runner import WorkerRunner
from penstock.workers.worker import Worker

__all__ = ["LIMIT_S", "make_topics", "play", "running", "saga_of"]

LIMIT_S: Final = 600.0
"""Seconds of virtual time that a scenario may take unless it says otherwise: with a worker in it,
some seconds of real time until one that hangs is told so."""
_USUAL: Final = MemoryOptions()
_LOOP_RUNS: Final = (
    "play makes a loop of its own, and one runs here already: make a MemoryCluster on a "
    "VirtualClock, and await clock.run(scenario(cluster))"
)

_ResultT = TypeVar("_ResultT")


def play(
    scenario: Callable[[MemoryCluster], Coroutine[Any, Any, _ResultT]],
    *,
    seed: int = 0,
    options: MemoryOptions = _USUAL,
    limit_s: float = LIMIT_S,
) -> _ResultT:
    """Run a scenario over a cluster in memory, in a loop of its own.

    Where a loop runs already, make a MemoryCluster on a VirtualClock, and
    `await clock.run(scenario(cluster))`: `asyncio.sleep` and its like go by real time there.

    Args:
        scenario: What happens; it is given the cluster, whose clock is the time.
        seed: Of ids, jitter and latencies.
        options: How the cluster is made.
        limit_s: Seconds of virtual time that it may take, above 0.

    Returns:
        What the scenario returns.

    Raises:
        TimeoutError: It took longer.
        RuntimeError: It waits for something that happens in real time, or never; or a loop runs
            here already.
    """
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public way raises
        raise RuntimeError(_LOOP_RUNS)
    clock = VirtualClock()
    cluster = MemoryCluster(clock=clock, entropy=SeededEntropy(seed), options=options)
    with asyncio.Runner(loop_factory=clock.new_loop) as runner:
        return runner.run(_alone(clock, clock.run(scenario(cluster), limit_s=limit_s)))


async def _alone(clock: VirtualClock, run: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    """Run, then cancel whatever is left; it may take time to end, which passes here only."""
    try:
        return await run
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await clock.run(_ended(left))


async def _ended(tasks: Collection["asyncio.Task[Any]"]) -> None:
    if tasks:
        await asyncio.wait(tasks)


async def make_topics(
    cluster: LogCluster,
    settings: Settings,
    *,
    types: Iterable[MessageType] = (),
    workers: Iterable[Worker] = (),
    sagas: Iterable[Definition] = (),
    counters: Iterable[Counters] = (),
) -> None:
    """Make every topic that an app needs, as `penstock topic apply` does.

    Args:
        cluster: Where to.
        settings: The app's.
        types: Events and commands beside those that the workers take.
        workers: Those of the app.
        sagas: Those of the app.
        counters: Sets that somebody counts in outside of handlers.

    Raises:
        TopicDeclaredTwice: Two types declare one topic differently.
        InputUndeclared: Nothing declares the topic that a saga starts from.
        PlanRefused: Topics are there already, and differ in what cannot be changed.
    """
    wanted = topics_wanted(
        settings.app,
        types,
        workers,
        sagas,
        saga_partitions=settings.saga_partitions,
        counters=counters,
    )
    async with open_topics(settings, cluster=cluster) as topics:
        await apply_plan(
            topics, await plan_topics(topics, wanted), replication=settings.replication
        )


def saga_of(file: str | Path, types: Iterable[MessageType]) -> Definition:
    """Read and check a saga.

    Args:
        file: Its file.
        types: Events, commands and replies, at least those that the saga names.

    Raises:
        BadSaga: With all problems of the file.
        CallerError: The file cannot be read.
    """
    schemas = [declaration_of(each).schema for each in types]
    by_name = {schema.full_name: schema for schema in schemas}
    return load(read_saga_file(Path(file)), file=str(file), schemas=by_name)


@asynccontextmanager
async def running(
    *openings: AbstractAsyncContextManager[WorkerRunner],
) -> AsyncIterator[tuple[WorkerRunner, ...]]:
    """Open workers and sagas, run them side by side, and drain them at the end of the block.

        async with running(open_worker(...), open_saga(...)): ...

    Where one gives up, the block is cancelled and its error is raised. Where the block raises, they
    are cancelled and not drained, and what the block raised is raised.

    Args:
        openings: From `open_worker` and `open_saga`, not entered yet.

    Raises:
        PenstockError: One cannot be opened, or has given up.
    """
    async with AsyncExitStack() as opened:
        runners = [await opened.enter_async_context(opening) for opening in openings]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_run_all(runners))
                yield tuple(runners)
                for runner in runners:
                    runner.stop()
        except BaseExceptionGroup as failed:
            _raise_first(failed.exceptions)


async def _run_all(runners: Sequence[WorkerRunner]) -> None:
    """Run them until all have ended, or one fails, or this is cancelled: then cancel all others.

    A TaskGroup would do it, in the order of a set of tasks, which is another one each time.
    """
    tasks = [asyncio.ensure_future(runner.run()) for runner in runners]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        by_their_end = sorted(tasks, key=lambda task: not task.done())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        ended = [task for task in by_their_end if not task.cancelled()]
        if errors := [error for task in ended if (error := task.exception()) is not None]:
            _raise_first(errors)


def _raise_first(errors: Sequence[BaseException]) -> NoReturn:
    first, *others = errors
    for other in others:
        first.add_note(f"Beside it: {other!r}")
    context = first.__context__
    try:
        raise first
    finally:
        first.__context__ = context  # and not the group, which tells nothing more
