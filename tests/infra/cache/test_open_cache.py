"""Reads of a cache that has no Redis: what one process does by itself."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.infra.cache.errors import LoadNotFinished
from penstock.infra.cache.limits import CacheLimits
from penstock.infra.cache.open_cache import ABSENT, OpenCache
from penstock.infra.cache.place import Places
from penstock.infra.cache.plain_values import plain_format
from penstock.infra.cache.statistics import Tally
from penstock.infra.cache.typed_values import typed_format
from penstock.infra.clock import SeededEntropy
from penstock.infra.virtual_clock import VirtualClock

FORM = plain_format("prices", limit_bytes=1000)


class Bench:
    """A cache without Redis, and a loader that waits for a word."""

    def __init__(self, **limits: Any) -> None:
        """Open it."""
        self.tally = Tally()
        self.cache = OpenCache(
            name="prices",
            places=Places("shop", "prices"),
            store=None,
            clock=VirtualClock(),
            entropy=SeededEntropy(1),
            limits=CacheLimits(**limits),
            tally=self.tally,
        )
        self.words: list[asyncio.Future[Any]] = []

    async def load(self) -> Any:
        """Wait for the next word."""
        word: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.words.append(word)
        return await word

    def reading(self, count: int, key: str = "lamp") -> list[asyncio.Task[Any]]:
        """So many readers at once."""
        return [
            asyncio.ensure_future(self.cache.fetch(key, FORM, self.load, 60.0))
            for _ in range(count)
        ]


async def turns() -> None:
    """Let everything that is ready run."""
    for _ in range(8):
        await asyncio.sleep(0)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario."""
    asyncio.run(scenario())


def test_readers_at_a_time_share_one_load() -> None:
    """Each of them is a miss, and all but one were shared."""

    async def scenario() -> None:
        bench = Bench()
        readers = bench.reading(50)
        await turns()
        bench.words[0].set_result(39)
        assert await asyncio.gather(*readers) == [39] * 50
        assert (bench.tally.loads, bench.tally.misses, bench.tally.shared) == (1, 50, 49)
        assert bench.tally.hits == 0

    play(scenario)


def test_what_readers_share_cannot_be_changed_by_one_of_them() -> None:
    """Fifty lists, not one."""

    async def scenario() -> None:
        bench = Bench()
        readers = bench.reading(3)
        await turns()
        bench.words[0].set_result(["39.90"])
        lists = await asyncio.gather(*readers)
        lists[0].append("more")
        assert lists == [["39.90", "more"], ["39.90"], ["39.90"]]

    play(scenario)


def test_nothing_is_kept_without_redis() -> None:
    """The next reader loads again; and nothing is found, set or not."""

    async def scenario() -> None:
        bench = Bench()
        for number in (1, 2):
            (reader,) = bench.reading(1)
            await turns()
            bench.words[-1].set_result(number)
            assert await reader == number
        await bench.cache.put("lamp", FORM, 3, 60.0)
        assert await bench.cache.find("lamp", FORM) is ABSENT
        assert bench.tally.not_kept == 2

    play(scenario)


@pytest.mark.parametrize("change", ["put", "drop"])
def test_after_a_change_nobody_joins_an_older_load(change: str) -> None:
    """What it brings may be older than the change."""

    async def scenario() -> None:
        bench = Bench()
        (early,) = bench.reading(1)
        await turns()
        if change == "put":
            await bench.cache.put("lamp", FORM, "new", 60.0)
        else:
            await bench.cache.drop("lamp")
        (late,) = bench.reading(1)
        await turns()
        bench.words[0].set_result("old")
        bench.words[1].set_result("new")
        assert (await early, await late) == ("old", "new")

    play(scenario)


def test_a_load_is_not_shared_with_another_format() -> None:
    """The same key means another value there."""

    async def scenario() -> None:
        bench = Bench()
        other = typed_format("prices", "f", "{sku}", int, limit_bytes=1000)
        (one,) = bench.reading(1)
        two = asyncio.ensure_future(bench.cache.fetch("lamp", other, bench.load, 60.0))
        await turns()
        bench.words[0].set_result("text")
        bench.words[1].set_result(5)
        assert (await one, await two) == ("text", 5)

    play(scenario)


def test_a_loader_that_hangs_is_ended() -> None:
    """All who wait are told why; the next load begins anew."""

    async def scenario() -> None:
        bench = Bench(load_timeout_s=0.01)
        ends = await asyncio.gather(*bench.reading(3), return_exceptions=True)
        assert [type(end) for end in ends] == [LoadNotFinished] * 3
        assert "longer than 0.01 s" in str(ends[0])
        assert bench.words[0].cancelled()
        assert (bench.tally.loads, bench.tally.load_failures) == (1, 1)

    play(scenario)


def test_a_loaders_own_timeout_is_its_own_error() -> None:
    """Not to be mistaken for the cache's limit."""

    async def scenario() -> None:
        bench = Bench()
        (reader,) = bench.reading(1)
        await turns()
        bench.words[0].set_exception(TimeoutError("the database"))
        with pytest.raises(TimeoutError, match="the database"):
            await reader

    play(scenario)


def test_a_cancellation_inside_the_loader_is_an_error_for_its_readers() -> None:
    """They did not ask to be cancelled."""

    async def scenario() -> None:
        bench = Bench()
        readers = bench.reading(2)
        await turns()
        bench.words[0].cancel()
        for end in await asyncio.gather(*readers, return_exceptions=True):
            assert isinstance(end, LoadNotFinished)

    play(scenario)


def test_closing_ends_a_load() -> None:
    """Its loader is cancelled, and its readers are told."""

    async def scenario() -> None:
        bench = Bench()
        (reader,) = bench.reading(1)
        await turns()
        await bench.cache.close()
        with pytest.raises(LoadNotFinished, match="closed"):
            await reader
        assert bench.words[0].cancelled()

    play(scenario)


def test_a_storm_of_cancellations_leaves_nothing_behind() -> None:
    """Of a thousand readers all but one go; that one gets the value, from one load."""

    async def scenario() -> None:
        bench = Bench()
        readers = bench.reading(1000)
        await turns()
        for reader in readers[:-1]:
            reader.cancel()
        await turns()
        bench.words[0].set_result(39)
        assert await readers[-1] == 39
        assert all(reader.cancelled() for reader in readers[:-1])
        assert (len(bench.words), bench.cache.loading, bench.cache.waiting) == (1, 0, 0)

    play(scenario)
