"""Hits of a cached function, against one GET per call by redis-py and, if it is there, cashews.

Each side reads a thousand keys in turn, with 1 caller and with 50 at a time. redis-py returns bytes
and nothing else; a hit also makes the key, minds the time limit, and checks and decodes the value.
cashews, with its own defaults (pickle), is no dependency: `pip install cashews` beside it.
"""

import asyncio
import importlib
import importlib.util
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import redis.asyncio as redis_py

from benchmarks.rig import ROUNDS, Rounds, Stopwatch
from penstock.infra.cache import Cache
from penstock.infra.settings import Settings
from penstock.infra.testing import redis_source

CALLS = int(os.environ.get("BENCHMARK_CALLS", "10000"))
"""Calls of one round."""
KEYS = 1_000
CALLERS = (1, 50)

OURS, REDIS_PY, CASHEWS = "penstock cached function", "redis-py GET", "cashews cached function"

Call = Callable[[int], Awaitable[Any]]

prices = Cache("prices", ttl_s=3600)


@prices.cached(key="{sku}")
async def price_of(sku: str) -> Decimal:
    """Say what it costs."""
    return Decimal(len(sku))


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis: a given one, else one of our own."""
    given = redis_source.given_redis()
    if given is not None:
        yield given
        return
    with redis_source.own_redis() as server:
        yield server.url


async def timed(call: Call, callers: int) -> tuple[float, float]:
    """Make all calls, so many at a time.

    Returns:
        Seconds by the clock, and seconds of this process's CPU.
    """
    numbers = iter(range(CALLS))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    watch, cpu_s = Stopwatch(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return watch.seconds, time.process_time() - cpu_s


async def measure(rates: Rounds, cpu: dict[str, list[float]], sides: dict[str, Call]) -> None:
    """All sides in turn, round after round."""
    for call in sides.values():
        await timed(call, max(CALLERS))  # fills the cache
    for _ in range(ROUNDS):
        for callers in CALLERS:
            for side, call in sides.items():
                name = f"{side}, {callers} caller{'s' * (callers > 1)}"
                seconds, cpu_s = await timed(call, callers)
                await rates.measure(name, CALLS, _returning(seconds))
                cpu.setdefault(name, []).append(cpu_s / CALLS * 1e6)


def _returning(seconds: float) -> Callable[[], Coroutine[Any, Any, float]]:
    async def run() -> float:
        return seconds

    return run


def cashews_call(url: str, app: str) -> Call | None:
    """A hit by cashews; None where it is not installed."""
    if importlib.util.find_spec("cashews") is None:
        return None
    cache = importlib.import_module("cashews").Cache()
    cache.setup(f"{url}/0", client_side=False)

    async def price(sku: str) -> Decimal:
        return Decimal(len(sku))

    cached = cache(ttl=3600, key=f"{app}:{{sku}}")(price)
    return lambda number: cached(f"sku-{number % KEYS}")


async def run(url: str) -> None:
    """All sides, then the tables."""
    app = f"bench-{uuid.uuid4().hex[:8]}"
    settings = Settings.model_validate({"app": app, "kafka": "localhost:9092", "redis": url})
    client = redis_py.Redis.from_url(url)
    sides: dict[str, Call] = {
        OURS: lambda number: price_of(f"sku-{number % KEYS}"),
        REDIS_PY: lambda number: client.get(f"penstock:{app}:cache:prices:sku-{number % KEYS}"),
    }
    theirs = cashews_call(url, app)
    if theirs is not None:
        sides[CASHEWS] = theirs
    rates, cpu = Rounds("hits/s"), dict[str, list[float]]()
    async with prices.open(settings), client:
        await measure(rates, cpu, sides)
        told = prices.statistics()
        assert told.loads == KEYS, "all but the first calls were to be hits"
    rates.print()
    print(f"{'side':34} {'least':>10}  CPU µs/hit")
    for name, spent in cpu.items():
        print(f"{name:34} {min(spent):10.1f}")
    for callers, words in zip(CALLERS, ("1 caller", "50 callers"), strict=True):
        name = f"cache_hits_{callers}_caller{'s' * (callers > 1)}"
        rates.ratio(f"{name}_vs_redis_py", f"{OURS}, {words}", f"{REDIS_PY}, {words}")
        if theirs is not None:
            rates.ratio(f"{name}_vs_cashews", f"{OURS}, {words}", f"{CASHEWS}, {words}")


if __name__ == "__main__":
    with redis() as found:
        asyncio.run(run(found))
