"""What a slot has counted, is writing, and has written.

    pending      counted here, not yet being written          increment_nowait
    in flight    the batch that is being committed            begin
    committed    certainly on the log                         committed, or settle after a doubt

Components are absolute: what is in flight holds all before it. So a batch that was written twice
does no harm, and one whose outcome is unknown is settled by looking: the slot is the only writer of
its components, so they stand as they stood before, or as the batch would have them.

Laws:
1. Nothing is written that is less than what was written before (the guard of a G-Counter's owner).
2. What was counted stays counted: a batch that was not committed is pending again, before all else.
3. At most `limit` counters, each at most 2**63 - 1; counting on a known counter takes no memory.
4. Pure: this file writes nothing and knows no time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from penstock.infra.replication.component_view import TooManyComponents
from penstock.workers.counters import (
    COUNT_LIMIT,
    BadCount,
    CounterComponent,
    CounterOverflow,
    Counters,
    advanced,
    check_amount,
    check_counter,
)

__all__ = ["COUNTERS_LIMIT", "ForeignCount", "SlotLedger", "SlotLedgerStatistics"]

BATCH_BYTES: Final = 512 * 1024
"""Bytes of one batch, roughly: so its records go to the broker as one batch for each partition,
which may hold 960 KiB (infra/kafka/batch.py), and their offsets follow each other."""
RECORD_BYTES: Final = 160
"""Bytes of a record beside its counter's name, at most: replica, numbers, frames."""
COUNTERS_LIMIT: Final = 100_000
"""Counters of one slot at most: some 50 MB."""


