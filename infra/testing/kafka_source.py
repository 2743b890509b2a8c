"""Where tests get their Kafka from.

In this order: the address in PENSTOCK_TEST_KAFKA; a container, where a Docker engine answers and
has or can pull the image; a plain JVM, where Java is installed and the jars are there or Maven can
fetch them. The first that is possible is taken, and when none is, the error says of each why not.

With `embedded` in PENSTOCK_TEST_KAFKA every server is an embedded broker, and nothing is needed.

Laws:
1. An address that is given is used, or it is an error; it is never quietly replaced.
2. A server that may be destroyed is one of our own, never the given one.
3. The embedded broker is taken only where that is said: it is what many tests are about, and never
   quietly takes the place of Apache Kafka.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from penstock.infra.processes.server_errors import GivenServerSilent
from penstock.infra.testing import docker_engine, kafka_jars, kafka_probe
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.testing.local_broker import LocalBroker
from penstock.infra.testing.local_kafka import LocalKafka
from penstock.infra.testing.way import AllBlocked, open_way
from penstock.schemas.errors import WorldError

__all__ = ["KafkaSource", "NoKafka", "apache_kafka", "given_kafka", "own_kafka", "possible_source"]

_EMBEDDED = "embedded"
_GIVEN_VARIABLE = "PENSTOCK_TEST_KAFKA"
_IMAGE_VARIABLE = "PENSTOCK_TEST_KAFKA_IMAGE"

_NOTHING: Mapping[str, str] = MappingProxyType({})


class KafkaSource(StrEnum):
    """The ways to a server of our own."""

    CONTAINER = "container"
    JVM = "plain JVM"


def given_kafka(
    environment: Mapping[str, str] = os.environ, *, timeout_s: float = 10.0
) -> str | None:
    """Return the address of the Kafka that somebody has given, having seen it answer.

    Args:
        environment: PENSTOCK_TEST_KAFKA is `host:port`, or `embedded`, which gives none: such a
            broker is made by whoever needs it.
        timeout_s: limit for its answer; what is given should be running already.

    Returns:
        The address, or None where none is given.

    Raises:
        GivenServerSilent: no Kafka answers there in time.
    """
    address = environment.get(_GIVEN_VARIABLE)
    if not address or address == _EMBEDDED:
        return None
    if not kafka_probe.wait_until_answers(address, timeout_s=timeout_s):
        raise GivenServerSilent(server="Kafka", address=address, variable=_GIVEN_VARIABLE)
    return address


def own_kafka(
    *,
    config: Mapping[str, str] = _NOTHING,
    proxy: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> KafkaServer:
    """Make a server that the caller owns and may destroy; it is not yet started.

    Args:
        config: entries by Kafka's own names, over `kafka_properties.FOR_TESTS`.
        proxy: `host:port` of a proxy that the PROXIED listener sends clients to.
        environment: with `embedded` in PENSTOCK_TEST_KAFKA it is an embedded broker.

    Returns:
        The server. Use it as a context manager, or call `start` and `close`.

    Raises:
        NoKafka: there is no way to one on this machine.
    """
    if environment.get(_GIVEN_VARIABLE) == _EMBEDDED:
        return LocalBroker(config=config, proxy=proxy)
    return apache_kafka(config=config, proxy=proxy)


def apache_kafka(*, config: Mapping[str, str] = _NOTHING, proxy: str | None = None) -> KafkaServer:
    """Make an Apache Kafka, whatever PENSTOCK_TEST_KAFKA says: for tests that compare with it.

    Args:
        config: as for `own_kafka`.
        proxy: as for `own_kafka`.

    Returns:
        The server. Use it as a context manager, or call `start` and `close`.

    Raises:
        NoKafka: there is no way to one on this machine.
    """
    if _source() is KafkaSource.JVM:
        return LocalKafka(config=config, proxy=proxy)
    from penstock.infra.testing.kafka_container import (  # noqa: PLC0415 - an optional extra
        KafkaContainer,
    )

    return KafkaContainer(config=config, proxy=proxy, image=image_name())


def image_name(environment: Mapping[str, str] = os.environ) -> str:
    """Say which image a container is made of.

    Args:
        environment: PENSTOCK_TEST_KAFKA_IMAGE names another one that behaves like `apache/kafka`.

    Returns:
        The image, with its tag.
    """
    return environment.get(_IMAGE_VARIABLE) or f"apache/kafka:{kafka_jars.KAFKA_VERSION}"


def possible_source(obstacles: Mapping[KafkaSource, Callable[[], str | None]]) -> KafkaSource:
    """Choose the first way that nothing stands in.

    Args:
        obstacles: the ways in order of preference, each with a question for what stands in it.
            Later questions are not asked once a way is found: they may be slow.

    Returns:
        The way.

    Raises:
        NoKafka: something stands in each.
    """
    match open_way(obstacles):
        case AllBlocked(reasons=reasons):
            raise NoKafka(reasons=reasons)
        case source:
            return source


@functools.cache  # an image or jars that could not be had a moment ago are not asked for again
def _source() -> KafkaSource:
    return possible_source(
        {
            KafkaSource.CONTAINER: lambda: docker_engine.obstacle(image_name()),
            KafkaSource.JVM: _jvm_obstacle,
        }
    )


def _jvm_obstacle() -> str | None:
    try:
        kafka_jars.tool("java", "runs Kafka")
        kafka_jars.fetch()
    except (kafka_jars.ToolMissing, kafka_jars.KafkaJarsMissing) as missing:
        return str(missing)
    return None


@dataclass(eq=False, kw_only=True)
class NoKafka(WorldError):
    """There is no way to a Kafka on this machine."""

    reasons: str
    """What stands in each way."""

    code: ClassVar[str] = "PEN-I44"
    what: ClassVar[str] = "No Apache Kafka can be started for tests."
    why: ClassVar[str] = "Tried: {reasons}."
    remedy: ClassVar[str] = (
        "Set PENSTOCK_TEST_KAFKA to the address of one or to 'embedded', start Docker, or install "
        "Java and Maven."
    )
