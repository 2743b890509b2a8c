"""The Kafka of one test.

    embedded    a broker of its own, fresh, in a thread of this process; it costs some milliseconds
    container   one server for the session, in a container
    jvm         one server for the session, as a process
    HOST:PORT   a server that somebody else runs

A thread and not a child process: a test reaches its faults and its clock, and a fresh broker for
each test is the plainest isolation there is. A thread and not the test's loop: it serves tests that
have no loop, and goes on while a test blocks its own.

Laws:
1. What is given by address is never emptied, configured or stopped.
2. What was started here ends with the session, and a test's own broker with the test.
3. On a server that several tests share they are apart by the names of their apps (names.py), and
   by beginning where the topics end (app.py).
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

from penstock.infra.pytest_plugin.choice import ServerChoice, ServerKind
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.schemas.errors import CallerError, WorldError

if TYPE_CHECKING:
    from penstock.infra.pytest_plugin.faults import BrokerTime, PenstockFaults
    from penstock.infra.testing.kafka_server import KafkaServer
    from penstock.infra.testing.loop_thread import LoopThread

__all__ = ["KafkaServers", "NotEmbedded", "PenstockKafka", "ServerMissing"]

_FAR_AHEAD: Final = {"log.message.timestamp.after.max.ms": str((1 << 63) - 1)}
"""Tests move the clock of their workers; Kafka refuses records from more than an hour ahead."""


@dataclass(eq=False, kw_only=True)
class NotEmbedded(CallerError):
    """A test asks a server for what only the embedded broker can."""

    kind: str
    """What the server is."""
    wish: str
    """What was asked for."""

    code: ClassVar[str] = "PEN-I151"
    what: ClassVar[str] = "This test's Kafka has no {wish}: it is '{kind}'."
    why: ClassVar[str] = "Only the embedded broker can be told to fail or to leap in time."
    remedy: ClassVar[str] = "Run it with --penstock-kafka=embedded, which is the default."


@dataclass(eq=False, kw_only=True)
class ServerMissing(WorldError):
    """A server that the suite asks for cannot be had here."""

    server: str
    """Kafka or Redis."""
    kind: str
    """How it was to be had."""
    reason: str
    """What stands in the way."""

    code: ClassVar[str] = "PEN-I152"
    what: ClassVar[str] = "There is no {server} for this test ({kind})."
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = "Mend that, or choose another way with --penstock-kafka or -redis."


@final
class PenstockKafka:
    """A test's Kafka."""

    def __init__(
        self,
        *,
        choice: ServerChoice,
        address: str,
        faults: "PenstockFaults | None" = None,
        clock: "BrokerTime | None" = None,
    ) -> None:
        """Made by the fixture `penstock_kafka`.

        Args:
            choice: how it was asked for.
            address: where clients bootstrap.
            faults: where it has some.
            clock: where it can be moved.
        """
        self.choice = choice
        self.address = address
        """`host:port`, for PENSTOCK_KAFKA and for any client."""
        self._faults = faults
        self._clock = clock

    @property
    def is_shared(self) -> bool:
        """Whether other tests have used it, or will."""
        return self.choice.kind is not ServerKind.EMBEDDED

    @property
    def faults(self) -> "PenstockFaults":
        """What can go wrong, at a word.

        Raises:
            NotEmbedded: it is no embedded broker.
        """
        if self._faults is None:
            raise NotEmbedded(kind=self.choice.kind, wish="faults")
        return self._faults

    @property
    def clock(self) -> "BrokerTime":
        """The broker's clock alone; `penstock_clock` moves that of its clients with it.

        Raises:
            NotEmbedded: it is no embedded broker.
        """
        if self._clock is None:
            raise NotEmbedded(kind=self.choice.kind, wish="clock to move")
        return self._clock


