"""The registry as a server: a socket, uvicorn, and its end.

    listen -> announce -> serve ... stop() -> no new connections -> answers end -> closed

Laws:
1. The socket is bound before anything else is opened, so that a port that is taken is told at once.
2. After `stop` it ends within its grace: what is not answered by then is cut off.
3. Signals are the caller's: whoever runs this says when to stop.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

import uvicorn
from starlette.types import ASGIApp

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.registry_errors import RegistryNotServed

__all__ = ["GRACE_S", "RegistryServer", "is_loopback", "listening"]

GRACE_S: Final = 5
"""Seconds for answers that are under way at the end."""
_BACKLOG: Final = 128
_CONNECTIONS: Final = 200
"""At once; further ones are answered 503."""
_IDLE_S: Final = 30
"""Seconds that a connection may be idle between two requests."""
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

    def __init__(self, app: ASGIApp, opened: socket.socket, *, grace_s: int = GRACE_S) -> None:
        """Stand ready.

        Args:
            app: what answers.
            opened: where it listens; the caller's to close.
            grace_s: seconds for answers that are under way at the end.
        """
        self._opened = opened
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=_IDLE_S,
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


class _Server(uvicorn.Server):
    """uvicorn without its way with signals: it would end the process by the one that came."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield
