"""Requests to schema registries over HTTP, with httpx2; fulfils exchange.Exchange.

Laws:
1. The environment is not looked at: no proxy and no .netrc decides where a password goes.
2. No redirection is followed, for the same reason.
3. No body is read beyond its limit; none is unpacked, as a kilobyte may unpack into gigabytes.
"""

import ssl
from typing import Final, final

import httpx2

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.exchange import NoAnswer, RegistryResponse
from penstock.infra.schema_registry.registry_request import RegistryRequest

__all__ = ["HttpExchange"]

_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_SECONDS: Final = 9
"""Digits of a Retry-After that is taken for a number."""


@final
class HttpExchange:
    """Connections to some registries."""

    def __init__(
        self,
        *,
        username: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        connections: int,
        answer_bytes: int,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Stand ready; nothing is connected yet.

        Args:
            username: for basic authentication; None sends none.
            password: its password.
            tls: the authorities to trust; None for those of the system.
            timeout_s: seconds for connecting, and between two parts of an answer.
            connections: most at once.
            answer_bytes: bytes of an answer at most.
            transport: what to use in place of sockets, for an application in the same process.
        """
        self._answer_bytes = answer_bytes
        self._client = httpx2.AsyncClient(
            auth=None if username is None else httpx2.BasicAuth(username, password or ""),
            headers={
                "Accept": f"{_MEDIA_TYPE}, application/json;q=0.9",
                "Accept-Encoding": "identity",
                "Content-Type": _MEDIA_TYPE,
                "User-Agent": "penstock",
            },
            verify=tls or ssl.create_default_context(),
            timeout=timeout_s,
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=connections
            ),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def send(self, url: str, request: RegistryRequest) -> RegistryResponse:
        """Carry one request, once.

        Raises:
            NoAnswer: there is none, or it is too long.
        """
        try:
            async with self._client.stream(
                request.method, f"{url}{request.path}", content=request.body
            ) as response:
                return RegistryResponse(
                    status=response.status_code,
                    body=await self._body(response),
                    retry_after_s=_retry_after_s(response),
                )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(_reason(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _body(self, response: httpx2.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            message = "its answer is compressed, which was not asked for"
            raise NoAnswer(message)
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > self._answer_bytes:
                message = f"its answer is longer than {self._answer_bytes} bytes"
                raise NoAnswer(message)
        return bytes(body)


def _retry_after_s(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and text.isascii() and len(text) <= _SECONDS else None


def _reason(error: Exception) -> str:
    """What ended it, for people; the text of a time-out is empty."""
    text = excerpt(str(error), 200) or "it did not end in time"
    return f"{type(error).__name__}: {text}"
