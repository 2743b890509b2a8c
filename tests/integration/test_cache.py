"""A cache over a real Redis: what is kept, who loads, and what strangers can do."""

import asyncio
import logging
import os
import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from penstock.infra.cache import (
    Cache,
    CacheChangeFailed,
    CacheLimits,
    LoadNotFinished,
    NotCacheable,
)
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.testing.redis_server import RedisServer
from tests.integration.cache_stand import (
    PATIENT,
    Branch,
    Shop,
    calls_of,
    open_shop,
    redis_client,
    settings_for,
)
from tests.integration.reply_gate import Hold, reply_gate
from tests.integration.workbench import eventually, play

pytestmark = pytest.mark.timeout(90)

Unique = Callable[[str], str]
MakeRedis = Callable[..., RedisServer]

GIVING_UP_SOON = CacheLimits(load_timeout_s=0.2, call_timeout_s=0.5)
"""So that a lease is short, and a busy machine is not taken for an outage."""


# --- what is kept ------------------------------------------------------------------------------


def test_what_one_process_has_loaded_all_others_find(redis: str, unique: Unique) -> None:
    """One load for all of them, and the value ends by itself."""

    async def scenario() -> None:
        async with open_shop(redis, unique, branches=3) as shop:
            for branch in shop.branches:
                assert await branch.price_of("lamp") == "lamp 1"
            assert shop.origin.loads == 1
            assert [branch.told.hits for branch in shop.branches] == [0, 1, 1]
            left_ms = shop.redis.pttl(shop.value_key())
            assert 0 < left_ms <= 60_000
            assert not shop.redis.exists(shop.lock_key())

    play(scenario())


