"""One client's way to the broker: requests go out, answers come back, and things befall both.

    sent -> under way -> arrives: the broker takes it -> the answer is under way -> answered

Laws:
1. A request that was sent takes effect when it arrives, whoever still waits for it.
2. Requests of one link arrive in the order in which they were sent, unless a fault holds one back:
   such a one went out on a connection that its client has given up meanwhile.
3. `NeverSent` says that it had no effect and never will; `NoAnswer` says nothing about that.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.infra.memory.fault import FaultPlan, Loss
from penstock.infra.memory.history import History
from penstock.infra.memory.memory_broker import BrokenOff, MemoryBroker
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.timers import Timer

__all__ = ["Link", "LinkParts", "NeverSent", "NoAnswer"]

AnswerT = TypeVar("AnswerT")

_BROKEN: Final = "the connection broke"


class NeverSent(Exception):
    """The broker could not be reached in time; nothing was sent."""


class NoAnswer(Exception):
    """A request was sent and got no answer; its text says why."""


class _Question(NamedTuple):
    """A request."""

    kind: RequestKind
    take: Callable[[int], Any]
    """Asks the core, given the broker's time; returns the answer, or a future of it."""
    refuse: Callable[[ErrorCode], Any]
    """Makes the answer that is nothing but an error."""


class LinkParts(NamedTuple):
    """What all links of a cluster share."""

    broker: MemoryBroker
    clock: Clock
    faults: FaultPlan
    history: History
    draw_latency_s: Callable[[], float]
    """How long the next message is under way; 0: the next turn of the event loop."""


@final
class Link:
    """A client's connection, made anew where it breaks."""

    def __init__(self, parts: LinkParts, client: str) -> None:
        """Stand ready.

        Args:
            parts: of the cluster.
            client: the name by which faults and the history know it.
        """
        self._parts = parts
        self.client: Final = client
        self._last_arrival_s = 0.0

    async def ask(
        self,
        kind: RequestKind,
        take: Callable[[int], "AnswerT | asyncio.Future[AnswerT]"],
        refuse: Callable[[ErrorCode], AnswerT],
        *,
        until_s: float,
    ) -> AnswerT:
        """Send one request and wait for its answer.

        Args:
            kind: of the request.
            take: asks the core, given the broker's time; returns the answer, or a future of it.
            refuse: makes the answer that is nothing but an error.
            until_s: how long to wait, in the clock's monotonic seconds.

        Raises:
            NeverSent: the broker did not run until then.
            NoAnswer: there was no answer until then, or the connection broke.
        """
        await self._reach(until_s)
        flight = _Flight(self._parts, self.client, _Question(kind, take, refuse), until_s)
        try:
            self._send(flight)
            answer: AnswerT = await flight.answer
            return answer
        finally:
            flight.give_up()

    async def _reach(self, until_s: float) -> None:
        broker = self._parts.broker
        while not broker.is_up:
            if self._parts.clock.monotonic() >= until_s:
                raise NeverSent("the broker is away")
            risen = broker.risen()
            over = broker.timers.at(until_s, partial(_ring, risen))
            try:
                await risen
            finally:
                over.cancel()

    def _send(self, flight: "_Flight") -> None:
        latency_s = self._parts.draw_latency_s()
        in_order_s = max(self._parts.clock.monotonic() + latency_s, self._last_arrival_s)
        self._last_arrival_s = in_order_s
        flight.send(in_order_s)


@final
class _Flight:
    """One request from its sending to its end."""

    def __init__(self, parts: LinkParts, client: str, question: _Question, until_s: float) -> None:
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._parts = parts
        self._client = client
        self._question = question
        self._until_s = until_s
        self._fault = parts.faults.take(question.kind, client)
        # Where nothing holds it up it is answered in a few turns, and needs no timer.
        self._over: Timer | None = None
        self._back: Timer | None = None

    def send(self, arrival_s: float) -> None:
        if self._fault.loses is Loss.REQUEST:
            self._note("request lost")
            self._lose()
            return
        at_s = arrival_s + self._fault.arrives_after_s
        if at_s > self._parts.clock.monotonic():
            self._watch_time()
        self._parts.broker.timers.at(at_s, self._arrive)

    def give_up(self) -> None:
        """Wait no more. The request goes its way."""
        for timer in (self._over, self._back):
            if timer is not None:
                timer.cancel()
        self.answer.cancel()

    def _arrive(self) -> None:
        broker = self._parts.broker
        if not broker.is_up:
            self._note("broker away")
            self._break_off()
            return
        now_ms = broker.catch_up()
        if self._fault.error is ErrorCode.none:
            answer = self._question.take(now_ms)
        else:
            answer = self._question.refuse(self._fault.error)
        self._note("taken" if self._fault.error is ErrorCode.none else self._fault.error.name)
        broker.settle()
        if isinstance(answer, asyncio.Future):
            self._watch_time()
            # Who gives up the answer gives up what brings it, as a closed connection does.
            self.answer.add_done_callback(lambda _: answer.cancel())
            answer.add_done_callback(self._brought)
        else:
            self._answer(answer)

    def _brought(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, BrokenOff):
            self._break_off()
        else:
            self._answer(future.result())

    def _answer(self, answer: Any) -> None:
        if self._fault.loses is Loss.ANSWER:
            self._note("answer lost")
            self._lose()
            return
        if self.answer.done():
            return  # nobody waits for it any more
        delay_s = self._parts.draw_latency_s() + self._fault.answered_after_s
        if delay_s > 0:
            self._watch_time()
        incarnation = self._parts.broker.incarnation
        at_s = self._parts.clock.monotonic() + delay_s
        self._back = self._parts.broker.timers.at(
            at_s, lambda: self._come_back(answer, incarnation)
        )

    def _come_back(self, answer: Any, incarnation: int) -> None:
        broker = self._parts.broker
        if not broker.is_up or broker.incarnation != incarnation:
            self._break_off()
        elif not self.answer.done():
            self.answer.set_result(answer)

    def _lose(self) -> None:
        if self._fault.noticed:
            self._break_off()
        else:
            self._watch_time()

    def _watch_time(self) -> None:
        if self._over is None and not self.answer.done():
            self._over = self._parts.broker.timers.at(self._until_s, self._time_out)

    def _time_out(self) -> None:
        self._end("no answer in time")

    def _break_off(self) -> None:
        self._end(_BROKEN)

    def _end(self, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(NoAnswer(f"{self._question.kind} got no answer: {reason}"))

    def _note(self, fate: str) -> None:
        now_ms = self._parts.broker.now_ms()
        self._parts.history.add(now_ms, self._client, self._question.kind, fate)


def _ring(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
