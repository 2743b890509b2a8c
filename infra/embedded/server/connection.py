"""One client's connection: frames in, answers out, in the order of the requests.

    bytes -> frames -> queue -> one request at a time -> answer -> bytes

A request whose handler has its answer at once is answered within `data_received`, without a task;
one that waits gets a task, and those behind it queue. Laws:
1. Answers leave in the order of the requests, and only when what they say is as safe as promised.
2. Reading stops while enough is queued, while there is no memory for more, and after bytes that
   make no sense; handling stops while the client does not take its answers.
3. Nothing that a client sends ends anything but its own connection.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, cast, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.clients import Clients
from penstock.infra.embedded.server.connection_cut import CUT
from penstock.infra.embedded.server.first_step import Finished
from penstock.infra.embedded.server.requests import OpenedRequest
from penstock.infra.embedded.wire.call import Call
from penstock.infra.embedded.wire.connection_state import ConnectionState
from penstock.infra.embedded.wire.frame_splitter import FrameSplitter
from penstock.infra.embedded.wire.wire_errors import FrameRefused, UnreadableMessage

__all__ = ["Connection"]

_log = logging.getLogger("penstock.embedded")

_QUEUED_FRAMES: Final = 64
"""Clients have up to 40 requests in flight (wire-facts)."""
_QUEUED_BYTES: Final = 2 * 1024 * 1024
"""Of requests behind the one at hand; a single longer one is taken nevertheless."""
_REQUESTS_A_TURN: Final = 32
"""Then other connections have their turn."""
_UNSENT_HIGH: Final = 1024 * 1024
"""Of answers that the client does not take: then its next request has to wait."""


@final
class Connection(asyncio.Protocol):
    """One connection; made by the clients."""

    def __init__(self, clients: Clients) -> None:
        """Begin.

        Args:
            clients: which it belongs to.
        """
        self._clients = clients
        self._loop = asyncio.get_running_loop()
        self._splitter = FrameSplitter(clients.limits.request_bytes)
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._counted = 0
        """Bytes that this connection has in the gauge of requests."""
        self._unsent = 0
        """Bytes that it has in the gauge of answers."""
        self._may_finish = False
        """True while there was room for the frame in the making."""
        self._task: asyncio.Task[None] | None = None
        self._held = False
        self._turn_is_due = False
        self._paused_reading = False
        self._blocked_writing = False
        self._broken = False
        """True after bytes that make no sense: what is queued is answered, then it is closed."""
        self._lost = False
        self._transport = cast("asyncio.Transport", None)  # there from `connection_made` on
        self.host = ""
        """The client's address, as Kafka shows it."""
        self.state = ConnectionState(sasl=clients.new_conversation())
        self.active_s = self._loop.time()
        """When bytes last went in or out."""

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected, unless there are too many, or the broker has stopped meanwhile."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._clients.may_come:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_UNSENT_HIGH)
        # asyncio does so only for sockets that were made with IPPROTO_TCP by name; without it the
        # second of two short answers waits 40 ms for the client's acknowledgement of the first.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        self.host = f"/{peer[0]}" if peer else "/unknown"
        refusal = self._clients.admit(self)
        if refusal is not None:
            _log.warning("a connection of %s is refused: %s", self.host, refusal)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self.active_s = self._loop.time()
        if self._broken:
            return
        try:
            for frame in self._splitter.feed(data):
                self._queue.append(frame)
                self._queued_bytes += len(frame)
        except FrameRefused as refused:
            self._break(refused.message)
        self._work()

    def pause_writing(self) -> None:
        """Stop answering: the client does not take what it has asked for."""
        self._blocked_writing = True

    def resume_writing(self) -> None:
        """Go on."""
        self._blocked_writing = False
        self.active_s = self._loop.time()
        self._note_unsent()
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all, but for a request that a test holds: it may still take effect."""
        del exc
        self._lost = True
        self._queue.clear()
        self._queued_bytes = 0
        self._splitter = FrameSplitter(0)
        self._clients.queued.leave_line(self._have_room)
        self._count()
        self._note_unsent()
        if self._task is not None and not self._held:
            self._task.cancel()
        self._clients.forget(self)

    # The listener's side.

    @property
    def is_at_work(self) -> bool:
        """True while a request waits for its answer."""
        return self._task is not None

    @property
    def is_stuck(self) -> bool:
        """True while the client does not take what is written."""
        return self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Close it once what is written has left; a request that waits is given up."""
        if self._task is not None:
            self._task.cancel()
        self._queue.clear()
        self._transport.close()

    def cut(self) -> None:
        """Close it at once, and lose what is written."""
        self._transport.abort()

    # Requests.

    def _work(self) -> None:
        for _ in range(_REQUESTS_A_TURN):
            if not self._queue or self._task is not None or self._blocked_writing or self._lost:
                break
            frame = self._queue.popleft()
            self._queued_bytes -= len(frame)
            self._serve(frame)
        else:
            self._work_next_turn()
        self._count()
        if self._broken and self._task is None and not self._queue and not self._lost:
            self._transport.close()
        self._adjust_reading()

    def _work_next_turn(self) -> None:
        if self._queue and not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_is_due = False
        self._work()

    def _serve(self, frame: bytes) -> None:
        clients = self._clients
        clients.requests_taken += 1
        sasl = self.state.sasl
        if sasl is not None and sasl.takes_bare_messages:
            self._take_bare(frame)
            return
        try:
            opened = clients.requests.open(frame, self.state, self.host, clients.address)
        except UnreadableMessage as unreadable:
            self._break(unreadable.message)
            opened = None
        if opened is None:
            self._end()
            return
        struck = clients.strike(opened.call)
        if struck is not None:
            self._start(opened, struck.run(self))
            return
        outcome = clients.requests.handle(opened.call)
        if not clients.node.unsynced:
            clients.node.settle()
            if isinstance(outcome, Finished):
                clients.node.end_call(opened.call)
                self._answer(opened, outcome.value)
                return
        self._start(opened, outcome)

    def _start(self, opened: OpenedRequest, outcome: Finished | Coroutine[Any, Any, Any]) -> None:
        task = self._task = self._loop.create_task(self._wait(opened, outcome))
        self._clients.tasks.add(task)

        def ended(_: asyncio.Task[None]) -> None:
            self._clients.tasks.discard(task)
            if task.cancelled():
                self._give_up(opened, outcome)

        task.add_done_callback(ended)

    def _give_up(self, opened: OpenedRequest, outcome: Finished | Coroutine[Any, Any, Any]) -> None:
        """End a request whose client is gone; its task may not even have begun.

        What the request has done concerns others all the same.
        """
        if not isinstance(outcome, Finished):
            outcome.close()
        self._clients.node.end_call(opened.call)
        self._clients.node.settle_soon()

    async def _wait(
        self, opened: OpenedRequest, outcome: Finished | Coroutine[Any, Any, Any]
    ) -> None:
        clients = self._clients
        try:
            try:
                await clients.node.settle_durably()
                answer = outcome.value if isinstance(outcome, Finished) else await outcome
            except OSError:
                raise
            except Exception:  # noqa: BLE001 - our own bug, logged there with its traceback
                answer = clients.requests.failure(opened.call)
            await clients.node.settle_durably()
        except OSError as failure:
            _log.critical("what was written cannot be kept: %s; %s is cut", failure, self.host)
            answer = CUT
        except Exception:  # noqa: BLE001 - our own bug; without an answer all later ones were wrong
            answer = clients.requests.failure(opened.call)
        finally:
            clients.node.end_call(opened.call)
            self._task = None
        self._answer(opened, answer)
        self._work()

    def _answer(self, opened: OpenedRequest, answer: Any) -> None:
        if self._lost:
            return
        if answer is CUT:
            self._transport.abort()
            return
        if answer is not None:
            self._write(self._clients.requests.encode(opened, answer))
        if self.state.ends:
            self._end()

    def _write(self, frame: bytes) -> None:
        self.active_s = self._loop.time()
        self._transport.write(frame)
        if self._blocked_writing or self._unsent:
            self._note_unsent()
        if not self._clients.unsent.has_room:
            _log.warning(
                "%s does not take its answers, and %d bytes of answers wait in all; it is cut",
                self.host,
                self._clients.unsent.used,
            )
            self._transport.abort()

    def _take_bare(self, message: bytes) -> None:
        answer = self.state.sasl.step_bare(message)
        if answer is None:
            # Without Kafka's header there is no place for an error: Kafka closes, too.
            _log.warning("%s is disconnected: it is not who it says", self.host)
            self._end()
            return
        principal = self.state.sasl.principal
        if principal is not None:
            self.state.principal = principal
        self._write(len(answer).to_bytes(4, "big") + answer)

    # A struck call's side (server/struck_call.py).

    async def perform(self, call: Call) -> Any:
        """Let a request take its effect, and all that follows from it."""
        outcome = self._clients.requests.handle(call)
        answer = outcome.value if isinstance(outcome, Finished) else await outcome
        await self._clients.node.settle_durably()
        return answer

    def refuse(self, call: Call, error: ErrorCode) -> Any:
        """Make the answer to a request that fails as a whole."""
        return self._clients.requests.refuse(call, error)

    def note_held(self, *, held: bool) -> None:
        """Learn that a test holds the request: then it outlives this connection."""
        self._held = held

    # Limits.

    def _break(self, reason: str) -> None:
        _log.warning("%s is disconnected: %s", self.host, reason)
        self._clients.broken_off += 1
        self._broken = True

    def _end(self) -> None:
        self._broken = True
        self._queue.clear()
        self._queued_bytes = 0

    def _count(self) -> None:
        claimed = self._splitter.claimed_bytes
        gauge = self._clients.queued
        if not claimed:
            self._may_finish = False
        elif not self._may_finish and not self._lost:
            self._may_finish = gauge.used - self._counted + self._queued_bytes < gauge.limit
            if not self._may_finish:
                claimed = self._splitter.kept_bytes
        counted = self._queued_bytes + claimed
        if counted != self._counted:
            change, self._counted = counted - self._counted, counted
            gauge.change(change)

    def _adjust_reading(self) -> None:
        if self._transport.is_closing():
            return
        waits_for_room = self._splitter.claimed_bytes > 0 and not self._may_finish
        if waits_for_room:
            self._clients.queued.wait_for_room(self._have_room)
        pause = (
            self._broken
            or waits_for_room
            or len(self._queue) >= _QUEUED_FRAMES
            or self._queued_bytes >= _QUEUED_BYTES
        )
        if pause != self._paused_reading:
            self._paused_reading = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _have_room(self) -> None:
        self._count()
        self._adjust_reading()

    def _note_unsent(self) -> None:
        size = 0 if self._lost else self._transport.get_write_buffer_size()
        self._clients.unsent.change(size - self._unsent)
        self._unsent = size