def test_values_that_came_together_do_not_end_together(redis: str, unique: Unique) -> None:
    """Up to a tenth of their time is taken off by chance, and none is kept longer than asked."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            await asyncio.gather(*(shop.branches[0].price_of(f"sku{n}") for n in range(30)))
            left_ms = [shop.redis.pttl(shop.value_key(f"sku{n}")) for n in range(30)]
            assert max(left_ms) - min(left_ms) > 1000  # of 6 000, by 30 draws
            assert max(left_ms) <= 60_000

    play(scenario())


def test_none_is_a_value(redis: str, unique: Unique) -> None:
    """What does not exist is asked for once, too."""
    cache, loads = Cache("prices", ttl_s=60, limits=PATIENT), []

    @cache.cached(key="{sku}")
    async def price_of(sku: str) -> Decimal | None:
        loads.append(sku)
        return None

    async def load_none() -> Decimal | None:
        loads.append("by hand")
        return None

    async def scenario() -> None:
        async with cache.open(settings_for(redis, unique)):
            assert [await price_of("ghost") for _ in range(3)] == [None] * 3
            for _ in range(3):
                assert await cache.get_or_set("other", load_none) is None
            assert await cache.get("other", "absent") is None
            assert await cache.get("nothing", "absent") == "absent"
        assert loads == ["ghost", "by hand"]

    play(scenario())


def test_types_are_kept(redis: str, unique: Unique) -> None:
    """By hand as by function: nothing is guessed from how it looks."""
    cache = Cache("prices", ttl_s=60, limits=PATIENT)
    values: list[Any] = [5, "5", True, 5.0, Decimal("5.00"), b"5", None, [5, "5"], {"5": 5}]

    async def scenario() -> None:
        async with cache.open(settings_for(redis, unique)):
            for number, value in enumerate(values):
                await cache.set(f"k{number}", value)
            back = [await cache.get(f"k{number}") for number in range(len(values))]
            assert back == values
            assert [type(each) for each in back] == [type(each) for each in values]

    play(scenario())


def test_a_hit_is_one_round_trip_and_nothing_else(own_redis: MakeRedis, unique: Unique) -> None:
    """No lock, no script: one command for each of a hundred hits."""

    async def scenario() -> None:
        async with open_shop(own_redis().url, unique) as shop:
            (branch,) = shop.branches
            await branch.price_of("lamp")
            before = calls_of(shop.redis)
            for _ in range(100):
                await branch.price_of("lamp")
            after = calls_of(shop.redis)
            assert {name: after[name] - before.get(name, 0) for name in after} == {
                **dict.fromkeys(after, 0),
                "getrange": 100,
            }

    play(scenario())


def test_an_error_is_not_kept_and_frees_the_way(redis: str, unique: Unique) -> None:
    """All who wait get it; whoever asks next, in whatever process, loads at once."""

    async def scenario() -> None:
        async with open_shop(redis, unique, branches=2) as shop:
            one, other = shop.branches
            failing = Failing()
            ends = await failing.ask(one.cache, 20)
            assert [str(end) for end in ends] == ["no price"] * 20
            assert failing.loads == 1
            assert not shop.redis.exists(shop.lock_key("x"))
            assert [str(end) for end in await failing.ask(other.cache, 1)] == ["no price"]
            assert failing.loads == 2
            assert (one.told.load_failures, other.told.lock_waits) == (1, 0)

    play(scenario())


class Failing:
    """A loader that raises."""

    def __init__(self) -> None:
        """Count from zero."""
        self.loads = 0

    async def load(self) -> int:
        """Raise, after a moment in which others come."""
        self.loads += 1
        await asyncio.sleep(0)
        raise ZeroDivisionError("no price")

    async def ask(self, cache: Cache, count: int) -> list[Any]:
        """Ask so many times at once, for the ends."""
        asked = (cache.get_or_set("x", self.load) for _ in range(count))
        return await asyncio.gather(*asked, return_exceptions=True)


# --- one loader across processes ----------------------------------------------------------------


def test_of_two_processes_one_loads_and_the_other_waits(redis: str, unique: Unique) -> None:
    """A hundred callers, one load."""

    async def scenario() -> None:
        async with open_shop(redis, unique, branches=2) as shop:
            one, other = shop.branches
            shop.origin.may_answer.clear()
            callers = one.asking(50)
            await eventually(lambda: shop.origin.loads == 1, what="the first load")
            callers += other.asking(50)
            await eventually(lambda: other.told.lock_waits == 1, what="the other to wait")
            shop.origin.may_answer.set()
            assert await asyncio.gather(*callers) == ["lamp 1"] * 100
            assert shop.origin.loads == 1
            assert (other.told.loads, other.told.found_late) == (0, 1)

    play(scenario())


def test_waiting_for_another_process_costs_few_commands(
    own_redis: MakeRedis, unique: Unique
) -> None:
    """One process looks for all its callers, and pauses longer and longer: see test_patience.py."""

    async def scenario() -> None:
        async with open_shop(own_redis().url, unique, branches=2) as shop:
            one, other = shop.branches
            shop.origin.may_answer.clear()
            callers = one.asking(1)
            await eventually(lambda: shop.origin.loads == 1, what="the first load")
            before = calls_of(shop.redis)

            def spent(command: str) -> int:
                return calls_of(shop.redis).get(command, 0) - before.get(command, 0)

            callers += other.asking(50)
            await eventually(lambda: spent("evalsha") >= 10, what="ten looks")
            shop.origin.may_answer.set()
            await asyncio.gather(*callers)
            assert spent("getrange") == 50
            # A look is one script. The last one finds the value; one more keeps it.
            assert spent("set") <= spent("evalsha") + 1
            assert (other.told.lock_waits, other.told.shared) == (1, 49)

    play(scenario())


def test_a_lock_whose_holder_is_gone_ends_by_itself(redis: str, unique: Unique) -> None:
    """After the lease the next one loads."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:  # whose patience is much longer
            (branch,) = shop.branches
            shop.redis.set(shop.lock_key(), b"somebody", px=600)
            assert await branch.price_of("lamp") == "lamp 1"
            assert (branch.told.lock_waits, branch.told.loads, branch.told.not_kept) == (1, 1, 0)
            assert not shop.redis.exists(shop.lock_key())

    play(scenario())


def test_who_waits_beyond_a_lease_loads_by_itself(redis: str, unique: Unique) -> None:
    """Locks that follow one another cannot hold it up for ever; what it loads is not kept."""

    async def scenario() -> None:
        async with open_shop(redis, unique, limits=GIVING_UP_SOON) as shop:
            (branch,) = shop.branches
            left_ms = int(GIVING_UP_SOON.lease_s * 1000)  # a lock that has longer is nobody's
            shop.redis.set(shop.lock_key(), b"somebody", px=left_ms)
            caller = branch.asking(1)[0]
            while not caller.done():
                shop.redis.set(shop.lock_key(), b"somebody", px=left_ms)
                await asyncio.sleep(0.02)
            assert await caller == "lamp 1"
            assert (branch.told.loads, branch.told.not_kept) == (1, 1)
            assert shop.redis.get(shop.lock_key()) == b"somebody"

    play(scenario())


