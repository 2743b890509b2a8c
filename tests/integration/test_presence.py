"""Runners of a process in a real registry: they come, drain and go."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from penstock.events.log import Partition
from penstock.infra.clock import SystemClock
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.registry.changes import Change
from penstock.infra.registry.instance import Instance
from penstock.infra.registry.opening import open_registry
from penstock.infra.runner_process import run_runners
from penstock.infra.settings import Settings
from penstock.workers.runner import RunnerLimits, WorkerRunner

LIMIT_S = 30.0


class Member:
    """A member of a group that nothing is given to."""

    async def poll(self, *, timeout_s: float, max_records: int) -> dict[Partition, Sequence[Any]]:
        """Return nothing, at once."""
        assert timeout_s > 0
        assert max_records > 0
        await asyncio.sleep(0)
        return {}

    def missing(self) -> list[str]:
        """No topic is."""
        return []


class Runners:
    """Two runners, whose ends can be held open and which can fail, when they may."""

    def __init__(self) -> None:
        """Make them; they may leave their groups when `may_leave` is set."""
        self.may_leave = asyncio.Event()
        self.fails = False

    def _runner(self) -> WorkerRunner:
        async def join(_: object) -> Any:
            if self.fails:
                await self.may_leave.wait()
                raise KafkaUnreachable(bootstrap="nowhere", reason="it is a test")
            return Member()

        async def leave() -> None:
            await self.may_leave.wait()

        return WorkerRunner(
            contexts=lambda _: {},
            join=join,
            leave=leave,
            clock=SystemClock(),
            limits=RunnerLimits(),
        )

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Mapping[str, WorkerRunner]]:
        """Open them."""
        yield {"orders": self._runner(), "saga-order": self._runner()}


@pytest.fixture
def settings(redis: str, unique: Callable[[str], str]) -> Settings:
    """Settings of an app of its own."""
    values: dict[str, Any] = {"redis": redis, "progress_file": "off"}
    return Settings(app=unique("app"), kafka="127.0.0.1:1", **values)


async def soon(waited: Any) -> Any:
    """Wait, but not for ever."""
    return await asyncio.wait_for(waited, LIMIT_S)


def shown(change: Change) -> tuple[str, str]:
    """What a change says."""
    return type(change).__name__, change.instance.status.value


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_comes_drains_and_goes(settings: Settings, number: int) -> None:
    """Draining from the signal on, and gone only when the runner has ended."""

    async def scenario() -> None:
        runners = Runners()
        async with open_registry(settings) as registry:
            running = asyncio.ensure_future(run_runners(settings, runners.opening()))
            watches = {name: registry.watch(name) for name in ("orders", "saga-order")}
            instances: dict[str, Instance] = {}
            for name, watch in watches.items():
                joined = await soon(anext(watch))
                assert shown(joined) == ("Joined", "up")
                instances[name] = joined.instance
            os.kill(os.getpid(), number)
            for watch in watches.values():
                assert shown(await soon(anext(watch))) == ("Changed", "draining")
            assert (await registry.discover("orders")).instances == ()
            assert not running.done()
            runners.may_leave.set()
            for watch in watches.values():
                assert shown(await soon(anext(watch))) == ("Left", "draining")
            await soon(running)
        assert {each.pid for each in instances.values()} == {os.getpid()}
        kinds = {name: each.metadata["kind"] for name, each in instances.items()}
        assert kinds == {"orders": "worker", "saga-order": "saga"}
        assert instances["orders"].metadata["app"] == settings.app
        assert instances["orders"].id != instances["saga-order"].id

    asyncio.run(scenario())


def test_a_process_that_fails_is_gone(settings: Settings) -> None:
    """What it raised is raised, and the registry names nobody of those whom it had."""

    async def scenario() -> None:
        runners = Runners()
        runners.fails = True
        async with open_registry(settings) as registry:
            running = asyncio.ensure_future(run_runners(settings, runners.opening()))
            for name in ("orders", "saga-order"):
                assert shown(await soon(anext(registry.watch(name)))) == ("Joined", "up")
            runners.may_leave.set()
            with pytest.raises(KafkaUnreachable):
                await soon(running)
            for name in ("orders", "saga-order"):
                found = await registry.discover(name)
                assert (found.instances, found.draining) == ((), ())

    asyncio.run(scenario())
