"""One address where clients connect: bound, opened, closed, and opened again."""

import asyncio
import logging
import socket
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.infra.embedded.server.clients import Clients
from penstock.infra.embedded.server.connection import Connection
from penstock.infra.embedded.server.doorway import Doorway
from penstock.infra.embedded.wire.call import ListenerAddress
from penstock.schemas.errors import WorldError

__all__ = ["AddressTaken", "Listener", "bind"]

_log = logging.getLogger("penstock.embedded")

_SHORTEST_SWEEP_S: Final = 0.01
"""Between two looks for idle connections: a limit of nothing must not spin."""
_LONGEST_SWEEP_S: Final = 30.0
"""How often idle connections are looked for, at least."""
_FLUSH_S: Final = 0.5
"""How long a stop waits for clients to take their last answers."""


def bind(host: str, port: int, backlog: int) -> socket.socket:
    """Bind an address, so that clients that connect wait in line.

    Args:
        host: of this machine, as a number or a name.
        port: 0 for any.
        backlog: how many wait.

    Returns:
        The socket.

    Raises:
        AddressTaken: it cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as refusal:
        raise AddressTaken(host=host, port=port, reason=str(refusal)) from refusal
    bound.setblocking(False)
    return bound


@final
class Listener:
    """The server's side of one address."""

    def __init__(self, clients: Clients, bound: ListenerAddress) -> None:
        """Prepare, without listening.

        Args:
            clients: all that connect here.
            bound: where it listens.
        """
        self.clients = clients
        self.bound = bound
        self._doorway: Doorway | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """True while clients can connect."""
        return self._doorway is not None

    def open(self, bound: socket.socket | None = None) -> None:
        """Listen.

        Args:
            bound: the socket; None to bind the address again.

        Raises:
            AddressTaken: it cannot be bound.
        """
        if self._doorway is not None:
            return
        own = bound or bind(self.bound.host, self.bound.port, self.clients.limits.backlog)
        self.clients.may_come = True
        self._doorway = Doorway(own, self._connect)
        self._sweep()

    async def close(self) -> None:
        """Stop listening, give up what waits, close all connections. Bounded in time."""
        doorway = self._stop_listening()
        for task in list(self.clients.tasks):
            task.cancel()
        for client in list(self.clients.connections):
            client.close()
        if doorway is not None:
            await doorway.wait_in()
        if not await self.clients.wait_gone(_FLUSH_S):
            await self.cut()

    async def cut(self) -> None:
        """Stop listening and cut all connections, as if the machine had gone."""
        doorway = self._stop_listening()
        for client in list(self.clients.connections):
            client.cut()
        if doorway is not None:
            await doorway.wait_in()
        if not await self.clients.wait_gone(_FLUSH_S):
            _log.warning("%d connections cannot be closed", len(self.clients.connections))

    def _stop_listening(self) -> Doorway | None:
        """Return where some may be on their way in; they are turned away there."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        doorway, self._doorway = self._doorway, None
        if doorway is not None:
            self.clients.may_come = False
            doorway.close()
        return doorway

    def _connect(self) -> Connection:
        self.clients.accepted += 1
        return Connection(self.clients)

    def _sweep(self) -> None:
        idle_ms = self.clients.limits.idle_ms
        if idle_ms < 0:
            return
        self.clients.close_idle()
        period_s = min(max(idle_ms / 2000, _SHORTEST_SWEEP_S), _LONGEST_SWEEP_S)
        self._sweep_timer = asyncio.get_running_loop().call_later(period_s, self._sweep)


@dataclass(eq=False, kw_only=True)
class AddressTaken(WorldError):
    """The broker cannot listen where it was told."""

    host: str
    port: int
    reason: str
    """The operating system's."""

    code: ClassVar[str] = "PEN-I130"
    what: ClassVar[str] = "The embedded broker cannot listen on {host}:{port}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = "Take another port, or port 0 for any that is free."
