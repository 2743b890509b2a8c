"""Reads a topic of counters, merges what it finds, and lets callers wait for more.

    open -> go on from where we were -> read, merge, wake -> look, where nothing answers
      ^                                                             |
      '------------------- Kafka away: wait a little ---------------'

What is merged and what is wrong is decided by component_view.py. While Kafka is away the reader
goes on trying, values stay as they were last seen, and `lag` says how old they are. What will not
mend itself ends it: the topic is gone or was made again, or it is too large. Every call says so
from then on, and so does the end of its block.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.identity import Entropy
from penstock.events.log import LogReader, LogRecord, Partition, TopicMissing
from penstock.infra.replication.component_view import ComponentView, ComponentViewStatistics
from penstock.infra.replication.counter_log import FollowingReader
from penstock.infra.replication.counter_value import (
    CounterChange,
    CounterToken,
    CounterValue,
    ReaderLag,
)
from penstock.infra.replication.counters_closed import CountersClosed
from penstock.infra.replication.patience import CountersCut, Patience, retry_wait_s
from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.errors import CallerError, WorldError

__all__ = [
    "CounterReader",
    "CounterReaderStatistics",
    "CountersNotRead",
    "TokenOfOtherCounters",
    "reading",
]

POLL_S: Final = 0.1
"""Longest wait for records before positions are looked at again."""
SILENCE_S: Final = 5.0
"""Without an answer for so long the ends of partitions are asked for. The question itself finds out
whether Kafka is away; it waits behind the fetches of the same connection, so it is not asked often.
"""


@dataclass(eq=False, kw_only=True)
class CountersNotRead(WorldError):
    """A reader has not come as far as somebody waits for, in time."""

    counters: str
    """The name of the set."""
    wanted: str
    """How far: to the end, or past an offset."""
    timeout_s: float
    """Seconds allowed."""

    code: ClassVar[str] = "PEN-I97"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The counters {counters} were not read {wanted} in {timeout_s} s."
    why: ClassVar[str] = "Until then sums are smaller than what was asked for."
    remedy: ClassVar[str] = "Wait for longer, or take value() as it is; lag() says how old it is."


@dataclass(eq=False, kw_only=True)
class TokenOfOtherCounters(CallerError):
    """A token belongs to another topic than the reader's."""

    partition: Partition
    """Where the token says that its increment was written."""
    counters: str
    """What the reader reads."""

    code: ClassVar[str] = "PEN-I99"
    what: ClassVar[str] = "The token is of {partition}; the reader reads the counters {counters}."
    why: ClassVar[str] = "It would wait for what it never reads."
    remedy: ClassVar[str] = "Ask the reader of the counters that were incremented."


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterReaderStatistics:
    """A reader in numbers."""

    view: ComponentViewStatistics
    """What it has merged."""
    lag: ReaderLag
    """How far it is behind."""
    restored: bool
    """Whether it has read to the ends that could be seen when it was opened."""
    failures: int
    """How often reading was interrupted."""
    last_failure: str | None
    """By what it was interrupted last."""
    waiting: int
    """Callers that wait for an increment."""


@final
class _Watch:
    """What has changed since somebody who watches has looked last; each counter once."""

    def __init__(self) -> None:
        self.changed: dict[str, None] = {}
        self.news = asyncio.Event()


