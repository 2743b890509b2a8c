"""The limits that Kafka's own settings leave open."""

import resource
from collections.abc import Iterator

import pytest

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.server.connection_limits import ConnectionLimits


@pytest.fixture
def few_files() -> Iterator[None]:
    """Let this process open 500 files at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_no_more_connections_are_taken_than_the_process_may_open() -> None:
    """Kafka's default is without limit; files of logs need some of the descriptors, too."""
    assert 300 < ConnectionLimits.of(BrokerConfig()).possible_connections < 500
    asked = BrokerConfig.parse({"max.connections": "20"})
    assert ConnectionLimits.of(asked).possible_connections == 20


def test_requests_that_wait_have_a_limit_where_kafka_has_none() -> None:
    """Half a gigabyte, or what is asked for."""
    assert ConnectionLimits.of(BrokerConfig()).queued_bytes == 512 << 20
    asked = BrokerConfig.parse({"queued.max.request.bytes": "1000"})
    assert ConnectionLimits.of(asked).queued_bytes == 1000
