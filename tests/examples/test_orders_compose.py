"""The example's compose file, without an engine. tests/faults starts it."""

import importlib
import re
from pathlib import Path

import pytest

from penstock.infra.settings import Settings
from penstock.infra.settings_rules import unknown_variables
from penstock.infra.testing.compose_file import ComposeFile, read_compose
from penstock.infra.testing.compose_service import Service
from penstock.infra.testing.kafka_jars import KAFKA_VERSION
from penstock.workers import Worker

ROOT = Path(__file__).parents[2]
PATH = ROOT / "examples" / "orders" / "compose.yaml"


@pytest.fixture(scope="module")
def file() -> ComposeFile:
    """As it is read where nobody sets a variable."""
    return read_compose(PATH.read_text("utf-8"), {})


@pytest.fixture(scope="module")
def ours(file: ComposeFile) -> list[Service]:
    """The services of our own image."""
    return [service for service in file.services if service.image == "penstock-orders"]


def test_the_parts(file: ComposeFile) -> None:
    """Two counters share the work; everything else is there once."""
    replicas = {service.name: service.replicas for service in file.services}
    assert replicas.pop("reporting") == 2
    assert replicas.keys() == {"kafka", "redis", "topics", "stock", "payments", "shipping", "saga"}
    assert set(replicas.values()) == {1}


def test_kafka_is_the_version_that_tests_run_against(file: ComposeFile) -> None:
    """What is proven with one is not promised for another."""
    (kafka,) = (service for service in file.services if service.name == "kafka")
    assert kafka.image == f"apache/kafka:{KAFKA_VERSION}"


def test_kafka_reaches_itself_inside(file: ComposeFile) -> None:
    """Its inter-broker listener leads to its own name: it verifies transactions over that one."""
    (kafka,) = (service for service in file.services if service.name == "kafka")
    name = kafka.environment["KAFKA_INTER_BROKER_LISTENER_NAME"]
    advertised = kafka.environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"{name}://kafka:19092" in advertised
    assert "HOST://127.0.0.1:9092" in advertised


def test_the_published_port_is_the_advertised_one() -> None:
    """Whoever takes another port for Kafka is sent back to that port."""
    file = read_compose(PATH.read_text("utf-8"), {"ORDERS_KAFKA_PORT": "29092"})
    (kafka,) = (service for service in file.services if service.name == "kafka")
    assert "HOST://127.0.0.1:29092," in kafka.environment["KAFKA_ADVERTISED_LISTENERS"]
    assert [port.outside for port in kafka.ports] == [29092]


def test_settings_are_known_and_complete(
    ours: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each environment makes settings: an unknown or missing variable would end the process."""
    for service in ours:
        with monkeypatch.context() as patched:
            for name, value in service.environment.items():
                patched.setenv(name, value)
            assert not [*unknown_variables(service.environment, Settings.model_fields)]
            settings = Settings(app="shop")
            assert settings.replication == 1
            assert service.grace_s >= settings.drain_s + 10, "a drain fits into the grace period"


def test_what_is_run_exists(ours: list[Service]) -> None:
    """Every worker named is one, and every saga file is there."""
    for service in ours:
        match service.command:
            case ("run", "worker", place):
                module, _, name = place.partition(":")
                assert isinstance(getattr(importlib.import_module(module), name), Worker)
            case ("run", "saga", path):
                assert (PATH.parent / path).is_file()
            case other:
                assert other == ("topic", "apply")


def test_the_build_leads_to_the_image_of_this_repository() -> None:
    """Context and Dockerfile are found from the example's folder."""
    text = PATH.read_text("utf-8")
    context, dockerfile = (
        re.findall(rf"^ +{word}: (.+)$", text, re.MULTILINE) for word in ("context", "dockerfile")
    )
    assert (PATH.parent / context[0]).resolve() == ROOT
    assert (ROOT / dockerfile[0]).is_file()
