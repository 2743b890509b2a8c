"""A cache whose Redis is emptied, killed and frozen: readers get what the loader says.

Two branches of a shop (see cache_stand.py) read all the time, while a price changes and is deleted
from the cache. What may be read of a price: nothing older than the last change whose delete was
confirmed in the same branch, before the read began.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from penstock.infra.cache import CacheChangeFailed, CacheLimits
from penstock.infra.cache.place import Places
from penstock.infra.cache.resting_store import RestingStore, Taking
from penstock.infra.cache.statistics import Tally
from penstock.infra.clock import SystemClock
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.testing.redis_server import RedisServer
from tests.integration.cache_stand import Branch, Shop, open_shop, redis_client
from tests.integration.reply_gate import Hold, reply_gate
from tests.integration.workbench import eventually, off_loop, play

pytestmark = pytest.mark.timeout(120)

Unique = Callable[[str], str]
MakeRedis = Callable[..., RedisServer]

READERS = 8
SKUS = [f"sku{number}" for number in range(10)]
SHORT = CacheLimits(call_timeout_s=0.1, rest_s=0.2, longest_rest_s=0.4, load_timeout_s=2.0)
"""For a Redis that is to be taken for away."""
PATIENT = CacheLimits(call_timeout_s=1.0, rest_s=0.2, longest_rest_s=0.4)
"""For one that is not, on a machine that is busy with other tests."""
UNHURRIED = CacheLimits(call_timeout_s=10.0, rest_s=0.2, longest_rest_s=0.4)
"""For one that is there all the time."""
LONG_REST = CacheLimits(call_timeout_s=1.0, rest_s=60.0, longest_rest_s=60.0)


@dataclass
class Traffic:
    """Readers and one who changes prices, until they are stopped."""

    shop: Shop
    stopped: bool = False
    reads: int = 0
    """Reads that ended well."""
    confirmed: int = 1
    """The newest version whose deletes, of all skus, the first branch has confirmed."""
    failures: list[str] = field(default_factory=list)
    """What must not have been read."""
    refused: int = 0
    """Deletes that were not confirmed."""

    async def read(self, branch: Branch, chance: random.Random) -> None:
        """Read one price after the other."""
        strict = branch is self.shop.branches[0]
        while not self.stopped:
            sku = chance.choice(SKUS)
            least = self.confirmed if strict else 1
            answer = await branch.price_of(sku)
            told_sku, version = answer.split()
            if told_sku != sku or not least <= int(version) <= self.shop.origin.version:
                self.failures.append(f"{answer} for {sku}, least {least}")
            self.reads += 1
            await asyncio.sleep(0)

    async def change(self) -> None:
        """Change all prices and delete them from the cache, again and again."""
        while not self.stopped:
            self.shop.origin.version += 1
            version = self.shop.origin.version
            if await self.delete_all():
                self.confirmed = version
            await asyncio.sleep(0.01)

    async def delete_all(self) -> bool:
        """Delete all prices by the first branch; say whether that is certain."""
        certain = True
        for sku in SKUS:
            try:
                await self.shop.branches[0].price_of.invalidate(sku)
            except CacheChangeFailed:
                self.refused += 1
                certain = False
        return certain

    async def goes_on(self, count: int = 300) -> None:
        """Wait until so many more reads have ended."""
        wanted = self.reads + count
        await eventually(lambda: self.reads >= wanted, what=lambda: f"reads: {self.reads}")


@asynccontextmanager
async def traffic(shop: Shop) -> AsyncIterator[Traffic]:
    """Let readers read while the block lasts; what they must not have read is a failure."""
    shop.origin.turns = 30  # enough for a change to come in between
    going = Traffic(shop)
    tasks = [
        asyncio.ensure_future(going.read(branch, random.Random(number)))
        for branch in shop.branches
        for number in range(READERS)
    ]
    tasks.append(asyncio.ensure_future(going.change()))
    try:
        await going.goes_on()
        yield going
    finally:
        going.stopped = True
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if end is not None] == []
    assert going.failures == []


async def all_is_new(going: Traffic) -> None:
    """After the faults: deletes are confirmed, and then every branch reads the newest price."""
    shop = going.shop
    await eventually(going.delete_all, what="the deletes to be confirmed")
    for branch in shop.branches:
        await eventually(partial(is_idle, branch), what="older loads")
    newest = shop.origin.version
    for branch in shop.branches:
        prices = [await branch.price_of(sku) for sku in SKUS]
        assert prices == [f"{sku} {newest}" for sku in SKUS]
    await eventually(lambda: found_again(shop), what="hits")


def is_idle(branch: Branch) -> bool:
    """Whether it loads nothing."""
    return not branch.told.loading


async def found_again(shop: Shop) -> bool:
    """Whether both branches find prices in Redis."""
    before = [branch.told.hits for branch in shop.branches]
    for branch in shop.branches:
        await branch.price_of(SKUS[0])
    return all(branch.told.hits > hits for branch, hits in zip(shop.branches, before, strict=True))


Fault = Callable[[RedisServer, Traffic], Awaitable[None]]


async def emptied(server: RedisServer, going: Traffic) -> None:
    """FLUSHALL, twenty times."""
    with redis_client(server.url) as client:
        for _ in range(20):
            client.flushall()
            await going.goes_on(50)


async def killed(server: RedisServer, going: Traffic) -> None:
    """Kill -9; a while without; and back, empty."""
    for _ in range(2):
        await off_loop(server.kill)
        await going.goes_on()
        await off_loop(server.start)
        await going.goes_on()


async def frozen(server: RedisServer, going: Traffic) -> None:
    """SIGSTOP; what was asked meanwhile is done when it goes on."""
    for _ in range(3):
        server.pause()
        await going.goes_on()
        server.resume()
        await going.goes_on()


@pytest.mark.parametrize("fault", [emptied, killed, frozen], ids=lambda fault: fault.__name__)
def test_readers_notice_nothing_but_slowness(
    own_redis: MakeRedis, unique: Unique, fault: Fault
) -> None:
    """No error, no value of another key, none that is older than a confirmed delete."""

    async def scenario() -> None:
        server, limits = own_redis(), UNHURRIED if fault is emptied else SHORT
        async with open_shop(server.url, unique, branches=2, limits=limits) as shop:
            async with traffic(shop) as going:
                await fault(server, going)
            await all_is_new(going)
            assert (going.refused > 0) == (fault is not emptied)

    play(scenario())


def test_a_frozen_redis_costs_one_call_for_each_rest(
    own_redis: MakeRedis, unique: Unique, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a thousand reads one after the other, only those that try wait; it is said once."""

    async def scenario() -> None:
        server = own_redis()
        async with open_shop(server.url, unique, limits=LONG_REST) as shop:
            (branch,) = shop.branches
            await branch.price_of("lamp")
            server.pause()
            for number in range(1000):
                assert await branch.price_of(f"sku{number}") == f"sku{number} 1"
            told = branch.told
            assert (told.rests, told.errors, told.resting) == (1, 1, True)
            server.resume()
            # What is changed is tried in any case, and shows that Redis is back.
            await branch.cache.delete("other")
            assert not branch.told.resting
            assert await branch.price_of("lamp") == "lamp 1"
            assert branch.told.hits == 1

    with caplog.at_level(logging.INFO, "penstock.cache"):
        play(scenario())
    # Left alone, back again, closed.
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]


