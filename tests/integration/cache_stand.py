"""A shop whose prices are cached, as several processes of it would do it.

A `Branch` stands for a process: it has a handle and connections of its own. An `Origin` is what
they load from; it counts, and can be held up. What lies in Redis is looked at and changed past the
cache.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import redis as redis_py

from penstock.infra.cache import Cache, CachedFunction, CacheLimits, CacheStatistics
from penstock.infra.settings import Settings

__all__ = [
    "PATIENT",
    "Branch",
    "Origin",
    "Shop",
    "calls_of",
    "open_shop",
    "redis_client",
    "settings_for",
]

NAME = "prices"
TTL_S = 60.0
PATIENT = CacheLimits(call_timeout_s=5.0)
"""So that a machine that is busy with other tests is not taken for an outage."""


@dataclass
class Origin:
    """The owner of all prices."""

    version: int = 1
    """Which prices are valid."""
    loads: int = 0
    """How many times it was asked."""
    turns: int = 0
    """Of the event loop, that an answer takes at least."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it answers at once; set at the beginning."""

    def __post_init__(self) -> None:
        """Answer."""
        self.may_answer.set()

    async def price_of(self, sku: str) -> str:
        """Say what is valid when the question comes."""
        self.loads += 1
        answer = f"{sku} {self.version}"
        for _ in range(self.turns):
            await asyncio.sleep(0)
        await self.may_answer.wait()
        return answer


class Branch:
    """One process of the shop."""

    def __init__(self, origin: Origin, limits: CacheLimits) -> None:
        """Declare its cache."""
        self.cache = Cache(NAME, ttl_s=TTL_S, limits=limits)

        @self.cache.cached(key="{sku}")
        async def price_of(sku: str) -> str:
            return await origin.price_of(sku)

        self.price_of: CachedFunction[[str], str] = price_of

    @property
    def told(self) -> CacheStatistics:
        """Its statistics."""
        return self.cache.statistics()

    def asking(self, count: int, sku: str = "lamp") -> list[asyncio.Task[str]]:
        """So many callers at once."""
        return [asyncio.ensure_future(self.price_of(sku)) for _ in range(count)]


@dataclass
class Shop:
    """An app with some branches."""

    url: str
    """Of Redis."""
    settings: Settings
    """Its name, that no other test has, among them."""
    origin: Origin
    """Where all load from."""
    branches: list[Branch]
    """Its processes."""
    redis: redis_py.Redis
    """A client that knows nothing of caches."""

    def value_key(self, sku: str = "lamp") -> str:
        """Where a price lies."""
        return f"penstock:{self.settings.app}:cache:{NAME}:{sku}"

    def lock_key(self, sku: str = "lamp") -> str:
        """Where its lock lies."""
        return f"penstock:{self.settings.app}:cache-lock:{NAME}:{sku}"


@asynccontextmanager
async def open_shop(
    url: str, unique: Callable[[str], str], *, branches: int = 1, limits: CacheLimits = PATIENT
) -> AsyncIterator[Shop]:
    """Open all branches of a new shop."""
    origin, settings = Origin(), settings_for(url, unique)
    async with AsyncExitStack() as closing:
        made = [Branch(origin, limits) for _ in range(branches)]
        for branch in made:
            await closing.enter_async_context(branch.cache.open(settings))
        client = closing.enter_context(redis_client(url))
        yield Shop(url, settings, origin, made, client)


def settings_for(redis: str, unique: Callable[[str], str]) -> Settings:
    """Settings of an app that no other test has."""
    return Settings.model_validate(
        {"app": unique("shop"), "kafka": "localhost:9092", "redis": redis}
    )


def redis_client(url: str) -> redis_py.Redis:
    """A client past the code under test."""
    return redis_py.Redis.from_url(url, protocol=2, socket_timeout=10)


def calls_of(client: redis_py.Redis) -> dict[str, int]:
    """How many times each command was called since the server began, INFO left out."""
    told = client.info("commandstats")
    assert isinstance(told, dict)
    calls = {name.removeprefix("cmdstat_"): counts["calls"] for name, counts in told.items()}
    return {name: count for name, count in calls.items() if name != "info"}
