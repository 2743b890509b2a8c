"""The client: one question per thing, answers remembered, within limits."""

import asyncio
from typing import Any

import pytest

from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.exchange import RegistryResponse
from penstock.infra.schema_registry.registry_errors import NoSubject, RegistryAnswerUnusable
from penstock.infra.schema_registry.registry_request import RegistryRequest
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.compatibility_levels import Level
from tests.infra.schema_registry.network import ONE, Network, answer
from tests.infra.schema_registry.texts import schema, text

MISSING = answer(404, {"error_code": 40403, "message": "Schema not found"})
NO_SUBJECT = answer(404, {"error_code": 40401, "message": "no"})
ORDERS = schema(topic="shop.orders")


def world_of(*steps: Any) -> Network:
    """One registry."""
    return Network(VirtualClock(), {ONE: list(steps)})


def test_an_id_is_asked_for_once() -> None:
    """However many wait for it, and never again."""
    world = world_of(answer(200, {"schema": text()}))

    async def scenario() -> None:
        client = world.client()
        assert client.find_id(7) is None
        found = await asyncio.gather(*(client.lookup_id(7) for _ in range(50)))
        assert found == [schema()] * 50
        assert client.find_id(7) == await client.lookup_id(7) == schema()
        assert client.statistics().joined == 49
        assert client.statistics().known == 1
        assert client.statistics().under_way == 0

    asyncio.run(scenario())
    assert len(world.asked) == 1


def test_one_who_goes_takes_nothing_from_the_others() -> None:
    """And where all go, the answer is kept all the same."""
    gate = asyncio.Event()

    async def slow(_: RegistryRequest) -> RegistryResponse:
        await gate.wait()
        return answer(200, {"schema": text()})

    world = world_of(slow)

    async def scenario() -> None:
        client = world.client()
        first, second = (asyncio.ensure_future(client.lookup_id(7)) for _ in range(2))
        for _ in range(5):
            await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait({first, second})
        third = asyncio.ensure_future(client.lookup_id(7))
        gate.set()
        assert await third == schema()
        await client.close()

    asyncio.run(scenario())
    assert len(world.asked) == 1


def test_a_missing_id_is_not_asked_for_again_at_once() -> None:
    """But after a while: a registry may be behind."""
    world = world_of(MISSING, answer(200, {"schema": text()}))
    clock = world.clock
    assert isinstance(clock, VirtualClock)

    async def scenario() -> None:
        client = world.client()
        for _ in range(10):
            assert await client.lookup_id(7) is None
        assert client.statistics().missing == 1
        await clock.advance(RegistryClientSettings().missing_s)
        assert await client.lookup_id(7) == schema()
        assert client.statistics().missing == 0

    asyncio.run(scenario())
    assert len(world.asked) == 2


@pytest.mark.parametrize("schema_id", [0, -1, 2**31, 2**32 - 1])
def test_ids_that_no_registry_gives_are_not_asked_for(schema_id: int) -> None:
    """A frame may hold any four bytes."""
    world = world_of(MISSING)

    async def scenario() -> None:
        assert await world.client().lookup_id(schema_id) is None

    asyncio.run(scenario())
    assert not world.asked


def test_many_ids_of_chance_fill_no_memory() -> None:
    """Missing ones are remembered up to a limit."""
    world = world_of(MISSING)

    async def scenario() -> None:
        client = world.client(settings=RegistryClientSettings(missing=10))
        for schema_id in range(1, 101):
            await client.lookup_id(schema_id)
        assert client.statistics().missing == 10

    asyncio.run(scenario())


def test_what_is_registered_is_not_registered_again() -> None:
    """It is looked up first, which credentials that only read may do, too."""
    world = world_of(answer(200, {"subject": "shop.orders-value", "id": 5, "version": 1}))

    async def scenario() -> None:
        client = world.client()
        assert await client.ids_for([ORDERS]) == {ORDERS.fingerprint: 5}
        assert await client.ids_for([ORDERS]) == {ORDERS.fingerprint: 5}
        assert client.find_id(5) == ORDERS

    asyncio.run(scenario())
    assert world.paths() == {"POST /subjects/shop.orders-value": 1}


