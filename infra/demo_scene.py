"""What stands around the demo's sagas: who is registered, what was counted, what the cache saved.

    registry   a reader that looks on from outside, and sees who is killed leave
    counters   a reader of its own, which must come to the sum that the sagas' ends make
    cache      what the payments service says of its prices when it ends

None of it decides about an order. Redis may be missing; then the demo goes on without registry and
cache, and says so.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, final

from penstock.examples.orders.reporting import counted
from penstock.infra.counter_build import read_counters
from penstock.infra.parts import Parts
from penstock.infra.registry.changes import Joined, Left
from penstock.infra.registry.opening import open_registry
from penstock.infra.registry.registry import Registry
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.settings import Settings
from penstock.workers.topics import counters_topic

__all__ = ["Lookout", "cache_words", "look_out", "open_counters", "wait_for_counts"]

_CACHE_WORDS: Final = re.compile(r"the cache prices is closed: (.+)")


@final
class Lookout:
    """One who watches the registry while others are killed."""

    def __init__(self, registry: Registry, service: str) -> None:
        """Watch a service; see `look_out`."""
        self._registry = registry
        self._service = service
        self._present: dict[str, None] = {}
        self._victims: frozenset[str] = frozenset()
        self._killed_s: float | None = None
        self._gone_s: float | None = None

    async def census(self) -> str:
        """Say how many instances of each service take work."""
        survey = await self._registry.survey()
        return ", ".join(f"{each.service} {len(each.instances)}" for each in survey.found)

    def mark_kill(self) -> None:
        """Take note that all that are present now are being killed."""
        self._victims, self._killed_s = frozenset(self._present), time.monotonic()

    def verdict(self) -> str:
        """Say when the killed one was out of the registry."""
        if self._killed_s is None or not self._victims:
            return f"{self._service} was not registered when it was killed"
        if self._gone_s is None:
            return f"the killed {self._service} is still there"
        after_s = self._gone_s - self._killed_s
        return f"the killed {self._service} was out of it {after_s:.1f} s after the kill"

    async def watch(self) -> None:
        """Follow the changes of the service; never ends."""
        async for change in self._registry.watch(self._service):
            if isinstance(change, Joined):
                self._present[change.instance.id] = None
            if isinstance(change, Left):
                self._present.pop(change.instance.id, None)
                if change.instance.id in self._victims:
                    self._gone_s = time.monotonic()


@asynccontextmanager
async def look_out(settings: Settings, service: str) -> AsyncIterator[Lookout | None]:
    """Watch a service in the registry for the time of a block; None where there is no Redis."""
    if settings.redis is None:
        yield None
        return
    async with open_registry(settings) as registry:
        lookout = Lookout(registry, service)
        watching = asyncio.ensure_future(lookout.watch())
        try:
            yield lookout
        finally:
            watching.cancel()
            await asyncio.wait({watching})


@asynccontextmanager
async def open_counters(parts: Parts) -> AsyncIterator[CounterReader]:
    """Read what the reporting service counts."""
    topic = counters_topic(parts.settings.app, counted.name)
    async with read_counters(parts, counted.name, topic, counted.kind) as reader:
        yield reader


async def wait_for_counts(
    reader: CounterReader, expected: Mapping[str, int], *, limit_s: float
) -> Mapping[str, int]:
    """Return the counters once they show what is expected, or as they are at the limit."""
    with suppress(TimeoutError):  # whoever asked compares what is returned
        async with asyncio.timeout(limit_s):
            changes = reader.changes()
            while reader.values() != expected:
                await anext(changes)
    return reader.values()


def cache_words(log: str) -> str | None:
    """Find what the payments service said of its cache when it ended; None where it did not."""
    said = _CACHE_WORDS.findall(log)
    return said[-1] if said else None
