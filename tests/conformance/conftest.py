"""Fixtures of the conformance suite: each behaviour runs on every implementation.

`pytest tests/conformance -k "embedded or memory"` needs no server; `-k kafka` starts one.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from penstock.infra.clock import SystemEntropy
from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.kafka.cluster import KafkaCluster
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.testing.loop_thread import LoopThread
from tests.conformance.broker_under_test import CONFIG, SELF_ACTING, BrokerUnderTest, warm_up
from tests.conformance.cluster import Cluster
from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import RawClient
from tests.conformance.raw_member import MakeMember, RawMember
from tests.conformance.transactional_producer import TransactionalProducer, started

IMPLEMENTATIONS = [pytest.param("kafka", marks=pytest.mark.served), "embedded"]
Serve = Callable[[str, Mapping[str, str]], BrokerUnderTest]


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def broker(request: pytest.FixtureRequest, serve: Serve) -> BrokerUnderTest:
    """The broker under test; all tests share it."""
    return serve(request.param, CONFIG)


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def self_acting_broker(request: pytest.FixtureRequest, serve: Serve) -> BrokerUnderTest:
    """Another one, which makes topics by itself and soon forgets what has expired."""
    return serve(request.param, SELF_ACTING)


@pytest.fixture(scope="session")
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Give a broker by its implementation and its configuration; each is started once."""
    with ExitStack() as servers:

        def start(name: str, config: Mapping[str, str]) -> BrokerUnderTest:
            if name == "kafka":
                return _kafka(request.getfixturevalue("lasting_kafka")(config=config))
            return servers.enter_context(_embedded(config))

        running: dict[tuple[str, ...], BrokerUnderTest] = {}

        def running_or_started(name: str, config: Mapping[str, str]) -> BrokerUnderTest:
            which = (name, *config.values())
            if which not in running:
                running[which] = start(name, config)
            return running[which]

        yield running_or_started


def _kafka(server: KafkaServer) -> BrokerUnderTest:
    host, _, port = server.bootstrap.rpartition(":")
    address = (host, int(port))
    warm_up(address)
    return BrokerUnderTest(
        name="kafka", address=address, pass_time=lambda _: None, moves_time=False
    )


@contextmanager
def _embedded(config: Mapping[str, str]) -> Iterator[BrokerUnderTest]:
    loop = LoopThread("embedded broker")
    served = EmbeddedBroker(BrokerOptions(config=config))
    loop.wait(served.start())
    try:
        yield BrokerUnderTest(
            name="embedded",
            address=(served.address.host, served.address.port),
            pass_time=lambda ms: loop.call(lambda: served.move_clock(timedelta(milliseconds=ms))),
            moves_time=True,
        )
    finally:
        loop.wait(served.stop())
        loop.close()


@pytest.fixture(params=[*IMPLEMENTATIONS, "memory"])
def cluster(request: pytest.FixtureRequest, serve: Serve) -> Cluster:
    """The ports, on each implementation; the one without a wire has nothing else to test."""
    if request.param == "memory":
        return _in_memory()
    broker = serve(request.param, CONFIG)
    return Cluster(
        KafkaCluster(KafkaConnection(bootstrap=broker.bootstrap)),
        pass_time=(lambda s: broker.pass_time(int(s * 1000))) if broker.moves_time else None,
    )


def _in_memory() -> Cluster:
    """On a clock that goes by itself and can be moved."""
    clock = PenstockClock()
    cluster = MemoryCluster(
        clock=clock, entropy=SystemEntropy(), options=MemoryOptions(config=CONFIG)
    )
    return Cluster(cluster, pass_time=lambda seconds: clock.move(timedelta(seconds=seconds)))


@pytest.fixture
def connect(broker: BrokerUnderTest) -> Iterator[Callable[..., RawClient]]:
    """Open connections that end with the test."""
    with ExitStack() as clients:
        yield lambda **wishes: clients.enter_context(RawClient(broker.address, **wishes))


@pytest.fixture
def client(connect: Callable[..., RawClient]) -> RawClient:
    """One connection."""
    return connect()


@pytest.fixture
def talk(client: RawClient) -> Conversation:
    """One connection, and the usual questions."""
    return Conversation(client)


@pytest.fixture
def topic(talk: Conversation, unique: Callable[[str], str]) -> str:
    """A new topic of one partition."""
    return talk.create_topic(unique("topic"))


@pytest.fixture
def member(connect: Callable[..., RawClient], unique: Callable[[str], str]) -> MakeMember:
    """Make members of one new group, each with a connection of its own."""
    group = unique("group")
    return lambda **wishes: RawMember(**{"client": connect(), "group": group, **wishes})


@pytest.fixture
def producer(talk: Conversation, unique: Callable[[str], str]) -> Iterator[TransactionalProducer]:
    """A producer whose id nobody else has; an open transaction ends with the test."""
    yield (made := started(talk, unique("id")))
    # An open transaction would hold the last stable offset of its partitions for a minute.
    started(talk, made.transactional_id)
