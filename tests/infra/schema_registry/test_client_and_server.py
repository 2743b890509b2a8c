"""Our client before our server: what one promises, the other keeps."""

import json

import httpx2
import pytest

from penstock.infra.schema_registry.registry_app import MAX_BODY_BYTES
from penstock.infra.schema_registry.registry_errors import RegistryRefused, SchemaIncompatible
from penstock.schemas.compatibility_levels import Level
from tests.infra.schema_registry.served import JSON, URL, Served, play
from tests.infra.schema_registry.texts import schema, text

ORDERS = schema(topic="shop.orders")
SHIPPED = schema("Shipped", topic="shop.orders", fields={"parcel": "string"})
BROKEN = schema(topic="shop.orders", fields={"order_id": "string", "sum": "long"})


@pytest.mark.parametrize("rule", ["topic", "record", "topic-record"])
def test_ids_are_those_of_the_catalogue(rule: str) -> None:
    """Whoever reads over HTTP and whoever reads the topic see the same numbers."""

    async def scenario(served: Served) -> None:
        client = served.client(rule=rule)  # type: ignore[arg-type] # one of the three
        ids = await client.ids_for([ORDERS, SHIPPED])
        assert len(set(ids.values())) == 2
        other = await served.catalogue()
        await other.refresh()
        assert {each: other.id_of(each) for each in ids} == ids
        reader = served.client()
        for each in (ORDERS, SHIPPED):
            assert await reader.lookup_id(ids[each.fingerprint]) == each
        assert await reader.lookup_id(99) is None
        await client.close()
        await reader.close()

    play(scenario)


def test_what_tools_read() -> None:
    """Subjects, versions, levels."""

    async def scenario(served: Served) -> None:
        client = served.client()
        assert await client.subjects() == ()
        assert await client.versions("shop.orders-value") == ()
        assert await client.level_of("shop.orders-value") is Level.BACKWARD_TRANSITIVE
        await client.ids_for([ORDERS, SHIPPED])
        assert await client.subjects() == ("shop.orders-value",)
        first, second = await client.versions("shop.orders-value")
        assert (first.version, first.schema) == (1, ORDERS)
        assert (second.version, second.schema) == (2, SHIPPED)
        await client.close()

    play(scenario)


def test_what_is_refused() -> None:
    """An incompatible schema with its reasons; an illegal subject in the server's words."""

    async def scenario(served: Served) -> None:
        client = served.client()
        await client.ids_for([ORDERS])
        with pytest.raises(SchemaIncompatible, match="sum") as incompatible:
            await client.ids_for([BROKEN])
        assert incompatible.value.subject == "shop.orders-value"
        with pytest.raises(RegistryRefused) as refused:
            await client.register("a\nb", ORDERS)
        assert refused.value.api_code == 42208
        await client.close()

    play(scenario)


async def _raw(served: Served, *, local: bool = True) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=served.transport(local=local), base_url=URL)


def test_answers_have_the_form_of_the_api() -> None:
    """Also refusals, and also those of what there is not."""

    async def scenario(served: Served) -> None:
        async with await _raw(served) as client:
            for target in ("/subjects", "/nope", "/schemas/ids/x", "/%FF", "/subjects?%"):
                answer = await client.get(target)
                assert answer.headers["content-type"] == JSON
                assert answer.headers["x-content-type-options"] == "nosniff"
                if answer.status_code != 200:
                    assert set(answer.json()) == {"error_code", "message"}

    play(scenario)


def test_a_body_beyond_the_limit_is_not_read() -> None:
    """The largest schema, written with escapes, is within it; what no record holds is refused."""

    async def scenario(served: Served) -> None:
        async with await _raw(served) as client:
            headers = {"content-type": JSON}
            target = "/subjects/a/versions"
            answer = await client.post(target, content=b" " * (MAX_BODY_BYTES + 1), headers=headers)
            assert (answer.status_code, answer.json()["error_code"]) == (413, 413)
            for count, code in ((200_000, None), (500_000, 42209), (600_000, 42201)):
                large = text(doc="X").replace("X", "\N{SMILING FACE WITH HALO}" * count)
                body = json.dumps({"schema": large})  # twelve bytes for each
                answer = await client.post(target, content=body, headers=headers)
                assert answer.json().get("error_code") == code

    play(scenario)


@pytest.mark.parametrize(
    ("host", "local", "status"),
    [
        ("localhost:8081", True, 200),
        ("127.0.0.1:8081", True, 200),
        ("[::1]:8081", True, 200),
        ("attacker.example", True, 403),
        ("localhost.attacker.example:8081", True, 403),
        ("", True, 403),
        ("registry:8081", False, 200),
    ],
)
def test_a_page_whose_name_leads_here_is_refused(host: str, local: bool, status: int) -> None:
    """DNS rebinding; behind a name of a network, a registry that listens there answers."""

    async def scenario(served: Served) -> None:
        async with await _raw(served, local=local) as client:
            answer = await client.get("/subjects", headers={"host": host})
            assert answer.status_code == status

    play(scenario)
