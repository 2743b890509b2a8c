"""The adapter to Redis, before real servers."""

import asyncio
import json
import logging
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis_py

from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.redis.errors import RedisRefused, RedisUnreachable, ValueTooLarge
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.script import Script
from penstock.infra.redis.store import RedisStore
from penstock.infra.testing.redis_server import RedisServer
from tests.infra import tls_files
from tests.integration.reply_dropper import reply_dropper

Unique = Callable[[str], str]
MakeRedis = Callable[..., RedisServer]

ADD = Script(name="add", text="return redis.call('INCRBY', KEYS[1], ARGV[1])")
PATIENT = RedisLimits(call_timeout_s=60.0)
HASTY = RedisLimits(call_timeout_s=1.0)


def play(url: str, scene: Callable[[RedisStore], Awaitable[None]], **limits: Any) -> None:
    """Run a scene with a store; its calls may take long, as a busy machine does."""

    async def scenario() -> None:
        async with open_redis(url, RedisLimits(**{"call_timeout_s": 20.0, **limits})) as store:
            await scene(store)

    asyncio.run(scenario())


async def as_admin(url: str, *words: str) -> Any:
    """Ask what the adapter has no method for."""
    async with redis_py.Redis.from_url(url, protocol=2) as client:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call] # its lack


def test_a_value_lives_and_ends(redis: str, unique: Unique) -> None:
    """It is written, read, not overwritten where that was not wanted, and deleted."""

    async def scene(store: RedisStore) -> None:
        key, other = unique("value"), unique("other")
        assert await store.get(key, limit_bytes=10) is None
        assert await store.put(key, b"one", ttl_ms=60_000)
        assert not await store.put(key, b"two", ttl_ms=60_000, if_absent=True)
        assert await store.get(key, limit_bytes=10) == b"one"
        assert await store.put(key, b"two", ttl_ms=60_000)
        assert await store.get_many([other, key], limit_bytes=10) == [None, b"two"]
        assert await store.delete(key, other) == 1
        assert await store.put(key, b"three", ttl_ms=60_000, if_absent=True)
        assert await store.delete(key) == 1

    play(redis, scene)


def test_whatever_is_put_has_an_end(redis: str, unique: Unique) -> None:
    """Its time to live is set with it, in one command."""

    async def scene(store: RedisStore) -> None:
        key = unique("value")
        for if_absent in (True, False):
            await store.put(key, b"one", ttl_ms=50_000, if_absent=if_absent)
            assert 0 < await as_admin(redis, "PTTL", key) <= 50_000
        await store.put(key, b"gone", ttl_ms=1)
        async with asyncio.timeout(10):
            while await store.get(key, limit_bytes=10) is not None:
                continue

    play(redis, scene)


def test_nothing_is_asked_for_nothing(redis: str) -> None:
    """Empty lists are answered without a round trip."""

    async def scene(store: RedisStore) -> None:
        assert await store.get_many([], limit_bytes=10) == []
        assert await store.delete() == 0
        assert store.statistics().calls == 0

    play(redis, scene)


def test_bytes_and_keys_stay_as_they_are(redis: str, unique: Unique) -> None:
    """Line ends, zero bytes, and keys beyond ASCII; a value of the very limit is read."""

    async def scene(store: RedisStore) -> None:
        value = bytes(range(256)) + b"\r\n$3\r\n"
        key = unique("ключ\r\n*1")
        await store.put(key, value, ttl_ms=60_000)
        assert await store.get(key, limit_bytes=len(value)) == value
        assert await store.get_many([key], limit_bytes=len(value)) == [value]
        assert await store.delete(key) == 1

    play(redis, scene)


def test_a_strangers_value_is_cut(redis: str, unique: Unique) -> None:
    """A value of 20 MB is refused for the one who asks for it, and counts as none among many."""

    async def scene(store: RedisStore) -> None:
        long, good = unique("long"), unique("good")
        await store.put(long, b"x" * 20_000_000, ttl_ms=60_000)
        await store.put(good, b"good", ttl_ms=60_000)
        with pytest.raises(ValueTooLarge):
            await store.get(long, limit_bytes=1000)
        assert await store.get_many([long, good], limit_bytes=1000) == [None, b"good"]
        assert store.statistics().too_long_values == 2
        await store.delete(long, good)

    play(redis, scene)


