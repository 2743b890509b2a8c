"""A network in memory, whose addresses answer as a test has set them; fulfils exchange.Exchange."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from penstock.events.clock import Clock
from penstock.infra.clock import SeededEntropy
from penstock.infra.schema_registry.client import SchemaRegistryClient
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.exchange import NoAnswer, RegistryResponse
from penstock.infra.schema_registry.registry_json import write_json
from penstock.infra.schema_registry.registry_request import RegistryRequest
from penstock.infra.schema_registry.subject_names import SubjectRule

__all__ = ["ONE", "TWO", "Network", "answer"]

ONE, TWO = "http://one:8081", "http://two:8081/base"

Step = RegistryResponse | NoAnswer | Callable[[RegistryRequest], Awaitable[RegistryResponse]]


def answer(status: int, body: Any, retry_after_s: float | None = None) -> RegistryResponse:
    """An answer; the body is written as JSON unless it is bytes."""
    given = body if isinstance(body, bytes) else write_json(body)
    return RegistryResponse(status=status, body=given, retry_after_s=retry_after_s)


class Network:
    """What each address does, one step per request; the last step is repeated."""

    def __init__(self, clock: Clock, steps: Mapping[str, list[Step]]) -> None:
        """Begin with these steps."""
        self.clock = clock
        self.steps = {url: deque(each) for url, each in steps.items()}
        self.asked: list[tuple[float, str, str]] = []
        """When, where, what."""
        self.bodies: list[bytes | None] = []
        self.closed = False

    def times(self) -> list[float]:
        """When requests came."""
        return [at for at, _, _ in self.asked]

    def paths(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(path for _, _, path in self.asked)

    async def send(self, url: str, request: RegistryRequest) -> RegistryResponse:
        """As the port says."""
        await asyncio.sleep(0)
        self.asked.append((self.clock.monotonic(), url, f"{request.method} {request.path}"))
        self.bodies.append(request.body)
        steps = self.steps[url]
        step = steps.popleft() if len(steps) > 1 else steps[0]
        if isinstance(step, NoAnswer):
            raise step
        return step if isinstance(step, RegistryResponse) else await step(request)

    async def close(self) -> None:
        """As the port says."""
        self.closed = True

    def client(
        self,
        *,
        rule: SubjectRule = "topic",
        settings: RegistryClientSettings | None = None,
        seed: int = 1,
    ) -> SchemaRegistryClient:
        """A client that knows all addresses, in their order."""
        return SchemaRegistryClient(
            list(self.steps),
            self,
            self.clock,
            SeededEntropy(seed),
            rule=rule,
            who="the user 'alice'",
            settings=settings,
        )