class ForeignCount(Exception):
    """Components of a slot are what this slot has neither written before nor in its last batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLedgerStatistics:
    """A ledger in numbers."""

    counters: int
    """Counters that it has ever counted on."""
    pending: int
    """Counters with increments that are not being written yet."""
    in_flight: int
    """Counters of the batch that is being committed."""
    unwritten: int
    """All that was counted and is not certain to be on the log."""


@final
class SlotLedger:
    """The books of one slot."""

    def __init__(
        self,
        counters: Counters,
        topic: str,
        restored: Mapping[str, CounterComponent],
        *,
        limit: int = COUNTERS_LIMIT,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        """Go on from what is on the log.

        Args:
            counters: as they are declared.
            topic: their topic, for messages.
            restored: every component of the slot.
            limit: counters at most; what was restored is kept, however many.
            batch_bytes: size of a batch, roughly; a batch holds one counter at least.
        """
        self._counters = counters
        self._topic = topic
        self._limit = limit
        self._batch_bytes = batch_bytes
        self._committed = dict(restored)
        self._in_flight: dict[str, CounterComponent] = {}
        self._pending: dict[str, None] = {}
        # Everything that was ever counted, pending or not: the next component's numbers.
        self._ups = {counter: each.increments for counter, each in restored.items()}
        self._downs = {counter: each.decrements for counter, each in restored.items()}

    def increment(self, counter: str, by: int = 1) -> None:
        """Count up.

        Raises:
            BadCount: name or amount are illegal.
            CounterOverflow: the component would become larger than it can be.
            TooManyComponents: it is one counter too many.
        """
        ups = self._ups
        # What is usual is let through at once: a service may count a million times a second.
        if by.__class__ is not int or by < 0 or counter.__class__ is not str or counter not in ups:
            self._admit(counter, by)
        total = ups[counter] + by
        if total > COUNT_LIMIT:
            raise self._overflow(counter, by)
        ups[counter] = total
        self._pending[counter] = None

    def decrement(self, counter: str, by: int = 1) -> None:
        """Count down.

        Raises:
            BadCount: name or amount are illegal, or the counters only grow.
            CounterOverflow: the component would become larger than it can be.
            TooManyComponents: it is one counter too many.
        """
        if not self._counters.decrements:
            raise BadCount(counters=self._counters.name, problem="it only goes up")
        self._admit(counter, by)
        total = self._downs[counter] + by
        if total > COUNT_LIMIT:
            raise self._overflow(counter, by)
        self._downs[counter] = total
        self._pending[counter] = None

    def begin(self) -> Mapping[str, CounterComponent]:
        """Take a batch of what is pending, the oldest first: from now on it is in flight.

        Returns:
            The components to write; empty where nothing is pending.
        """
        assert not self._in_flight, "one batch at a time: its outcome decides about the next"
        size = 0
        for counter in self._pending:
            size += RECORD_BYTES + len(counter.encode())
            if size > self._batch_bytes and self._in_flight:
                break
            self._in_flight[counter] = self._component(counter)
        for counter in self._in_flight:
            del self._pending[counter]
        return self._in_flight.copy()

    def committed(self) -> None:
        """The batch in flight is on the log."""
        self._committed.update(self._in_flight)
        self._in_flight.clear()

    def settle(self, found: Mapping[str, CounterComponent]) -> bool:
        """Decide about the batch in flight, whose outcome was unknown.

        Args:
            found: components of the slot that were read behind the last that is known here.

        Returns:
            True where the batch was committed; False where it was not, and is pending again.

        Raises:
            ForeignCount: neither of both, so somebody else has written as this slot.
        """
        before, batch = self._committed, self._in_flight
        now = {**before, **found}
        others = now.keys() - batch.keys()
        if any(now[counter] != before.get(counter) for counter in others):
            raise ForeignCount
        # A batch may hold what stood there before; then only what was found says that it is there.
        if all(found.get(counter) == written for counter, written in batch.items()):
            self.committed()
            return True
        if any(now.get(counter) != before.get(counter) for counter in batch):
            raise ForeignCount
        self._pending = {**dict.fromkeys(batch), **self._pending}
        batch.clear()
        return False

    def component(self, counter: str) -> CounterComponent | None:
        """Return what is certainly on the log of a counter; None where it was never written."""
        return self._committed.get(counter)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is pending."""
        return not self._pending

    def goal(self) -> dict[str, int]:
        """Return all that is not certain to be on the log, and how much each has counted by now."""
        return {counter: self._ups[counter] + self._downs[counter] for counter in self._unwritten()}

    def last_short_of(self, goal: Mapping[str, int]) -> tuple[str, bool] | None:
        """Return the counter of a goal that is written last.

        The order is that of now. What is not committed goes before all else, so what was the last
        may be written before others.

        Args:
            goal: what `goal` has returned some time ago.

        Returns:
            The counter, and whether the batch in flight is not enough for it; None where all of
            the goal is committed.
        """
        for counter in reversed(self._pending):
            coming = self._in_flight.get(counter, self._committed.get(counter))
            if counter in goal and _total(coming) < goal[counter]:
                return counter, True
        for counter in reversed(self._in_flight):
            if counter in goal and _total(self._committed.get(counter)) < goal[counter]:
                return counter, False
        return None

    def statistics(self) -> SlotLedgerStatistics:
        """Return the ledger in numbers."""
        return SlotLedgerStatistics(
            counters=len(self._ups),
            pending=len(self._pending),
            in_flight=len(self._in_flight),
            unwritten=sum(map(self._amount, self._unwritten())),
        )

    def _unwritten(self) -> dict[str, None]:
        return {**dict.fromkeys(self._in_flight), **self._pending}

    def _amount(self, counter: str) -> int:
        before = self._committed.get(counter)
        written = 0 if before is None else before.increments + before.decrements
        return self._ups[counter] + self._downs[counter] - written

    def _component(self, counter: str) -> CounterComponent:
        before = self._committed.get(counter)
        # `advanced` refuses to go down: law 1.
        return advanced(
            self._counters,
            counter,
            before,
            increments=self._ups[counter] - (before.increments if before else 0),
            decrements=self._downs[counter] - (before.decrements if before else 0),
        )

    def _overflow(self, counter: str, by: int) -> CounterOverflow:
        check_amount(self._counters, by)  # the amount alone may be too large
        return CounterOverflow(counters=self._counters.name, counter=ascii(counter[:128]))

    def _admit(self, counter: str, by: int) -> None:
        """Check name and amount; make room for a counter that is new."""
        check_counter(self._counters, counter)
        check_amount(self._counters, by)
        if counter in self._ups:
            return
        if len(self._ups) >= self._limit:
            raise TooManyComponents(topic=self._topic, limit=self._limit)
        self._ups[counter] = self._downs[counter] = 0


def _total(component: CounterComponent | None) -> int:
    """All that a component has counted; less than nothing where it was never written."""
    return -1 if component is None else component.increments + component.decrements
