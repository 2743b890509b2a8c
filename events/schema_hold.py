"""Holding an event whose schema is not known yet, for a bounded time, while others look for it.

A schema is registered before the first record that names it. But topics may be copied from cluster
to cluster, each at its own pace, and a registry may be behind its own log: then the event is here
before its schema. It is held, and its schema looked for again and again:

    look -> wait 0.1 s -> look -> wait 0.2 s -> ... until it is there, or the time is over

Laws:
1. One whole look at least, from this moment on. Those that follow it are cut off half a second
   after `wait_s`: a hold takes so long, or as long as its first look where that is more.
2. Garbage holds nobody again and again: what was looked for in vain is not looked for again for
   `missing_s`, and for as long nothing else is held either, but only looked for once. Else bytes of
   chance, each with a frame of its own, would hold each record that they are in.
3. What is remembered is bounded.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.schemas.schema import AvroSchema

__all__ = ["HoldStatistics", "SchemaHold"]

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0
_LAST_LOOK_S: Final = 0.5
"""Seconds for the look at the end of the time; else it would be cut off before it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldStatistics:
    """Counts since the start."""

    held: int
    """Events that were held longer than one look takes."""
    found: int
    """Of these, those whose schema came."""
    missing: int
    """Frames that are known to be missing now."""


@final
class SchemaHold:
    """Holds whoever waits for schemas of one place. Belongs to one event loop."""

    def __init__(self, clock: Clock, *, wait_s: float, missing_s: float, remembered: int) -> None:
        """Begin with nothing missing.

        Args:
            clock: time.
            wait_s: seconds for which an event is held at most; 0 looks once.
            missing_s: seconds for which what was not found is not looked for again.
            remembered: frames remembered as missing at most.
        """
        self._clock = clock
        self._wait_s = wait_s
        self._missing_s = missing_s
        self._remembered = remembered
        self._missing_until_s: dict[bytes, float] = {}
        self._in_vain_until_s = float("-inf")
        self._held = self._found = 0

    async def until_found(
        self,
        frame: bytes,
        find: Callable[[], AvroSchema | None],
        look: Callable[[], Awaitable[object]],
        *,
        once: bool = False,
    ) -> AvroSchema | None:
        """Return a schema as soon as it is found.

        Args:
            frame: what names it.
            find: answers from memory.
            look: looks at the place where schemas are, in bounded time.
            once: look once, and hold nobody.

        Returns:
            None where it was not found in time, or is known to be missing.
        """
        found = find()
        now_s = self._clock.monotonic()
        if found is not None or now_s < self._missing_until_s.get(frame, now_s):
            return found
        may_wait = not once and now_s >= self._in_vain_until_s
        found = await self._look_until(now_s + self._wait_s if may_wait else now_s, find, look)
        if found is not None:
            self._missing_until_s.pop(frame, None)
            return found
        self._note_missing(frame)
        if may_wait:
            self._in_vain_until_s = self._clock.monotonic() + self._missing_s
        return None

    def statistics(self) -> HoldStatistics:
        """Return the counts."""
        return HoldStatistics(
            held=self._held, found=self._found, missing=len(self._missing_until_s)
        )

    async def _look_until(
        self,
        deadline_s: float,
        find: Callable[[], AvroSchema | None],
        look: Callable[[], Awaitable[object]],
    ) -> AvroSchema | None:
        await look()
        pause_s = _FIRST_PAUSE_S
        found = find()
        if found is not None or self._clock.monotonic() >= deadline_s:
            return found
        self._held += 1
        while found is None and (now_s := self._clock.monotonic()) < deadline_s:
            await self._clock.sleep_until(min(now_s + pause_s, deadline_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            with suppress(TimeoutError):  # it is slow, and has said once that it has no such schema
                await before(self._clock, deadline_s + _LAST_LOOK_S, look())
            found = find()
        self._found += found is not None
        return found

    def _note_missing(self, frame: bytes) -> None:
        while len(self._missing_until_s) >= self._remembered:
            del self._missing_until_s[next(iter(self._missing_until_s))]
        self._missing_until_s[frame] = self._clock.monotonic() + self._missing_s
