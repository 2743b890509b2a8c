"""Processes that register, seen from outside: who is listed, and since when somebody is not."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.processes.owned_process import OwnedProcess
from penstock.infra.redis.opening import open_redis
from penstock.infra.registry.redis_directory import RedisDirectory
from penstock.infra.registry.registry import Registry
from penstock.schemas.errors import WorldError
from tests.faults import registering_process

__all__ = ["APP", "SERVICE", "Fleet", "Prober", "until"]

APP: Final = "shop"
SERVICE: Final = "orders"
LOOK_S: Final = 0.05
LIMIT_S: Final = 60.0


class Fleet:
    """Some processes that register as instances of `orders`."""

    def __init__(self, url: str, folder: Path, count: int, service: str = SERVICE) -> None:
        """Start them all at once."""
        self.logs = [folder / f"{service}-{number}.log" for number in range(count)]
        command = [sys.executable, registering_process.__file__, url, APP, service]
        self.processes = [OwnedProcess(command, output=log) for log in self.logs]
        self.by_pid = {process.pid: process for process in self.processes}

    @property
    def pids(self) -> set[int]:
        """Their ids."""
        return set(self.by_pid)

    def assert_alive(self) -> None:
        """No fault of the registry ends a process."""
        for process, log in zip(self.processes, self.logs, strict=True):
            assert process.running, log.read_text()

    def alarms(self, name: str) -> list[int]:
        """How often each process raised an alarm of that name."""
        return [log.read_text().count(f"alarm {name} ") for log in self.logs]

    def __enter__(self) -> Self:
        """They run already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
        for process in self.processes:
            process.kill()


class Prober:
    """Looks at `orders` again and again, in two ways: with a memory and without."""

    def __init__(self, directory: RedisDirectory, registry: Registry) -> None:
        """Know nobody yet."""
        self.directory = directory
        self.registry = registry
        self.listed: set[int] = set()
        """Process ids in the directory at the last look that was answered."""
        self.asked_s = 0.0
        """When that look was asked for."""
        self.looked_s = 0.0
        """When it was answered."""
        self.missing_since_s: dict[int, float] = {}
        """Since when somebody who was listed is not."""
        self.served: list[tuple[set[int], bool]] = []
        """What `discover` has given: process ids, and whether they were stale."""
        self.slowest_s = 0.0
        """The longest that `discover` took."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Prober"]:
        """Look for as long as a block lasts."""
        async with open_redis(url) as store:
            directory = RedisDirectory(store, APP, alarm=lambda _: None)
            registry = Registry(
                directory, clock=SystemClock(), entropy=SystemEntropy(), alarm=lambda _: None
            )
            prober = cls(directory, registry)
            tasks = [
                asyncio.ensure_future(prober.look_for_ever()),
                asyncio.ensure_future(prober.discover_for_ever()),
            ]
            try:
                yield prober
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            for task in tasks:
                assert task.cancelled(), task.exception()

    async def look_for_ever(self) -> None:
        """Look at what is there, believing nothing from before."""
        while True:
            asked_s = time.monotonic()
            try:
                found = await self.directory.look(SERVICE)
            except WorldError:
                await asyncio.sleep(LOOK_S)
                continue
            self.asked_s, self.looked_s = asked_s, time.monotonic()
            listed = {lease.instance.pid for lease in found.leases}
            for pid in self.listed - listed:
                self.missing_since_s.setdefault(pid, self.looked_s)
            for pid in listed:
                self.missing_since_s.pop(pid, None)
            self.listed = listed
            await asyncio.sleep(LOOK_S)

    async def discover_for_ever(self) -> None:
        """Ask as a user does, once there is something to find."""
        await until(lambda: bool(self.listed))
        while True:
            begin_s = time.monotonic()
            found = await self.registry.discover(SERVICE)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begin_s)
            self.served.append(({instance.pid for instance in found.instances}, found.stale))
            await asyncio.sleep(LOOK_S)

    def serves(self, pids: set[int]) -> bool:
        """Whether `discover` has given exactly these at last, and not as a stale list."""
        return bool(self.served) and self.served[-1] == (pids, False)

    async def all_listed(self, pids: set[int], *, since_s: float = 0.0) -> float:
        """Wait until exactly these are there.

        Args:
            pids: all of them.
            since_s: no look counts that was asked for earlier: it may say how it was before.

        Returns:
            The seconds from then until that was seen.
        """
        await until(lambda: self.listed == pids and self.asked_s >= since_s)
        return self.looked_s - since_s


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so; another process gives no sign."""

    async def look() -> None:
        while not is_so():  # noqa: ASYNC110 - what is waited for lies in another process
            await asyncio.sleep(LOOK_S / 2)

    waiting: Awaitable[None] = look()
    await asyncio.wait_for(waiting, LIMIT_S)
