"""What a server may say, and what becomes of it.

By a server that says what the test wants, because a real one is hard to bring to these answers.
"""

import asyncio
import pickle

import pytest

from penstock.infra.redis.errors import RedisRefused, RedisUnreachable, ValueTooLarge
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.script import Script
from tests.infra.redis.scripted_server import SILENCE, scripted_server

SCRIPT = Script(name="beat", text="return 1")
SECRET = "n0t-to-be-shown"  # noqa: S105 - made up


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("LOADING Redis is loading the dataset in memory", "LOADING"),
        ("READONLY You can't write against a read only replica.", "READONLY"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("NOAUTH Authentication required.", "NOAUTH"),
        ("NOPERM this user has no permissions", "NOPERM"),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
        ("ERR max number of clients reached", "ERR"),
        ("ERR unknown command 'GETRANGE'", "ERR"),
        ("MISCONF Redis is configured to save RDB snapshots", "MISCONF"),
        ("BUSY Redis is busy running a script.", "BUSY"),
        ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("MASTERDOWN Link with MASTER is down", "MASTERDOWN"),
        ("MOVED 3999 127.0.0.1:6381", "MOVED"),
        ("NOVELTY of a later version", "NOVELTY"),
    ],
)
def test_an_error_as_answer_is_a_refusal(said: str, kind: str) -> None:
    """Whatever class redis-py has for it, those below its ConnectionError included."""

    async def scenario() -> None:
        async with (
            scripted_server([f"-{said}\r\n".encode()]) as server,
            open_redis(server.url) as store,
        ):
            with pytest.raises(RedisRefused) as caught:
                await store.get("key", limit_bytes=10)
            told = said.rstrip(".")  # it stands in a sentence of ours
            assert (caught.value.kind, caught.value.reason) == (kind, told)
            assert caught.value.__cause__ is None
            assert store.statistics().refused == 1
            assert len(server.asked) == 1  # not asked again

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff\xfe\r\n",
        b"-MOVED nowhere\r\n",
        b"-ASK 1\r\n",
        b":1\r\n",
        b"*1\r\n$1\r\na\r\n",
    ],
)
def test_what_no_redis_says(said: bytes) -> None:
    """It is told so, the call may have happened, and the connection is not used again."""

    async def scenario() -> None:
        async with (
            scripted_server([said, b"$1\r\na\r\n"]) as server,
            open_redis(server.url) as store,
        ):
            with pytest.raises(RedisUnreachable, match="is no Redis") as caught:
                await store.get("key", limit_bytes=10)
            assert caught.value.may_have_happened
            assert await store.get("key", limit_bytes=10) == b"a"

    asyncio.run(scenario())


def test_a_long_error_is_cut() -> None:
    """A megabyte of it, with terminal commands and no UTF-8, becomes a bounded line."""

    async def scenario() -> None:
        text = b"-ERR " + b"\x1b[2J\xe2\x80\xae\xff" + b"x" * 1_000_000 + b"\r\n"
        async with scripted_server([text]) as server, open_redis(server.url) as store:
            with pytest.raises(RedisRefused) as caught:
                await store.run(SCRIPT, keys=[])
            assert len(caught.value.reason) < 300
            assert caught.value.reason.isprintable()

    asyncio.run(scenario())


def test_a_long_first_word_is_cut() -> None:
    """`kind` is a word for programs, and may go into a metric."""

    async def scenario() -> None:
        async with (
            scripted_server([b"-" + b"X" * 1000 + b"\r\n"]) as server,
            open_redis(server.url) as store,
        ):
            with pytest.raises(RedisRefused) as caught:
                await store.get("key", limit_bytes=10)
            assert caught.value.kind == "X" * 32

    asyncio.run(scenario())


def test_an_error_within_an_answer_is_a_refusal() -> None:
    """As deep as it may be: an answer that holds one is never handed on."""

    async def scenario() -> None:
        answer = b"*2\r\n:1\r\n*2\r\n:2\r\n-ERR inside\r\n"
        async with scripted_server([answer, b":1\r\n"]) as server, open_redis(server.url) as store:
            with pytest.raises(RedisRefused, match="ERR inside"):
                await store.run(SCRIPT, keys=[])
            assert await store.run(SCRIPT, keys=[]) == 1
            assert server.connections == 1  # it had been read in full

    asyncio.run(scenario())