@final
class CounterReader:
    """The counters of one topic, as they were read so far."""

    def __init__(
        self,
        counters: str,
        view: ComponentView,
        open_reader: Callable[[], Awaitable[FollowingReader]],
        *,
        look_up: Callable[[bytes], Awaitable[object]],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Stand ready; see `reading`.

        Args:
            counters: the name of the set, for messages.
            view: merges.
            open_reader: opens a reader of all partitions, each at its beginning.
            look_up: looks for the schema with a fingerprint, for the view to know it then.
            clock: the time.
            entropy: for jitter.
        """
        self._counters = counters
        self._view = view
        self._open_reader = open_reader
        self._look_up = look_up
        self._clock = clock
        self._entropy = entropy
        self._error: BaseException | None = None
        self._restored = asyncio.Event()
        self._goal: Mapping[Partition, int] | None = None
        self._ends: dict[Partition, int] = {}
        self._answered_s: dict[Partition, float] = {}
        self._stamps: dict[Partition, int] = {}
        self._learned_s = 0.0
        self._level_s: float | None = None
        self._patience = Patience()
        self._attempts = 0
        self._failures = 0
        self._last_failure: CallerError | WorldError | None = None
        self._waits: dict[asyncio.Future[None], CounterToken] = {}
        self._watches: set[_Watch] = set()

    # --- what callers ask ----------------------------------------------------------------------

    async def restored(self, *, timeout_s: float = 60.0) -> None:
        """Wait until everything was read that could be seen when the reader was opened.

        What lies behind a transaction that is open cannot be seen, though it was committed: a count
        that was acknowledged beside a slot that hangs is missing for as long as a transaction may
        stay open, ten seconds. Whoever has its token asks `value_at_least`.

        Args:
            timeout_s: seconds at most.

        Raises:
            CountersNotRead: that took longer.
        """
        self._check()
        try:
            await before(self._clock, self._clock.monotonic() + timeout_s, self._restored.wait())
        except TimeoutError as error:
            raise self._not_read("to their end", timeout_s) from error
        self._check()

    def value(self, counter: str) -> CounterValue:
        """Return what is known of a counter now; one that nobody has counted is 0.

        Before `restored` it is too small; `lag` says how old it is.
        """
        self._check()
        return self._view.value(counter)

    async def value_at_least(
        self, counter: str, token: CounterToken, *, timeout_s: float = 5.0
    ) -> CounterValue:
        """Return a counter once an increment is in it that was acknowledged with this token.

        Args:
            counter: the counter.
            token: what `increment` has returned, here or elsewhere.
            timeout_s: seconds at most.

        Raises:
            CountersNotRead: the increment was not read in time.
            TokenOfOtherCounters: it was written to another topic.
        """
        self._check()
        positions = self._view.positions
        if token.partition not in positions:
            raise TokenOfOtherCounters(partition=token.partition, counters=self._counters)
        # Positions, not the offset of a record: markers occupy offsets, too.
        if positions[token.partition] <= token.offset:
            await self._until_seen(token, timeout_s)
        return self._view.value(counter)

    def values(self) -> dict[str, int]:
        """Return the value of every counter that is known, by name, in order."""
        self._check()
        return {counter: self._view.state(counter).value for counter in self._view.counters()}

    async def changes(self) -> AsyncIterator[CounterChange]:
        """Iterate over counters as they change, from the first iteration on.

        Whoever is slow misses steps and never the latest: each counter waits once at most.
        """
        watch = _Watch()
        self._watches.add(watch)
        try:
            while True:
                self._check()
                while watch.changed:
                    counter = next(iter(watch.changed))
                    del watch.changed[counter]
                    yield CounterChange(counter, self._view.value(counter))
                watch.news.clear()
                if self._error is None:
                    await watch.news.wait()
        finally:
            self._watches.discard(watch)

    def lag(self) -> ReaderLag:
        """Return how far the reader is behind."""
        positions = self._view.positions
        behind = sum(max(0, end - positions[each]) for each, end in self._ends.items())
        return ReaderLag(
            records=behind if self._ends else None,
            age_s=None if self._level_s is None else self._clock.monotonic() - self._level_s,
        )

    def statistics(self) -> CounterReaderStatistics:
        """Return the reader in numbers."""
        return CounterReaderStatistics(
            view=self._view.statistics(),
            lag=self.lag(),
            restored=self._restored.is_set() and self._error is None,
            failures=self._failures,
            last_failure=None if self._last_failure is None else str(self._last_failure),
            waiting=len(self._waits),
        )

    def _check(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)  # else it would keep every frame it was in

    async def _until_seen(self, token: CounterToken, timeout_s: float) -> None:
        seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits[seen] = token
        try:
            await before(self._clock, self._clock.monotonic() + timeout_s, seen)
        except TimeoutError as error:
            wanted = f"past offset {token.offset} of {token.partition}"
            raise self._not_read(wanted, timeout_s) from error
        finally:
            del self._waits[seen]

    def _not_read(self, wanted: str, timeout_s: float) -> CountersNotRead:
        error = CountersNotRead(counters=self._counters, wanted=wanted, timeout_s=timeout_s)
        if self._last_failure is not None and self._attempts:
            error.add_note(f"Reading was interrupted: {self._last_failure}")
        return error

    # --- reading -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read and merge until cancelled.

        Raises:
            TopicMissing: the topic is gone.
            CountersCut: it was made again or has lost records.
            TooManyComponents: it is too large to keep.
        """
        try:
            await self._read_on()
        except Exception as error:
            self.end(error)
            raise

    async def _read_on(self) -> None:
        while True:
            try:
                reader = await self._open_reader()
                try:
                    await self._begin(reader)
                    await self._follow(reader)
                finally:
                    await reader.close()
            except (TopicMissing, CountersCut) as error:
                if self._patience.is_over(self._clock.monotonic()):
                    raise
                self._last_failure = error
            except WorldError as error:
                if not error.retryable:
                    raise
                self._patience.unknown()
                self._last_failure = error
            self._failures += 1
            self._attempts += 1
            wait_s = retry_wait_s(self._attempts, self._entropy.random())
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)

    async def _begin(self, reader: FollowingReader) -> None:
        """Go to where reading stopped, or to the first record."""
        await self._look(reader)
        for partition, position in self._view.positions.items():
            # The reader stands at the first record that there is.
            reader.seek(partition, max(position, reader.position(partition)))
        if self._goal is None:
            self._goal = dict(self._ends)
        self._attempts = 0
        self._patience.found()
        self._move(reader)

    async def _follow(self, reader: FollowingReader) -> None:
        while True:
            records = await reader.read(timeout_s=POLL_S)
            changed: set[str] = set()
            try:
                await self._take(records, changed)
            finally:  # what was merged before an interruption is told, too
                self._tell(changed)
            self._learn_ends(reader)
            self._move(reader)
            if self._clock.monotonic() - min(self._answered_s.values()) > SILENCE_S:
                await self._look(reader)
                self._move(reader)

    async def _take(self, records: Iterable[LogRecord], changed: set[str]) -> None:
        for record in records:
            try:
                counter = self._view.take(record)
            except UnknownFingerprint as error:
                counter = await self._take_after_look(record, error)
            if counter is not None:
                changed.add(counter)

    async def _take_after_look(self, record: LogRecord, error: UnknownFingerprint) -> str | None:
        # A schema is registered before the first record that names it, so one look at the topic of
        # schemas from now on finds it, if it is to be found at all.
        if await self._look_up(bytes.fromhex(error.fingerprint)) is None:
            self._view.skip(record, error.code)
            return None
        return self._view.take(record)

    async def _look(self, reader: FollowingReader) -> None:
        """Ask where partitions end now."""
        looked_s = self._clock.monotonic()
        positions = self._view.positions
        bounds = await asyncio.gather(*map(reader.bounds, positions))
        for (partition, position), (_, end) in zip(positions.items(), bounds, strict=True):
            if position > end:
                raise CountersCut(partition=partition, position=position, end=end)
            self._ends[partition], self._answered_s[partition] = end, looked_s
        self._learned_s = self._clock.monotonic()

    def _learn_ends(self, reader: FollowingReader) -> None:
        """Take note of the ends that came with the answers to reads."""
        # An answer that is new by now has come since the last look at it, and no earlier.
        came_s, self._learned_s = self._learned_s, self._clock.monotonic()
        for partition in self._ends:
            answer = reader.answered_end(partition)
            if answer is not None and answer[1] != self._stamps.get(partition):
                self._ends[partition], self._stamps[partition] = answer
                self._answered_s[partition] = came_s

    def _move(self, reader: LogReader) -> None:
        """Take note of how far was read, and wake whoever waited for that."""
        for partition in self._ends:
            self._view.moved(partition, reader.position(partition))
        positions = self._view.positions
        if _reached(positions, self._ends):
            self._level_s = min(self._answered_s.values())
        if self._goal is not None and _reached(positions, self._goal):
            self._restored.set()
        for future, token in self._waits.items():
            if positions[token.partition] > token.offset and not future.done():
                future.set_result(None)

    def _tell(self, changed: Iterable[str]) -> None:
        for watch in self._watches:
            for counter in changed:
                watch.changed[counter] = None
            if watch.changed:
                watch.news.set()

    def end(self, error: BaseException) -> None:
        """Let every call from now on, and everybody who waits, see why reading has ended."""
        if self._error is not None:
            return
        self._error = error
        self._restored.set()
        for future in self._waits:
            if not future.done():
                future.set_exception(error)
        for watch in self._watches:
            watch.news.set()


def _reached(positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> bool:
    return all(positions[partition] >= end for partition, end in ends.items())


@asynccontextmanager
async def reading(reader: CounterReader, counters: str) -> AsyncIterator[CounterReader]:
    """Let a reader read for the time of a block.

    Raises:
        CountersCut: the topic was made again or has lost records; likewise what else ends reading,
            where nothing else is raised in the block.
    """
    task = asyncio.ensure_future(reader.run())
    try:
        yield reader
    finally:
        reader.end(CountersClosed(counters=counters))
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()
