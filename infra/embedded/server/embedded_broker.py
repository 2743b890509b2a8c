"""A Kafka broker of one node in the caller's event loop.

    async with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)

One node, for development, demos and tests; not a production store. It stops in bounded time, and
with it go the records, unless its storage keeps them.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self, final
from uuid import uuid4

from penstock.infra.embedded.broker import LOG_MEMORY_BYTES, Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.server.broker_clock import BrokerClock
from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.clients import Clients
from penstock.infra.embedded.server.connection_limits import ConnectionLimits
from penstock.infra.embedded.server.listener import Listener, bind
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.server.server_statistics import ServerStatistics
from penstock.infra.embedded.server.storage_port import MemoryStorage, Storage
from penstock.infra.embedded.wire.call import ListenerAddress

if TYPE_CHECKING:
    from penstock.infra.embedded.server.faults import Faults
    from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers

__all__ = ["EmbeddedBroker"]

_DEFAULT_OPTIONS: Final = BrokerOptions()
_LAST_SYNC_S: Final = 5.0
"""How long a stop waits for the storage."""


@final
class EmbeddedBroker:
    """One broker: started, used, stopped; once."""

    def __init__(
        self,
        options: BrokerOptions = _DEFAULT_OPTIONS,
        *,
        open_storage: Callable[[], Storage] = MemoryStorage,
    ) -> None:
        """Check the options; nothing is opened yet.

        Args:
            options: how it is made.
            open_storage: opens what keeps its records, when it starts.

        Raises:
            OptionRefused: it would listen where it should not.
            BrokerOptionUnknown: a configuration has no such name.
            BrokerOptionRefused: configurations are not allowed.
        """
        options.check()
        self.options = options
        self.clock = BrokerClock()
        self._config = BrokerConfig.parse(options.config)
        self._open_storage = open_storage
        self._storage: Storage | None = None
        self._node: Node | None = None
        self._listeners: tuple[Listener, ...] = ()
        """The first is that of `options.host`."""

    # Life.

    async def start(self) -> None:
        """Open the storage, recover what it holds, and listen.

        Raises:
            AddressTaken: the address cannot be bound.
        """
        with ExitStack() as closing:  # on the way out by an exception only
            sockets = [closing.enter_context(bound) for bound in self._bind()]
            self._node = self._make_node()
            closing.pop_all()
        told = (self.options.advertised, *(each.advertised for each in self.options.further))
        self._listeners = tuple(map(self._listener, sockets, told))
        for listener, bound in zip(self._listeners, sockets, strict=True):
            listener.open(bound)
        self._node.settle()

    async def stop(self) -> None:
        """Give up what waits, close all connections and the storage. Bounded in time.

        Raises:
            OSError: the storage cannot keep what was written last; nobody was told that it is kept.
            TimeoutError: the storage does not come to an end.
        """
        await asyncio.gather(*(listener.close() for listener in self._listeners))
        if self._node is not None:
            self._node.close()
        storage, self._storage = self._storage, None
        if storage is not None:
            try:
                if storage.unsynced:
                    async with asyncio.timeout(_LAST_SYNC_S):
                        await storage.sync()
            finally:
                storage.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop."""
        await self.stop()

    # What its users see.

    @property
    def address(self) -> ListenerAddress:
        """Where clients are told to connect."""
        return self._opened().clients.address

    @property
    def bootstrap(self) -> str:
        """The address as clients' settings want it: `host:port`."""
        host, port = self._opened().bound
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def faults(self) -> "Faults":
        """What can go wrong, at a word. Once the broker was started."""
        clients = self._opened().clients
        if clients.faults is None:
            from penstock.infra.embedded.server.faults import Faults  # noqa: PLC0415 - rare

            clients.faults = Faults(self)
            for listener in self._listeners:
                listener.clients.faults = clients.faults
        return clients.faults

    @property
    def broker(self) -> Broker:
        """The core, to look into."""
        assert self._node is not None, "the broker was not started"
        return self._node.broker

    def statistics(self) -> ServerStatistics:
        """Return the server's numbers."""
        node = self._opened().clients.node
        everybody = [listener.clients for listener in self._listeners]
        return ServerStatistics(
            connections=sum(len(clients.connections) for clients in everybody),
            accepted=sum(clients.accepted for clients in everybody),
            refused=sum(clients.refused for clients in everybody),
            broken_off=sum(clients.broken_off for clients in everybody),
            requests=sum(clients.requests_taken for clients in everybody),
            failed=sum(clients.requests.failed for clients in everybody),
            queued_bytes=sum(clients.queued.used for clients in everybody),
            unsent_bytes=sum(clients.unsent.used for clients in everybody),
            waiting_fetches=node.waiting_fetches,
            waiting_members=node.waiting_members,
            kept=node.kept_statistics(),
        )

    # The faults' side.

    async def stop_serving(self) -> None:
        """Cut all connections and refuse new ones; topics, groups and transactions stay."""
        await asyncio.gather(*(listener.cut() for listener in self._listeners))

    async def serve_again(self) -> None:
        """Take connections again, at the same address.

        Raises:
            AddressTaken: somebody else has it by now.
        """
        for listener in self._listeners:
            listener.open()

    def hold_markers(self, *, held: bool) -> None:
        """Leave transactions undone between their decision and their markers, or go on."""
        node = self._opened().clients.node
        node.holds_markers = held
        node.settle_soon()

    def move_clock(self, by: timedelta) -> None:
        """Move the broker's clock forward; what is due by then happens before this returns."""
        self.clock.move(by)

    def _opened(self) -> Listener:
        assert self._listeners, "the broker was not started"
        return self._listeners[0]

    def _bind(self) -> Iterator[socket.socket]:
        backlog = self._limits().backlog
        yield bind(_number(self.options.host), self.options.port, backlog)
        for each in self.options.further:
            yield bind(_number(each.bound.host), each.bound.port, backlog)

    def _listener(self, bound: socket.socket, told: ListenerAddress | None) -> Listener:
        assert self._node is not None, "there is one before anybody listens"
        name = bound.getsockname()
        address = ListenerAddress(name[0], name[1])
        clients = Clients(
            node=self._node,
            limits=self._limits(),
            users=self._users(),
            address=told or address,
        )
        return Listener(clients, address)

    def _users(self) -> "SaslUsers | None":
        if self.options.users is None:
            return None
        from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers  # noqa: PLC0415 - rare

        return SaslUsers(passwords=dict(self.options.users))

    def _limits(self) -> ConnectionLimits:
        return ConnectionLimits.of(self._config)

    def _make_node(self) -> Node:
        storage = self._open_storage()
        try:
            broker = self._make_broker(storage)
            storage.attach(broker.snapshot)
        except BaseException:
            storage.close()
            raise
        self._storage = storage
        return Node(broker=broker, clock=self.clock, storage=storage)

    def _make_broker(self, storage: Storage) -> Broker:
        limit = self.options.log_memory_bytes
        if limit is None and storage.in_memory:
            limit = LOG_MEMORY_BYTES
        return Broker(
            config=self._config,
            stores=storage.store,
            journal=storage.keep,
            draw_uuid=uuid4,
            name_member=lambda prefix: f"{prefix}-{uuid4()}",
            entries=storage.entries(),
            now_ms=self.clock.now_ms(),
            log_memory_bytes=limit,
        )


def _number(host: str) -> str:
    # A name may stand for two addresses, and with port 0 for two ports.
    return "127.0.0.1" if host == "localhost" else host
