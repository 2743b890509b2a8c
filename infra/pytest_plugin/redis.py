"""The Redis of one test.

    embedded           a server of the session's own: redis-server, or what stands in for it
    container          the same in a container
    redis://...        a server that somebody else runs
    nothing said       embedded where that is possible, else a container

Laws:
1. A server of our own is emptied before each test.
2. What is given by URL is never emptied or stopped; what penstock keeps there is apart by the name
   of the test's app, which every key begins with (formats F4).
"""

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, final

from penstock.infra.pytest_plugin.choice import ServerChoice, ServerKind
from penstock.infra.pytest_plugin.kafka import ServerMissing
from penstock.schemas.errors import PenstockError

if TYPE_CHECKING:
    from penstock.infra.embedded_redis import EmbeddedRedis
    from penstock.infra.testing.redis_server import RedisServer

    _Server = EmbeddedRedis | RedisServer

__all__ = ["PenstockRedis", "RedisServers"]

_EMPTY: Final = b"*1\r\n$8\r\nFLUSHALL\r\n"
_LIMIT_S: Final = 5.0


@final
class PenstockRedis:
    """A test's Redis."""

    def __init__(self, *, url: str, app: str, is_shared: bool) -> None:
        """Made by the fixture `penstock_redis`.

        Args:
            url: of the server.
            app: name of the test's app.
            is_shared: whether others use the server at the same time.
        """
        self.url = url
        """For PENSTOCK_REDIS and for any client."""
        self.prefix = f"penstock:{app}:"
        """What the keys of this test's app begin with; give the test's own keys the same."""
        self.is_shared = is_shared
        """Whether others use the server at the same time; else it is empty at the start."""


@final
class RedisServers:
    """What one session runs for its tests."""

    def __init__(self, choice: ServerChoice | None) -> None:
        """Run nothing yet.

        Args:
            choice: how the suite wants its Redis; None: as it can be had.
        """
        self._choice = choice
        self._closing = ExitStack()
        self._server: _Server | None = None

    def open(self, app: str) -> PenstockRedis:
        """Give a test its Redis.

        Args:
            app: name of the test's app.

        Raises:
            ServerMissing: it cannot be had here.
            WorldError: it did not start.
        """
        if self._choice is not None and not self._choice.is_ours:
            return PenstockRedis(url=self._choice.address, app=app, is_shared=True)
        if self._server is None:
            server = self._made()
            self._closing.enter_context(server)
            self._server = server
        else:
            _empty(self._server.url)
        return PenstockRedis(url=self._server.url, app=app, is_shared=False)

    def close(self) -> None:
        """End what was started."""
        self._closing.close()

    def _made(self) -> "_Server":
        kinds = tuple(_MAKERS) if self._choice is None else (self._choice.kind,)
        reasons: list[str] = []
        for kind in kinds:
            try:
                return _MAKERS[kind]()
            except _missing() as none:
                reasons.append(none.message)
        told = "any way" if self._choice is None else self._choice.kind.value
        raise ServerMissing(server="Redis", kind=told, reason=" ".join(reasons))


def _missing() -> tuple[type[PenstockError], ...]:
    from penstock.infra.embedded_redis import NoEmbeddedRedis  # noqa: PLC0415 - see __init__.py
    from penstock.infra.testing.redis_source import NoRedis  # noqa: PLC0415 - as before

    return NoEmbeddedRedis, NoRedis


def _embedded() -> "EmbeddedRedis":
    from penstock.infra.embedded_redis import EmbeddedRedis  # noqa: PLC0415 - see __init__.py

    return EmbeddedRedis()


def _container() -> "RedisServer":
    from penstock.infra.testing import docker_engine, redis_source  # noqa: PLC0415 - see __init__.py

    image = redis_source.image_name()
    redis_source.possible_source(
        {redis_source.RedisSource.CONTAINER: lambda: docker_engine.obstacle(image)}
    )
    from penstock.infra.testing.redis_container import (  # noqa: PLC0415 - an optional extra
        RedisContainer,
    )

    return RedisContainer(image=image)


_MAKERS: Final[Mapping[ServerKind, Callable[[], "_Server"]]] = {
    ServerKind.EMBEDDED: _embedded,
    ServerKind.CONTAINER: _container,
}


def _empty(url: str) -> None:
    """Empty a server of our own."""
    from penstock.infra.redis.address import parse_redis_url  # noqa: PLC0415 - see __init__.py

    address = parse_redis_url(url)
    with socket.create_connection((address.host, address.port), _LIMIT_S) as connection:
        connection.sendall(_EMPTY)
        answer = connection.recv(64)
    if not answer.startswith(b"+OK"):
        raise ServerMissing(
            server="Redis", kind="its own", reason=f"It is not emptied: {answer!a}."
        )
