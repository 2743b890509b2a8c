"""Redis in a container, for tests that may do anything to it.

An own class, because the one in testcontainers publishes a port that the engine chooses, which is
another one after a restart, and brings its client with it (owned_container.py).

Needs the extra `penstock[testing]`, so it is imported only where an engine has answered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from penstock.infra.processes import redis_probe
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.redis.address import RedisAddress
from penstock.infra.testing import redis_options
from penstock.infra.testing.owned_container import OwnedContainer
from penstock.infra.testing.redis_server import RedisServer

__all__ = ["RedisContainer"]

_PORT: Final = 6379
"""Inside the container."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@final
class RedisContainer(RedisServer):
    """A Redis server of our own, as a container."""

    def __init__(
        self, *, image: str, config: Mapping[str, str] = _NOTHING, start_timeout_s: float = 60.0
    ) -> None:
        """Choose a port and describe the container; the engine is not yet asked for one.

        Args:
            image: `redis` with a tag, or one that takes the same command.
            config: values by Redis' own names, over `redis_options.FOR_TESTS`.
            start_timeout_s: limit for a start, from a present image to the first answer.
        """
        port = LoopbackPort()
        self._address = RedisAddress(host=LOOPBACK, port=port.number)
        self._start_timeout_s = start_timeout_s
        # Without a password Redis serves loopback only, and inside, its clients come from outside.
        # That it is reached from loopback only is the business of the published port.
        command = ["redis-server", *redis_options.options({"protected-mode": "no", **config})]
        self._container = OwnedContainer(image=image, ports={_PORT: port}, command=command)
        super().__init__(self._container, url=redis_options.url(port.address, config))

    def start(self) -> None:
        """Start it, the first time or again, empty, and wait until it serves clients.

        Raises:
            ServerDidNotStart: it ended, or did not answer within the limit.
        """
        self._container.start()
        answered = redis_probe.wait_until_answers(
            self._address, timeout_s=self._start_timeout_s, alive=lambda: self._container.running
        )
        if not answered:
            raise ServerDidNotStart(
                server="Redis", reason="its container gave no answer", log_tail=self.log_tail()
            )

    def close(self) -> None:
        """Remove the container."""
        self._container.close()
