"""The port through which a client reaches registries: one request to one address, one answer.

    HttpExchange     http_exchange.py     over the network

Laws:
1. An exchange does not repeat, redirect or judge: the client does, with rules that are pure.
2. What it returns is bounded in size; it gives up by itself after a while.
"""

from dataclasses import dataclass
from typing import Protocol

from penstock.infra.schema_registry.registry_request import RegistryRequest

__all__ = ["Exchange", "NoAnswer", "RegistryResponse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryResponse:
    """A whole answer."""

    status: int
    """Of HTTP."""
    body: bytes
    """At most as long as the exchange allows."""
    retry_after_s: float | None = None
    """Seconds to wait before the next call, where the registry asks for that."""


class NoAnswer(Exception):
    """There was no whole answer; its text says why. The call may have been carried out."""


class Exchange(Protocol):
    """Carries requests."""

    async def send(self, url: str, request: RegistryRequest) -> RegistryResponse:
        """Carry one request, once.

        Args:
            url: a registry's address with its base path, without a slash at its end.
            request: what to ask.

        Raises:
            NoAnswer: there is none, or it is too long.
        """
        ...

    async def close(self) -> None:
        """Close the connections, in bounded time."""
        ...