def test_a_change_during_an_outage_says_that_it_may_not_have_happened(
    own_redis: MakeRedis, unique: Unique
) -> None:
    """An old value may come back with Redis; so the caller is told, and does it again."""

    async def scenario() -> None:
        server = own_redis()
        async with open_shop(server.url, unique, limits=PATIENT) as shop:
            (branch,) = shop.branches
            assert await branch.price_of("lamp") == "lamp 1"
            server.pause()
            shop.origin.version = 2
            with pytest.raises(CacheChangeFailed) as failed:
                await branch.price_of.invalidate("lamp")
            assert failed.value.may_have_happened
            assert failed.value.retryable
            server.resume()
            await branch.price_of.invalidate("lamp")
            assert await branch.price_of("lamp") == "lamp 2"

    play(scenario())


def test_a_redis_that_freezes_during_a_load_holds_up_nobody_afterwards(
    own_redis: MakeRedis, unique: Unique
) -> None:
    """The lock that could not be let go of is let go of when Redis is back, not after its lease."""

    async def scenario() -> None:
        server = own_redis()
        async with open_shop(server.url, unique, branches=2, limits=PATIENT) as shop:
            one, other = shop.branches
            shop.origin.may_answer.clear()
            early = one.asking(1)[0]
            await eventually(lambda: shop.origin.loads == 1, what="the load")
            assert shop.redis.exists(shop.lock_key())
            server.pause()
            shop.origin.may_answer.set()
            assert await early == "lamp 1"
            server.resume()
            # Redis now does what it was asked before, if that was still on its way.
            await eventually(lambda: tried(one), what="Redis to be tried again")
            assert not shop.redis.exists(shop.lock_key())
            assert await other.price_of("lamp") == "lamp 1"
            assert other.told.lock_waits == 0

    play(scenario())


async def tried(branch: Branch) -> bool:
    """Read something else; say whether Redis was there."""
    await branch.price_of("desk")
    return not branch.told.resting


def test_a_lock_that_was_asked_for_in_vain_is_let_go_of(own_redis: MakeRedis) -> None:
    """A frozen Redis takes it when it goes on, for somebody who has gone on without it."""

    async def scenario() -> None:
        server, places = own_redis(), Places("shop", "prices")
        place, other = places.place("lamp"), places.place("desk")
        async with open_redis(server.url) as redis:
            store = RestingStore(
                redis, cache="prices", clock=SystemClock(), limits=PATIENT, tally=Tally()
            )
            # So that the server knows the script.
            assert await store.take(other, b"token", 10.0, unreadable=None) is Taking.TAKEN
            server.pause()
            assert await store.take(place, b"token", 10.0, unreadable=None) is Taking.AWAY
            server.resume()
            with redis_client(server.url) as client:
                await eventually(lambda: client.exists(place.lock), what="the lock to be taken")

                async def is_back() -> bool:
                    await store.read(place.value)
                    return not store.resting

                await eventually(is_back, what="Redis to be tried again")
                assert not client.exists(place.lock)

    play(scenario())


def test_a_lock_is_let_go_of_though_the_reader_who_did_it_was_cancelled(redis: str) -> None:
    """Who reads first after an outage lets go of it; the next one does where that one has gone."""

    async def scenario() -> None:
        address, place = parse_redis_url(redis), Places("shop", "prices").place("cancelled")
        async with (
            reply_gate(address.host, address.port) as gate,
            open_redis(f"redis://{gate.address}", RedisLimits(call_timeout_s=1.0)) as store,
        ):
            cache = RestingStore(
                store, cache="prices", clock=SystemClock(), limits=PATIENT, tally=Tally()
            )
            unheard = Hold(lambda asked: b"EVAL" in asked)
            gate.questions.append(unheard)
            assert await cache.take(place, b"token", 10.0, unreadable=None) is Taking.AWAY
            gate.questions[:] = [letting_go := Hold(lambda asked: b"EVAL" in asked)]
            unheard.release()
            with redis_client(redis) as client:
                client.set(place.lock, b"token", px=60_000)
                reader = asyncio.ensure_future(read_until_awake(cache, place.value))
                await letting_go.came.wait()
                reader.cancel()
                await asyncio.wait({reader})
                gate.questions.clear()
                assert client.exists(place.lock)
                await cache.read(place.value)
                assert not client.exists(place.lock)
                letting_go.release()

    play(scenario())


async def read_until_awake(cache: RestingStore, key: str) -> None:
    """Read until Redis is not left alone any more."""

    async def is_awake() -> bool:
        await cache.read(key)
        return not cache.resting

    await eventually(is_awake, what="the rest to end")
