"""The real Redis servers that tests are given, seen by a plain socket and by redis-py."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_py

from penstock.infra.processes import redis_probe
from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.processes.redis_program import find_program
from penstock.infra.processes.server_errors import ServerDidNotStart, WrongServerState
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.testing.local_redis import LocalRedis
from penstock.infra.testing.redis_server import RedisServer

LIMIT_S = 15.0

Unique = Callable[[str], str]
MakeRedis = Callable[..., RedisServer]


def answers(server: RedisServer, timeout_s: float = LIMIT_S) -> bool:
    """Ask a server whether it is there."""
    return redis_probe.answers(parse_redis_url(server.url), timeout_s=timeout_s)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it is so: another process gives no sign."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_of_our_own(
    own_redis: MakeRedis, redis: str, record_property: Callable[[str, object], None]
) -> None:
    """It answers when `start` returns, is empty, is a stranger, and listens on loopback only.

    How long the start took is on record.
    """
    server = own_redis()
    if isinstance(server, LocalRedis):
        record_property("redis_start_s", round(server.statistics().last_start_s, 3))
    assert answers(server)
    assert server.url != redis
    assert parse_redis_url(server.url).host == LOOPBACK
    with redis_py.Redis.from_url(server.url) as client:
        assert client.dbsize() == 0
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_wishes(own_redis: MakeRedis) -> None:
    """Redis' own names configure it, and its password is in the URL."""
    server = own_redis(config={"requirepass": "'a b/:@'", "maxmemory": "8mb"})
    with redis_py.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory") == {"maxmemory": str(8 * 1024 * 1024)}
    assert parse_redis_url(server.url).password == "a b/:@"  # noqa: S105 - made up


@pytest.mark.parametrize("end", ["kill", "stop", "restart"])
def test_a_server_that_comes_back_is_empty(own_redis: MakeRedis, end: str) -> None:
    """At the same port, however it ended: Redis may always lose everything."""
    server = own_redis()
    url = server.url
    with redis_py.Redis.from_url(url) as client:
        client.set("key", "value")
    getattr(server, end)()
    if end != "restart":
        assert not answers(server, timeout_s=1)
        server.start()
    assert server.url == url
    with redis_py.Redis.from_url(url) as client:
        assert client.dbsize() == 0


def test_pausing(own_redis: MakeRedis) -> None:
    """A paused server is silent and keeps its data; paused, it can still be killed or stopped."""
    server = own_redis()
    with redis_py.Redis.from_url(server.url) as client:
        client.set("key", "value")
    server.pause()
    assert not answers(server, timeout_s=0.2)
    server.resume()
    assert answers(server)
    with redis_py.Redis.from_url(server.url) as client:
        assert client.get("key") == b"value"
    server.pause()
    server.kill()
    assert not answers(server, timeout_s=1)
    server.start()
    server.pause()
    server.stop()
    assert not answers(server, timeout_s=1)


def test_a_failed_start_says_why(own_redis: MakeRedis) -> None:
    """An impossible configuration is told with what Redis logged last."""
    with pytest.raises(ServerDidNotStart, match="maxmemory"):
        own_redis(config={"maxmemory": "much"})


def test_the_shared_server_serves(redis: str, unique: Unique) -> None:
    """`redis` is the URL of a working server, whoever runs it."""
    key = unique("key")
    with redis_py.Redis.from_url(redis) as client:
        assert client.set(key, "value", px=60_000)
        assert client.delete(key) == 1


@pytest.fixture
def program() -> str:
    """Find redis-server."""
    found = find_program()
    if found is None:
        pytest.skip("no redis-server as a plain process here")
    return found


def test_a_process_that_ended_by_itself(program: str) -> None:
    """Its log says why, and it can be started again; what runs cannot."""
    with LocalRedis(program=program) as server:
        first = server.pid
        with pytest.raises(WrongServerState):
            server.start()
        os.kill(first, signal.SIGTERM)
        wait_until(lambda: not server.statistics().running)
        assert "SIGTERM" in server.log_tail()
        server.start()
        assert server.pid != first
        statistics = server.statistics()
        assert (statistics.running, statistics.starts, statistics.kills) == (True, 2, 0)


OWNER = """
import os, sys
from penstock.infra.testing.local_redis import LocalRedis
server = LocalRedis(program=sys.argv[1])
server.start()
print(server.url, flush=True)
sys.stdin.read()
"""


def test_a_server_dies_with_its_owner(program: str, tmp_path: Path) -> None:
    """Even where the owner is killed and can clean up nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # as it can remove nothing
    ) as owner:
        assert owner.stdout is not None
        address = parse_redis_url(owner.stdout.readline().strip())
        assert redis_probe.answers(address, timeout_s=LIMIT_S)
        owner.kill()
        owner.wait()
    wait_until(lambda: not redis_probe.answers(address, timeout_s=LIMIT_S))