@pytest.mark.parametrize("kind", ["no end", "too long", "list"])
def test_a_lock_that_nobody_of_ours_holds_is_taken(redis: str, unique: Unique, kind: str) -> None:
    """Else whoever can write to Redis could hold up each load of a key."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            (branch,) = shop.branches
            if kind == "list":
                shop.redis.rpush(shop.lock_key(), "x")
            else:
                shop.redis.set(shop.lock_key(), b"x", px=None if kind == "no end" else 10**9)
            assert await branch.price_of("lamp") == "lamp 1"
            assert await branch.price_of("lamp") == "lamp 1"
            assert (branch.told.lock_waits, branch.told.hits) == (0, 1)

    play(scenario())


@pytest.mark.parametrize("loss", ["deleted", "taken", "list"])
def test_who_has_lost_the_lock_keeps_nothing(redis: str, unique: Unique, loss: str) -> None:
    """As a process that was paused beyond its lease: others may have loaded something newer."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            (branch,) = shop.branches
            shop.origin.may_answer.clear()
            caller = branch.asking(1)[0]
            await eventually(lambda: shop.origin.loads == 1, what="the load")
            shop.redis.delete(shop.lock_key())
            if loss == "taken":
                shop.redis.set(shop.lock_key(), b"somebody else", px=60_000)
            if loss == "list":
                shop.redis.rpush(shop.lock_key(), "x")
            shop.origin.may_answer.set()
            assert await caller == "lamp 1"
            assert not shop.redis.exists(shop.value_key())
            assert shop.redis.exists(shop.lock_key()) == (loss != "deleted")
            assert branch.told.not_kept == 1

    play(scenario())


def test_a_load_that_all_have_left_is_kept_for_the_next(redis: str, unique: Unique) -> None:
    """Else a value that takes longer than its callers wait would never be there."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            (branch,) = shop.branches
            shop.origin.may_answer.clear()
            caller = branch.asking(1)[0]
            await eventually(lambda: shop.origin.loads == 1, what="the load")
            caller.cancel()
            await asyncio.wait([caller])
            shop.origin.may_answer.set()
            await eventually(partial(is_idle, branch), what="the load to end")
            assert await branch.price_of("lamp") == "lamp 1"
            assert (shop.origin.loads, branch.told.hits) == (1, 1)

    play(scenario())


def test_closing_during_a_load_lets_go_of_the_lock(redis: str, unique: Unique) -> None:
    """So no other process waits for one that has ended in order."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            cache, begun = Cache("prices", ttl_s=60, limits=PATIENT), asyncio.Event()

            async def hang() -> int:
                begun.set()
                never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                return await never

            async with cache.open(shop.settings):
                caller = asyncio.ensure_future(cache.get_or_set("lamp", hang))
                await begun.wait()
                assert shop.redis.exists(shop.lock_key())
            with pytest.raises(LoadNotFinished, match="closed"):
                await caller
            assert not shop.redis.exists(shop.lock_key())
            assert await shop.branches[0].price_of("lamp") == "lamp 1"
            assert shop.branches[0].told.lock_waits == 0

    play(scenario())


# --- changes -------------------------------------------------------------------------------------


def test_after_a_delete_everybody_loads_anew(redis: str, unique: Unique) -> None:
    """By the function or by the key, which the template makes."""

    async def scenario() -> None:
        async with open_shop(redis, unique, branches=2) as shop:
            one, other = shop.branches

            async def invalidate() -> None:
                await one.price_of.invalidate("lamp")

            async def delete_key() -> None:
                await other.cache.delete("lamp")

            for version, delete in ((2, invalidate), (3, delete_key)):
                await one.price_of("lamp")
                shop.origin.version = version
                await delete()
                assert await other.price_of("lamp") == f"lamp {version}"
                assert await one.price_of("lamp") == f"lamp {version}"

    play(scenario())