def test_an_answer_without_end_costs_no_memory() -> None:
    """A value of 100 MB is announced and begun: it is given up at the limit, with its connection.

    This server keeps no promise of GETRANGE; a real one would cut the value itself.
    """

    async def scenario() -> None:
        flood = b"$100000000\r\n" + b"x" * 10_000_000
        async with (
            scripted_server([flood, b"$1\r\na\r\n"]) as server,
            open_redis(server.url) as store,
        ):
            with pytest.raises(ValueTooLarge) as caught:
                await store.get("key", limit_bytes=1000)
            assert caught.value.subject == "key"
            assert await store.get("key", limit_bytes=1000) == b"a"
            assert server.connections == 2

    asyncio.run(scenario())


def test_answers_of_scripts_and_streams_have_a_limit() -> None:
    """`RedisLimits.answer_bytes` holds where the caller gives none."""

    async def scenario() -> None:
        flood = b"$100000\r\n" + b"x" * 100_000 + b"\r\n"
        limits = RedisLimits(answer_bytes=10_000)
        async with scripted_server([flood]) as server, open_redis(server.url, limits) as store:
            with pytest.raises(ValueTooLarge, match="beat"):
                await store.run(SCRIPT, keys=[])
            with pytest.raises(ValueTooLarge, match="wakes"):
                await store.read_stream("wakes", after="0", wait_s=0, count=1)

    asyncio.run(scenario())


def test_values_that_are_too_long_together_are_read_one_by_one() -> None:
    """A stranger's huge value among many costs the round trip, and not the others' values."""

    async def scenario() -> None:
        huge = b"*2\r\n$1\r\na\r\n$100000\r\n" + b"x" * 100_000 + b"\r\n"
        cut = b"$11\r\n" + b"x" * 11 + b"\r\n"
        async with (
            scripted_server([huge, b"$1\r\na\r\n", cut]) as server,
            open_redis(server.url) as store,
        ):
            assert await store.get_many(["good", "strange"], limit_bytes=10) == [b"a", None]
            assert store.statistics().too_long_values == 1

    asyncio.run(scenario())


def test_an_answer_too_many_is_found_before_the_next_question() -> None:
    """A stray answer would be taken for the next one's; its connection is dropped instead."""

    async def scenario() -> None:
        async with (
            scripted_server([b"$1\r\na\r\n$5\r\nstray\r\n", b"$1\r\nb\r\n"]) as server,
            open_redis(server.url) as store,
        ):
            assert await store.get("a", limit_bytes=10) == b"a"
            assert await store.get("b", limit_bytes=10) == b"b"
            assert server.connections == 2
            assert store.statistics().dropped == 1

    asyncio.run(scenario())


def test_a_server_that_floods_at_login() -> None:
    """Before a call there is a login; its answers have a limit too, and nothing was sent yet."""

    async def scenario() -> None:
        async with scripted_server([b"+" + b"x" * 100_000]) as server:
            url = server.url.replace("redis://", f"redis://:{SECRET}@")
            async with open_redis(url) as store:
                with pytest.raises(RedisUnreachable, match="is no Redis") as caught:
                    await store.ping()
        assert not caught.value.may_have_happened

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "answer", [b"-WRONGPASS invalid username-password pair\r\n", b"+NO\r\n", SILENCE]
)
def test_a_login_that_fails(answer: bytes) -> None:
    """It costs no more than the deadline, and no error shows the password, not even pickled."""

    async def scenario() -> None:
        async with scripted_server([answer]) as server:
            url = server.url.replace("redis://", f"redis://user:{SECRET}@")
            async with open_redis(url, RedisLimits(call_timeout_s=0.2)) as store:
                with pytest.raises((RedisRefused, RedisUnreachable)) as caught:
                    await store.put("key", b"value", ttl_ms=1000)
                statistics = store.statistics()
        assert not getattr(caught.value, "may_have_happened", False)
        assert SECRET not in str(caught.value) + repr(caught.value.facts)
        assert SECRET.encode() not in pickle.dumps(caught.value)
        assert (statistics.in_use, statistics.idle) == (0, 0)

    asyncio.run(scenario())
