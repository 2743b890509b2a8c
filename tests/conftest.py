"""Fixtures and settings of all tests.

`kafka` is shared and never destroyed; `own_kafka` makes servers that a test may destroy;
`fault_proxy` breaks the network between clients and the shared server that `direct_kafka`
reaches without it. `redis` is shared and never emptied; `own_redis` makes servers that a test may
do anything to. Where servers come from: penstock.infra.testing.kafka_source and redis_source.
"""

import os
import signal
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.testing import kafka_source, redis_source
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_properties import NEVER_KILLED
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.testing.redis_server import RedisServer
from penstock.schemas.errors import PenstockError

_TESTS = Path(__file__).parent
_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "night", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "debug", max_examples=10, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain}
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if _IN_CI else "dev"))

_SERVED_ROOMS = {"integration", "faults"}
_KAFKA_FIXTURES = {"kafka", "direct_kafka", "own_kafka", "fault_proxy"}
_COMMANDS = ("command_line.py", "commands_page.py")


def pytest_configure() -> None:
    """Let programs under test be interrupted.

    A run in the background of a script inherits an ignored SIGINT, and would hand it on to them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Mark what needs what (the conformance suite marks its own), and begin with what takes long.

    Several processes share the tests: a long one that begins last leaves the others without work.
    """

    def by_length(item: pytest.Item) -> tuple[bool, ...]:
        rooms = item.path.relative_to(_TESTS).parts
        commands = item.get_closest_marker("commands")
        return "faults" not in rooms, commands is None, "integration" not in rooms

    for item in items:
        if _SERVED_ROOMS.intersection(item.path.relative_to(_TESTS).parts):
            item.add_marker(pytest.mark.served)
        if _KAFKA_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
            if item.path.name.endswith(_COMMANDS):
                item.add_marker(pytest.mark.commands)
    yield  # others choose by these marks, and shuffle
    items.sort(key=by_length)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Turn a name into one that no other test and no other run has."""
    # Not from `random`, which pytest-randomly seeds alike for every test.
    return lambda name: f"{name}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """Address of a Kafka that all tests share: never stop it, never count on it being empty."""
    return kafka_source.given_kafka() or request.getfixturevalue("direct_kafka")


@pytest.fixture
def own_kafka() -> Iterator[Callable[..., KafkaServer]]:
    """Start a server that the test may kill, pause and restart. It ends with the test.

    Takes the arguments of `kafka_source.own_kafka`.
    """
    with ExitStack() as servers:
        yield lambda **wishes: servers.enter_context(_server_or_skip(**wishes))


@pytest.fixture(scope="session")
def lasting_kafka() -> Iterator[Callable[..., KafkaServer]]:
    """Start an Apache Kafka that several tests share, with a configuration of their own.

    Takes the arguments of `kafka_source.apache_kafka`. It ends with the session.
    """
    with ExitStack() as servers:
        yield lambda **wishes: servers.enter_context(_apache_or_skip(**wishes))


@pytest.fixture
def fault_proxy(_proxied_server: KafkaServer, _proxy_port: LoopbackPort) -> Iterator[FaultProxy]:
    """Stand between a shared server and those clients that bootstrap from `address`."""
    assert _proxied_server.proxied_upstream is not None
    with FaultProxy(upstream=_proxied_server.proxied_upstream, port=_proxy_port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def direct_kafka(_proxied_server: KafkaServer) -> str:
    """Address of the server behind `fault_proxy`, past the proxy. As `kafka`, do not destroy it."""
    return _proxied_server.bootstrap


@pytest.fixture(scope="session")
def _proxy_port() -> Iterator[LoopbackPort]:
    with LoopbackPort() as port:
        yield port


@pytest.fixture(scope="session")
def _proxied_server(_proxy_port: LoopbackPort) -> Iterator[KafkaServer]:
    with _server_or_skip(config=NEVER_KILLED, proxy=_proxy_port.address) as server:
        yield server


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest) -> str:
    """URL of a Redis that all tests share: never stop, empty or configure it; use unique keys."""
    return redis_source.given_redis() or request.getfixturevalue("_shared_redis")


@pytest.fixture
def own_redis() -> Iterator[Callable[..., RedisServer]]:
    """Start a Redis that the test may kill, pause, empty and configure. It ends with the test.

    Takes the arguments of `redis_source.own_redis`.
    """
    with ExitStack() as servers:
        yield lambda **wishes: servers.enter_context(_redis_or_skip(**wishes))


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[str]:
    with _redis_or_skip() as server:
        yield server.url


def _server_or_skip(**wishes: Any) -> KafkaServer:
    try:
        return kafka_source.own_kafka(**wishes)
    except kafka_source.NoKafka as none:
        _skip_or_fail(none)


def _apache_or_skip(**wishes: Any) -> KafkaServer:
    try:
        return kafka_source.apache_kafka(**wishes)
    except kafka_source.NoKafka as none:
        _skip_or_fail(none)


def _redis_or_skip(**wishes: Any) -> RedisServer:
    try:
        return redis_source.own_redis(**wishes)
    except redis_source.NoRedis as none:
        _skip_or_fail(none)


def _skip_or_fail(none: PenstockError) -> NoReturn:
    """Skip at home; fail in continuous integration, where nobody reads the skips."""
    if _IN_CI:
        pytest.fail(str(none), pytrace=False)
    pytest.skip(" ".join(str(none).split()))
