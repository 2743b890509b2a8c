"""How new what we know is: the topic is read again when somebody asks, but not at every question.

    asked ──▶ read less than so long ago? ──yes──▶ go on
                      │no
                      ▼
              one reading for all who ask, waited for at most so long

Who does not find a thing has it read anew: a reading that had begun before may have fixed its end
before the thing was written.

Laws:
1. Nobody waits for longer than `wait_s`, and there is one reading at a time: a broker that is away
   makes no heap of waiting requests.
2. That a reading failed is told to all who come until the next one, and never raised: what is known
   may still be an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.schemas.errors import WorldError

__all__ = ["Freshness", "FreshnessStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessStatistics:
    """Counts since the start."""

    readings: int
    """Readings that were begun."""
    failures: int
    """Those that failed, or were not waited for to their end."""


@final
class Freshness:
    """Keeps something as new as it has to be."""

    def __init__(
        self, refresh: Callable[[], Awaitable[None]], clock: Clock, *, wait_s: float
    ) -> None:
        """Begin with what has never been read.

        Args:
            refresh: reads all there is; raises WorldError.
            clock: time.
            wait_s: seconds that anybody waits for it.
        """
        self._refresh = refresh
        self._clock = clock
        self._wait_s = wait_s
        self._reading: asyncio.Task[None] | None = None
        self._began_s = float("-inf")
        self._problem: str | None = None
        self._readings = self._failures = 0

    async def renew(self, age_s: float) -> str | None:
        """Read again, unless the last reading is new enough.

        Args:
            age_s: seconds since it began at most.

        Returns:
            Why what is known may be out of date; None where it is not.
        """
        if self._reading is None and self._clock.monotonic() - self._began_s < age_s:
            return self._problem
        return await self._in_time(self._one_reading())

    @property
    def begun(self) -> int:
        """How many readings have begun."""
        return self._readings

    async def renew_since(self, begun: int, apart_s: float) -> str | None:
        """Read again, unless a reading that began later is there; together with all who want that.

        Args:
            begun: how many had begun when the caller had its question.
            apart_s: seconds between the beginnings of two readings at least.

        Returns:
            Why what is known may be out of date; None where it is not.
        """
        return await self._in_time(self._new_reading(begun, apart_s))

    async def _in_time(self, readings: Coroutine[None, None, None]) -> str | None:
        try:
            await before(self._clock, self._clock.monotonic() + self._wait_s, readings)
        except TimeoutError:
            return f"the schemas topic was not read within {self._wait_s:g} s"
        return self._problem

    async def _new_reading(self, begun: int, apart_s: float) -> None:
        """See one through that began after the first so many."""
        if self._reading is not None and self._readings == begun:
            await self._one_reading()
        if self._readings == begun:
            await self._clock.sleep_until(self._began_s + apart_s)
        if self._readings == begun or self._reading is not None:
            await self._one_reading()

    async def _one_reading(self) -> None:
        """See the one through that is under way, or a new one."""
        if self._reading is None:
            self._began_s = self._clock.monotonic()
            self._readings += 1
            self._reading = asyncio.ensure_future(self._read())
        reading = self._reading
        await asyncio.wait({reading})  # not ended where whoever waits has gone
        if not reading.cancelled():
            reading.result()  # what nobody foresaw

    async def close(self) -> None:
        """End the reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    def statistics(self) -> FreshnessStatistics:
        """Return the counts."""
        return FreshnessStatistics(readings=self._readings, failures=self._failures)

    async def _read(self) -> None:
        try:
            await self._refresh()
        except WorldError as error:
            self._failures += 1
            self._problem = error.message
        else:
            self._problem = None
        finally:
            self._reading = None
