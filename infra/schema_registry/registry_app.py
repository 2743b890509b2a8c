"""The registry over HTTP: requests are read within limits, answers are written.

What they mean stands in registry_service.py.

Laws:
1. A body is read no further than its limit and no longer than its time.
2. A registry that listens on this machine only answers only those who name it so: a page in a
   browser whose own host name leads here (DNS rebinding) is refused.
3. What nobody foresaw is told to the client in the API's form without any detail, and raised, so
   that the log has all of it.
"""

import ipaddress
from typing import Final, final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.infra.schema_registry.call_reading import ApiRequest
from penstock.infra.schema_registry.refusal import ApiCode, Refusal
from penstock.infra.schema_registry.registry_json import write_json
from penstock.infra.schema_registry.registry_service import ApiAnswer, RegistryService

__all__ = ["MAX_BODY_BYTES", "RegistryApp"]

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""A schema of the largest size, each character of it written as two escapes, and a margin."""
_BODY_S: Final = 10.0
"""Seconds for a whole body: who sends slower holds a connection that others need."""
_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class _TooLarge(Exception):
    """A body is longer than the limit."""


@final
class RegistryApp:
    """The application, as ASGI has it.

    Without Starlette's routes: their patterns do not match every path, and what they do not match
    is answered in another form than the API's.
    """

    def __init__(self, service: RegistryService, clock: Clock, *, local: bool) -> None:
        """Stand over a service.

        Args:
            service: answers the calls.
            clock: time.
            local: whether it listens on this machine only.
        """
        self._service = service
        self._clock = clock
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            scope: of the type http; the server speaks nothing else.
            receive: where the body comes from.
            send: where the answer goes.
        """
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except Exception:
            refusal = Refusal(code=500, message="Internal Server Error")
            await _response(ApiAnswer(status=500, body=refusal.body()))(scope, receive, send)
            raise  # the server logs it
        await _response(answer)(scope, receive, send)

    async def _answer(self, request: Request) -> ApiAnswer:
        if self._local and not _names_this_machine(request.headers.get("host", "")):
            message = "This registry is for its own machine: name it localhost, or by its address"
            return self._refuse(ApiCode.FOREIGN_HOST, message)
        try:
            body = await self._body(request)
        except _TooLarge:
            message = f"HTTP 413: a body has at most {MAX_BODY_BYTES} bytes"
            return self._refuse(ApiCode.TOO_LARGE, message)
        except (TimeoutError, ClientDisconnect):
            return self._refuse(ApiCode.TOO_SLOW, "HTTP 408: the body did not come in time")
        return await self._service.answer(
            ApiRequest(
                method=request.method,
                path=request.scope.get("raw_path") or request.scope["path"].encode(),
                query=request.scope["query_string"],
                media_type=request.headers.get("content-type", ""),
                body=body,
            )
        )

    def _refuse(self, code: ApiCode, message: str) -> ApiAnswer:
        return self._service.refuse(Refusal(code=code, message=message))

    async def _body(self, request: Request) -> bytes:
        if request.method not in {"POST", "PUT"}:
            return b""  # nothing is asked by it, and the server passes over it
        return await before(self._clock, self._clock.monotonic() + _BODY_S, _whole(request))


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise _TooLarge
    return bytes(body)


def _response(answer: ApiAnswer) -> Response:
    return Response(
        write_json(answer.body),
        status_code=answer.status,
        headers={"X-Content-Type-Options": "nosniff"},
        media_type=_MEDIA_TYPE,
    )


def _names_this_machine(host: str) -> bool:
    """Whether a Host header is localhost or an address, and no name that a stranger could own."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
