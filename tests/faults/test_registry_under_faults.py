"""The registry under fire: what it promises, with real processes and a real Redis of its own.

An instance that dies or freezes is out of discovery when its lease of nine seconds ends; one that
goes on is back within two heartbeats. A Redis that forgets everything, is killed or freezes ends
nobody, empties no list that a reader had, and has all entries back within two heartbeats of its
return.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis

from penstock.infra.registry.changes import Joined, Left
from penstock.infra.testing.redis_server import RedisServer
from tests.faults.registering_fleet import SERVICE, Fleet, Prober, until

SEED: Final = 20_261_126
OUT_S: Final = 15.0
"""From the death of a process until nobody finds it any more: nine seconds, and what a machine that
is busy with other tests takes to look. The figures say how long it was."""
BACK_S: Final = 6.0
"""Two heartbeats."""
STILL_S: Final = 10.0
"""How long Redis is frozen: longer than a lease."""
REPEATS: Final = 10
MakeRedis = Callable[..., RedisServer]
Record = Callable[[str, object], None]


def figures(record: Record, name: str, seconds: list[float]) -> None:
    """Keep and show how long something took."""
    record(name, round(max(seconds), 2))
    shown = ", ".join(f"{each:.2f}" for each in sorted(seconds))
    print(f"{name}: max {max(seconds):.2f} s of {shown}")  # noqa: T201 - the figures of the run


def test_the_dead_and_the_frozen_are_out_with_their_leases(
    own_redis: MakeRedis, tmp_path: Path, record_property: Record
) -> None:
    """Ten killed and ten stopped, at different moments between two of their heartbeats.

    Until then they are there, and those who live are there all the time. A watch misses them as
    soon. Those that were stopped are back, as the same instances, within two heartbeats.
    """
    redis, chance = own_redis(), random.Random(SEED)

    async def scenario(fleet: Fleet) -> None:
        async with Prober.opened(redis.url) as prober:
            await prober.all_listed(fleet.pids)
            watch, left_s, ids = (
                prober.registry.watch(SERVICE),
                dict[int, float](),
                dict[int, str](),
            )
            for _ in fleet.pids:
                joined = await anext(watch)
                assert isinstance(joined, Joined)
                ids[joined.instance.pid] = joined.instance.id

            async def watch_them_leave() -> None:
                async for change in watch:
                    if isinstance(change, Left):
                        left_s[change.instance.pid] = time.monotonic()

            watching = asyncio.ensure_future(watch_them_leave())
            silent_s = dict[int, float]()
            dead, frozen = fleet.processes[:REPEATS], fleet.processes[REPEATS : 2 * REPEATS]
            for process in chance.sample(dead + frozen, 2 * REPEATS):
                await asyncio.sleep(chance.uniform(0, 3.0 / REPEATS))
                silent_s[process.pid] = time.monotonic()
                process.kill() if process in dead else process.pause()
            await until(lambda: silent_s.keys() <= prober.missing_since_s.keys() & left_s.keys())
            for name, group in (("killed", dead), ("stopped", frozen)):
                pids = [process.pid for process in group]
                out = [prober.missing_since_s[pid] - silent_s[pid] for pid in pids]
                figures(record_property, f"{name}_out_of_discovery_s", out)
                figures(
                    record_property,
                    f"{name}_told_by_watch_s",
                    [left_s[pid] - silent_s[pid] for pid in pids],
                )
                assert max(out) <= OUT_S
                assert min(out) >= 5.0, "it was still there: its lease ran"
                assert max(left_s[pid] - silent_s[pid] for pid in pids) <= OUT_S
            assert prober.listed == fleet.pids - silent_s.keys()
            watching.cancel()

            again_s = time.monotonic()
            for process in frozen:
                process.resume()
            living = fleet.pids - {process.pid for process in dead}
            back_s = await prober.all_listed(living, since_s=again_s)
            figures(record_property, "back_s", [back_s])
            assert back_s <= BACK_S
            found = await prober.directory.look(SERVICE)
            assert {lease.instance.pid: lease.instance.id for lease in found.leases} == {
                pid: ids[pid] for pid in living
            }

    with Fleet(redis.url, tmp_path, 2 * REPEATS + 1) as fleet:
        asyncio.run(scenario(fleet))
        assert fleet.processes[-1].running


def forget(redis: RedisServer) -> None:
    """FLUSHALL."""
    with Redis.from_url(redis.url) as client:
        client.flushall()


def die(redis: RedisServer) -> None:
    """Kill -9, and come back empty at the same address."""
    redis.kill()
    redis.start()


def freeze(redis: RedisServer) -> None:
    """Stop for longer than a lease, and go on."""
    redis.pause()
    time.sleep(STILL_S)  # the length of the fault
    redis.resume()


@pytest.mark.parametrize("fault", [forget, die, freeze])
def test_a_fault_of_redis_costs_speed_and_no_truth(
    own_redis: MakeRedis,
    tmp_path: Path,
    record_property: Record,
    fault: Callable[[RedisServer], None],
) -> None:
    """Every entry is back within two heartbeats; whoever had a list has it all the time."""
    redis = own_redis()

    async def scenario(fleet: Fleet) -> None:
        async with Prober.opened(redis.url) as prober:
            await prober.all_listed(fleet.pids)
            await until(lambda: (fleet.pids, False) in prober.served)
            prober.served.clear()
            await asyncio.to_thread(fault, redis)
            again_s = time.monotonic()
            back_s = await prober.all_listed(fleet.pids, since_s=again_s)
            figures(record_property, "back_s", [back_s])
            assert back_s <= BACK_S
            fleet.assert_alive()
            served = list(prober.served)
            await until(lambda: prober.serves(fleet.pids))
            assert [pids for pids, _ in served if pids != fleet.pids] == []
            assert any(stale for _, stale in served)
            figures(record_property, "slowest_discover_s", [prober.slowest_s])
            if fault is freeze:
                assert max(fleet.alarms("registry-silent")) == 1
            else:
                assert max(fleet.alarms("registry-entry-lost")) <= 1

    with Fleet(redis.url, tmp_path, 4) as fleet:
        asyncio.run(scenario(fleet))


def test_a_graceful_leave_is_seen_at_once(
    own_redis: MakeRedis, tmp_path: Path, record_property: Record
) -> None:
    """Nobody waits for a lease: the watch is woken, and the process exits with 0."""
    redis = own_redis()

    async def scenario(fleet: Fleet) -> None:
        async with Prober.opened(redis.url) as prober:
            await prober.all_listed(fleet.pids)
            watch = prober.registry.watch(SERVICE)
            for _ in fleet.pids:
                assert isinstance(await anext(watch), Joined)
            took = []
            for process in fleet.processes:
                begin_s = time.monotonic()
                os.kill(process.pid, signal.SIGTERM)
                left = await asyncio.wait_for(anext(watch), 30.0)
                took.append(time.monotonic() - begin_s)
                assert isinstance(left, Left)
                assert left.instance.pid == process.pid
                assert await asyncio.to_thread(process.wait, timeout_s=30.0) == 0
            figures(record_property, "graceful_leave_s", took)
            assert max(took) < 6.0, "so long a lease runs at least"

    with Fleet(redis.url, tmp_path, 3) as fleet:
        asyncio.run(scenario(fleet))


GARBAGE: Final[tuple[bytes, ...]] = (
    b"\xff\xfe",
    b"[" * 1_000_000,
    b'{"a":' * 700,
    b"x" * 1_048_576,
    b"9" * 4_000,
)


def test_hostile_values_in_every_key(
    own_redis: MakeRedis, tmp_path: Path, record_property: Record
) -> None:
    """Whatever a stranger writes: the neighbours are found, and each key is put right by itself."""
    redis = own_redis()

    async def scenario(fleet: Fleet, others: Fleet, client: Any) -> None:
        async with Prober.opened(redis.url) as prober:
            await prober.all_listed(fleet.pids)
            registry = prober.registry
            await until(lambda: (fleet.pids, False) in prober.served)
            prober.served.clear()
            keys = [key for key in client.scan_iter("*") if b"{orders}" in key]
            assert len(keys) == 4
            leases, entries = (
                next(key for key in keys if key.endswith(part)) for part in (b"leases", b"entries")
            )
            # Values within the keys: the good ones are found all the time.
            for number, entry in enumerate(GARBAGE):
                client.hset(entries, f"bad-{number}", entry)
                client.zadd(leases, {f"bad-{number}": float("inf")})
            client.zadd(leases, {b"\xff" * 1_000: 1e300, "nobody": 2**53})
            found = await registry.discover(SERVICE)
            assert {each.pid for each in found.instances} == fleet.pids
            assert len(found.unreadable) == len(GARBAGE) + 2
            assert all(str(error).isprintable() for error in found.unreadable)
            assert [pids for pids, _ in prober.served if pids != fleet.pids] == []
            # One's own entry: nobody sends it work until it is written anew, by the next heartbeat.
            victim = next(iter(found.instances))
            client.hset(entries, victim.id, GARBAGE[0])
            took_s = await prober.all_listed(fleet.pids, since_s=time.monotonic())
            figures(record_property, "mended_s", [took_s])
            assert took_s <= BACK_S
            # Keys of a wrong type, each alone, and all at once with the list of services.
            await until(lambda: prober.serves(fleet.pids))
            prober.served.clear()
            for spoilt in ([leases], [entries], [*keys, b"penstock:shop:registry:services"]):
                for key in spoilt:
                    client.delete(key)
                    client.set(key, GARBAGE[3])
                took_s = await prober.all_listed(fleet.pids, since_s=time.monotonic())
                figures(record_property, "mended_s", [took_s])
                assert took_s <= BACK_S
                neighbours = await registry.discover("payments")
                assert {each.pid for each in neighbours.instances} == others.pids
            services = "penstock:shop:registry:services"
            await until(lambda: client.type(services) == b"zset" and client.zcard(services) == 2)
            assert await registry.services() == ("orders", "payments")
            fleet.assert_alive()
            others.assert_alive()
            assert sum(fleet.alarms("registry-mended")) >= 3
            assert [pids for pids, _ in prober.served if pids != fleet.pids] == []

    with (
        Fleet(redis.url, tmp_path, 2) as fleet,
        Fleet(redis.url, tmp_path, 1, service="payments") as others,
        Redis.from_url(redis.url) as client,
    ):
        asyncio.run(scenario(fleet, others, client))
