"""A broker that the tests of this folder share, behind a real socket, and ways to talk to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import pytest

from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.wire.answer_maker import misspelt_fields
from penstock.infra.testing.loop_thread import LoopThread
from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import RawClient

_CONFIG: Final[Mapping[str, str]] = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
}
"""A group is complete at once, and a test may see a session end."""


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """The broker, in a thread of its own: clients that block must not stop it."""
    thread = LoopThread("embedded broker")
    made = EmbeddedBroker(BrokerOptions(config=_CONFIG))
    thread.wait(made.start())
    try:
        yield made
    finally:
        thread.wait(made.stop())
        thread.close()
    # A field that no version of its answer has would vanish from all answers without a trace.
    assert not misspelt_fields()


@pytest.fixture
def bootstrap(broker: EmbeddedBroker) -> str:
    """Its address, for clients."""
    return broker.bootstrap


@pytest.fixture
def connect(bootstrap: str) -> Iterator[Callable[..., RawClient]]:
    """Open connections that end with the test."""
    host, _, port = bootstrap.rpartition(":")
    with ExitStack() as clients:
        yield lambda **wishes: clients.enter_context(RawClient((host, int(port)), **wishes))


@pytest.fixture
def client(connect: Callable[..., RawClient]) -> RawClient:
    """One connection."""
    return connect()


@pytest.fixture
def talk(client: RawClient) -> Conversation:
    """One connection, and the usual questions."""
    return Conversation(client)


@pytest.fixture
def name(unique: Callable[[str], str]) -> str:
    """A name that nobody else has: of a group, a topic, a transactional id."""
    return unique("name")


@pytest.fixture
def make_topic(talk: Conversation, unique: Callable[[str], str]) -> Callable[[int], str]:
    """Create a topic of so many partitions."""
    return lambda partitions: talk.create_topic(unique("topic"), partitions=partitions)


@pytest.fixture
def topic(make_topic: Callable[[int], str]) -> str:
    """A new topic of one partition."""
    return make_topic(1)