@pytest.mark.parametrize("by", [0, 1], ids=["the loading process", "another process"])
def test_a_load_that_began_before_a_delete_is_not_kept(redis: str, unique: Unique, by: int) -> None:
    """It may have seen the old state; its value only goes to those who waited for it."""

    async def scenario() -> None:
        async with open_shop(redis, unique, branches=2) as shop:
            one, deleting = shop.branches[0], shop.branches[by]
            shop.origin.may_answer.clear()
            early = one.asking(1)[0]
            await eventually(lambda: shop.origin.loads == 1, what="the old load")
            shop.origin.version = 2
            await deleting.price_of.invalidate("lamp")
            late = deleting.asking(1)[0]
            await eventually(lambda: shop.origin.loads == 2, what="the new load")
            shop.origin.may_answer.set()
            assert (await early, await late) == ("lamp 1", "lamp 2")
            for branch in shop.branches:
                assert await branch.price_of("lamp") == "lamp 2"

    play(scenario())


def test_a_load_that_began_before_a_set_does_not_overwrite_it(redis: str, unique: Unique) -> None:
    """What was set is newer than what was loaded."""
    one, other = (Cache("prices", ttl_s=60, limits=PATIENT) for _ in range(2))
    go, begun = asyncio.Event(), asyncio.Event()

    async def load() -> str:
        begun.set()
        await go.wait()
        return "old"

    async def scenario() -> None:
        settings = settings_for(redis, unique)
        async with one.open(settings), other.open(settings):
            early = asyncio.ensure_future(one.get_or_set("lamp", load))
            await begun.wait()
            await other.set("lamp", "new")
            go.set()
            assert await early == "old"
            assert await one.get("lamp") == await other.get("lamp") == "new"
            assert await one.get_or_set("lamp", load) == "new"

    play(scenario())


def test_a_value_that_cannot_be_kept_goes_to_its_callers(
    redis: str, unique: Unique, caplog: pytest.LogCaptureFixture
) -> None:
    """A read does not fail because of the cache; it is said once, and the lock is let go of."""
    limits = replace(PATIENT, value_bytes=100)
    cache, loads = Cache("prices", ttl_s=60, limits=limits), []

    async def load() -> str:
        loads.append(1)
        return "x" * 200

    async def scenario() -> None:
        async with cache.open(settings_for(redis, unique)):
            for _ in range(3):
                assert await cache.get_or_set("lamp", load) == "x" * 200
            with pytest.raises(NotCacheable, match="more than 100"):
                await cache.set("lamp", "x" * 200)
            told = cache.statistics()
            assert (told.not_kept, told.errors, told.lock_waits) == (3, 3, 0)

    with caplog.at_level(logging.WARNING, "penstock.cache"):
        play(scenario())
    assert len(loads) == 3
    assert [record.getMessage().split()[0] for record in caplog.records] == ["PEN-I90"]


# --- strangers -----------------------------------------------------------------------------------


class Planted:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Name the folder."""
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle to make it."""
        return os.mkdir, (str(self.path),)


def strange(kind: str, good: bytes, folder: Path) -> Any:
    """Something that no cache has written under the key of a price.

    Args:
        kind: see STRANGE.
        good: a value as it lies under another key.
        folder: where a pickle would make another one.
    """
    planted = pickle.dumps(Planted(folder / "planted"))
    return {
        "garbage": random.Random(1).randbytes(100),
        "digits": b"5",
        "pickle": planted,
        "framed pickle": good[:9] + planted,
        "cut": good[:-1],
        "another key's": good,
        "too long": b"\x01" * 2_000_000,
        "deep": good[:9] + b"[" * 500_000,
        "list": [good],
        "hash": {"value": good},
    }[kind]


STRANGE = (
    "garbage",
    "digits",
    "pickle",
    "framed pickle",
    "cut",
    "another key's",
    "too long",
    "deep",
    "list",
    "hash",
)


def plant(shop: Shop, kind: str, folder: Path) -> None:
    """Write it, past the cache."""
    key, good = shop.value_key(), shop.redis.get(shop.value_key("desk"))
    assert isinstance(good, bytes)
    match strange(kind, good, folder):
        case bytes() as text:
            shop.redis.set(key, text)
        case list() as members:
            shop.redis.rpush(key, *members)
        case fields:
            shop.redis.hset(key, mapping=fields)