@pytest.mark.parametrize("code", [40401, 40403])
def test_what_is_not_there_is_registered(code: int) -> None:
    """Whether the subject or only the schema is new; with the whole text."""
    missing = answer(404, {"error_code": code, "message": "no"})
    world = world_of(missing, answer(200, {"id": 6}))

    async def scenario() -> None:
        both = await asyncio.gather(*(world.client().ids_for([ORDERS]) for _ in range(1)))
        assert both == [{ORDERS.fingerprint: 6}]

    asyncio.run(scenario())
    assert list(world.paths()) == [
        "POST /subjects/shop.orders-value",
        "POST /subjects/shop.orders-value/versions",
    ]
    assert all(ORDERS.text.replace('"', '\\"').encode() in (body or b"") for body in world.bodies)


def test_several_who_register_the_same_register_once() -> None:
    """Tasks of one process begin together."""
    world = world_of(NO_SUBJECT, answer(200, {"id": 6}))

    async def scenario() -> None:
        client = world.client()
        found = await asyncio.gather(*(client.ids_for([ORDERS]) for _ in range(20)))
        assert found == [{ORDERS.fingerprint: 6}] * 20

    asyncio.run(scenario())
    assert len(world.asked) == 2


@pytest.mark.parametrize("known", ["read", "registered"])
def test_an_id_that_means_another_schema_already_is_not_taken(known: str) -> None:
    """A registry that begins anew hands ids out again; records would be read by another schema."""
    other = schema("Shipped", topic="shop.orders")
    first = {"schema": other.text} if known == "read" else {"id": 7}
    world = world_of(answer(200, first), answer(200, {"id": 7}))

    async def scenario() -> None:
        client = world.client()
        if known == "read":
            assert await client.lookup_id(7) == other
        else:
            assert await client.ids_for([other]) == {other.fingerprint: 7}
        for _ in range(2):
            with pytest.raises(RegistryAnswerUnusable, match=r"7.*shop\.Shipped"):
                await client.ids_for([ORDERS])
        assert client.find_id(7) == other
        assert client.statistics().failures == 2

    asyncio.run(scenario())


def test_another_text_of_a_schema_has_its_id() -> None:
    """Registries keep the first text, or write it in their own order."""
    documented = schema(topic="shop.orders", doc="Words.")
    world = world_of(answer(200, {"schema": text()}), answer(200, {"id": 7}))

    async def scenario() -> None:
        client = world.client()
        await client.lookup_id(7)
        assert await client.ids_for([documented]) == {documented.fingerprint: 7}

    asyncio.run(scenario())


def test_a_schema_without_a_topic_registers_nothing() -> None:
    """And nothing of what was given beside it: all names are judged first."""
    world = world_of(answer(200, {"id": 6}))

    async def scenario() -> None:
        with pytest.raises(NoSubject):
            await world.client().ids_for([ORDERS, schema("State")])
        found = await world.client(rule="record").ids_for([schema("State")])
        assert list(found.values()) == [6]

    asyncio.run(scenario())
    assert list(world.paths()) == ["POST /subjects/shop.State"]


def test_subjects_are_quoted_whole() -> None:
    """No subject can name another call."""
    world = world_of(NO_SUBJECT)

    async def scenario() -> None:
        assert await world.client().versions("../config?a=b#c/%") == ()

    asyncio.run(scenario())
    assert list(world.paths()) == ["GET /subjects/..%2Fconfig%3Fa%3Db%23c%2F%25/versions"]


def test_versions_of_a_subject() -> None:
    """One that is deleted between two questions is passed over."""
    version = {"subject": "a", "version": 3, "id": 9, "schema": text()}
    gone = answer(404, {"error_code": 40402, "message": "no"})
    world = world_of(answer(200, [3, 1]), gone, answer(200, version))

    async def scenario() -> None:
        (found,) = await world.client().versions("a")
        assert (found.subject, found.version, found.id, found.schema) == ("a", 3, 9, schema())

    asyncio.run(scenario())


def test_the_level_of_all_stands_in_where_a_subject_has_none() -> None:
    """Registries that do not know the question answer 40401 or 40408."""
    own = answer(404, {"error_code": 40408, "message": "not configured"})
    world = world_of(own, answer(200, {"compatibilityLevel": "FULL"}))

    async def scenario() -> None:
        assert await world.client().level_of("a") is Level.FULL

    asyncio.run(scenario())
    assert list(world.paths()) == ["GET /config/a?defaultToGlobal=true", "GET /config"]