def test_a_value_of_another_type(redis: str, unique: Unique) -> None:
    """WRONGTYPE is told to the one who asks for it, and among many counts as none."""

    async def scene(store: RedisStore) -> None:
        strange = unique("strange")
        push = Script(name="push", text="return redis.call('LPUSH', KEYS[1], 'x')")
        await store.run(push, keys=[strange])
        with pytest.raises(RedisRefused) as caught:
            await store.get(strange, limit_bytes=10)
        assert caught.value.kind == "WRONGTYPE"
        assert await store.get_many([strange], limit_bytes=10) == [None]
        assert await store.put(strange, b"ours", ttl_ms=60_000)  # and is cured by the next put
        await store.delete(strange)

    play(redis, scene)


def test_scripts(redis: str, unique: Unique) -> None:
    """Keys and arguments come in, and what a script returns comes out."""

    async def scene(store: RedisStore) -> None:
        text = "return {KEYS[1], ARGV[1], tonumber(ARGV[2]) + 1, false, true, {ARGV[3]}, 'é'}"
        script = Script(name="shapes", text=text)
        key = unique("key")
        assert await store.run(script, keys=[key], arguments=["text", 41, b"\x00"]) == [
            *[key.encode(), b"text", 42, None, 1, [b"\x00"], "é".encode()]
        ]
        with pytest.raises(RedisRefused, match="ON purpose"):
            await store.run(
                Script(name="fails", text="return redis.error_reply('ON purpose')"), keys=[]
            )

    play(redis, scene)


def test_an_error_text_of_a_megabyte(redis: str) -> None:
    """It is cut, whoever wrote the script."""

    async def scene(store: RedisStore) -> None:
        text = "return redis.error_reply('LONG ' .. string.rep('x', 1000000))"
        with pytest.raises(RedisRefused) as caught:
            await store.run(Script(name="long", text=text), keys=[])
        assert caught.value.kind == "LONG"
        assert len(str(caught.value)) < 1000

    play(redis, scene)


def test_a_server_that_has_forgotten_a_script(own_redis: MakeRedis) -> None:
    """It is told the text; nothing had run, so the effect is there once. As after FLUSHALL."""
    url = own_redis().url

    async def scene(store: RedisStore) -> None:
        assert await store.run(ADD, keys=["n"], arguments=[1]) == 1
        await as_admin(url, "SCRIPT", "FLUSH")
        assert await store.run(ADD, keys=["n"], arguments=[1]) == 2
        await as_admin(url, "FLUSHALL")
        assert await store.run(ADD, keys=["n"], arguments=[1]) == 1
        statistics = store.statistics()
        assert (statistics.refused, statistics.connects) == (0, 1)

    play(url, scene)


@pytest.mark.parametrize("then", ["cut", "silence"])
def test_an_effect_whose_answer_was_lost_is_there_once(
    redis: str, unique: Unique, then: Any
) -> None:
    """The call fails and says that it may have happened; it is not asked a second time.

    redis-py by itself would add ten times (docs/non-obvious.md).
    """

    async def scenario() -> None:
        address = parse_redis_url(redis)
        key = unique("counter")
        async with (
            reply_dropper(address.host, address.port) as dropper,
            open_redis(f"redis://{dropper.address}", HASTY) as store,
            open_redis(redis, PATIENT) as direct,
        ):
            assert await store.run(ADD, keys=[key], arguments=[1]) == 1
            dropper.lose_next(then)
            with pytest.raises(RedisUnreachable) as caught:
                await store.run(ADD, keys=[key], arguments=[1])
            assert caught.value.may_have_happened
            assert dropper.lost == [b":2\r\n"]
            assert await direct.get(key, limit_bytes=10) == b"2"
            assert await store.run(ADD, keys=[key], arguments=[1]) == 3
            assert await direct.delete(key) == 1

    asyncio.run(scenario())


