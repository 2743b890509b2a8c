"""Apache Kafka in a container, for tests that may do anything to it.

An own class, because the one in testcontainers is made for another vendor's images. It needs no
start script: the published port is chosen before the container is made (owned_container.py), so
what the server has to advertise is known from the beginning and goes into the environment.

Needs the extra `penstock[testing]`, so it is imported only where an engine has answered.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import final

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.testing import kafka_probe, kafka_properties
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.testing.owned_container import OwnedContainer

__all__ = ["KafkaContainer", "container_environment"]

_CLIENT, _CONTROLLER, _INTERNAL, _PROXIED = 9092, 9093, 9094, 9095
"""Ports inside the container."""

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
class KafkaContainer(KafkaServer):
    """A Kafka server of our own, as a container."""

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
        if not proxy:
            proxied.close()
        self._start_timeout_s = start_timeout_s
        environment = container_environment(
            published=client.address, proxy=proxy, heap_mib=heap_mib, config=config
        )
        ports = {_CLIENT: client} | ({_PROXIED: proxied} if proxy else {})
        self._container = OwnedContainer(image=image, ports=ports, environment=environment)
        super().__init__(
            self._container,
            bootstrap=client.address,
            proxied_upstream=proxied.address if proxy else None,
        )

    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Raises:
            ServerDidNotStart: it ended, or did not answer within the limit.
        """
        self._container.start()
        answered = kafka_probe.wait_until_answers(
            self.bootstrap, timeout_s=self._start_timeout_s, alive=lambda: self._container.running
        )
        if not answered:
            raise ServerDidNotStart(
                server="Apache Kafka",
                reason="its container gave no answer",
                log_tail=self.log_tail(),
            )

    def close(self) -> None:
        """Remove the container with its data."""
        self._container.close()
