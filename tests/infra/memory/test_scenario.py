"""What `play` and `running` promise beside what the scenarios themselves show."""

import asyncio
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.events.log import TopicMissing
from penstock.infra import connect
from penstock.infra.bootstrap import open_worker
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from penstock.infra.memory import MemoryCluster, MemoryProcess, make_topics, play, running
from penstock.infra.memory.history import HistoryEntry
from penstock.workers import Delivery, Worker
from penstock.workers.backoff import Backoff
from tests.infra.memory.library import SETTINGS, TYPES, Asked, Lent, clerk
from tests.repository.tree import ROOT

# --- running ---------------------------------------------------------------------------------


async def broken_off(cluster: MemoryCluster) -> tuple[HistoryEntry, ...]:
    """Leave the block by an error while several processes run."""
    await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
    processes = [MemoryProcess(cluster, name) for name in ("a", "b", "c", "d", "e")]
    openings = [open_worker(SETTINGS, clerk(), cluster=process) for process in processes]

    async def work() -> None:
        async with running(*openings):
            await cluster.clock.sleep_until(10.0)
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    return cluster.history()


def test_workers_that_are_broken_off_go_in_their_order() -> None:
    """Or the same seed would not be the same history."""
    assert len({play(broken_off) for _ in range(6)}) == 1


def test_what_the_block_raises_keeps_what_it_came_of() -> None:
    """Its cause, its context, and whether the context is told."""
    because = KeyError("because")

    async def caused() -> None:
        raise LookupError from because

    async def meanwhile() -> None:
        try:
            raise because
        except KeyError:
            raise LookupError  # noqa: B904 - the context is what is tested

    def raised(fail: Callable[[], Coroutine[Any, Any, None]]) -> LookupError:
        async def scenario(cluster: MemoryCluster) -> None:
            await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
            async with running(open_worker(SETTINGS, clerk(), cluster=cluster)):
                await fail()

        with pytest.raises(LookupError) as found:
            play(scenario)
        return found.value

    error = raised(caused)
    assert (error.__cause__, error.__suppress_context__) == (because, True)
    error = raised(meanwhile)
    assert error.__context__ is because
    assert (error.__cause__, error.__suppress_context__) == (None, False)