def test_answers_match_their_questions_in_a_storm_of_cancels(redis: str, unique: Unique) -> None:
    """Of 1 000 reads at once, at any moment of their lives, each third is cancelled."""
    dice = random.Random(5)
    prefix = unique("storm")

    async def scene(store: RedisStore) -> None:
        keys = [f"{prefix}:{number}" for number in range(1000)]
        for key in keys:
            await store.put(key, key.encode(), ttl_ms=60_000)

        async def read(key: str) -> None:
            assert await store.get(key, limit_bytes=100) == key.encode()

        for _ in range(3):
            tasks = [asyncio.create_task(read(key)) for key in keys]
            doomed = dice.sample(tasks, len(tasks) // 3)
            while doomed:
                for task in doomed[:10]:
                    task.cancel()
                del doomed[:10]
                await asyncio.sleep(0)
            done = await asyncio.gather(*tasks, return_exceptions=True)
            failures = [failure for failure in done if failure is not None]
            assert all(isinstance(failure, asyncio.CancelledError) for failure in failures)
            assert 0 < len(failures) < len(tasks)
        statistics = store.statistics()
        assert statistics.dropped > 0  # some were cancelled while they waited for an answer
        assert statistics.in_use == 0
        await store.delete(*keys)

    play(redis, scene)


def test_a_server_that_stands_still(own_redis: MakeRedis) -> None:
    """All calls end at the deadline; when it goes on, each answer matches its question."""
    server = own_redis()

    async def scene(store: RedisStore) -> None:
        keys = [f"key-{number}" for number in range(50)]
        for key in keys:
            await store.put(key, key.encode(), ttl_ms=600_000)
        server.pause()
        big = b"x" * 5_000_000  # more than the kernel takes: its sending has an end too
        failures = await asyncio.gather(
            *(store.get(key, limit_bytes=100) for key in keys),
            store.put("big", big, ttl_ms=60_000),
            store.read_stream("stream", after="0", wait_s=0.1, count=1),
            return_exceptions=True,
        )
        assert {type(failure) for failure in failures} == {RedisUnreachable}
        assert store.statistics().in_use == 0
        server.resume()
        for key in keys:
            assert await until_answered(partial(store.get, key, limit_bytes=100)) == key.encode()

    play(server.url, scene, call_timeout_s=1.0)


def test_a_loop_that_stands_still_does_not_take_redis_for_away(redis: str, unique: Unique) -> None:
    """Each of its turns takes longer than a call may, and Redis has answered all the time."""

    async def scene(store: RedisStore) -> None:
        async def work() -> None:
            while True:
                time.sleep(0.15)  # noqa: ASYNC251 - the fault
                await asyncio.sleep(0)

        working, key = asyncio.create_task(work()), unique("key")
        try:
            assert await store.get(key, limit_bytes=10) is None
            assert await store.run(ADD, keys=[key], arguments=[1]) == 1
            assert await store.read_stream(f"{key}-s", after="0", wait_s=0.01, count=1) == []
            assert await store.delete(key) == 1
        finally:
            working.cancel()
            await asyncio.wait({working})
        assert store.statistics().unreachable == 0

    play(redis, scene, call_timeout_s=0.1)


async def until_answered(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Call until there is an answer: a server that goes on has a backlog."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call()
            except RedisUnreachable:
                continue


def test_a_server_that_is_killed_and_comes_back(own_redis: MakeRedis) -> None:
    """Calls fail while it is away; the next one after its start connects anew and finds nothing."""
    server = own_redis()

    async def scene(store: RedisStore) -> None:
        await asyncio.gather(*(store.put("key", b"value", ttl_ms=60_000) for _ in range(10)))
        assert store.statistics().idle > 1
        server.kill()
        with pytest.raises(RedisUnreachable) as caught:
            await store.get("key", limit_bytes=10)
        assert not caught.value.may_have_happened  # it was noticed before anything was sent
        server.start()
        assert await store.get("key", limit_bytes=10) is None
        server.restart()
        assert await store.run(ADD, keys=["n"], arguments=[1]) == 1

    play(server.url, scene)


def test_memory_is_used_up(own_redis: MakeRedis) -> None:
    """OOM is a refusal with its reason."""
    server = own_redis(config={"maxmemory": "1kb", "maxmemory-policy": "noeviction"})

    async def scene(store: RedisStore) -> None:
        with pytest.raises(RedisRefused, match="maxmemory") as caught:
            await store.put("key", b"value", ttl_ms=60_000)
        assert caught.value.kind == "OOM"

    play(server.url, scene)


def test_a_replica(own_redis: MakeRedis) -> None:
    """READONLY is a refusal with its reason; reads are answered."""
    server = own_redis(config={"replicaof": f"{LOOPBACK} 1"})

    async def scene(store: RedisStore) -> None:
        with pytest.raises(RedisRefused) as caught:
            await store.put("key", b"value", ttl_ms=60_000)
        assert caught.value.kind == "READONLY"
        assert await store.get("key", limit_bytes=10) is None

    play(server.url, scene)


def test_who_may_what(own_redis: MakeRedis, caplog: pytest.LogCaptureFixture) -> None:
    """User, password and database come from the URL; no error and no log line shows a password."""
    caplog.set_level(logging.DEBUG)
    secret = "n0t/to:be@shown"  # noqa: S105 - made up
    server = own_redis(config={"requirepass": secret})
    rights = ["on", ">own", "resetkeys", "~penstock:shop:*", "+@all", "-@dangerous", "+@scripting"]

    async def scenario() -> None:
        await as_admin(server.url, "ACL", "SETUSER", "shop", *rights)
        bare = server.url.rpartition("@")[2]
        async with open_redis(f"redis://shop:own@{bare}/3", PATIENT) as store:
            await store.put("penstock:shop:key", b"value", ttl_ms=60_000)
            with pytest.raises(RedisRefused) as foreign:
                await store.put("penstock:other:key", b"value", ttl_ms=60_000)
            assert foreign.value.kind == "NOPERM"
        async with open_redis(f"{server.url}/3", PATIENT) as store:
            assert await store.get("penstock:shop:key", limit_bytes=10) == b"value"
        async with open_redis(f"{server.url}/99", PATIENT) as store:
            with pytest.raises(RedisRefused, match="DB index"):
                await store.ping()
        for login, kind in (
            ("", "NOAUTH"),
            (f":{secret[:3]}@", "WRONGPASS"),
            ("x:y@", "WRONGPASS"),
        ):
            async with open_redis(f"redis://{login}{bare}", PATIENT) as store:
                with pytest.raises(RedisRefused) as caught:
                    await store.get("penstock:shop:key", limit_bytes=10)
                assert caught.value.kind == kind

    asyncio.run(scenario())
    assert secret not in caplog.text
    assert secret not in server.log_tail()


def test_a_stream_wakes_its_reader(redis: str, unique: Unique) -> None:
    """Entries come in order, after the one that is known, no more than wanted."""
    add = Script(name="tell", text="return redis.call('XADD', KEYS[1], '*', 'n', ARGV[1])")

    async def scene(store: RedisStore) -> None:
        key = unique("stream")
        assert await store.read_stream(key, after="0", wait_s=0, count=10) == []
        waiting = asyncio.create_task(store.read_stream(key, after="0", wait_s=50, count=10))
        await until_blocked(redis, 1)
        await store.run(add, keys=[key], arguments=[0])
        (first,) = await waiting
        assert first.fields == {b"n": b"0"}
        for number in range(1, 4):
            await store.run(add, keys=[key], arguments=[number])
        more = await store.read_stream(key, after=first.entry_id, wait_s=50, count=2)
        assert [entry.fields for entry in more] == [{b"n": b"1"}, {b"n": b"2"}]
        assert await store.read_stream(key, after="$", wait_s=0.01, count=1) == []
        await store.delete(key)

    play(redis, scene)


async def until_blocked(url: str, readers: int) -> None:
    """Wait until so many readers wait at the server for a stream."""
    async with asyncio.timeout(20):
        while True:
            clients = await as_admin(url, "CLIENT", "LIST")
            waiting = [line for line in clients.decode().splitlines() if _waits(line)]
            if len(waiting) >= readers:
                return


def _waits(line: str) -> bool:
    fields = dict(word.partition("=")[::2] for word in line.split(" "))
    return fields["cmd"] == "xread" and "b" in fields["flags"]


def test_readers_of_streams_are_ended_at_once(own_redis: MakeRedis) -> None:
    """A cancelled one frees its place, and they never take the places of calls."""
    server = own_redis()

    async def scene(store: RedisStore) -> None:
        def read() -> asyncio.Task[Any]:
            return asyncio.create_task(store.read_stream("s", after="0", wait_s=500, count=1))

        readers = [read(), read()]
        await until_blocked(server.url, 2)
        await store.ping()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        assert [reader.cancelled() for reader in readers] == [True, True]
        assert store.statistics().in_use == 0
        again = read()
        await until_blocked(server.url, 1)
        server.kill()
        with pytest.raises(RedisUnreachable):
            await again

    play(server.url, scene, connections=1, stream_connections=2)


def test_tls(redis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique: Unique) -> None:
    """rediss:// checks the certificate and its name against the authorities of the system."""
    certificate = tls_files.write(tmp_path, "certificate.pem", tls_files.CERTIFICATE)
    key_file = tls_files.write(tmp_path, "key.pem", tls_files.KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key_file)
    address = parse_redis_url(redis)

    async def scenario() -> None:
        async with reply_dropper(address.host, address.port, tls=context) as proxy:
            _, _, port = proxy.address.rpartition(":")
            async with open_redis(f"rediss://localhost:{port}", PATIENT) as store:
                with pytest.raises(RedisUnreachable, match=r"(?i)certificate") as caught:
                    await store.ping()
                assert not caught.value.may_have_happened
            # As OpenSSL names it: the authorities of this process' system.
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            async with open_redis(f"rediss://localhost:{port}", PATIENT) as store:
                key = unique("secret")
                await store.put(key, b"value" * 10_000, ttl_ms=60_000)
                assert await store.get(key, limit_bytes=50_000) == b"value" * 10_000
                await asyncio.gather(*(store.ping() for _ in range(20)))
                assert store.statistics().dropped == 0
                await store.delete(key)
            async with open_redis(f"rediss://{LOOPBACK}:{port}", PATIENT) as store:
                with pytest.raises(RedisUnreachable, match=r"(?i)certificate|IP address"):
                    await store.ping()

    asyncio.run(scenario())


WITHOUT_HIREDIS = """
import asyncio, json, sys
sys.modules["hiredis"] = None
from penstock.infra.redis.errors import RedisRefused
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.script import Script

async def main(url, key):
    fails = Script(name="fails", text="return redis.error_reply('NOPE on purpose')")
    async with open_redis(url, RedisLimits(call_timeout_s=20.0)) as store:
        await store.put(key, b"x" * 3000, ttl_ms=60_000)
        value = await store.get(key, limit_bytes=3000)
        many = await store.get_many([key, "none"], limit_bytes=10)
        try:
            await store.run(fails, keys=[])
        except RedisRefused as error:
            kind = error.kind
        entries = await store.read_stream(key + "s", after="0", wait_s=0.01, count=1)
        await store.delete(key)
        print(json.dumps([len(value), many, kind, entries, store.statistics().connects]))

asyncio.run(main(*sys.argv[1:]))
"""


def test_without_hiredis(redis: str, unique: Unique) -> None:
    """redis-py's own parser does as well; it is slower."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_HIREDIS, redis, unique("plain")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    assert json.loads(run.stdout) == [3000, [None, None], "NOPE", [], 2]