@pytest.mark.parametrize("kind", STRANGE)
def test_what_a_stranger_has_written_is_never_believed(
    redis: str, unique: Unique, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a miss: counted, said once, overwritten by the next load, with an end again."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            (branch,) = shop.branches
            await branch.price_of("desk")
            plant(shop, kind, tmp_path)
            ends = await asyncio.gather(*branch.asking(20))
            assert ends == ["lamp 1"] * 20
            assert shop.origin.loads == 2
            assert (branch.told.errors > 0, branch.told.rests) == (True, 0)
            assert await branch.price_of("lamp") == "lamp 1"
            assert (shop.origin.loads, branch.told.hits) == (2, 1)
            assert 0 < shop.redis.pttl(shop.value_key()) <= 60_000

    with caplog.at_level(logging.WARNING, "penstock.cache"):
        play(scenario())
    assert [record.getMessage().split()[0] for record in caplog.records] == ["PEN-I89"]
    assert "lamp" not in caplog.text
    assert not list(tmp_path.iterdir())


def test_two_functions_under_one_key_never_read_each_others_values(
    redis: str, unique: Unique
) -> None:
    """They load again and again, which statistics show; a wrong value is never given."""
    cache = Cache("prices", ttl_s=60, limits=PATIENT)

    @cache.cached(key="{sku}")
    async def price_of(sku: str) -> Decimal:
        return Decimal(len(sku))

    @cache.cached(key="{sku}")
    async def cost_of(sku: str) -> Decimal:
        return Decimal(-len(sku))

    async def scenario() -> None:
        async with cache.open(settings_for(redis, unique)):
            for _ in range(3):
                assert await price_of("lamp") == 4
                assert await cost_of("lamp") == -4
            assert await cache.get("lamp") is None
            assert cache.statistics().errors == 6

    play(scenario())


def test_a_full_redis_still_answers_reads(
    own_redis: MakeRedis, unique: Unique, caplog: pytest.LogCaptureFixture
) -> None:
    """What it cannot take is loaded each time; what it has is found; it is said once."""

    async def scenario() -> None:
        async with open_shop(own_redis().url, unique) as shop:
            (branch,) = shop.branches
            await branch.price_of("lamp")
            shop.redis.config_set("maxmemory", "1kb")
            shop.redis.config_set("maxmemory-policy", "noeviction")
            for _ in range(5):
                assert await branch.price_of("desk") == "desk 1"
                assert await branch.price_of("lamp") == "lamp 1"
            assert (branch.told.hits, branch.told.rests, shop.origin.loads) == (5, 0, 6)
            with pytest.raises(CacheChangeFailed, match="OOM"):
                await branch.cache.set("desk", 1)
            await branch.cache.delete("lamp")
            assert not shop.redis.exists(shop.value_key())

    with caplog.at_level(logging.WARNING, "penstock.cache"):
        play(scenario())
    assert len(caplog.records) == 1
    assert "OOM" in caplog.text


def test_a_redis_that_lets_nobody_in_is_left_alone(
    own_redis: MakeRedis, unique: Unique, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that is away: it is said once, and each read loads."""

    async def scenario() -> None:
        url = own_redis(config={"requirepass": "secret"}).url.replace(":secret@", "")
        settings = settings_for(url, unique)
        cache = Cache("prices", ttl_s=60, limits=replace(PATIENT, rest_s=60, longest_rest_s=60))

        async def load() -> int:
            return 5

        async with cache.open(settings):
            assert [await cache.get_or_set("lamp", load) for _ in range(5)] == [5] * 5
            assert (cache.statistics().errors, cache.statistics().rests) == (1, 1)

    with caplog.at_level(logging.WARNING, "penstock.cache"):
        play(scenario())
    assert len(caplog.records) == 1
    assert "NOAUTH" in caplog.text


# --- storms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["delete", "set"])
def test_whoever_asks_after_a_change_joins_no_load_that_looked_before_it(
    redis: str, unique: Unique, change: str
) -> None:
    """Also where that load began while the change was on its way, and its answer is late.

    Another process keeps the old value before the change happens; a load of this process finds it
    there, and hears of it only when the change has been confirmed.
    """

    async def scenario() -> None:
        address = parse_redis_url(redis)
        limits = CacheLimits(call_timeout_s=10.0)
        async with (
            reply_gate(address.host, address.port) as gate,
            open_shop(redis, unique, limits=limits) as shop,
        ):
            (other,) = shop.branches
            cache = Cache("prices", ttl_s=60, limits=limits)
            settings = settings_for(f"redis://{gate.address}", unique)
            async with cache.open(settings.model_copy(update={"app": shop.settings.app})):

                async def read() -> Any:
                    return await cache.get_or_set("lamp", load)

                async def load() -> str:
                    return await shop.origin.price_of("lamp")

                shop.origin.may_answer.clear()
                elder = asyncio.ensure_future(other.cache.get_or_set("lamp", load))
                await eventually(lambda: shop.origin.loads == 1, what="the other's load")
                shop.origin.version = 2
                on_its_way = Hold(lambda asked: b"DEL\r\n" in asked or b'"set by hand"' in asked)
                gate.questions.append(on_its_way)
                changed: asyncio.Future[None] = asyncio.ensure_future(
                    cache.delete("lamp") if change == "delete" else cache.set("lamp", "set by hand")
                )
                await on_its_way.came.wait()
                late = Hold(lambda answer: b'"lamp 1"' in answer)
                gate.answers.append(late)
                early = asyncio.ensure_future(read())
                await eventually(lambda: cache.statistics().lock_waits == 1, what="a wait")
                shop.origin.may_answer.set()
                assert await elder == "lamp 1"
                await late.came.wait()
                on_its_way.release()
                await changed
                now = asyncio.ensure_future(read())
                late.release()
                assert await early == "lamp 1"
                assert await now == ("lamp 2" if change == "delete" else "set by hand")

    play(scenario())


def test_a_storm_of_cancellations_mixes_up_nothing(redis: str, unique: Unique) -> None:
    """Of two thousand calls half are cancelled at some moment; no value is another key's.

    And nothing is left behind: no load, no waiter, no lock.
    """

    async def scenario() -> None:
        chance = random.Random(7)
        async with open_shop(redis, unique, branches=2) as shop:

            async def call(number: int) -> None:
                sku = f"sku{number % 40}"
                branch = shop.branches[number % 2]
                if number % 17 == 0:
                    await branch.price_of.invalidate(sku)
                assert await branch.price_of(sku) == f"{sku} 1"

            tasks = [asyncio.ensure_future(call(number)) for number in range(2000)]
            for task in chance.sample(tasks, 1000):
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError}
            for branch in shop.branches:
                await eventually(partial(is_idle, branch), what="the loads to end")
                assert branch.told.waiting == 0
                assert branch.told.rests == 0
            locks = list(shop.redis.scan_iter(shop.lock_key("*")))
            assert locks == []

    play(scenario())


def test_a_rush_of_many_keys_does_not_take_redis_for_away(redis: str, unique: Unique) -> None:
    """Waiting for a free connection is no failure of Redis."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            (branch,) = shop.branches
            for expected in (0, 3000):
                calls = (branch.price_of(f"sku{number}") for number in range(3000))
                assert await asyncio.gather(*calls) == [f"sku{n} 1" for n in range(3000)]
                assert (branch.told.rests, branch.told.hits) == (0, expected)

    play(scenario())


def is_idle(branch: Branch) -> bool:
    """Whether it loads nothing."""
    return branch.told.loading == 0


def test_the_client_past_the_cache_is_the_right_one(redis: str) -> None:
    """What the tests above look at is the server that the cache uses."""
    with redis_client(redis) as client:
        assert client.ping()


def test_readers_in_line_when_the_cache_is_closed_are_told(redis: str, unique: Unique) -> None:
    """Each gets a value or LoadNotFinished, and no error of a part that is closed."""

    async def scenario() -> None:
        async with open_shop(redis, unique) as shop:
            cache = Cache("prices", ttl_s=60)

            async def load() -> int:
                return 5

            async with cache.open(shop.settings):
                calls = [cache.get_or_set(f"k{number}", load) for number in range(500)]
                readers = [asyncio.ensure_future(call) for call in calls]
                for _ in range(5):
                    await asyncio.sleep(0)
            ends = await asyncio.gather(*readers, return_exceptions=True)
            assert {type(end) for end in ends} <= {int, LoadNotFinished}

    play(scenario())