def test_of_several_errors_the_first_is_raised() -> None:
    """A worker gives up, and the block fails when it is cancelled for it: that is noted."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
        async with running(
            *(open_worker(SETTINGS, clerk(), cluster=cluster) for _ in range(2)),
        ):
            gone = TopicReference(name="library.asked")
            cluster.core.delete_topics([gone], now_ms=cluster.clock.wall_ms())
            try:
                await cluster.clock.sleep_until(500.0)
            finally:
                raise LookupError

    with pytest.raises(TopicMissing, match=r"library\.asked") as found:
        play(scenario)
    assert "Beside it: LookupError()" in found.value.__notes__


# --- play ------------------------------------------------------------------------------------


async def asleep(cluster: MemoryCluster) -> tuple[float, tuple[HistoryEntry, ...]]:
    """Sleep as handlers and helpers do that know of no clock, while a worker runs."""
    await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
    async with running(open_worker(SETTINGS, clerk(), cluster=cluster)):
        begun_s = cluster.clock.monotonic()
        await asyncio.sleep(100)
        slept_s = cluster.clock.monotonic() - begun_s
    return slept_s, cluster.history()


async def handed_on(cluster: MemoryCluster) -> tuple[HistoryEntry, ...]:
    """Lend, and stand by until the worker behind it has committed past the last markers."""
    shelves = Worker("shelves")

    @shelves.on(Lent, exactly_once=True)
    async def note(_lent: Lent, _delivery: Delivery) -> None:
        """Nothing more to do."""

    await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk(), shelves])
    async with (
        connect(SETTINGS, cluster=cluster) as bus,
        running(
            open_worker(SETTINGS, clerk(), cluster=cluster),
            open_worker(SETTINGS, shelves, cluster=cluster),
        ),
    ):
        await bus.publish_many(Asked(loan=f"{each}", title="Emma") for each in range(8))
        await asyncio.sleep(20)
    return cluster.history()


@pytest.mark.timeout(240)
def test_the_same_seed_is_the_same_in_every_process() -> None:
    """Nothing depends on the order of a set, which each process hashes in its own way."""
    told = (
        "from tests.infra.memory.test_scenario import handed_on, play; "
        "print(*play(handed_on), sep='\\n')"
    )
    histories = {
        subprocess.run(
            [sys.executable, "-c", told],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        ).stdout
        for hash_seed in ("1", "11")  # two orders of a set of both partitions
    }
    assert len(histories) == 1
    assert histories != {""}


def test_whoever_sleeps_in_a_scenario_sleeps_by_its_clock() -> None:
    """By real time each run would be another one."""
    slept_s, history = play(asleep)
    assert slept_s == 100
    assert play(asleep)[1] == history


def test_limits_in_a_scenario_go_by_its_clock() -> None:
    """Of asyncio, and those of handlers: a handler that takes too long fails here as anywhere."""
    worker, begun_s = Worker("slow"), list[float]()

    async def limited(cluster: MemoryCluster) -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cluster.clock.sleep_until(50.0), 5.0)
        async with asyncio.timeout(5.0):
            await cluster.clock.sleep_until(9.5)
        return cluster.clock.monotonic()

    async def handled(cluster: MemoryCluster) -> list[float]:
        @worker.on(Asked, timeout_s=3.0, retries=Backoff(attempts=2, delay_s=1.0, jitter=0.0))
        async def wait(_asked: Asked, _delivery: Delivery) -> None:
            begun_s.append(cluster.clock.monotonic())
            await cluster.clock.sleep_until(cluster.clock.monotonic() + 60.0)

        await make_topics(cluster, SETTINGS, types=TYPES, workers=[worker])
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            running(open_worker(SETTINGS, worker, cluster=cluster)),
        ):
            await bus.publish(Asked(loan="1", title="Emma"))
            await asyncio.sleep(30)
        return begun_s

    assert play(limited) == 9.5
    first_s, second_s = play(handled)
    assert second_s - first_s == pytest.approx(4.0)


def test_where_a_loop_runs_play_says_what_to_do() -> None:
    """And begins nothing: what was begun and is never awaited would be warned of somewhere else."""
    begun: list[str] = []

    def scenario(_cluster: MemoryCluster) -> Coroutine[Any, Any, None]:
        begun.append("begun")
        raise AssertionError

    async def in_a_loop() -> None:
        with pytest.raises(RuntimeError, match=r"await clock\.run"):
            play(scenario)

    asyncio.run(in_a_loop())
    assert not begun


def test_what_a_scenario_leaves_running_is_ended() -> None:
    """And has the time that it takes to end."""
    ends: list[float] = []

    async def left(cluster: MemoryCluster) -> None:
        try:
            await cluster.clock.sleep_until(500.0)
        finally:
            await cluster.clock.sleep_until(7.0)
            await asyncio.sleep(1.0)
            ends.append(cluster.clock.monotonic())

    async def scenario(cluster: MemoryCluster) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(left(cluster))
        await cluster.clock.sleep_until(5.0)
        return task

    assert play(scenario).cancelled()
    assert ends == [8.0]


def test_who_interrupts_a_scenario_is_heard_once(caplog: pytest.LogCaptureFixture) -> None:
    """The interrupt is raised, and nothing is said of a task whose error nobody has seen."""

    async def scenario(cluster: MemoryCluster) -> None:
        await cluster.clock.sleep_until(1.0)
        raise KeyboardInterrupt

    with caplog.at_level(logging.ERROR), pytest.raises(KeyboardInterrupt):
        play(scenario)
    gc.collect()
    assert not caplog.records
