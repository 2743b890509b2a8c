"""A plugin of pytest for suites of whoever uses penstock: servers, names, a clock, a running app.

    penstock_kafka    a Kafka: an embedded broker of the test's own, unless the suite says otherwise
    penstock_redis    a Redis, where one can be had
    penstock_names    names that no other test has; penstock_unique makes one of a name
    penstock_clock    a clock that the test moves, with the broker's and its workers'
    penstock_app      runs the user's workers and sagas, in the test's loop or beside it

All fixtures are plain functions, so they serve tests without an event loop, tests under
pytest-asyncio or anyio, and tests that call asyncio.run by themselves. docs/testing.md is the page
for users.

Laws:
1. pytest loads this module in every suite of every environment that penstock is installed in. So it
   imports pytest and the standard library only; everything else is imported by the first test that
   asks for a fixture.
2. A suite that asks for none is not changed in any way.
3. What was started here ends with the test or the session that it was started for.
"""

import logging
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from penstock.infra.pytest_plugin.app import PenstockApp
    from penstock.infra.pytest_plugin.clock import PenstockClock
    from penstock.infra.pytest_plugin.kafka import KafkaServers, PenstockKafka
    from penstock.infra.pytest_plugin.names import PenstockNames
    from penstock.infra.pytest_plugin.redis import PenstockRedis, RedisServers

__all__ = [
    "PenstockApp",
    "PenstockClock",
    "PenstockKafka",
    "PenstockNames",
    "PenstockRedis",
    "penstock_app",
    "penstock_clock",
    "penstock_kafka",
    "penstock_names",
    "penstock_redis",
    "penstock_unique",
    "pytest_addoption",
    "pytest_runtest_makereport",
]

_HOMES: Final = {
    "PenstockApp": "app",
    "PenstockClock": "clock",
    "PenstockKafka": "kafka",
    "PenstockNames": "names",
    "PenstockRedis": "redis",
}
_SEEN: Final = pytest.StashKey["tuple[PenstockKafka, str]"]()
"""What a failed test's report tells of."""
_SHARED_BY_WORKERS: Final = (
    "--penstock-kafka=HOST:PORT gives all workers of pytest-xdist one server, and tests that run "
    "side by side would see each other's records: run without -n, or with the embedded broker."
)


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: users name them in annotations."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - law 1

    return getattr(import_module(f"{__name__}.{home}"), name)


# --- hooks -------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a suite say where its servers come from."""
    group = parser.getgroup("penstock", "servers for tests of penstock workers and sagas")
    kafka = "embedded (a broker of its own for each test), container, jvm, or HOST:PORT"
    redis = "embedded, container, or redis://HOST:PORT/NUMBER; empty: as it can be had"
    group.addoption("--penstock-kafka", metavar="WHERE", help=f"Kafka for tests: {kafka}")
    group.addoption("--penstock-redis", metavar="WHERE", help=f"Redis for tests: {redis}")
    parser.addini("penstock_kafka", f"Kafka for tests: {kafka}", default="embedded")
    parser.addini("penstock_redis", f"Redis for tests: {redis}", default="")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell what a failed test's Kafka holds."""
    report = yield
    seen = item.stash.get(_SEEN, None)
    if seen is not None and report.failed and call.when == "call":
        from penstock.infra.pytest_plugin.failure_section import (  # noqa: PLC0415 - law 1
            failure_section,
        )

        report.sections.append(("penstock", failure_section(*seen)))
    return report


# --- fixtures ----------------------------------------------------------------------------------


@pytest.fixture
def penstock_names(request: pytest.FixtureRequest) -> "PenstockNames":
    """Names that no other test has: `.app`, and `.unique(name)`."""
    from penstock.infra.pytest_plugin.names import PenstockNames  # noqa: PLC0415 - law 1

    return PenstockNames(request.node.name)


@pytest.fixture
def penstock_unique(penstock_names: "PenstockNames") -> Callable[[str], str]:
    """Make a name into one that no other test has."""
    return penstock_names.unique


