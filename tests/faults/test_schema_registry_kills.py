"""A registry that is killed while clients use it: what is known stays, and so do the ids."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.schema_registry.client import SchemaRegistryClient
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.http_exchange import HttpExchange
from penstock.infra.schema_registry.registry_errors import RegistryUnreachable
from penstock.infra.tls import TlsFiles, tls_context
from tests.infra.schema_registry.texts import schema
from tests.integration.registry_process import ShopProject

PATIENT = RegistryClientSettings(call_s=60.0, rounds=60, longest_backoff_s=1.0)
HASTY = RegistryClientSettings(call_s=2.0, rounds=3)


def client_of(url: str, settings: RegistryClientSettings) -> SchemaRegistryClient:
    """A client over the network."""
    tls, _ = tls_context(TlsFiles(ca=None, certificate=None, key=None))
    exchange = HttpExchange(
        username=None,
        password=None,
        tls=tls,
        timeout_s=settings.attempt_s,
        connections=settings.connections,
        answer_bytes=settings.answer_bytes,
    )
    return SchemaRegistryClient([url], exchange, SystemClock(), SystemEntropy(), settings=settings)


@pytest.fixture
def shop(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> ShopProject:
    """A project with its topics."""
    return ShopProject(tmp_path, kafka, unique)


def test_a_killed_registry_comes_back_as_it_was(
    shop: ShopProject, unique: Callable[[str], str]
) -> None:
    """It keeps nothing of its own, as ids are on the topic; a patient client does not notice.

    What was asked for before is answered from memory meanwhile, and what was not is told to be
    unreachable, in bounded time.
    """
    known = schema(fields={unique("a").replace("-", "_"): "string"}, topic=shop.orders)
    other = schema("Other", fields={unique("b").replace("-", "_"): "string"}, topic=shop.orders)

    async def before(url: str) -> tuple[int, int, SchemaRegistryClient]:
        client = client_of(url, PATIENT)
        ids = await client.ids_for([known, other])
        return ids[known.fingerprint], ids[other.fingerprint], client

    async def without(url: str, other_id: int) -> None:
        hasty = client_of(url, HASTY)
        with pytest.raises(RegistryUnreachable):
            await hasty.lookup_id(other_id)
        await hasty.close()

    async def scenario() -> None:
        with LoopbackPort() as port:
            words = ("--port", str(port.number))
            with shop.serving(*words) as process:
                url = process.url
                known_id, other_id, client = await before(url)
                process.process.kill()
                process.process.communicate()
            assert await client.lookup_id(known_id) == known
            await without(url, other_id)
            fresh = client_of(url, PATIENT)
            waiting = asyncio.ensure_future(fresh.lookup_id(other_id))
            with ExitStack() as running:
                await asyncio.to_thread(running.enter_context, shop.serving(*words))
                assert await waiting == other
                assert await fresh.ids_for([known, other]) == {
                    known.fingerprint: known_id,
                    other.fingerprint: other_id,
                }
                assert fresh.statistics().repeats > 0
            await fresh.close()
            await client.close()

    asyncio.run(scenario())
