"""Runners as a process: signals at every moment, and what is raised where several fail."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from penstock.infra.clock import SystemClock
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.runner_process import run_runners
from penstock.infra.settings import Settings
from penstock.workers.ports import Assignments, GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner

SETTINGS = Settings(app="shop", kafka="127.0.0.1:1", progress_file="off")
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def runner(join: Callable[[Assignments], "asyncio.Future[GroupMember]"]) -> WorkerRunner:
    """A runner that joins its group so."""

    async def leave() -> None:
        return None

    return WorkerRunner(
        contexts=lambda _member: {},
        join=join,
        leave=leave,
        clock=SystemClock(),
        limits=RunnerLimits(),
    )


@SIGNALS
def test_a_signal_ends_what_is_not_started_yet(number: int) -> None:
    """Once or twice: what was opened by then is closed, and the process returns."""
    closed = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[Mapping[str, WorkerRunner]]:
        loop = asyncio.get_running_loop()
        loop.call_soon(os.kill, os.getpid(), number)
        try:
            await asyncio.Event().wait()
            yield {}
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            closed.append(True)

    async def scenario() -> None:
        await run_runners(SETTINGS, opening())
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert closed == [True]


@SIGNALS
def test_a_signal_that_the_opening_swallows_stops_what_it_opens(number: int) -> None:
    """`asyncio.wait_for` of Python 3.11 loses a cancellation that comes with its result."""
    joined = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        @asynccontextmanager
        async def opening() -> AsyncIterator[Mapping[str, WorkerRunner]]:
            loop.call_soon(os.kill, os.getpid(), number)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield {"clerk": clerk}

        def join(_: Assignments) -> "asyncio.Future[GroupMember]":
            joined.append(clerk.statistics().stopping)
            never: asyncio.Future[GroupMember] = loop.create_future()
            never.set_exception(KafkaUnreachable(bootstrap="clerk", reason="gone"))
            return never

        clerk = runner(join)
        with pytest.raises(KafkaUnreachable):
            await run_runners(SETTINGS, opening())

    asyncio.run(scenario())
    assert joined == [True]


def test_a_cancellation_that_no_signal_asked_for_goes_through() -> None:
    """It is somebody else's."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Mapping[str, WorkerRunner]]:
        await asyncio.Event().wait()
        yield {}

    async def scenario() -> None:
        running = asyncio.ensure_future(run_runners(SETTINGS, opening()))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()

    asyncio.run(scenario())


def test_the_first_failure_is_raised_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever reads the last line learns what began it, and nothing that failed goes unseen."""
    complaints: list[object] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        first, later = loop.create_future(), loop.create_future()
        first.set_exception(KafkaUnreachable(bootstrap="first", reason="gone"))
        late, early = runner(lambda _: later), runner(lambda _: first)

        async def fail_later() -> None:
            while not late.statistics().stopping:  # noqa: ASYNC110 - as all are behind the first
                await asyncio.sleep(0)
            later.set_exception(KafkaUnreachable(bootstrap="later", reason="gone, too"))

        @asynccontextmanager
        async def opening() -> AsyncIterator[Mapping[str, WorkerRunner]]:
            yield {"late": late, "early": early}

        failing = asyncio.ensure_future(fail_later())
        with pytest.raises(KafkaUnreachable, match="first"):
            await run_runners(SETTINGS, opening())
        await failing

    with caplog.at_level(logging.ERROR, logger="penstock.worker"):
        asyncio.run(scenario())
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "worker late failed, too"
    ]
    assert complaints == []
