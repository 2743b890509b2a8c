"""Apache Kafka in a container, for tests that may do anything to it.

An own class, because the one in testcontainers is made for another vendor's images. It needs no
start script: the published port is chosen before the container is made, so what the server has to
advertise is known from the beginning and goes into the environment; and, unlike a port that the
engine chooses, it is still the same after a restart.

Needs the extra `penstock[testing]`, so it is imported only where an engine has answered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self, cast, final

from testcontainers.core.container import DockerContainer

from penstock.infra.testing import kafka_probe, kafka_properties
from penstock.infra.testing.local_kafka import KafkaDidNotStart
from penstock.infra.testing.loopback_port import LOOPBACK, LoopbackPort

__all__ = ["KafkaContainer", "container_environment"]

_CLIENT, _CONTROLLER, _INTERNAL, _PROXIED = 9092, 9093, 9094, 9095
"""Ports inside the container."""

_STOP_LIMIT_S = 20
"""Between SIGTERM and SIGKILL, as for the JVM."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def container_environment(
    *, published: str, proxy: str | None, heap_mib: int, config: Mapping[str, str]
) -> dict[str, str]:
    """Build the environment of the container.

    Args:
        published: `host:port` under which clients reach the PLAINTEXT listener.
        proxy: `host:port` that the PROXIED listener sends clients to, or None for no such listener.
        heap_mib: largest heap of the JVM, in MiB.
        config: entries by Kafka's own names, over `kafka_properties.FOR_TESTS`.

    Returns:
        All variables that the image needs.
    """
    laid_out = kafka_properties.listeners(
        host="0.0.0.0",  # noqa: S104 - inside the container; outside it is published on loopback
        client=(_CLIENT, published),
        internal=_INTERNAL,
        controller=_CONTROLLER,
        proxied=(_PROXIED, proxy) if proxy else None,
    )
    folder = "/tmp/kraft-combined-logs"  # noqa: S108 - the image's own data folder
    entries = kafka_properties.properties(laid_out, log_folder=folder, wishes=config)
    heap = {"KAFKA_HEAP_OPTS": f"-Xmx{heap_mib}m"}
    return kafka_properties.as_environment(entries) | heap


@final
class KafkaContainer:
    """A Kafka server of our own, as a container. The methods are those of `KafkaServer`."""

    def __init__(
        self,
        *,
        image: str,
        config: Mapping[str, str] = _NOTHING,
        heap_mib: int = 512,
        proxy: str | None = None,
        start_timeout_s: float = 120.0,
    ) -> None:
        """Choose ports and describe the container; the engine is not yet asked for one.

        Args:
            image: `apache/kafka` with a tag, or one that takes the same environment.
            config: entries by Kafka's own names, over `kafka_properties.FOR_TESTS`.
            heap_mib: largest heap of the JVM, in MiB.
            proxy: `host:port` of a proxy; see `LocalKafka`.
            start_timeout_s: limit for a start, from a present image to the first answer.
        """
        client, proxied = LoopbackPort(), LoopbackPort()
        self._reserved = [client, proxied]
        self._bootstrap = client.address
        self._proxied_upstream = proxied.address if proxy else None
        self._start_timeout_s = start_timeout_s
        environment = container_environment(
            published=client.address, proxy=proxy, heap_mib=heap_mib, config=config
        )
        self._container = DockerContainer(image).with_envs(**environment)
        self._publish(_CLIENT, client)
        if proxy:
            self._publish(_PROXIED, proxied)

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return self._bootstrap

    @property
    def proxied_upstream(self) -> str | None:
        """`host:port` of the PROXIED listener, for a proxy to forward to."""
        return self._proxied_upstream

    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Raises:
            KafkaDidNotStart: it ended, or did not answer within the limit.
        """
        if self._reserved:
            self._create()
        else:
            self._engine_side.start()
        answered = kafka_probe.wait_until_answers(
            self._bootstrap, timeout_s=self._start_timeout_s, alive=self._running
        )
        if not answered:
            raise KafkaDidNotStart(reason="its container gave no answer", log_tail=self.log_tail())

    def stop(self) -> None:
        """Shut it down in order, in bounded time; data and ports are kept."""
        self._engine_side.stop(timeout=_STOP_LIMIT_S)

    def kill(self) -> None:
        """End it with SIGKILL; data and ports are kept."""
        self._engine_side.kill()

    def restart(self) -> None:
        """Shut it down where it runs, and start it on the same data and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._engine_side.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._engine_side.unpause()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its log.

        Args:
            lines: how many at most.
        """
        logged: bytes = self._engine_side.logs(tail=lines)
        return logged.decode(errors="replace")

    def close(self) -> None:
        """Remove the container with its data."""
        for port in self._reserved:
            port.close()
        self._container.stop()

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def _engine_side(self) -> Any:
        """The docker library's own container object; that library ships no types."""
        return self._container.get_wrapped_container()

    def _publish(self, inside: int, outside: LoopbackPort) -> None:
        # testcontainers declares plain numbers here, which would be published on every interface;
        # the docker library that it hands them to takes (address, port) as well.
        published = cast("dict[str, Any]", self._container.ports)
        published[f"{inside}/tcp"] = (LOOPBACK, outside.number)

    def _create(self) -> None:
        # The engine binds the ports itself, and it may do so without SO_REUSEADDR.
        for port in self._reserved:
            port.close()
        self._reserved = []
        self._container.start()

    def _running(self) -> bool:
        self._engine_side.reload()
        return bool(self._engine_side.status in {"created", "running"})
