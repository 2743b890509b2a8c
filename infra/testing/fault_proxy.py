"""A TCP proxy before a Kafka that delays, holds, loses and cuts single messages.

It stands before a listener that advertises the proxy's own port (see `LocalKafka(proxy=…)`), so
that clients which come through it stay with it. It lives in a thread of its own and is driven by
plain calls from any other:

    with FaultProxy(upstream=kafka.proxied_upstream, port=port) as proxy:
        held = proxy.hold(ApiKey.END_TXN)
        ...                    # a client at proxy.address commits
        held.wait_reached(5)   # its EndTxn is at the proxy, and not at the server
        proxy.cut_all()        # the client will never know
        held.release()         # and then the late copy arrives after all

Laws:
1. What happens to messages is decided in fault_plan.py, and done to bytes in fault_link.py; here
   are only the listening socket and the calls.
2. A call has taken effect when it returns.
3. A connection that failed by our own fault, or that was no Kafka connection, makes `close` raise.

Calls block for a moment, waits for as long as they say: a coroutine uses `asyncio.to_thread` for
the waits, so that the client in its loop goes on.
"""

import asyncio
import socket
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, final

from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.testing.fault_link import FaultLink, LinkLimits, Peer, ProxyState, reset
from penstock.infra.testing.fault_plan import (
    Aftermath,
    Delay,
    Direction,
    DropAnswer,
    FaultPlan,
    Hold,
    Match,
    Reset,
)
from penstock.infra.testing.kafka_probe import split_address
from penstock.infra.testing.loop_thread import LoopThread
from penstock.infra.testing.planned_fault import Decision, HeldMessage, PlannedFault, WaitedInVain
from penstock.infra.testing.proxy_tally import Happening, ProxyStatistics
from penstock.schemas.errors import CallerError

__all__ = ["FaultProxy", "ProxyNotRunning"]

_CONNECT_LIMIT_S = 5.0
"""For opening the connection to the server; on loopback it is there at once or not at all."""


