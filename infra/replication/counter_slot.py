"""Counts outside of handlers: a slot of one process, with group commit.

    increment ─▶ pending ─▶ begin ─▶ one transaction ─▶ committed ─▶ tokens
                    ▲                     │ doubt
                    └── not committed ◀── retake, settle ──▶ committed

The books are kept by slot_ledger.py, the slot is held by slot_hold.py; here stand the waits. All
that is counted while a commit is under way goes into the next one, however many callers wait, and
one record for each counter: the latest holds all before it.

What happens when
- a process ends: what it has not published is lost, one flush interval of `increment_nowait` at
  most, and nothing that `increment` has returned for.
- Kafka is away: counting goes on in memory, `increment` waits within its limit, and the slot tries
  again without an end.
- a commit's outcome is unknown: the slot is taken again and its components are read; they tell.
- somebody else opens the slot: `SlotTaken`, for everybody who waits and in every later call.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.identity import Entropy
from penstock.events.log import NewRecord, Partition, TopicMissing
from penstock.infra.replication.component_records import encode_component
from penstock.infra.replication.count_waiters import CountUnconfirmed, CountWaiters
from penstock.infra.replication.counter_value import CounterToken
from penstock.infra.replication.counters_closed import CountersClosed
from penstock.infra.replication.patience import CountersCut, Patience, retry_wait_s
from penstock.infra.replication.slot_hold import Found, SlotHold, SlotTaken
from penstock.infra.replication.slot_ledger import ForeignCount, SlotLedger, SlotLedgerStatistics
from penstock.infra.replication.slot_settings import SlotSettings
from penstock.schemas.errors import CallerError, WorldError
from penstock.workers.counters import (
    CounterComponent,
    Counters,
    component_key,
    counter_partition,
    slot_replica,
)
from penstock.workers.ports import Transaction, TransactionalWriter, TransactionDoubt

__all__ = [
    "CounterSlot",
    "CounterSlotStatistics",
    "CountsNotWritten",
    "counting",
]

OPEN_ATTEMPTS: Final = 5
"""Attempts to open a slot: two that open at once fence each other, and one of them comes later."""


@dataclass(eq=False, kw_only=True)
class CountsNotWritten(WorldError):
    """A slot was closed before all that was counted could be written."""

    slot: str
    """The slot."""
    counters: int
    """Counters with increments that may not be on the log."""
    unwritten: int
    """The sum of those increments and decrements."""

    code: ClassVar[str] = "PEN-I112"
    what: ClassVar[str] = (
        "The slot {slot} was closed with {unwritten} counts on {counters} counters not written."
    )
    why: ClassVar[str] = "Kafka did not acknowledge them in time; the last batch may be there."
    remedy: ClassVar[str] = "Look after the cluster; await flush() before the end to be certain."


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSlotStatistics:
    """A slot in numbers."""

    ledger: SlotLedgerStatistics
    """What is counted and written."""
    generation: int
    """How often the slot was ever opened, this time included."""
    commits: int
    """Batches that were committed at once."""
    doubts: int
    """Batches whose outcome had to be found out."""
    waiting: int
    """Callers that wait for an acknowledgement."""


@final
class CounterSlot:
    """Counts as one replica; see `counting`."""

    def __init__(
        self,
        counters: Counters,
        slot: str,
        hold: SlotHold,
        *,
        clock: Clock,
        entropy: Entropy,
        partitions: int,
        topic: str,
        raise_alarm: RaiseAlarm,
        settings: SlotSettings,
    ) -> None:
        """Stand ready to be opened.

        Args:
            counters: as they are declared.
            slot: the slot's name.
            hold: takes the slot.
            clock: the time.
            entropy: for jitter.
            partitions: how many the topic has.
            topic: the topic's name.
            raise_alarm: is told of doubts.
            settings: limits and rhythm.
        """
        self._counters = counters
        self._slot = slot
        self._replica = slot_replica(slot)
        self._hold = hold
        self._clock = clock
        self._entropy = entropy
        self._partitions = partitions
        self._topic = topic
        self._raise_alarm = raise_alarm
        self._settings = settings
        self._ledger = self._new_ledger({})
        self._writer: TransactionalWriter | None = None
        self._error: BaseException | None = CountersClosed(counters=counters.name)
        self._refusal: BaseException | None = self._error
        """Why nothing can be counted: from the beginning of the end, when there is no error yet."""
        self._waiters = CountWaiters(slot, clock)
        self._news = asyncio.Event()
        self._is_awake = False
        self._commits = 0
        self._doubts = 0

    # --- counting ------------------------------------------------------------------------------

    def increment_nowait(self, counter: str, by: int = 1) -> None:
        """Count up, and write it within the flush interval.

        For what may be lost where a process is killed: page views, cache hits. A known counter
        takes no memory, however long Kafka is away.

        Args:
            counter: which one; text of 1 to 512 bytes in UTF-8. It begins with its first increment.
            by: how much, 0 or more.

        Raises:
            BadCount: that cannot be counted.
            CounterOverflow: the component would become larger than 2**63 - 1.
            TooManyComponents: it is one counter too many.
            SlotTaken: somebody else has the slot now; likewise whatever else has ended it.
        """
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)  # else it would keep every frame it was in
        self._ledger.increment(counter, by)
        if not self._is_awake:
            self._wake()

    def decrement_nowait(self, counter: str, by: int = 1) -> None:
        """Count down, and write it within the flush interval; as `increment_nowait`."""
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)  # else it would keep every frame it was in
        self._ledger.decrement(counter, by)
        if not self._is_awake:
            self._wake()

    async def increment(
        self, counter: str, by: int = 1, *, timeout_s: float = 30.0
    ) -> CounterToken:
        """Count up, and return when it is committed: no crash loses it any more.

        All that count at the same time share one commit.

        Args:
            counter: as for `increment_nowait`.
            by: how much, 0 or more.
            timeout_s: seconds at most.

        Returns:
            Where it was written, for `CounterReader.value_at_least`.

        Raises:
            CountUnconfirmed: not acknowledged in time; it stays counted, so do not count it again.
                The same holds where the call is cancelled.
            SlotTaken: somebody else has the slot. It is not counted, or was just before that.
        """
        self.increment_nowait(counter, by)
        return await self._waiters.wait(counter, is_pending=True, timeout_s=timeout_s)

    async def decrement(
        self, counter: str, by: int = 1, *, timeout_s: float = 30.0
    ) -> CounterToken:
        """Count down, and return when it is committed; as `increment`."""
        self.decrement_nowait(counter, by)
        return await self._waiters.wait(counter, is_pending=True, timeout_s=timeout_s)

    async def flush(self, *, timeout_s: float = 30.0) -> Mapping[str, CounterToken]:
        """Return when all that was counted until now is committed.

        Args:
            timeout_s: seconds at most.

        Returns:
            Where each counter was written that was not written before.

        Raises:
            CountUnconfirmed: not acknowledged in time; all stays counted.
            SlotTaken: somebody else has the slot now.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        begun_s, goal = self._clock.monotonic(), self._ledger.goal()
        with self._waiters.collecting() as tokens:
            # Once, unless a doubt has changed the order in which they are written.
            while (last := self._ledger.last_short_of(goal)) is not None:
                counter, is_pending = last
                await self._waiters.wait(
                    counter, is_pending=is_pending, timeout_s=timeout_s, since_s=begun_s
                )
            return {counter: tokens[counter] for counter in goal if counter in tokens}

    def component(self, counter: str) -> CounterComponent | None:
        """Return what this slot has counted on a counter and knows to be committed, or None.

        Former owners of the slot included; behind a restart this tells how far the last came.
        """
        return self._ledger.component(counter)

    def statistics(self) -> CounterSlotStatistics:
        """Return the slot in numbers."""
        return CounterSlotStatistics(
            ledger=self._ledger.statistics(),
            generation=self._hold.generation,
            commits=self._commits,
            doubts=self._doubts,
            waiting=len(self._waiters),
        )

    def _wake(self) -> None:
        self._is_awake = True
        self._news.set()

    # --- writing -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the slot from whoever has it, and learn what it has counted.

        Raises:
            TransactionDoubt: it did not succeed in several attempts.
            KafkaUnreachable: no broker answered.
            ComponentUnreadable: a record of the slot cannot be read.
        """
        for attempt in range(1, OPEN_ATTEMPTS + 1):
            try:
                self._writer, found = await self._hold.take()
            except TransactionDoubt:
                if attempt == OPEN_ATTEMPTS:
                    raise
                await self._pause(attempt)
            else:
                self._ledger = self._new_ledger(_components(found))
                self._error = self._refusal = None
                return

    async def run(self) -> None:
        """Write what is counted until cancelled.

        Raises:
            SlotTaken: somebody else has the slot.
            TransactionRefused: the broker refuses the slot's records.
            ComponentUnreadable: a record of the slot cannot be read.
            CountersCut: the topic was made again or has lost records.
            TopicMissing: it is gone.
        """
        try:
            while True:
                await self._until_due()
                await self._write()
        except Exception as error:
            self.end(error)
            raise

    async def close(self) -> None:
        """Write what is pending, within the limit; from now on the slot counts no more.

        Raises:
            CountsNotWritten: some of it could not be written in time.
        """
        closed = CountersClosed(counters=self._counters.name)
        if self._refusal is None:
            # Before the flush: what is counted during it would not be written by anybody.
            self._refusal = closed
        unconfirmed: CountUnconfirmed | None = None
        try:
            await self.flush(timeout_s=self._settings.close_limit_s)
        except CountUnconfirmed as error:
            unconfirmed = error
        except asyncio.CancelledError:
            self._tell_unwritten("Closing was cancelled.")
            raise
        finally:
            self.end(closed)
        left = self._ledger.statistics()
        if unconfirmed is not None and left.unwritten:
            raise CountsNotWritten(
                slot=self._slot,
                counters=left.pending + left.in_flight,
                unwritten=left.unwritten,
            ) from unconfirmed

    async def close_after_failure(self) -> None:
        """Close, and tell what could not be written as an alarm: something else is raised."""
        try:
            await self.close()
        except (WorldError, CallerError) as error:
            self._tell_unwritten(error.message)

    def end(self, error: BaseException) -> None:
        """Let every call from now on, and everybody who waits, see why the slot has ended."""
        if self._error is not None:
            return
        self._error = self._refusal = error
        self._waiters.fail(error)

    async def release(self) -> None:
        """Give the producer up; within a limit, and without a flush where its end is unknown."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._ledger.statistics().in_flight:
            writer.drop()
        else:
            await writer.close()

    async def _until_due(self) -> None:
        """Wait until something is to be written, and then for company, unless somebody waits."""
        if self._ledger.is_idle:
            self._is_awake = False
            self._news.clear()
            await self._news.wait()
        if self._waiters.for_pending:
            return
        self._waiters.hurry.clear()
        try:
            interval_s = self._settings.flush_interval_s
            await before(
                self._clock, self._clock.monotonic() + interval_s, self._waiters.hurry.wait()
            )
        except TimeoutError:
            return

    async def _write(self) -> None:
        batch = self._ledger.begin()
        self._waiters.begin(batch)
        try:
            tokens = await self._commit(batch)
        except TransactionDoubt as doubt:
            settled = await self._settle(doubt, batch)
            if settled is None:
                self._waiters.again()
                return
            tokens = settled
        else:
            self._commits += 1
            self._ledger.committed()
        self._waiters.committed(tokens)

    async def _commit(self, batch: Mapping[str, CounterComponent]) -> Mapping[str, CounterToken]:
        assert self._writer is not None, "a slot that is open has a producer"
        now_ms = self._clock.wall_ms()
        outputs: dict[Partition, list[NewRecord]] = {}
        places: dict[str, tuple[Partition, int]] = {}
        for counter, component in batch.items():
            place = Partition(self._topic, counter_partition(counter, self._partitions))
            records = outputs.setdefault(place, [])
            places[counter] = place, len(records)
            key = component_key(self._replica, counter)
            records.append(NewRecord(key, encode_component(component), [], now_ms))
        first = await self._writer.commit(Transaction(outputs=outputs, offset=None))
        if min(first.values()) < 0:
            raise TransactionDoubt(reason="the broker did not say where a batch was written")
        for place, records in outputs.items():
            self._hold.wrote(place, first[place] + len(records))
        return {
            counter: CounterToken(place, first[place] + index)
            for counter, (place, index) in places.items()
        }

    async def _settle(
        self, doubt: TransactionDoubt, batch: Mapping[str, CounterComponent]
    ) -> Mapping[str, CounterToken] | None:
        """Find out whether a batch was committed: its tokens if it was, else None."""
        self._doubts += 1
        found = await self._retake(doubt)
        try:
            was_committed = self._ledger.settle(_components(found))
        except ForeignCount as error:
            reason = "its counts are not those that were written here"
            raise SlotTaken(slot=self._slot, counters=self._counters.name, reason=reason) from error
        return {counter: found[counter].token for counter in batch} if was_committed else None

    async def _retake(self, doubt: TransactionDoubt) -> Mapping[str, Found]:
        """Take the slot again, as often as it takes, unless somebody else has it."""
        assert self._writer is not None, "a slot that is open has a producer"
        self._writer.drop()
        self._tell("counter-slot-in-doubt", f"A commit of counts is in doubt: {doubt.reason}.")
        attempt, patience = 0, Patience()
        while True:
            attempt += 1
            await self._pause(attempt)
            try:
                self._writer, found = await self._hold.retake()
            except (TopicMissing, CountersCut):
                if patience.is_over(self._clock.monotonic()):
                    raise
            except WorldError as error:
                if not error.retryable:
                    raise
                patience.unknown()
            else:
                return found

    async def _pause(self, attempt: int) -> None:
        wait_s = retry_wait_s(attempt, self._entropy.random())
        await self._clock.sleep_until(self._clock.monotonic() + wait_s)

    def _tell_unwritten(self, text: str) -> None:
        if self._ledger.statistics().unwritten:
            self._tell("counts-not-written", text)

    def _tell(self, name: str, text: str) -> None:
        facts: dict[str, str | int] = {
            "topic": self._topic,
            "slot": self._slot,
            "generation": self._hold.generation,
        }
        self._raise_alarm(Alarm(name=name, text=text, facts=facts))

    def _new_ledger(self, restored: Mapping[str, CounterComponent]) -> SlotLedger:
        limit = self._settings.counters
        return SlotLedger(self._counters, self._topic, restored, limit=limit)


def _components(found: Mapping[str, Found]) -> dict[str, CounterComponent]:
    return {counter: each.component for counter, each in found.items()}


@asynccontextmanager
async def counting(slot: CounterSlot) -> AsyncIterator[CounterSlot]:
    """Hold a slot for the time of a block, and write what is pending at its end.

    Raises:
        CountsNotWritten: some of it could not be written in time.
        SlotTaken: somebody else has the slot now; likewise whatever else has ended it, where
            nothing else is raised in the block.
    """
    await slot.open()
    task = asyncio.ensure_future(slot.run())
    try:
        try:
            yield slot
        except BaseException:
            await slot.close_after_failure()
            raise
        await slot.close()
    finally:
        task.cancel()
        try:
            await asyncio.wait({task})
        finally:
            await slot.release()
        if not task.cancelled():
            task.exception()  # whoever asked the slot for anything has been told
