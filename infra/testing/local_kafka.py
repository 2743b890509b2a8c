"""Apache Kafka as a plain JVM, for tests that may do anything to it.

One process is broker and controller. It is killed with its owner, whatever happens to the owner
(owned_process.py), keeps its ports while it is down (loopback_port.py), and is only called
started once it has answered a client's question (kafka_probe.py).

    with LocalKafka() as kafka:
        ...            # kafka.bootstrap
        kafka.kill()
        kafka.start()  # same data, same ports

Laws:
1. Kafka's own names configure it; nothing is renamed.
2. A failed start says what Kafka logged last.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import final

from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.processes.owned_process import OwnedProcess
from penstock.infra.processes.server_process import ServerProcess, ServerStatistics
from penstock.infra.testing import kafka_jars, kafka_probe, kafka_properties
from penstock.infra.testing.kafka_server import KafkaServer

__all__ = ["QUICK_START", "LocalKafka"]

QUICK_START: tuple[str, ...] = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""JVM options that trade peak speed for a quick start: 2.0 s instead of 3.3 s, and 1.9 CPU seconds
instead of 3.5, on two cores. Pass others, or none, to measure speed."""

_LOG_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
)

_FORMAT_LIMIT_S = 60.0
"""Formatting took 0.8 s."""

_STOP_LIMIT_S = 20.0
"""A shutdown in order took 0.5 s."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@final
class LocalKafka(KafkaServer):
    """A Kafka server of our own, as a child process."""

    def __init__(
        self,
        *,
        config: Mapping[str, str] = _NOTHING,
        heap_mib: int = 512,
        data_dir: Path | None = None,
        proxy: str | None = None,
        jvm_options: Sequence[str] = QUICK_START,
        start_timeout_s: float = 60.0,
    ) -> None:
        """Reserve ports and a folder; nothing runs yet.

        Args:
            config: entries by Kafka's own names, over `kafka_properties.FOR_TESTS`.
            heap_mib: largest heap of the JVM, in MiB.
            data_dir: folder for data and log, kept at the end; default: a temporary one, removed.
            proxy: `host:port` of a proxy. With it there is a PROXIED listener, bound to
                `proxied_upstream`, that sends clients back to the proxy.
            jvm_options: further options of the JVM.
            start_timeout_s: limit for a start, from process to first answer.
        """
        self._ports = [LoopbackPort() for _ in range(4)]
        client, internal, controller, proxied = self._ports
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if data_dir is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="penstock-kafka-", ignore_cleanup_errors=True
            )
            data_dir = Path(self._temporary.name)
        self._folder = data_dir
        self._entries = kafka_properties.properties(
            kafka_properties.listeners(
                host=LOOPBACK,
                client=(client.number, client.address),
                internal=internal.number,
                controller=controller.number,
                proxied=(proxied.number, proxy) if proxy else None,
            ),
            log_folder=str(self._folder / "data"),
            wishes=config,
        )
        self._jvm_options = (f"-Xmx{heap_mib}m", *_LOG_OPTIONS, *jvm_options)
        self._start_timeout_s = start_timeout_s
        self._process = ServerProcess(
            server="Apache Kafka",
            address=client.address,
            log=self._log,
            stop_limit_s=_STOP_LIMIT_S,
        )
        super().__init__(
            self._process,
            bootstrap=client.address,
            proxied_upstream=proxied.address if proxy else None,
        )

    @property
    def pid(self) -> int:
        """Process id of the JVM.

        Raises:
            WrongServerState: it does not run.
        """
        return self._process.pid

    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Raises:
            WrongServerState: it runs already.
            ToolMissing: Java is missing, or Maven while the jars are.
            KafkaJarsMissing: Maven could not fetch the jars.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        self._process.make_ready()
        java = kafka_jars.tool("java", "runs Kafka")
        classes = f"{kafka_jars.fetch()}{os.sep}*"
        settings = self._write_settings(java, classes)
        self._process.start(
            [java, *self._jvm_options, "-cp", classes, "kafka.Kafka", str(settings)],
            lambda alive: kafka_probe.wait_until_answers(
                self.bootstrap, timeout_s=self._start_timeout_s, alive=alive
            ),
        )

    def statistics(self) -> ServerStatistics:
        """Return what has happened so far."""
        return self._process.statistics()

    def close(self) -> None:
        """Kill it, give back its ports and remove its temporary folder. Closing twice is fine."""
        self._process.end()
        for port in self._ports:
            port.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _write_settings(self, java: str, classes: str) -> Path:
        """Write server.properties, and format the data folder where it is new."""
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        settings.write_text(kafka_properties.as_text(self._entries), encoding="utf-8")
        if not Path(self._entries["log.dirs"], "meta.properties").exists():
            self._format(java, classes, settings)
        return settings

    def _format(self, java: str, classes: str, settings: Path) -> None:
        storage = ["kafka.tools.StorageTool", "format", "-t", kafka_properties.CLUSTER_ID]
        command = [java, *QUICK_START, "-cp", classes, *storage, "-c", str(settings)]
        if OwnedProcess(command, output=self._log).wait(timeout_s=_FORMAT_LIMIT_S) != 0:
            raise self._process.did_not_start("its folder was not formatted")
