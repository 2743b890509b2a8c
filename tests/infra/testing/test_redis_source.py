from collections.abc import Callable

import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.processes.server_errors import GivenServerSilent
from penstock.infra.redis.errors import BadRedisUrl
from penstock.infra.testing.redis_source import (
    NoRedis,
    RedisSource,
    given_redis,
    image_name,
    possible_source,
)

SECRET = "n0t-to-be-shown"  # noqa: S105 - made up


def test_when_all_ways_are_blocked() -> None:
    """The error names what stands in each way, and the way out."""
    obstacles: dict[RedisSource, Callable[[], str | None]] = {
        RedisSource.CONTAINER: lambda: "no engine",
        RedisSource.PROCESS: lambda: "no program",
    }
    with pytest.raises(NoRedis) as caught:
        possible_source(obstacles)
    assert caught.value.reasons == "container: no engine; plain process: no program"
    assert "PENSTOCK_TEST_REDIS" in str(caught.value)


def test_nothing_given() -> None:
    """Without the variable, or with an empty one, nothing is given."""
    assert given_redis({}) is None
    assert given_redis({"PENSTOCK_TEST_REDIS": ""}) is None


def test_a_given_url_is_never_replaced() -> None:
    """Where no Redis answers that is an error, which does not show the password."""
    with LoopbackPort() as port, pytest.raises(GivenServerSilent) as caught:
        given_redis({"PENSTOCK_TEST_REDIS": f"redis://:{SECRET}@{port.address}"}, timeout_s=0.1)
    assert caught.value.address == port.address
    assert SECRET not in str(caught.value)


def test_a_given_url_has_to_be_one() -> None:
    """An address without a scheme is the caller's mistake."""
    with pytest.raises(BadRedisUrl):
        given_redis({"PENSTOCK_TEST_REDIS": "localhost:6379"})


def test_the_image() -> None:
    """The image is that of Redis 7, unless another is named."""
    assert image_name({}) == "redis:7"
    assert image_name({"PENSTOCK_TEST_REDIS_IMAGE": "ours:1"}) == "ours:1"
