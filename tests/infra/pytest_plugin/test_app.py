"""What a test's app is made of, and what its environment says."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from penstock.events import Event, Topic
from penstock.events.event_types import TypeNamedTwice
from penstock.infra.project import Project
from penstock.infra.pytest_plugin.app import settings_variables
from penstock.infra.pytest_plugin.choice import ServerChoice, ServerKind
from penstock.infra.pytest_plugin.contents import contents_of
from penstock.infra.pytest_plugin.kafka import PenstockKafka
from penstock.infra.pytest_plugin.redis import PenstockRedis
from penstock.schemas.record import declaration_of
from penstock.workers import Delivery, Worker

OURS = PenstockKafka(choice=ServerChoice(kind=ServerKind.EMBEDDED), address="127.0.0.1:9")
GIVEN = PenstockKafka(
    choice=ServerChoice(kind=ServerKind.GIVEN, address="kafka:9092"), address="kafka:9092"
)
ORDERS = Topic("plugin.orders", partitions=1)


class Placed(Event, topic=ORDERS, key="order"):
    order: str


class Noted(Event, topic="plugin.notes", key="order"):
    order: str


worker = Worker("clerk")


@worker.on(Placed)
async def note(placed: Placed, delivery: Delivery) -> None:
    """Do nothing."""


def test_our_own_server_needs_nothing_of_the_environment() -> None:
    """What stands there for another cluster would not fit; what tests are told stays."""
    environment = {
        "PENSTOCK_KAFKA": "production:9092",
        "PENSTOCK_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "penstock_redis": "redis://production",
        "PENSTOCK_TEST_KAFKA": "embedded",
        "PATH": "/bin",
    }
    wanted, gone = settings_variables("app", OURS, None, environment)
    assert wanted == {"PENSTOCK_APP": "app", "PENSTOCK_KAFKA": "127.0.0.1:9"}
    assert set(gone) == {"PENSTOCK_KAFKA_SECURITY_PROTOCOL", "penstock_redis"}


def test_how_to_reach_a_given_server_stays() -> None:
    """Its protocol and its password; the app and the Redis are the test's."""
    environment = {"PENSTOCK_KAFKA_SASL_USERNAME": "ann", "PENSTOCK_LOG_LEVEL": "debug"}
    redis = PenstockRedis(url="redis://r:1", app="app", is_shared=False)
    wanted, gone = settings_variables("app", GIVEN, redis, environment)
    assert wanted["PENSTOCK_REDIS"] == "redis://r:1"
    assert gone == ("PENSTOCK_LOG_LEVEL",)


def test_types_are_found_beside_the_worker() -> None:
    """In the module of its handlers, also those that it does not name."""
    contents = contents_of(
        [worker], (), (), project=Project(), folder=Path(), module=sys.modules[__name__]
    )
    assert {Placed, Noted} <= set(contents.types)


def test_a_type_that_is_given_wins() -> None:
    """Over another of the same name that the test's own module has not."""

    class Given(Event, topic=ORDERS, namespace="plugin", key="order"):
        order: str

    Given.__qualname__ = Given.__name__ = "Given"
    contents = contents_of([], (), [Given], project=Project(), folder=Path(), module=None)
    assert {declaration_of(each).full_name: each for each in contents.types}[
        "plugin.Given"
    ] is Given


def test_two_types_of_one_name_are_told() -> None:
    """As everywhere: neither is right."""

    class Noted(Event, topic="plugin.notes", key="order"):
        order: str

    module = ModuleType("a_test")
    module.__dict__["Noted"] = Noted
    with pytest.raises(TypeNamedTwice):
        contents_of([worker], (), (), project=Project(), folder=Path(), module=module)
