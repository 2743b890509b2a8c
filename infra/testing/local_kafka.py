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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self, final

from penstock.infra.testing import kafka_jars, kafka_probe, kafka_properties
from penstock.infra.testing.log_file import last_lines
from penstock.infra.testing.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.testing.owned_process import OwnedProcess
from penstock.infra.testing.server_errors import ServerDidNotStart, WrongServerState

__all__ = ["QUICK_START", "LocalKafka", "LocalKafkaStatistics"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKafkaStatistics:
    """What has happened to a server so far."""

    running: bool
    """True while its process lives, paused or not."""
    paused: bool
    """True between pause and resume."""
    starts: int
    """How often it was started."""
    kills: int
    """How often it was killed by `kill`."""
    last_start_s: float
    """Seconds from the last start to its first answer; 0 before the first."""


@final
class LocalKafka:
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
        self._bootstrap = client.address
        self._proxied_upstream = proxied.address if proxy else None
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
        self._process: OwnedProcess | None = None
        self._starts = self._kills = 0
        self._last_start_s = 0.0

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return self._bootstrap

    @property
    def proxied_upstream(self) -> str | None:
        """`host:port` of the PROXIED listener, for a proxy to forward to."""
        return self._proxied_upstream

    @property
    def pid(self) -> int:
        """Process id of the JVM.

        Raises:
            WrongServerState: it does not run.
        """
        return self._running_process().pid

    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Raises:
            WrongServerState: it runs already.
            ToolMissing: Java is missing, or Maven while the jars are.
            KafkaJarsMissing: Maven could not fetch the jars.
            ServerDidNotStart: it ended, or did not answer within the limit; it no longer runs.
        """
        if self._process is not None:
            if self._process.running:
                raise WrongServerState(server=self._bootstrap, state="runs already")
            self._process.kill()  # it may have ended by itself, and still be ours to forget
        java = kafka_jars.tool("java", "runs Kafka")
        classes = f"{kafka_jars.fetch()}{os.sep}*"
        begin = time.monotonic()
        settings = self._write_settings(java, classes)
        command = [java, *self._jvm_options, "-cp", classes, "kafka.Kafka", str(settings)]
        self._process = process = OwnedProcess(command, output=self._log)
        self._starts += 1
        answered = kafka_probe.wait_until_answers(
            self._bootstrap, timeout_s=self._start_timeout_s, alive=lambda: process.running
        )
        if not answered:
            reason = "no answer in time" if process.running else "its process ended"
            process.kill()
            raise self._did_not_start(reason)
        self._last_start_s = time.monotonic() - begin

    def stop(self) -> None:
        """Shut it down in order, within 20 s or else by force; data and ports are kept."""
        if self._process is not None:
            self._process.stop(timeout_s=_STOP_LIMIT_S)

    def kill(self) -> None:
        """End it with SIGKILL, paused or not; data and ports are kept.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().kill()
        self._kills += 1

    def restart(self) -> None:
        """Shut it down where it runs, and start it on the same data and ports.

        Raises:
            ServerDidNotStart: as for `start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open, nothing answers.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().pause()

    def resume(self) -> None:
        """Let it go on with SIGCONT.

        Raises:
            WrongServerState: it does not run.
        """
        self._running_process().resume()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its log; empty before the first start.

        Args:
            lines: how many at most; what does not fit in 64 KiB is left out.
        """
        return last_lines(self._log, lines)

    def statistics(self) -> LocalKafkaStatistics:
        """Return what has happened so far."""
        process = self._process
        return LocalKafkaStatistics(
            running=process is not None and process.running,
            paused=process is not None and process.paused,
            starts=self._starts,
            kills=self._kills,
            last_start_s=self._last_start_s,
        )

    def close(self) -> None:
        """Kill it, give back its ports and remove its temporary folder. Closing twice is fine."""
        if self._process is not None:
            self._process.kill()
        for port in self._ports:
            port.close()
        if self._temporary is not None:
            self._temporary.cleanup()

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
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _running_process(self) -> OwnedProcess:
        if self._process is None or not self._process.running:
            raise WrongServerState(server=self._bootstrap, state="does not run")
        return self._process

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
            raise self._did_not_start("its folder was not formatted")

    def _did_not_start(self, reason: str) -> ServerDidNotStart:
        return ServerDidNotStart(server="Apache Kafka", reason=reason, log_tail=self.log_tail())
