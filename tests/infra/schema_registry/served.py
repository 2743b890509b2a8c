"""The registry as we serve it, over a cluster in memory, and clients without sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.infra.clock import SeededEntropy
from penstock.infra.memory.fault import Fault
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.schema_registry.call_reading import ApiRequest
from penstock.infra.schema_registry.client import SchemaRegistryClient
from penstock.infra.schema_registry.http_exchange import HttpExchange
from penstock.infra.schema_registry.registry_app import RegistryApp
from penstock.infra.schema_registry.registry_service import RegistryService
from penstock.infra.schema_registry.subject_names import SubjectRule
from penstock.infra.schema_turn import SchemaTurn
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.topics import schemas_topic

__all__ = ["Served", "play"]

JSON = "application/vnd.schemaregistry.v1+json"
URL = "http://localhost:8081"


@dataclass(frozen=True, slots=True)
class Served:
    """A cluster with a registry over it."""

    clock: VirtualClock
    cluster: MemoryCluster
    service: RegistryService

    async def catalogue(self) -> SchemaCatalogue:
        """The catalogue of another process of the cluster."""
        return await _catalogue(self.clock, self.cluster)

    async def ask(self, method: str, target: str, fields: Any = None) -> tuple[int, Any]:
        """Ask the service; return status and body."""
        path, _, query = target.partition("?")
        answer = await self.service.answer(
            ApiRequest(
                method=method,
                path=path.encode(),
                query=query.encode(),
                media_type=JSON,
                body=b"" if fields is None else json.dumps(fields).encode(),
            )
        )
        return answer.status, answer.body

    async def get(self, target: str) -> Any:
        """What is there."""
        status, body = await self.ask("GET", target)
        assert status == 200, body
        return body

    async def register(self, subject: str, text: str) -> int:
        """Register a schema; return its id."""
        status, body = await self.ask("POST", f"/subjects/{subject}/versions", {"schema": text})
        assert status == 200, body
        found: int = body["id"]
        return found

    async def code(self, method: str, target: str, fields: Any = None) -> int:
        """The code of a refusal."""
        status, body = await self.ask(method, target, fields)
        assert status >= 400, body
        assert body["message"]
        found: int = body["error_code"]
        assert str(found).startswith(str(status))
        return found

    def transport(self, *, local: bool = True) -> httpx2.AsyncBaseTransport:
        """The application, as if it were over the network."""
        app = RegistryApp(self.service, self.clock, local=local)
        return httpx2.ASGITransport(app, raise_app_exceptions=False)

    def client(self, *, rule: SubjectRule = "topic") -> SchemaRegistryClient:
        """Our client before our server."""
        exchange = HttpExchange(
            username=None,
            password=None,
            tls=None,
            timeout_s=5.0,
            connections=4,
            answer_bytes=8 * 1024 * 1024,
            transport=self.transport(),
        )
        return SchemaRegistryClient([URL], exchange, self.clock, SeededEntropy(3), rule=rule)

    def away(self, fault: Fault) -> None:
        """Let something befall the cluster."""
        self.cluster.faults.add(fault)


async def _catalogue(clock: VirtualClock, cluster: MemoryCluster) -> SchemaCatalogue:
    return SchemaCatalogue(
        await cluster.reader(SCHEMAS_PARTITION),
        SchemaTurn(cluster.gate(), clock),
        clock,
        SeededEntropy(5),
        raise_alarm=lambda _: None,
    )


@asynccontextmanager
async def _served(clock: VirtualClock) -> AsyncIterator[Served]:
    cluster = MemoryCluster(clock=clock, entropy=SeededEntropy(1))
    topic = schemas_topic()
    await cluster.admin().create(
        topic.name, partitions=topic.partitions, replication=1, config=topic.entries
    )
    service = RegistryService(await _catalogue(clock, cluster), clock)
    yield Served(clock, cluster, service)
    await service.close()


def play(scenario: Callable[[Served], Coroutine[Any, Any, None]]) -> None:
    """Play a scenario in time that passes by itself."""
    clock = VirtualClock()

    async def whole() -> None:
        async with _served(clock) as served:
            await scenario(served)

    async def run() -> None:
        await clock.run(whole())

    asyncio.run(run())
