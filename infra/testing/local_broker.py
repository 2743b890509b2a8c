"""The embedded broker as a process, for tests that may do anything to it.

It stands in for Apache Kafka wherever a test asks for a server, and wants neither Java nor Docker.

    with LocalBroker() as kafka:
        ...            # kafka.bootstrap
        kafka.kill()
        kafka.start()  # same data, same ports

Laws:
1. Kafka's own names configure it, and what is set for every Kafka of a test is set here.
2. A failed start says what the broker logged last.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, final

from penstock.infra.embedded_process import EmbeddedProcess, EmbeddedWishes
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.processes.server_process import ServerStatistics
from penstock.infra.testing.kafka_properties import FOR_TESTS
from penstock.infra.testing.kafka_server import KafkaServer

__all__ = ["LocalBroker"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@final
class LocalBroker(KafkaServer):
    """An embedded broker of our own, as a child process."""

    def __init__(
        self,
        *,
        config: Mapping[str, str] = _NOTHING,
        proxy: str | None = None,
        start_timeout_s: float = 30.0,
    ) -> None:
        """Reserve ports and a folder; nothing runs yet.

        Args:
            config: entries by Kafka's own names, over `kafka_properties.FOR_TESTS`.
            proxy: `host:port` of a proxy. With it there is a second listener, `proxied_upstream`,
                that sends clients back to the proxy.
            start_timeout_s: limit for a start.
        """
        client, proxied = self._ports = (LoopbackPort(), LoopbackPort())
        self._folder = tempfile.TemporaryDirectory(
            prefix="penstock-broker-", ignore_cleanup_errors=True
        )
        folder = Path(self._folder.name)
        self._process = EmbeddedProcess(
            log=folder / "server.log",
            wishes=EmbeddedWishes(
                port=client.number,
                config={**FOR_TESTS, **config},
                data=folder / "data",
                proxied=(proxied.address, proxy) if proxy else None,
            ),
            start_timeout_s=start_timeout_s,
        )
        super().__init__(
            self._process,
            bootstrap=client.address,
            proxied_upstream=proxied.address if proxy else None,
        )

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            WrongServerState: it does not run.
        """
        return self._process.pid

    def start(self) -> None:
        """Start it, the first time or again, and wait until it listens.

        Raises:
            WrongServerState: it runs already.
            ServerDidNotStart: it ended, or did not listen within the limit; it no longer runs.
        """
        self._process.start()

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        return self._process.statistics()

    def close(self) -> None:
        """Kill it, give back its ports and remove its folder. Closing twice is fine."""
        self._process.end()
        for port in self._ports:
            port.close()
        self._folder.cleanup()
