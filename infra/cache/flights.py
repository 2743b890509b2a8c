"""Loads under way in this process: who asks for a value that is being loaded waits for that load.

    caller A ──begin──▶ ┌───────────────────┐
    caller B ───join──▶ │ load, in a task   │ ──▶ one value, or one error, for all of them
    caller C ───join──▶ │ of its own        │
                        └───────────────────┘

A load whose callers have all gone is not cancelled: with callers that wait shorter than a load
takes, the value would never be there for anybody. It ends within its own time limit. Only so many
may go on in that way; beyond, a load that is left alone is cancelled.

Laws:
1. Whoever waits may be cancelled, and nobody else notices.
2. A load ends for its callers with a value, its own error, or LoadNotFinished: never with a
   cancellation that they did not ask for.
3. What nobody waits for any more and fails is told all the same.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, final

from penstock.infra.cache.errors import LoadNotFinished

__all__ = ["Flight", "Flights"]

_ResultT = TypeVar("_ResultT")

_CLOSED: Final = "The cache was closed"


@dataclass(slots=True, eq=False)
class Flight(Generic[_ResultT]):
    """One load."""

    name: Hashable
    """What is loaded."""
    outcome: asyncio.Future[_ResultT]
    """How it ended."""
    task: asyncio.Task[_ResultT]
    """Where it runs."""
    waiting: int = 0
    """Callers that wait for it."""
    abandoned: bool = False
    """Whether all who waited for it have gone."""
    reason: str = "What it waited for was cancelled"
    """Why it gives neither value nor error, in case it does not."""


@final
class Flights(Generic[_ResultT]):
    """The loads of one cache."""

    def __init__(
        self, *, cache: str, abandoned: int, unseen: Callable[[BaseException], None]
    ) -> None:
        """Begin with none.

        Args:
            cache: name, for errors.
            abandoned: most loads that go on with nobody waiting.
            unseen: is told the error of a load that nobody waits for.
        """
        self._cache = cache
        self._abandoned_limit = abandoned
        self._unseen = unseen
        self._by_name: dict[Hashable, Flight[_ResultT]] = {}
        self._all: set[Flight[_ResultT]] = set()
        self._closed = False
        self.waiting = self.abandoned = 0

    @property
    def loading(self) -> int:
        """Loads under way."""
        return len(self._all)

    def current(self, name: Hashable) -> Flight[_ResultT] | None:
        """Return the load that a newcomer may join."""
        return self._by_name.get(name)

    def begin(self, name: Hashable, load: Coroutine[Any, Any, _ResultT]) -> Flight[_ResultT]:
        """Begin a load that newcomers may join; `wait` for it at once.

        Args:
            name: what is loaded.
            load: loads it, within a time limit of its own.

        Raises:
            LoadNotFinished: the cache was closed meanwhile.
        """
        if self._closed:
            load.close()
            raise LoadNotFinished(cache=self._cache, reason=_CLOSED)
        loop = asyncio.get_running_loop()
        task = loop.create_task(load, name=f"load of the cache {self._cache}")
        flight = Flight(name, loop.create_future(), task)
        self._by_name[name] = flight
        self._all.add(flight)
        task.add_done_callback(lambda task: self._ended(flight, task))
        return flight

    async def wait(self, flight: Flight[_ResultT]) -> _ResultT:
        """Wait for a load.

        Raises:
            LoadNotFinished: it was cancelled, and not by this caller.
            BaseException: what the load raised.
        """
        if flight.abandoned:
            flight.abandoned = False
            self.abandoned -= 1
        flight.waiting += 1
        self.waiting += 1
        try:
            return await asyncio.shield(flight.outcome)
        finally:
            flight.waiting -= 1
            self.waiting -= 1
            if not flight.waiting and not flight.outcome.done():
                self._abandon(flight)

    def part(self, name: Hashable) -> None:
        """Let nobody else join the load of this name: what it brings may be out of date."""
        self._by_name.pop(name, None)

    async def close(self, limit_s: float) -> int:
        """Cancel all loads and wait for their ends; whoever waits for one gets LoadNotFinished.

        Args:
            limit_s: longest wait.

        Returns:
            How many have not ended in time.
        """
        self._closed = True
        flights = list(self._all)
        for flight in flights:
            self._cancel(flight, _CLOSED)
        if not flights:
            return 0
        await asyncio.wait([flight.task for flight in flights], timeout=limit_s)
        for flight in self._all:  # these go on, and nobody needs to wait for that
            flight.outcome.set_exception(self._not_finished(flight))
            flight.outcome.exception()
        return len(self._all)

    def _abandon(self, flight: Flight[_ResultT]) -> None:
        flight.abandoned = True
        self.abandoned += 1
        if self.abandoned > self._abandoned_limit:
            self._cancel(flight, "Nobody waited for it any more, as for too many others")

    def _cancel(self, flight: Flight[_ResultT], reason: str) -> None:
        flight.reason = reason
        flight.task.cancel()
        if self._by_name.get(flight.name) is flight:
            self.part(flight.name)

    def _ended(self, flight: Flight[_ResultT], task: asyncio.Task[_ResultT]) -> None:
        self._all.discard(flight)
        if self._by_name.get(flight.name) is flight:
            self.part(flight.name)
        if flight.abandoned:
            self.abandoned -= 1
        if flight.outcome.done():
            return
        if task.cancelled():
            flight.outcome.set_exception(self._not_finished(flight))
        elif (error := task.exception()) is not None:
            flight.outcome.set_exception(error)
            if not flight.waiting:
                self._unseen(error)
        else:
            flight.outcome.set_result(task.result())
        flight.outcome.exception()  # looked at: nobody may be there to do it

    def _not_finished(self, flight: Flight[_ResultT]) -> LoadNotFinished:
        return LoadNotFinished(cache=self._cache, reason=flight.reason)
