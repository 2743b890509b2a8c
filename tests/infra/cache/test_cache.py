"""What a user declares and calls, as far as it needs no Redis."""

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from penstock.infra.cache import (
    BadCache,
    Cache,
    CacheChangeFailed,
    CacheLimits,
    CacheNotOpen,
    NotCacheable,
)
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.settings import Settings
from tests.infra.environment import only

ALONE = Settings(app="shop", kafka="localhost:9092")


def settings_for(url: str) -> Settings:
    """Settings with a Redis."""
    return Settings.model_validate({"app": "shop", "kafka": "localhost:9092", "redis": url})


def test_a_cache_that_is_not_open_says_how_to_open_it() -> None:
    """Before, and after."""
    cache = Cache("prices", ttl_s=60)

    @cache.cached(key="{sku}")
    async def price_of(sku: str) -> int:
        return len(sku)

    async def scenario() -> None:
        for use in (
            lambda: price_of("lamp"),
            lambda: price_of.invalidate("lamp"),
            lambda: cache.get("lamp"),
            lambda: cache.set("lamp", 1),
            lambda: cache.delete("lamp"),
            lambda: cache.get_or_set("lamp", lambda: price_of("lamp")),
        ):
            with pytest.raises(CacheNotOpen, match="lifespan="):
                await use()

    asyncio.run(scenario())

    async def opened() -> None:
        async with cache.open(ALONE):
            assert await price_of("lamp") == 4

    asyncio.run(opened())
    asyncio.run(scenario())


def test_a_cache_is_open_once() -> None:
    """Twice at a time is a mistake; again after its end is none."""
    cache = Cache("prices", ttl_s=60)

    async def scenario() -> None:
        async with cache.open(ALONE):
            with pytest.raises(BadCache, match="open already"):
                async with cache.open(ALONE):
                    raise AssertionError
        async with cache.open(ALONE):
            assert await cache.get("lamp") is None

        async def hold() -> None:
            async with cache.open(ALONE):
                await asyncio.sleep(0)

        ends = await asyncio.gather(hold(), hold(), return_exceptions=True)
        assert [type(end) for end in ends] == [type(None), BadCache]

    asyncio.run(scenario())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere, when none are given."""
    only(monkeypatch, APP="shop", KAFKA="localhost:9092")
    cache = Cache("prices", ttl_s=60)

    async def scenario() -> None:
        async with cache.open():
            assert await cache.get("lamp", "none") == "none"

    asyncio.run(scenario())


def test_without_redis_every_read_loads_and_this_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the opening, as a warning."""
    cache = Cache("prices", ttl_s=60)
    calls = []

    @cache.cached(key="{sku}")
    async def price_of(sku: str) -> Decimal:
        calls.append(sku)
        return Decimal(len(calls))

    async def scenario() -> None:
        async with cache.open(ALONE):
            assert [await price_of("lamp") for _ in range(3)] == [1, 2, 3]
            await cache.set("lamp", 1)
            await cache.delete("lamp")
            await price_of.invalidate("lamp")

    with caplog.at_level(logging.INFO, "penstock.cache"):
        asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "PENSTOCK_REDIS is not set" in caplog.text
    assert "the cache prices is closed: 0 hits, 3 misses, 3 loads" in caplog.text


def test_a_redis_that_is_away_costs_a_read_nothing_but_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The loader is asked; it is said once; and a change says that it did not happen."""
    cache = Cache("prices", ttl_s=60, limits=CacheLimits(rest_s=60, longest_rest_s=60))

    async def load() -> int:
        return 5

    async def scenario(url: str) -> None:
        async with cache.open(settings_for(url)):
            assert [await cache.get_or_set(f"k{n}", load) for n in range(20)] == [5] * 20
            assert await cache.get("k") is None
            with pytest.raises(CacheChangeFailed) as failed:
                await cache.delete("k")
            assert not failed.value.may_have_happened
            assert failed.value.change == "delete"
            with pytest.raises(CacheChangeFailed):
                await cache.set("k", 1)
            told = cache.statistics()
            assert (told.loads, told.misses, told.rests, told.resting) == (20, 21, 1, True)
            assert told.errors == 3

    with LoopbackPort() as port, caplog.at_level(logging.INFO, "penstock.cache"):
        asyncio.run(scenario(f"redis://{port.address}"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "does without Redis" in caplog.text


def test_a_cached_function_looks_like_the_function() -> None:
    """Its name, its words, and itself as `__wrapped__`."""
    cache = Cache("prices", ttl_s=60)

    @cache.cached(key="{sku}")
    async def price_of(sku: str) -> int:
        """Say what it costs."""
        return len(sku)

    assert price_of.__name__ == "price_of"
    assert price_of.__doc__ == "Say what it costs."
    assert asyncio.run(price_of.__wrapped__("lamp")) == 4


EARLY = Cache("early", ttl_s=60)


@EARLY.cached(key="{sku}")
async def early(sku: str) -> "Below":
    """Return what is declared further down."""
    return Below(sku=sku)


class Below(BaseModel):
    sku: str


def test_a_class_may_stand_below_the_function() -> None:
    """It is looked for at the first use."""

    async def scenario() -> None:
        async with EARLY.open(ALONE):
            assert await early("lamp") == Below(sku="lamp")

    asyncio.run(scenario())


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan")])
def test_times_are_checked_where_they_are_said(ttl_s: float) -> None:
    """At the declaration, at the decorator, and at the call."""
    with pytest.raises(BadCache):
        Cache("prices", ttl_s=ttl_s)
    cache = Cache("prices", ttl_s=60)
    with pytest.raises(BadCache):
        cache.cached(key="{sku}", ttl_s=ttl_s)

    async def scenario() -> None:
        async with cache.open(ALONE):
            with pytest.raises(BadCache):
                await cache.set("lamp", 1, ttl_s=ttl_s)

            async def load() -> int:
                return 5

            with pytest.raises(BadCache):
                await cache.get_or_set("lamp", load, ttl_s=ttl_s)

    asyncio.run(scenario())


def test_mistakes_are_refused_where_they_stand() -> None:
    """At import, with the name of the cache."""
    cache = Cache("prices", ttl_s=60)

    def blocking(sku: str) -> int:
        return len(sku)

    async def silent(sku: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - what is tested
        return len(sku)

    async def fine(sku: str) -> int:
        return len(sku)

    blocked: Any = blocking
    for function, key in ((blocked, "{sku}"), (silent, "{sku}"), (fine, "{shop}"), (fine, "")):
        with pytest.raises(BadCache, match="cache prices"):
            cache.cached(key=key)(function)
    with pytest.raises(BadCache):
        Cache("Prices", ttl_s=60)
    with pytest.raises(BadCache):
        Cache("prices", ttl_s=60, limits=CacheLimits(rest_s=0))


def test_a_value_of_no_plain_type_is_refused_by_set_and_given_out_by_a_load() -> None:
    """The caller of set can mend it; the reader can not."""
    cache = Cache("prices", ttl_s=60)

    async def load() -> object:
        return {1, 2}

    async def scenario() -> None:
        async with cache.open(ALONE):
            with pytest.raises(NotCacheable, match="type set"):
                await cache.set("lamp", {1, 2})
            assert await cache.get_or_set("lamp", load) == {1, 2}

    asyncio.run(scenario())


def test_a_cache_shows_itself() -> None:
    """By its name."""
    assert repr(Cache("prices", ttl_s=300)) == "Cache('prices', ttl_s=300)"
