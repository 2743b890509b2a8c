"""Who waits until what was counted is committed.

Many callers share one commit, and each waits for its counter: in the batch that is being committed,
or in one that comes after it. A batch that was not committed is waited for again.

Laws:
1. Whoever counted after a batch was taken is not told by that batch.
2. A caller that gives up leaves nothing behind, however long Kafka is away.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.infra.replication.counter_value import CounterToken
from penstock.schemas.errors import WorldError

__all__ = ["CountUnconfirmed", "CountWaiters"]


@dataclass(eq=False, kw_only=True)
class CountUnconfirmed(WorldError):
    """Increments were not acknowledged in time."""

    slot: str
    """The slot."""
    timeout_s: float
    """Seconds allowed."""

    code: ClassVar[str] = "PEN-I111"
    what: ClassVar[str] = "Increments of the slot {slot} were not written within {timeout_s} s."
    why: ClassVar[str] = "They stay counted here, and are written as soon as Kafka can be reached."
    remedy: ClassVar[str] = "Do not count them again; await flush() to know."


_Futures = dict[str, dict["asyncio.Future[CounterToken]", None]]
"""Those who wait, by counter; found and forgotten without a search."""


@final
class CountWaiters:
    """The callers of one slot that wait."""

    def __init__(self, slot: str, clock: Clock) -> None:
        """Nobody waits.

        Args:
            slot: the slot's name, for messages.
            clock: the time.
        """
        self._slot = slot
        self._clock = clock
        self._pending: _Futures = {}
        self._in_flight: _Futures = {}
        self._collectors: list[dict[str, CounterToken]] = []
        self.hurry = asyncio.Event()
        """Set while somebody waits for what is pending, or has just begun to."""

    @property
    def for_pending(self) -> bool:
        """Whether somebody waits for what is pending."""
        return bool(self._pending)

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, (*self._pending.values(), *self._in_flight.values())))

    async def wait(
        self, counter: str, *, is_pending: bool, timeout_s: float, since_s: float | None = None
    ) -> CounterToken:
        """Wait until a counter is written.

        Args:
            counter: the counter.
            is_pending: whether the next batch is waited for, and not the one in flight.
            timeout_s: seconds at most.
            since_s: monotonic seconds from which they count; None for now.

        Raises:
            CountUnconfirmed: it was not written in time.
        """
        future: asyncio.Future[CounterToken] = asyncio.get_running_loop().create_future()
        futures = self._pending if is_pending else self._in_flight
        futures.setdefault(counter, {})[future] = None
        self.hurry.set()
        begun_s = self._clock.monotonic() if since_s is None else since_s
        try:
            return await before(self._clock, begun_s + timeout_s, future)
        except TimeoutError as error:
            raise CountUnconfirmed(slot=self._slot, timeout_s=timeout_s) from error
        finally:
            self._forget(counter, future)

    @contextmanager
    def collecting(self) -> Iterator[Mapping[str, CounterToken]]:
        """Take note of all that is committed in a block."""
        tokens: dict[str, CounterToken] = {}
        self._collectors.append(tokens)
        try:
            yield tokens
        finally:
            # By identity: two that collect may have collected the same.
            self._collectors = [each for each in self._collectors if each is not tokens]

    def begin(self, batch: Iterable[str]) -> None:
        """A batch was taken: who waits for its counters waits for it."""
        for counter in batch:
            if counter in self._pending:
                self._in_flight[counter] = self._pending.pop(counter)

    def again(self) -> None:
        """The batch was not committed: its counters are pending, and waited for as such."""
        for counter, futures in self._in_flight.items():
            self._pending.setdefault(counter, {}).update(futures)
        self._in_flight = {}

    def committed(self, tokens: Mapping[str, CounterToken]) -> None:
        """The batch was committed.

        Args:
            tokens: where each of its counters was written.
        """
        for collector in self._collectors:
            collector.update(tokens)
        told, self._in_flight = self._in_flight, {}
        for counter, futures in told.items():
            for future in futures:
                if not future.done():
                    future.set_result(tokens[counter])

    def fail(self, error: BaseException) -> None:
        """Nothing is written any more."""
        for futures in (*self._pending.values(), *self._in_flight.values()):
            for future in futures:
                if not future.done():
                    future.set_exception(error)

    def _forget(self, counter: str, future: "asyncio.Future[CounterToken]") -> None:
        for waiting in (self._pending, self._in_flight):
            futures = waiting.get(counter, {})
            futures.pop(future, None)
            if not futures:
                waiting.pop(counter, None)
