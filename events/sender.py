"""Sending: records that are ready go into batches, batches go to the writer, answers come back.

The shell around `Batches`. It reads as a row of doors:

    admit    into the open batch of its partition; where there is no room, into the line
    write    one batch per partition at a time (batch_writing.py)
    tell     everybody who waits for the batch how it ended, and let in whoever stands in line
    report   to the observers, if there are any

Laws:
1. Nothing waits without a deadline, and the end of a wait is told honestly: after `NotSent` the
   record is certainly absent, after `WriteUnknown` it may be there.
2. Records are admitted in the order of the calls: nobody overtakes the line.
3. Who is told is fixed at admission, in the same step. Were it done after the caller has woken up,
   a fast batch could end in between, and its caller would wait for ever.
4. This file knows no event and no schema, and sleeps by the given clock only.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from traceback import clear_frames
from typing import Final, NoReturn, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.batch_parts import Part, PartEnd, Parts
from penstock.events.batch_report import BatchObserver, BatchReport, Outcome
from penstock.events.batch_writing import BatchWriting
from penstock.events.batches import Batch, Batches
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.envelope import Outgoing
from penstock.events.identity import Entropy
from penstock.events.line import End, InLine, Line, NotSent, Waiter
from penstock.events.log import BatchWriter, Partition, WriteUnknown
from penstock.events.unseen import UnseenFailures
from penstock.schemas.errors import PenstockError

__all__ = [
    "Sender",
    "SenderStatistics",
    "raise_again",
]

_NEVER: Final = inf
_AWAKE: Final = -inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStatistics:
    """What has been sent, and what is held now."""

    acknowledged: int
    """Records written for certain."""
    refused: int
    """Records certainly not written, since the broker or the adapter failed them."""
    unknown: int
    """Records of which nobody knows."""
    not_sent: int
    """Admitted records whose deadline came before they were sent."""
    batches: int
    """Batches handed to the writer; each part of one that was divided counts."""
    divided: int
    """Batches that were written in parts, since their topic takes none as large."""
    buffered_bytes: int
    """Bytes of records held now."""
    waiting: int
    """Records that stand in line for room now."""
    retries: int
    """Attempts to write a batch again, since it was certain that nothing had been sent."""
    producers_started: int
    """Producers of the Kafka client, one after the other."""
    producers_given_up: int
    """Those that were given up after a fatal error; an alarm says why."""
    observer_failures: int
    """Reports at which an observer raised."""
    unseen_failures: int
    """Failures of `publish_nowait` at which nobody looked; an alarm tells them."""


@final
class Sender:
    """Sends records in batches. Belongs to one event loop."""

    def __init__(
        self,
        writer: BatchWriter,
        clock: Clock,
        entropy: Entropy,
        raise_alarm: RaiseAlarm,
        *,
        buffer_bytes: int,
        timeout_s: float,
    ) -> None:
        """Begin with nothing.

        Args:
            writer: writes batches.
            clock: time.
            entropy: jitter between attempts.
            raise_alarm: is told of failures that nobody else is told of.
            buffer_bytes: bytes of records held at once, at most.
            timeout_s: seconds from the opening of a batch to its deadline.
        """
        self._writer = writer
        self._clock = clock
        self._entropy = entropy
        self._raise_alarm = raise_alarm
        self.unseen = UnseenFailures(raise_alarm)
        """Failures at which nobody has looked yet."""
        self._batches: Batches[Waiter] = Batches(
            writer.new_batch, limit_bytes=buffer_bytes, timeout_s=timeout_s
        )
        self.writing = BatchWriting(writer, self._batches, clock, entropy, raise_alarm)
        """Writes batches, and whatever else is tried until a deadline."""
        self._line = Line(clock, "the buffer was full all the time", self._let_in)
        # When each partition is looked at next: at a time, or "awake" while a look is at hand or a
        # batch is under way. A record asks for a look only if it wants one earlier.
        self._looks_s: dict[Partition, float] = {}
        self._lingering: set[asyncio.Task[None]] = set()
        self._writing: dict[asyncio.Task[None], Batch[Waiter]] = {}
        self._changed = asyncio.Event()
        self._acknowledged = 0
        self._refused = 0
        self._unknown = 0
        self._not_sent = 0
        self._divided = 0
        self._observers: tuple[BatchObserver, ...] = ()
        self._observer_failures = 0

    @property
    def buffered_bytes(self) -> int:
        """Bytes of records held now."""
        return self._batches.size_bytes

    def observe(self, observer: BatchObserver) -> None:
        """Tell somebody of every batch that ends from now on."""
        self._observers = (*self._observers, observer)

    def admit(self, outgoing: Outgoing, linger_s: float, now_s: float) -> Batch[Waiter] | None:
        """Put a record into a batch at once, if there is room and nobody stands in line.

        Args:
            outgoing: the record.
            linger_s: seconds for which it may wait for company.
            now_s: now, in monotonic seconds.

        Returns:
            The batch, in which the record is the last one: whoever is to be told of its end joins
            its waiters in this very step. None where the record must stand in line.

        Raises:
            BatchTooSmall: the writer's batches do not take it.
        """
        return None if self._line else self._put(outgoing, linger_s, now_s)

    def enter(self, entry: InLine) -> None:
        """Put a record into a batch as soon as there is room and nobody is before it."""
        self._line.append(entry)
        self._let_in(self._line)

    def left(self) -> None:
        """Let in who stood behind a record that has left the line."""
        self._let_in(self._line)

    def hurry(self) -> list[Batch[Waiter]]:
        """Send at once what is held, in batches that take no more; return all of them."""
        held = self._batches.seal()
        for partition in {batch.partition for batch in held}:
            self._look_soon(partition)
        return held

    def exchange(self, exchanged: Callable[[InLine], InLine]) -> None:
        """Put something in the place of each record that stands in line for room."""
        self._line.exchange(exchanged)

    async def close(self, deadline_s: float) -> None:
        """Send what is held until the deadline, then let go of the rest and tell it.

        Args:
            deadline_s: in monotonic seconds.
        """
        reason = "the publisher was closed"
        try:
            await before(self._clock, deadline_s, self._emptied())
        except TimeoutError:
            for batch in self._batches.abandon():
                end = NotSent(topic=batch.partition.topic, reason=reason)
                parts = (_whole(batch, end),)
                self._tell(batch, parts)
                self._report(batch, parts)
        await self._line.close(reason)
        tasks = {*self._lingering, *self._writing}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.unseen.close()

    def statistics(self) -> SenderStatistics:
        """Return the counts."""
        producers = self._writer.statistics()
        return SenderStatistics(
            acknowledged=self._acknowledged,
            refused=self._refused,
            unknown=self._unknown,
            not_sent=self._not_sent,
            batches=self.writing.sent,
            divided=self._divided,
            buffered_bytes=self._batches.size_bytes,
            waiting=len(self._line),
            retries=self.writing.retries,
            producers_started=producers.producers_started,
            producers_given_up=producers.producers_given_up,
            observer_failures=self._observer_failures,
            unseen_failures=self.unseen.told_by_alarm,
        )

    # Admission.

    def _put(self, outgoing: Outgoing, linger_s: float, now_s: float) -> Batch[Waiter] | None:
        partition, record, size_bytes, _ = outgoing
        batch = self._batches.add(partition, record, size_bytes, now_s + linger_s, now_s)
        if batch is None:
            return None
        # A batch that was just opened may stand behind one that is full, and that does not linger.
        full = batch.count == 1 and self._batches.has_full(partition)
        due_s = now_s if full else batch.due_s
        if due_s < self._looks_s.get(partition, _NEVER):
            self._look_at(partition, due_s, now_s)
        return batch

    def _let_in(self, line: Line) -> None:
        """Admit from the front of the line while there is room."""
        while (entry := line.front()) is not None:
            try:
                now_s = self._clock.monotonic()
                batch = self._put(entry.outgoing, entry.linger_s, now_s)
                if batch is None:
                    return
                entry.join(batch)
            except Exception as failure:  # noqa: BLE001 - not swallowed: told to the one whose record it is
                entry.refuse(failure)
            else:
                entry.admitted.set_result(None)
            line.leave()

    # The rhythm of a partition.

    def _look_at(self, partition: Partition, due_s: float, now_s: float) -> None:
        if due_s <= now_s:
            self._look_soon(partition)
            return
        self._looks_s[partition] = due_s
        task = asyncio.create_task(self._linger(partition, due_s))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    def _look_soon(self, partition: Partition) -> None:
        # Not in this very step: what else publishes in this turn of the loop comes along.
        self._looks_s[partition] = _AWAKE
        asyncio.get_running_loop().call_soon(self._look, partition)

    async def _linger(self, partition: Partition, due_s: float) -> None:
        await self._clock.sleep_until(due_s)
        # Somebody in a greater hurry may have been served meanwhile, and with him all the others.
        if self._looks_s.get(partition) == due_s:
            self._looks_s[partition] = _AWAKE
            self._look(partition)

    def _look(self, partition: Partition) -> None:
        """Send the next batch of a partition, or decide when to look again."""
        now_s = self._clock.monotonic()
        while (batch := self._batches.take(partition, now_s)) is not None:
            if batch.deadline_s > now_s:
                self._send(batch)
                return
            reason = "earlier records of its partition were not answered"
            end = NotSent(topic=partition.topic, reason=reason)
            self._end(batch, (_whole(batch, end),))
        if self._batches.is_under_way(partition):
            return
        due_s = self._batches.next_due(partition)
        if due_s is None:
            self._looks_s.pop(partition, None)
        else:
            self._look_at(partition, due_s, now_s)

    # Writing and telling.

    def _send(self, batch: Batch[Waiter]) -> None:
        batch.sent_s = self._clock.monotonic()
        task = asyncio.create_task(self.writing.write(batch))
        self._writing[task] = batch
        task.add_done_callback(self._written)

    def _written(self, task: "asyncio.Task[None]") -> None:
        batch = self._writing.pop(task)
        self._end(batch, _parts_of(batch, task))
        # The look comes behind the callers that were just told, so what they publish in answer goes
        # along: a loop of publish() on each of many tasks makes full batches.
        self._look_soon(batch.partition)

    def _end(self, batch: Batch[Waiter], parts: Sequence[Part]) -> None:
        self._batches.end(batch)
        self._tell(batch, parts)
        self._let_in(self._line)
        self._changed.set()
        self._report(batch, parts)

    def _tell(self, batch: Batch[Waiter], parts: Sequence[Part]) -> None:
        for part in parts:
            self._count(part.records, part.end)
        self._divided += len(parts) > 1
        end: End = parts[0].end if len(parts) == 1 else Parts(parts)
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_result(end)
        # An error's frames may hold the batch: it shall hold nobody in turn.
        batch.waiters, batch.parts = [], []

    def _count(self, records: int, end: PartEnd) -> None:
        outcome = _outcome_of(end)
        if outcome == "acknowledged":
            self._acknowledged += records
        elif outcome == "not-sent":
            self._not_sent += records
        elif outcome == "unknown":
            self._unknown += records
        else:
            self._refused += records

    def _report(self, batch: Batch[Waiter], parts: Sequence[Part]) -> None:
        """Tell the observers, behind everybody who waits."""
        if not self._observers:
            return
        now_s = self._clock.monotonic()
        sent_s = now_s if batch.sent_s is None else batch.sent_s
        for part in parts:
            report = BatchReport(
                partition=batch.partition,
                records=part.records,
                size_bytes=part.size_bytes,
                attempts=part.attempts,
                gathering_s=sent_s - batch.opened_s,
                writing_s=now_s - sent_s,
                outcome=_outcome_of(part.end),
            )
            for observer in self._observers:
                try:
                    observer.batch_ended(report)
                except Exception as failure:  # noqa: BLE001 - foreign code: counted, told, and no reason to stop
                    self._observer_failed(observer, failure)

    def _observer_failed(self, observer: BatchObserver, failure: Exception) -> None:
        self._observer_failures += 1
        if self._observer_failures > 1:
            return  # it would raise again with each batch
        name = type(observer).__name__
        self._raise_alarm(
            Alarm(
                name="publish-observer-failed",
                text=f"The observer {name} raised {type(failure).__name__} at the end of a batch. "
                "Publishing goes on; further failures are only counted.",
                facts={"observer": name, "error": type(failure).__name__},
            )
        )

    # The end.

    async def _emptied(self) -> None:
        while self._batches.size_bytes or self._line:
            self.hurry()  # each time: whoever is let in from the line would linger again
            self._changed.clear()
            await self._changed.wait()


def raise_again(error: PenstockError) -> NoReturn:
    """Raise an error that many callers share, as a new one for each.

    Raised as it is, each caller would lengthen the one traceback of all.
    """
    raise type(error)(**error.facts) from error


def _whole(batch: Batch[Waiter], end: PartEnd) -> Part:
    return Part(0, batch.count, batch.size_bytes, batch.attempts, end)


def _outcome_of(end: PartEnd) -> Outcome:
    if isinstance(end, int):
        return "acknowledged"
    if isinstance(end, NotSent):
        return "not-sent"
    return "unknown" if isinstance(end, WriteUnknown) else "refused"


def _parts_of(batch: Batch[Waiter], task: "asyncio.Task[None]") -> Sequence[Part]:
    """The parts of a batch whose writing has ended, in whatever way."""
    parts = batch.parts
    for part in parts:
        if isinstance(part.end, PenstockError):
            _let_go(part.end)
    noted = sum(part.records for part in parts)
    if noted < batch.count:
        size_bytes = max(batch.size_bytes - sum(part.size_bytes for part in parts), 0)
        end = _end_of(batch.partition, task)
        parts.append(Part(noted, batch.count - noted, size_bytes, batch.attempts, end))
    return parts


def _end_of(partition: Partition, task: "asyncio.Task[None]") -> WriteUnknown:
    if task.cancelled():
        return WriteUnknown(partition=partition, reason="the publisher was closed")
    error = task.exception()
    assert error is not None, "who wrote all of a batch has noted all of it"
    _let_go(error)
    # A fault of the adapter: what it did before it failed is unknown.
    unknown = WriteUnknown(partition=partition, reason=f"the writer raised {type(error).__name__}")
    unknown.__cause__ = error
    return unknown


def _let_go(error: BaseException) -> None:
    """Empty the frames of a failed write: whoever keeps the error would keep the whole batch."""
    links: BaseException | None = error
    while links is not None:
        clear_frames(links.__traceback__)
        links = links.__cause__ or links.__context__
