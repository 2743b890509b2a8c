import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.processes.server_errors import GivenServerSilent
from penstock.infra.testing.kafka_jars import KAFKA_VERSION
from penstock.infra.testing.kafka_source import (
    KafkaSource,
    NoKafka,
    given_kafka,
    image_name,
    own_kafka,
    possible_source,
)
from penstock.infra.testing.local_broker import LocalBroker


def never_asked() -> str | None:
    """Stand for a question that must not be asked: it may pull an image or fetch jars."""
    raise AssertionError


def test_the_first_way_without_obstacle_is_taken() -> None:
    """Later ways are not even asked."""
    obstacles = {KafkaSource.CONTAINER: lambda: None, KafkaSource.JVM: never_asked}
    assert possible_source(obstacles) is KafkaSource.CONTAINER


def test_an_obstacle_leads_to_the_next_way() -> None:
    """Where no container can be had, a plain JVM is taken."""
    obstacles = {KafkaSource.CONTAINER: lambda: "no engine", KafkaSource.JVM: lambda: None}
    assert possible_source(obstacles) is KafkaSource.JVM


def test_when_all_ways_are_blocked() -> None:
    """The error names what stands in each way, and the way out."""
    obstacles = {KafkaSource.CONTAINER: lambda: "no engine", KafkaSource.JVM: lambda: "no Java"}
    with pytest.raises(NoKafka) as caught:
        possible_source(obstacles)
    assert caught.value.reasons == "container: no engine; plain JVM: no Java"
    assert "PENSTOCK_TEST_KAFKA" in str(caught.value)


def test_nothing_given() -> None:
    """Without the variable, or with an empty one, nothing is given."""
    assert given_kafka({}) is None
    assert given_kafka({"PENSTOCK_TEST_KAFKA": ""}) is None


def test_a_given_address_is_never_replaced() -> None:
    """Where no Kafka answers at the given address that is an error, not a reason to go on."""
    with LoopbackPort() as port, pytest.raises(GivenServerSilent) as caught:
        given_kafka({"PENSTOCK_TEST_KAFKA": port.address}, timeout_s=0.1)
    assert caught.value.address == port.address


def test_an_embedded_broker_is_made_where_it_is_asked_for() -> None:
    """Nothing is given then: the shared server, and each that a test owns, is one of our own."""
    asked = {"PENSTOCK_TEST_KAFKA": "embedded"}
    assert given_kafka(asked) is None
    server = own_kafka(environment=asked, proxy="127.0.0.1:7777")
    try:
        assert isinstance(server, LocalBroker)
        assert server.proxied_upstream not in {None, server.bootstrap, "127.0.0.1:7777"}
    finally:
        server.close()


def test_the_image() -> None:
    """The image is Apache's in the version of the jars, unless another is named."""
    assert image_name({}) == f"apache/kafka:{KAFKA_VERSION}"
    assert image_name({"PENSTOCK_TEST_KAFKA_IMAGE": "ours:1"}) == "ours:1"