@final
class KafkaServers:
    """What one session runs for its tests."""

    def __init__(self, choice: ServerChoice) -> None:
        """Run nothing yet.

        Args:
            choice: how the suite wants its Kafka.
        """
        self._choice = choice
        self._closing = ExitStack()
        self._thread: LoopThread | None = None
        self._address = choice.address

    def open(self, closing: ExitStack, clock: PenstockClock) -> PenstockKafka:
        """Give a test its Kafka.

        Args:
            closing: closed at the end of the test.
            clock: the test's; an embedded broker leaps with it.

        Raises:
            ServerMissing: it cannot be had here.
        """
        if self._choice.kind is ServerKind.EMBEDDED:
            return self._embedded(closing, clock)
        if not self._address:
            self._address = self._started(self._choice.kind).bootstrap
        return PenstockKafka(choice=self._choice, address=self._address)

    def close(self) -> None:
        """End what was started."""
        self._closing.close()

    def _embedded(self, closing: ExitStack, clock: PenstockClock) -> PenstockKafka:
        from penstock.infra.embedded.server.broker_options import (  # noqa: PLC0415 - see __init__.py
            BrokerOptions,
        )
        from penstock.infra.embedded.server.embedded_broker import (  # noqa: PLC0415 - as before
            EmbeddedBroker,
        )
        from penstock.infra.embedded_process import FOR_APPS  # noqa: PLC0415 - as before
        from penstock.infra.pytest_plugin.faults import (  # noqa: PLC0415 - as before
            BrokerTime,
            PenstockFaults,
        )

        thread = self._broker_thread()
        broker = EmbeddedBroker(BrokerOptions(config=FOR_APPS))
        thread.wait(broker.start())
        closing.callback(lambda: thread.wait(broker.stop()))
        time = BrokerTime(thread, broker)
        clock.follow(time.pass_by)
        faults = thread.call(lambda: PenstockFaults(thread, broker))
        closing.callback(faults.clear)  # before the stop: what is held would hold it up
        return PenstockKafka(
            choice=self._choice, address=broker.bootstrap, faults=faults, clock=time
        )

    def _broker_thread(self) -> "LoopThread":
        if self._thread is None:
            from penstock.infra.testing.loop_thread import (  # noqa: PLC0415 - see __init__.py
                LoopThread,
            )

            self._thread = LoopThread("penstock-broker")
            self._closing.callback(self._thread.close)
        return self._thread

    def _started(self, kind: ServerKind) -> "KafkaServer":
        from penstock.infra.testing.kafka_source import (  # noqa: PLC0415 - see __init__.py
            NoKafka,
        )

        try:
            return self._closing.enter_context(_MAKERS[kind]())
        except NoKafka as none:
            raise ServerMissing(
                server="Kafka", kind=kind, reason=f"Tried: {none.reasons}."
            ) from none


def _container() -> "KafkaServer":
    from penstock.infra.testing import docker_engine, kafka_source  # noqa: PLC0415 - see __init__.py

    image = kafka_source.image_name()
    kafka_source.possible_source(
        {kafka_source.KafkaSource.CONTAINER: lambda: docker_engine.obstacle(image)}
    )
    from penstock.infra.testing.kafka_container import (  # noqa: PLC0415 - an optional extra
        KafkaContainer,
    )

    return KafkaContainer(config=_FAR_AHEAD, image=image)


def _jvm() -> "KafkaServer":
    from penstock.infra.testing import kafka_jars, kafka_source  # noqa: PLC0415 - see __init__.py
    from penstock.infra.testing.local_kafka import LocalKafka  # noqa: PLC0415 - as before

    def obstacle() -> str | None:
        try:
            kafka_jars.tool("java", "runs Kafka")
            kafka_jars.fetch()
        except (kafka_jars.ToolMissing, kafka_jars.KafkaJarsMissing) as missing:
            return str(missing)
        return None

    kafka_source.possible_source({kafka_source.KafkaSource.JVM: obstacle})
    return LocalKafka(config=_FAR_AHEAD)


_MAKERS: Final[Mapping[ServerKind, Callable[[], "KafkaServer"]]] = {
    ServerKind.CONTAINER: _container,
    ServerKind.JVM: _jvm,
}