@final
class FaultProxy:
    """A proxy on loopback, and the calls that make it unreliable."""

    def __init__(
        self,
        *,
        upstream: str,
        port: LoopbackPort | None = None,
        frame_limit_bytes: int = 64 * 1024 * 1024,
        lane_limit_bytes: int = 4 * 1024 * 1024,
        answer_limit_s: float = 5.0,
    ) -> None:
        """Describe a proxy; it listens from `start` on.

        Args:
            upstream: `host:port` of the server.
            port: where to listen; it stays the caller's. Default: one of its own.
            frame_limit_bytes: longest message that is taken; aiokafka's fetches reach 50 MiB.
            lane_limit_bytes: how much is read ahead of each peer.
            answer_limit_s: how long the server may take to answer a client that has gone.
        """
        self._upstream = split_address(upstream)
        self._own_port = port is None
        self._port = port or LoopbackPort()
        self._state = ProxyState(
            limits=LinkLimits(
                frame_bytes=frame_limit_bytes,
                lane_bytes=lane_limit_bytes,
                answer_s=answer_limit_s,
            )
        )
        self._links: set[FaultLink] = set()
        self._clients: dict[asyncio.Task[None], socket.socket] = {}
        self._failures: list[Exception] = []
        self._listener: socket.socket | None = None
        self._loop: LoopThread | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:<port>`, the bootstrap address of its clients."""
        return self._port.address

    def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: somebody else listens at the port.
        """
        self._loop = LoopThread(f"fault proxy at {self.address}")
        try:
            self._loop.call(self._listen)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all connections and the thread. What is held is lost. Closing twice is fine.

        Raises:
            ExceptionGroup: the failures of connections that no peer is to blame for.
        """
        if self._loop is not None:
            self._loop.call(self._stop_listening)
            self._loop.close()
            self._loop = None
        for held in self._state.held.values():
            held.lost("was still held when the proxy was closed")
        if self._own_port:
            self._port.close()
        if self._failures:
            failures, self._failures = self._failures, []
            raise ExceptionGroup("connections of the fault proxy have failed", failures)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def delay(
        self,
        seconds: float,
        api_key: int | None = None,
        *,
        direction: Literal["request", "answer"] = "request",
    ) -> None:
        """Delay messages until `heal`.

        Args:
            seconds: from the arrival of each, so that messages sent together are late together.
            api_key: of the requests, or of those that are answered; None delays all.
            direction: which of the two is delayed.
        """
        match = Match(api_key=api_key, direction=Direction(direction))
        self._running().call(lambda: self._plan.add(match, Delay(seconds=seconds)))

    def hold(
        self,
        api_key: int | None,
        direction: Literal["request", "answer"] = "request",
        *,
        skip: int = 0,
        overtaking: bool = False,
    ) -> HeldMessage:
        """Keep the next such message until it is released or discarded.

        Args:
            api_key: of the request, or of the one that is answered; None is any.
            direction: which of the two is held.
            skip: how many pass before.
            overtaking: True lets later requests of the same connection go on; their answers then
                wait in the proxy for its own, because a client takes answers in order.

        Returns:
            The word about it.
        """
        match = Match(api_key=api_key, direction=Direction(direction), skip=skip)
        loop = self._running()

        def arrange() -> HeldMessage:
            number = self._plan.add(match, Hold(overtaking=overtaking))
            fault = self._planned(number, _named("held", match))
            held = HeldMessage(fault, run=lambda function: self._running().call(function))
            self._state.held[number] = held
            return held

        return loop.call(arrange)

    def drop_answer(
        self, api_key: int, *, skip: int = 0, then: Literal["cut", "silence"] = "cut"
    ) -> PlannedFault:
        """Let the next such request take effect, and lose its answer.

        Args:
            api_key: of the request.
            skip: how many answers pass before.
            then: "cut" resets the client's connection; "silence" keeps it open and mute for good.

        Returns:
            What can be waited for.
        """
        match = Match(api_key=api_key, direction=Direction.ANSWER, skip=skip)
        return self._arrange(match, DropAnswer(then=Aftermath(then)), "dropped")

    def reset(
        self,
        api_key: int,
        *,
        after_bytes: int,
        direction: Literal["request", "answer"] = "request",
        skip: int = 0,
    ) -> PlannedFault:
        """Reset the connection in the middle of the next such message.

        The receiver of the message gets its beginning; the client gets RST, the server FIN.

        Args:
            api_key: of the request, or of the one that is answered.
            after_bytes: how much of it goes through, its four bytes of length included; more than
                there is means all, so that a request takes effect and its sender is cut.
            direction: which of the two is broken off.
            skip: how many pass before.

        Returns:
            What can be waited for.
        """
        match = Match(api_key=api_key, direction=Direction(direction), skip=skip)
        return self._arrange(match, Reset(after_bytes=after_bytes), "broken off")

    def cut_all(self) -> int:
        """Reset all connections of clients. What was read from them, held or not, is delivered.

        Returns:
            How many there were.
        """
        return self._running().call(self._cut_links)

    def refuse(self) -> None:
        """Refuse new connections; the port stays ours, and open connections stay open."""
        self._running().call(self._stop_listening)

    def accept(self) -> None:
        """Take new connections again."""
        self._running().call(self._listen)

    def heal(self) -> None:
        """Be an honest proxy: forget all faults to come, release what is held, take connections."""
        self._running().call(self._forgive)
        self.accept()

    def wait_for(
        self,
        api_key: int,
        count: int,
        timeout_s: float,
        *,
        direction: Literal["request", "answer"] = "request",
    ) -> None:
        """Wait until so many such messages came to be forwarded since the proxy was started.

        Args:
            api_key: of the requests, or of those that are answered.
            count: how many in all.
            timeout_s: limit.
            direction: which of the two is counted.

        Raises:
            WaitedInVain: there were fewer.
        """
        way = Direction(direction)
        if not self._state.tally.wait_for(way, api_key, count=count, timeout_s=timeout_s):
            awaited = f"{direction} {count} of API key {api_key}"
            raise WaitedInVain(awaited=awaited, timeout_s=timeout_s)

    def statistics(self) -> ProxyStatistics:
        """Return the counts since the proxy was started."""
        return self._state.tally.snapshot()

    @property
    def _plan(self) -> FaultPlan:
        return self._state.plan

    def _running(self) -> LoopThread:
        if self._loop is None:
            raise ProxyNotRunning(address=self.address)
        return self._loop

    def _arrange(self, match: Match, fault: DropAnswer | Reset, verb: str) -> PlannedFault:
        def arrange() -> PlannedFault:
            number = self._plan.add(match, fault)
            planned = self._planned(number, _named(verb, match))
            self._state.planned[number] = planned
            return planned

        return self._running().call(arrange)

    def _planned(self, number: int, name: str) -> PlannedFault:
        def withdraw() -> bool:
            return self._running().call(lambda: self._plan.remove(number))

        return PlannedFault(name=name, withdraw=withdraw)

    # In the proxy's own loop.

    def _listen(self) -> None:
        # By hand, because asyncio.Server of Python 3.11 loses connections that come as it closes.
        if self._listener is None:
            self._listener = socket.create_server((LOOPBACK, self._port.number))
            self._listener.setblocking(False)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it has gone again; the next one calls us again
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._clients[task] = connection
        task.add_done_callback(self._served)

    async def _serve(self, connection: socket.socket) -> None:
        self._state.tally.note(Happening.ACCEPTED)
        client = Peer(*await asyncio.open_connection(sock=connection))
        try:
            async with asyncio.timeout(_CONNECT_LIMIT_S):
                server = Peer(*await asyncio.open_connection(*self._upstream))
        except OSError:  # TimeoutError is one
            self._state.tally.note(Happening.UNREACHABLE)
            reset(client.writer)
        else:
            await self._carry(client, server)
        finally:
            client.writer.transport.abort()
            self._state.tally.note(Happening.CLOSED)

    async def _carry(self, client: Peer, server: Peer) -> None:
        link = FaultLink(client=client, server=server, state=self._state)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._clients.pop(task).close()  # for a task that was cancelled before its first step
        if not task.cancelled() and isinstance(failure := task.exception(), Exception):
            self._failures.append(failure)

    def _cut_links(self) -> int:
        for link in self._links:
            link.cut()
        return len(self._links)

    def _forgive(self) -> None:
        self._plan.clear()
        for held in self._state.held.values():
            held.decide(Decision.RELEASE)


def _named(verb: str, match: Match) -> str:
    passed = f", {match.skip} others passing first" if match.skip else ""
    return f"a {verb} {match.direction} of API key {match.api_key}{passed}"


@dataclass(eq=False, kw_only=True)
class ProxyNotRunning(CallerError):
    """Something was asked of a proxy that does not run."""

    address: str
    """Where it listened or would listen."""

    code: ClassVar[str] = "PEN-I50"
    what: ClassVar[str] = "The fault proxy at {address} does not run."
    why: ClassVar[str] = "It was not started, or is closed."
    remedy: ClassVar[str] = "Use it as a context manager, and its faults inside."
