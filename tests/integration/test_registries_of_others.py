"""Our client before registries: the one we serve, and any that PENSTOCK_TEST_SCHEMA_REGISTRY names.

Karapace and Apicurio (base path /apis/ccompat/v7) have passed. Both are heavy, and start where
somebody starts them: the tests do not.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient as ConfluentClient

from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.schema_registry.client import SchemaRegistryClient
from penstock.infra.schema_registry.opening import open_schema_registry
from penstock.infra.schema_registry.registry_errors import (
    RegistryAnswerUnusable,
    SchemaIncompatible,
)
from penstock.infra.schema_registry.subject_names import SUBJECT_RULES, SubjectRule
from penstock.infra.settings import Settings
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra.schema_registry.texts import schema
from tests.integration.registry_process import ShopProject

VARIABLE = "PENSTOCK_TEST_SCHEMA_REGISTRY"


@pytest.fixture(params=["served by us", "given"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of one."""
    if request.param == "given":
        url = os.environ.get(VARIABLE)
        if not url:
            pytest.skip(f"{VARIABLE} names no registry")
        yield url
        return
    kafka, unique = request.getfixturevalue("kafka"), request.getfixturevalue("unique")
    with ShopProject(tmp_path, kafka, unique).serving() as process:
        yield process.url


class Orders:
    """A topic of this test, and versions of its type."""

    def __init__(self, unique: Callable[[str], str]) -> None:
        """Make names that no other run has: registries remember."""
        self.topic = f"shop.{unique('orders')}"
        self.subject = f"{self.topic}-value"
        marker = unique("id").replace("-", "_")
        self.old = schema(topic=self.topic, fields={marker: "string"})
        self.new = schema(topic=self.topic, fields={marker: "string", "note": ("string", "")})
        self.bad = schema(topic=self.topic, fields={marker: "string", "sum": "long"})


@pytest.fixture
def orders(unique: Callable[[str], str]) -> Orders:
    """Names and schemas."""
    return Orders(unique)


def with_client(
    url: str,
    scenario: Callable[[SchemaRegistryClient], Coroutine[Any, Any, None]],
    rule: SubjectRule = "topic",
) -> None:
    """Play with one client of its own."""

    async def run() -> None:
        settings = Settings(app="shop", schema_registry=url, subject_names=rule)
        client = open_schema_registry(settings, SystemClock(), SystemEntropy())
        assert client is not None
        try:
            await scenario(client)
        finally:
            await client.close()

    asyncio.run(run())


def same(found: AvroSchema | None, wanted: AvroSchema) -> bool:
    """Whether two are one schema; some registries sort what is in a text."""
    return found is not None and found.document == wanted.document


@pytest.mark.parametrize("rule", SUBJECT_RULES)
def test_ids_are_given_once_and_found_by_others(
    registry: str, orders: Orders, rule: SubjectRule
) -> None:
    """With all that the schema says: our attributes too."""
    ids: dict[bytes, int] = {}

    async def write(client: SchemaRegistryClient) -> None:
        ids.update(await client.ids_for([orders.old, orders.new]))
        assert len(set(ids.values())) == 2

    async def read(client: SchemaRegistryClient) -> None:
        for each in (orders.old, orders.new):
            assert same(await client.lookup_id(ids[each.fingerprint]), each)
        assert await client.ids_for([orders.new, orders.old]) == ids
        assert await client.lookup_id(2**31 - 1) is None

    with_client(registry, write, rule)
    with_client(registry, read, rule)


def test_an_incompatible_schema_is_refused(registry: str, orders: Orders) -> None:
    """Where the subject demands that it is compatible."""

    async def begin(client: SchemaRegistryClient) -> None:
        await client.ids_for([orders.old])

    async def go_on(client: SchemaRegistryClient) -> None:
        assert await client.level_of(orders.subject) is Level.BACKWARD
        with pytest.raises(SchemaIncompatible, match="sum"):
            await client.ids_for([orders.bad])
        assert len(await client.ids_for([orders.new])) == 1

    with_client(registry, begin)
    with ConfluentClient({"url": registry}) as tool:
        tool.set_compatibility(orders.subject, "BACKWARD")
    with_client(registry, go_on)


def test_what_tools_read(registry: str, orders: Orders) -> None:
    """Subjects with their versions, and the level of one that there is not."""

    async def scenario(client: SchemaRegistryClient) -> None:
        assert await client.versions(orders.subject) == ()
        await client.ids_for([orders.old, orders.new])
        assert orders.subject in await client.subjects()
        first, second = await client.versions(orders.subject)
        assert same(first.schema, orders.old)
        assert same(second.schema, orders.new)
        assert (first.version, second.version) == (1, 2)
        assert await client.level_of(f"{orders.topic}-none") in Level

    with_client(registry, scenario)


def test_a_wrong_base_path_is_told(registry: str) -> None:
    """And is not taken for a schema that is not there."""

    async def scenario(client: SchemaRegistryClient) -> None:
        with pytest.raises(RegistryAnswerUnusable):
            await client.lookup_id(1)

    with_client(f"{registry}/wrong", scenario)
