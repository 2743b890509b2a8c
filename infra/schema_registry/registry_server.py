"""The registry as a server: a socket, uvicorn, and its end.

    listen -> announce -> serve ... stop() -> no new connections -> answers end -> closed

Laws:
1. The socket is bound before anything else is opened, so that a port that is taken is told at once.
2. After `stop` it ends within its grace: what is not answered by then is cut off.
3. Signals are the caller's: whoever runs this says when to stop.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.registry_errors import RegistryNotServed

__all__ = ["GRACE_S", "IDLE_S", "RegistryServer", "is_loopback", "listening"]

GRACE_S: Final = 5
"""Seconds for answers that are under way at the end."""
_BACKLOG: Final = 128
_CONNECTIONS: Final = 200
"""At once; further ones are answered 503."""
IDLE_S: Final = 30
"""Seconds that a connection may take from its opening to the end of a request's headers, and from
an answer to the end of the next one's."""
_HEADERS_BYTES: Final = 16 * 1024
"""The longest subject, quoted, and a client's usual headers."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; closed at the end.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        RegistryNotServed: it cannot be listened on.
    """
    address = f"{excerpt(host)}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        opened = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "that is no address"
        raise RegistryNotServed(address=address, reason=reason) from error
    with opened:
        yield opened


def is_loopback(address: str) -> bool:
    """Whether an address of a socket is reached from this machine only."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


@final
class RegistryServer:
    """One server over one socket."""

    def __init__(
        self,
        app: ASGIApp,
        opened: socket.socket,
        *,
        grace_s: int = GRACE_S,
        idle_s: int = IDLE_S,
    ) -> None:
        """Stand ready.

        Args:
            app: what answers.
            opened: where it listens; the caller's to close.
            grace_s: seconds for answers that are under way at the end.
            idle_s: seconds that a connection waits for the whole headers of a request.
        """
        self._opened = opened
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=idle_s,
                timeout_graceful_shutdown=grace_s,
                h11_max_incomplete_event_size=_HEADERS_BYTES,
            )
        )

    async def serve(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._opened])

    def stop(self) -> None:
        """Begin the end; `serve` returns soon."""
        self._server.should_exit = True


class _Connection(H11Protocol):
    """uvicorn's own, which waits for ever for a first request, and for the rest of any headers."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait no more, where a request is there."""
        super().data_received(data)
        is_asked = self.cycle is not None  # it is annotated as if it always were
        if is_asked and not self.cycle.response_complete:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is there already."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._wait_no_more()

    def _wait(self) -> None:
        self._wait_no_more()
        if not self.transport.is_closing():
            self._waiting = self.loop.call_later(self.timeout_keep_alive, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class _Server(uvicorn.Server):
    """uvicorn without its way with signals: it would end the process by the one that came."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield
