"""One proxied connection: a client on one side, the server on the other, faults in between.

Each side is read ahead into a bounded lane, and each lane is forwarded frame by frame as the plan
says:

    client ──fill──▶ requests ──forward──▶ server
    client ◀─forward── answers ◀──fill──── server

Laws:
1. What was read from a client is delivered in order even after the client has gone: so does a
   network. The server's side stays open for it, and until it is answered.
2. Memory is bounded: a lane that is full is not read, and so the peer's TCP waits.
3. A peer that resets or vanishes is ordinary here: it ends its lane, and what cannot be delivered
   is counted. Anything else that goes wrong is raised.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self, final

from penstock.infra.testing.fault_plan import (
    Aftermath,
    Direction,
    DropAnswer,
    FaultPlan,
    Hold,
    Reset,
    Verdict,
)
from penstock.infra.testing.kafka_frame import (
    Answer,
    Conversation,
    FrameSplitter,
    correlation_id,
    request_head,
)
from penstock.infra.testing.planned_fault import Decision, HeldMessage, PlannedFault
from penstock.infra.testing.proxy_tally import Happening, ProxyTally

__all__ = ["FaultLink", "LinkLimits", "Peer", "ProxyState", "reset"]

_Send = Callable[[bytes], Awaitable[bool]]

_CHUNK_BYTES = 64 * 1024

_MOST_OVERTAKING = 64
"""How many requests of a connection may overtake a held one, as their answers have to be kept.
Clients have at most 40 in flight."""

_LINGER_ZERO = struct.pack("ii", 1, 0)
"""struct linger {on, 0 s}: closing sends RST instead of FIN (socket(7), SO_LINGER)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLimits:
    """How much memory and time one connection may take."""

    frame_bytes: int
    """Longest frame, without its length."""
    lane_bytes: int
    """Read ahead in each direction; a single frame may be longer."""
    answer_s: float
    """How long the server may take to answer a client that has gone, before its side is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """What all connections of one proxy share. Touched by the proxy's event loop only."""

    limits: LinkLimits
    """Of each connection."""
    plan: FaultPlan = field(default_factory=FaultPlan)
    """The rules."""
    planned: dict[int, PlannedFault] = field(default_factory=dict)
    """The test's ends of the rules, by number."""
    held: dict[int, HeldMessage] = field(default_factory=dict)
    """Likewise those of holds."""
    tally: ProxyTally = field(default_factory=ProxyTally)
    """The counts."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Both ends of a stream, as asyncio gives them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST, dropping what was not yet sent."""
    if not writer.is_closing():
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    writer.transport.abort()


@final
class FaultLink:
    """A client's connection, and the one to the server that was opened for it."""

    def __init__(self, *, client: Peer, server: Peer, state: ProxyState) -> None:
        """Take over two open streams.

        Args:
            client: the accepted stream.
            server: the stream that was opened for it.
            state: the proxy's.
        """
        self._client, self._server = client.writer, server.writer
        for writer in (self._client, self._server):
            writer.transport.set_write_buffer_limits(high=0)  # then drain() means: all is sent
        self._requests = _Lane(client.reader, state.limits)
        self._answers = _Lane(server.reader, state.limits)
        self._state = state
        self._conversation = Conversation()
        self._delivered: dict[int, HeldMessage] = {}
        self._mute = False
        self._server_ended = False
        self._answered = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Carry messages until both sides have ended.

        Raises:
            ExceptionGroup: of a BrokenFrame, or of what is our own fault.
        """
        try:
            async with self._tasks as tasks:
                tasks.create_task(self._requests.fill())
                tasks.create_task(self._answers.fill())
                tasks.create_task(self._forward_requests())
                tasks.create_task(self._forward_answers())
        finally:
            self._client.transport.abort()
            self._server.transport.abort()

    def cut(self) -> None:
        """Reset the client's side; what was read from it is still delivered."""
        if not self._client.is_closing():
            self._state.tally.note(Happening.RESET)
        reset(self._client)

    async def _forward_requests(self) -> None:
        overtaken: list[asyncio.Task[bool]] = []
        async for arrived_s, frame in self._requests:
            if not await self._forward_request(arrived_s, frame, overtaken):
                break
        await self._requests.abandon()
        await asyncio.gather(*overtaken)
        await self._wait_until_answered()
        self._server.close()

    async def _forward_request(
        self, arrived_s: float, frame: bytes, overtaken: list[asyncio.Task[bool]]
    ) -> bool:
        """Do with one request as the plan says; False when none behind it can be delivered."""
        await self._wait_for_turn()
        head = request_head(frame)
        self._conversation.asked(head)
        verdict = self._state.plan.judge(Direction.REQUEST, head.api_key)
        self._state.tally.saw(Direction.REQUEST, head.api_key)
        await _sleep_until(arrived_s + verdict.delay_s)
        meeting = self._meet(verdict, frame, self._send_to_server, head.correlation_id)
        if isinstance(verdict.fault, Hold) and verdict.fault.overtaking:
            self._conversation.overtaken(head)
            overtaken.append(self._tasks.create_task(meeting))
            return True
        return await meeting

    async def _forward_answers(self) -> None:
        try:
            async for arrived_s, frame in self._answers:
                turn = self._conversation.answered(frame)
                held = self._delivered.pop(correlation_id(frame), None)
                if held is not None:
                    held.answered(frame)
                self._answered.set()
                for answer in turn:
                    await self._forward_answer(arrived_s, answer)
        finally:
            self._server_ended = True
            self._answered.set()
            for held in self._delivered.values():
                held.lost("was delivered, and the server closed the connection before it answered")
            self._client.close()
            self._server.close()

    async def _forward_answer(self, arrived_s: float, answer: Answer) -> None:
        api_key = answer.head.api_key if answer.head else None
        verdict = self._state.plan.judge(Direction.ANSWER, api_key)
        self._state.tally.saw(Direction.ANSWER, api_key)
        await _sleep_until(arrived_s + verdict.delay_s)
        # Whatever comes of it, the lane goes on: a held request may still wait for its answer.
        await self._meet(verdict, answer.frame, self._send_to_client, None)

    async def _meet(self, verdict: Verdict, frame: bytes, send: _Send, asked: int | None) -> bool:
        """Let a message meet its fault.

        Args:
            verdict: what it meets.
            frame: the message.
            send: sends bytes to where it goes; False when that side has closed.
            asked: the correlation id of a request; None for an answer.

        Returns:
            False when its stream has come to an end.
        """
        if verdict.rule is None:
            return await send(frame)
        if isinstance(verdict.fault, Hold):
            return await self._hold(self._state.held[verdict.rule], frame, send, asked)
        if isinstance(verdict.fault, Reset):
            await send(frame[: verdict.fault.after_bytes])
            self.cut()
            self._server.close()  # FIN behind the piece, so that the server has read it
        elif isinstance(verdict.fault, DropAnswer):
            self._drop(verdict.fault.then)
        self._state.planned[verdict.rule].meet()
        return False

    async def _hold(self, held: HeldMessage, frame: bytes, send: _Send, asked: int | None) -> bool:
        self._state.tally.note(Happening.HELD)
        held.meet(self.cut)
        if asked is None:
            held.answered(frame)
        if await held.wait_decided() is Decision.DISCARD:
            held.lost("was discarded")
            self.cut()
            self._server.close()
            return False
        if asked is not None:
            self._delivered[asked] = held
        if await send(frame):
            return True
        held.lost("was released after the other side had closed the connection")
        return False

    def _drop(self, then: Aftermath) -> None:
        self._state.tally.note(Happening.DROPPED)
        if then is Aftermath.CUT:
            self.cut()
        else:
            self._mute = True

    async def _send_to_server(self, data: bytes) -> bool:
        return await self._send(self._server, data)

    async def _send_to_client(self, data: bytes) -> bool:
        if self._mute:
            self._state.tally.note(Happening.DROPPED)
            return False
        return await self._send(self._client, data)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> bool:
        sent = await _sent(writer, data)
        if not sent:
            self._state.tally.note(Happening.UNDELIVERED)
        return sent

    async def _wait_for_turn(self) -> None:
        while self._conversation.overtaking >= _MOST_OVERTAKING:
            await self._next_answer()

    async def _wait_until_answered(self) -> None:
        try:
            async with asyncio.timeout(self._state.limits.answer_s):
                while self._conversation.unanswered and not self._server_ended:
                    await self._next_answer()
        except TimeoutError:
            # A produce with acks=0 has no answer, and a server that is paused gives none.
            self._state.tally.note(Happening.UNANSWERED)

    async def _next_answer(self) -> None:
        self._answered.clear()
        await self._answered.wait()


@final
class _Lane:
    """The frames of one peer, read ahead, each with the time of its arrival."""

    def __init__(self, reader: asyncio.StreamReader, limits: LinkLimits) -> None:
        self._reader = reader
        self._splitter = FrameSplitter(limit_bytes=limits.frame_bytes)
        self._limit_bytes = limits.lane_bytes
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def fill(self) -> None:
        """Read until the peer closes or resets, or nobody takes frames any more."""
        try:
            while not self._ended and (data := await self._read()):
                for frame in self._splitter.feed(data):
                    await self._put(frame)
        finally:
            await self._end()

    async def abandon(self) -> None:
        """Say that no more frames will be taken; those that wait are dropped."""
        self._frames.clear()
        self._bytes = 0
        await self._end()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_CHUNK_BYTES)
        except ConnectionError:
            return b""  # a reset ends a stream as a close does

    async def _put(self, frame: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or self._has_room(frame))
            if not self._ended:
                self._frames.append((asyncio.get_running_loop().time(), frame))
                self._bytes += len(frame)
                self._changed.notify_all()

    def _has_room(self, frame: bytes) -> bool:
        return not self._frames or self._bytes + len(frame) <= self._limit_bytes

    async def _end(self) -> None:
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[float, bytes]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._frames or self._ended)
            if not self._frames:
                raise StopAsyncIteration
            arrived_s, frame = self._frames.popleft()
            self._bytes -= len(frame)
            self._changed.notify_all()
            return arrived_s, frame


async def _sent(writer: asyncio.StreamWriter, data: bytes) -> bool:
    if writer.is_closing():
        return False
    try:
        writer.write(data)
        await writer.drain()
    except ConnectionError:
        return False
    return True


async def _sleep_until(moment_s: float) -> None:
    await asyncio.sleep(moment_s - asyncio.get_running_loop().time())
