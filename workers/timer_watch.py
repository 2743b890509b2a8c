"""Waits for the timers of a running partition and hands out those that run out.

The core is timers.py; here stand only the waiting and the wake-up.

Laws:
1. After a start nothing is handed out before the records that were already waiting have been, so
   that an answer which is there goes before the time-out that it would have stopped; but not for
   longer than `CATCH_UP_LIMIT_S`, since a log may grow faster than it is read.
2. The wall clock is looked at again at least every `LOOK_S`: it may be set.
3. Reading the times of a restored state keeps nobody waiting: it takes as long as the state is
   large, and a process that stands still for so long is thrown out of its group.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from penstock.events.clock import Clock
from penstock.workers.state import PartitionState
from penstock.workers.timers import Timed, Timers

__all__ = ["TimerWatch", "restored_timers"]

CATCH_UP_LIMIT_S: Final = 30.0
"""Longest wait for the records that lay before a start."""
LOOK_S: Final = 1.0
"""Longest sleep until a timer."""
AT_ONCE: Final = 500
"""Timers that have run out and are not committed, at most (partition-life.md)."""
BREATH: Final = 200
"""Restored entries that are read before others have their turn: a few milliseconds."""


async def restored_timers(timed: Timed, state: PartitionState) -> Timers:
    """Take the times of all entries of a restored state, which nobody changes meanwhile.

    Args:
        timed: knows the times of entries.
        state: the partition's state.

    Raises:
        StateUnreadable: an entry cannot be read.
    """
    timings = []
    for count, (key, value) in enumerate(state.items(), start=1):
        timings.append((key, timed.timing(key, value)))
        if count % BREATH == 0:
            await asyncio.sleep(0)
    timers = Timers()
    timers.fill(timings)
    return timers


@final
class TimerWatch:
    """The timers of one running partition."""

    def __init__(
        self,
        timed: Timed,
        timers: Timers,
        clock: Clock,
        *,
        begin: Callable[[bytes], None],
        in_flight: Callable[[], int],
    ) -> None:
        """Watch over the times of a restored state.

        Args:
            timed: knows the times of entries.
            timers: those times, see `restored_timers`.
            clock: the time.
            begin: takes the state key of each timer that has run out.
            in_flight: says how many of those are not committed yet.
        """
        self._timed = timed
        self._clock = clock
        self._begin = begin
        self._in_flight = in_flight
        self._timers = timers
        self._look = asyncio.Event()
        self._caught_up = asyncio.Event()

    def changed(self, key: bytes, value: bytes | None) -> None:
        """Take a change of state."""
        if value is None:
            self._timers.forget(key)
        elif self._timers.note(key, self._timed.timing(key, value)):
            self._look.set()

    def caught_up(self) -> None:
        """All records that lay before the start have been read."""
        self._caught_up.set()

    def committed(self) -> None:
        """A commit has made room for more."""
        if (due := self._timers.next_due_ms()) is not None and due <= self.now_ms():
            self._look.set()

    def is_due(self, key: bytes) -> bool:
        """Whether an entry names a time that has passed."""
        due_ms = self._timers.due_ms(key)
        return due_ms is not None and due_ms <= self.now_ms()

    def now_ms(self) -> int:
        """The time that this partition goes by."""
        return self._timers.now_ms(self._clock.wall_ms())

    async def run(self) -> None:
        """Hand out timers for ever."""
        await self._wait(self._caught_up, CATCH_UP_LIMIT_S)
        while True:
            self._look.clear()
            wall_ms = self._clock.wall_ms()
            now_ms = self._timers.now_ms(wall_ms)
            room = AT_ONCE - self._in_flight()
            for key in self._timers.take_due(now_ms, room):
                self._begin(key)
            due_ms = self._timers.next_due_ms()
            sleep_s = LOOK_S
            if due_ms is not None and due_ms > now_ms:
                # From the wall clock on: where it was set back, `now_ms` stands still until then.
                sleep_s = min(LOOK_S, (due_ms - wall_ms) / 1000)
            await self._wait(self._look, sleep_s)

    async def _wait(self, event: asyncio.Event, limit_s: float) -> None:
        if event.is_set():
            return
        told = asyncio.ensure_future(event.wait())
        late = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + limit_s))
        try:
            await asyncio.wait({told, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            late.cancel()

    def __len__(self) -> int:
        """Entries with a time."""
        return len(self._timers)
