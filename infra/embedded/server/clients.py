"""The clients of one address together: what they share, what they cost, which are too many.

Law: whatever grows with the number of clients, or with what they send and do not take, is counted
here and has a limit.
"""

import asyncio
import logging
import os
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, final

from penstock.infra.embedded.server.connection_limits import ConnectionLimits
from penstock.infra.embedded.server.memory_gauge import MemoryGauge
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.server.requests import Requests
from penstock.infra.embedded.wire.call import Call, ListenerAddress

if TYPE_CHECKING:
    from penstock.infra.embedded.server.faults import Faults
    from penstock.infra.embedded.server.sasl.sasl_conversation import SaslConversation
    from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers
    from penstock.infra.embedded.server.struck_call import StruckCall

__all__ = ["Client", "Clients"]

_log = logging.getLogger("penstock.embedded")

_NONCE_BYTES: Final = 24


class Client(Protocol):
    """One connection, as seen from here."""

    host: str
    active_s: float
    """When bytes last went in or out, in the loop's time."""

    @property
    def is_at_work(self) -> bool:
        """True while a request waits for its answer."""
        ...

    @property
    def is_stuck(self) -> bool:
        """True while the client does not take what is written."""
        ...

    def close(self) -> None:
        """Close it once what is written has left; a request that waits is given up."""
        ...

    def cut(self) -> None:
        """Close it at once, and lose what is written."""
        ...


@final
class Clients:
    """All connections of one listener."""

    def __init__(
        self,
        *,
        node: Node,
        limits: ConnectionLimits,
        users: "SaslUsers | None",
        address: ListenerAddress,
    ) -> None:
        """Begin without any.

        Args:
            node: answers their requests.
            limits: how much they may be.
            users: who may connect; None: everybody.
            address: what answers name.
        """
        self.node = node
        self.faults: Faults | None = None
        """Strike their requests; None until a test first asks for them."""
        self.limits = limits
        self.address = address
        self.requests = Requests(node)
        self.queued = MemoryGauge(limits.queued_bytes)
        """Requests that have come and are not yet answered."""
        self.unsent = MemoryGauge(limits.unsent_bytes)
        """Answers that are not taken."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Requests that wait."""
        self.connections: set[Client] = set()
        self.may_come = False
        """False before the listener is open and after: who is on the way in then is turned away."""
        self.accepted = 0
        self.refused = 0
        """Connections that were too many."""
        self.requests_taken = 0
        self.broken_off = 0
        """Connections closed for bytes that made no sense."""
        self._users = users
        self._by_host: Counter[str] = Counter()
        self._most_connections = limits.possible_connections
        self._gone = asyncio.Event()

    def admit(self, client: Client) -> str | None:
        """Count a new connection.

        Args:
            client: which has come.

        Returns:
            None, or why it is refused.
        """
        if len(self.connections) >= self._most_connections:
            self.refused += 1
            return f"there are {len(self.connections)}, and max.connections allows no more"
        if self._by_host[client.host] >= self.limits.connections_per_ip:
            self.refused += 1
            return f"max.connections.per.ip allows {self.limits.connections_per_ip} of one address"
        self.connections.add(client)
        self._by_host[client.host] += 1
        return None

    def forget(self, client: Client) -> None:
        """Count a connection that is gone; one that was refused was never counted."""
        if client in self.connections:
            self.connections.discard(client)
            self._by_host[client.host] -= 1
            if not self._by_host[client.host]:
                del self._by_host[client.host]
        self._gone.set()

    async def wait_gone(self, limit_s: float) -> bool:
        """Wait until no connection is left.

        Args:
            limit_s: how long at most.

        Returns:
            False where some still are.
        """
        try:
            async with asyncio.timeout(limit_s):
                while self.connections:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            return False
        return True

    def strike(self, call: Call) -> "StruckCall | None":
        """Say which fault a request meets; None where it meets none."""
        return None if self.faults is None else self.faults.strike(call)

    def new_conversation(self) -> "SaslConversation | None":
        """Begin a connection's authentication; None where there is none."""
        if self._users is None:
            return None
        from penstock.infra.embedded.server.sasl.sasl_conversation import (  # noqa: PLC0415 - rare
            SaslConversation,
        )

        return SaslConversation(self._users, lambda: os.urandom(_NONCE_BYTES).hex())

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        now_s = asyncio.get_running_loop().time()
        for client in list(self.connections):
            if client.is_at_work or now_s - client.active_s < self.limits.idle_ms / 1000:
                continue
            _log.info("%s is disconnected: idle for %d ms", client.host, self.limits.idle_ms)
            if client.is_stuck:
                client.cut()
            else:
                client.close()