@pytest.fixture
def penstock_clock() -> "PenstockClock":
    """A clock that the test moves: `penstock_clock.move(timedelta(minutes=5))`."""
    from penstock.infra.pytest_plugin.clock import PenstockClock  # noqa: PLC0415 - law 1

    return PenstockClock()


@pytest.fixture
def penstock_kafka(
    request: pytest.FixtureRequest,
    penstock_clock: "PenstockClock",
    penstock_names: "PenstockNames",
    _penstock_kafka_servers: "KafkaServers",
) -> "Iterator[PenstockKafka]":
    """A Kafka: `.address`, and where it is embedded `.faults` and `.clock`."""
    from penstock.infra.pytest_plugin.kafka import ServerMissing  # noqa: PLC0415 - law 1

    with ExitStack() as closing:
        try:
            kafka = _penstock_kafka_servers.open(closing, penstock_clock)
        except ServerMissing as missing:
            _skip_or_fail(missing)
        request.node.stash[_SEEN] = (kafka, penstock_names.app)
        yield kafka
        del request.node.stash[_SEEN]


@pytest.fixture
def penstock_redis(
    penstock_names: "PenstockNames", _penstock_redis_servers: "RedisServers"
) -> "PenstockRedis":
    """A Redis: `.url`, and `.prefix` for the test's own keys."""
    from penstock.infra.pytest_plugin.kafka import ServerMissing  # noqa: PLC0415 - law 1

    try:
        return _penstock_redis_servers.open(penstock_names.app)
    except ServerMissing as missing:
        _skip_or_fail(missing)


@pytest.fixture
def penstock_app(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    penstock_kafka: "PenstockKafka",
    penstock_clock: "PenstockClock",
    penstock_names: "PenstockNames",
) -> "Iterator[PenstockApp]":
    """Run the project's workers and sagas: `async with penstock_app.running(worker) as app`.

    A test that also asks for `penstock_redis` gives its app that Redis.
    """
    from penstock.infra.pytest_plugin.app import (  # noqa: PLC0415 - law 1
        PenstockApp,
        Place,
        settings_variables,
    )

    if not penstock_kafka.choice.is_ours and hasattr(request.config, "workerinput"):
        pytest.fail(_SHARED_BY_WORKERS, pytrace=False)
    redis = (
        request.getfixturevalue("penstock_redis")
        if "penstock_redis" in request.fixturenames
        else None
    )
    wanted, gone = settings_variables(penstock_names.app, penstock_kafka, redis, os.environ)
    for name in gone:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    client = logging.getLogger("aiokafka")
    level = client.level
    client.setLevel(max(level, logging.WARNING))  # its word on each step would bury the failure
    yield PenstockApp(
        app=penstock_names.app,
        kafka=penstock_kafka,
        redis=redis,
        clock=penstock_clock,
        place=Place(
            file=request.path,
            root=request.config.rootpath,
            module=getattr(request, "module", None),
        ),
    )
    client.setLevel(level)


@pytest.fixture(scope="session")
def _penstock_kafka_servers(pytestconfig: pytest.Config) -> "Iterator[KafkaServers]":
    from penstock.infra.pytest_plugin.choice import kafka_choice  # noqa: PLC0415 - law 1
    from penstock.infra.pytest_plugin.kafka import KafkaServers  # noqa: PLC0415 - law 1

    servers = KafkaServers(kafka_choice(_said(pytestconfig, "penstock_kafka")))
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def _penstock_redis_servers(pytestconfig: pytest.Config) -> "Iterator[RedisServers]":
    from penstock.infra.pytest_plugin.choice import redis_choice  # noqa: PLC0415 - law 1
    from penstock.infra.pytest_plugin.redis import RedisServers  # noqa: PLC0415 - law 1

    servers = RedisServers(redis_choice(_said(pytestconfig, "penstock_redis")))
    yield servers
    servers.close()


def _said(config: pytest.Config, name: str) -> str:
    """What the command line says, else the ini file."""
    said: str = config.getoption(name) or config.getini(name)
    return said


def _skip_or_fail(missing: Exception) -> NoReturn:
    """Skip at home; fail in continuous integration, where nobody reads the skips."""
    line = " ".join(str(missing).split())
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(line, pytrace=False)
    pytest.skip(line)
