"""Sending: records that are ready go into batches, batches go to the writer, answers come back.

The shell around `Batches`. It reads as a row of doors:

    admit    into the open batch of its partition; where there is no room, into the line
    write    one batch per partition at a time, again and again until its deadline while it is
             certain that nothing arrived
    tell     everybody who waits for the batch how it ended, and let in whoever stands in line

Laws:
1. Nothing waits without a deadline, and the end of a wait is told honestly: after `NotSent` the
   record is certainly absent, after `WriteUnknown` it may be there.
2. Records are admitted in the order of the calls: nobody overtakes the line.
3. Who is told is fixed at admission, in the same step. Were it done after the caller has woken up,
   a fast batch could end in between, and its caller would wait for ever.
4. This file knows no event and no schema, and sleeps by the given clock only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Final, NoReturn, TypeVar, final

from penstock.events.batches import Batch, Batches
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.envelope import Outgoing
from penstock.events.identity import Entropy
from penstock.events.line import End, InLine, Line, NotSent, Waiter
from penstock.events.log import BatchWriter, Partition, WriteUnknown
from penstock.schemas.errors import PenstockError, WorldError

__all__ = [
    "Sender",
    "SenderStatistics",
    "raise_again",
]

_Answer = TypeVar("_Answer")

_NEVER: Final = inf
_AWAKE: Final = -inf
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0


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
    """Batches handed to the writer."""
    buffered_bytes: int
    """Bytes of records held now."""
    waiting: int
    """Records that stand in line for room now."""


@final
class Sender:
    """Sends records in batches. Belongs to one event loop."""

    def __init__(
        self,
        writer: BatchWriter,
        clock: Clock,
        entropy: Entropy,
        *,
        buffer_bytes: int,
        timeout_s: float,
    ) -> None:
        """Begin with nothing.

        Args:
            writer: writes batches.
            clock: time.
            entropy: jitter between attempts.
            buffer_bytes: bytes of records held at once, at most.
            timeout_s: seconds from the opening of a batch to its deadline.
        """
        self._writer = writer
        self._clock = clock
        self._entropy = entropy
        self._batches: Batches[Waiter] = Batches(
            writer.new_batch, limit_bytes=buffer_bytes, timeout_s=timeout_s
        )
        self._line = Line(clock, "the buffer was full all the time", self._let_in)
        # When each partition is looked at next: at a time, or "awake" while a look is at hand or a
        # batch is under way. A record asks for a look only if it wants one earlier.
        self._looks_s: dict[Partition, float] = {}
        self._lingering: set[asyncio.Task[None]] = set()
        self._writing: dict[asyncio.Task[int], Batch[Waiter]] = {}
        self._changed = asyncio.Event()
        self._acknowledged = 0
        self._refused = 0
        self._unknown = 0
        self._not_sent = 0
        self._sent_batches = 0

    def admit(
        self,
        outgoing: Outgoing,
        linger_s: float,
        now_s: float,
        join: Callable[[Batch[Waiter]], None],
    ) -> bool:
        """Put a record into a batch at once, if there is room and nobody stands in line.

        Args:
            outgoing: the record.
            linger_s: seconds for which it may wait for company.
            now_s: now, in monotonic seconds.
            join: called with the batch, in which the record is the last one, to fix who is told.

        Returns:
            False where it must stand in line.

        Raises:
            BatchTooSmall: the writer's batches do not take it.
        """
        return not self._line and self._put(outgoing, linger_s, now_s, join)

    def enter(self, entry: InLine) -> None:
        """Put a record into a batch as soon as there is room and nobody is before it."""
        self._line.append(entry)
        self._let_in(self._line)

    async def persist(
        self, topic: str, deadline_s: float, attempt: Callable[[float], Awaitable[_Answer]]
    ) -> _Answer:
        """Try until a deadline, as long as it is certain that nothing was written.

        Args:
            topic: for the error.
            deadline_s: in monotonic seconds.
            attempt: takes the seconds left.

        Raises:
            NotSent: the deadline came, and nothing was written.
        """
        pause_s, reason = _FIRST_PAUSE_S, "there was no time left"
        while (left_s := deadline_s - self._clock.monotonic()) > 0:
            try:
                return await attempt(left_s)
            except WorldError as failure:
                # What is unknown may have been written, and trying again would write it twice.
                # What is not retryable stays as it is. The rest certainly did not happen yet may:
                # no broker could be reached, no leader was there.
                if isinstance(failure, WriteUnknown) or not failure.retryable:
                    raise
                reason = failure.message.removesuffix(".")
            jitter = 0.5 + self._entropy.random() / 2
            await self._clock.sleep_until(self._clock.monotonic() + pause_s * jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise NotSent(topic=topic, reason=reason)

    async def close(self, deadline_s: float) -> None:
        """Send what is held until the deadline, then let go of the rest and tell it.

        Args:
            deadline_s: in monotonic seconds.
        """
        for partition in self._batches.hurry(self._clock.monotonic()):
            self._look_soon(partition)
        reason = "the publisher was closed"
        try:
            await before(self._clock, deadline_s, self._emptied())
        except TimeoutError:
            for batch in self._batches.abandon():
                self._tell(batch, NotSent(topic=batch.partition.topic, reason=reason))
        await self._line.close(reason)
        tasks = {*self._lingering, *self._writing}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def statistics(self) -> SenderStatistics:
        """Return the counts."""
        return SenderStatistics(
            acknowledged=self._acknowledged,
            refused=self._refused,
            unknown=self._unknown,
            not_sent=self._not_sent,
            batches=self._sent_batches,
            buffered_bytes=self._batches.size_bytes,
            waiting=len(self._line),
        )

    # Admission.

    def _put(
        self,
        outgoing: Outgoing,
        linger_s: float,
        now_s: float,
        join: Callable[[Batch[Waiter]], None],
    ) -> bool:
        partition, record, size_bytes, _ = outgoing
        batch = self._batches.add(partition, record, size_bytes, now_s + linger_s, now_s)
        if batch is None:
            return False
        join(batch)
        if batch.due_s < self._looks_s.get(partition, _NEVER):
            self._look_at(partition, batch.due_s, now_s)
        return True

    def _let_in(self, line: Line) -> None:
        """Admit from the front of the line while there is room."""
        while (entry := line.front()) is not None:
            try:
                now_s = self._clock.monotonic()
                if not self._put(entry.outgoing, entry.linger_s, now_s, entry.join):
                    return
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
            self._end(batch, NotSent(topic=partition.topic, reason=reason))
        if self._batches.is_under_way(partition):
            return
        due_s = self._batches.next_due(partition)
        if due_s is None:
            self._looks_s.pop(partition, None)
        else:
            self._look_at(partition, due_s, now_s)

    # Writing and telling.

    def _send(self, batch: Batch[Waiter]) -> None:
        self._sent_batches += 1
        task = asyncio.create_task(self._write(batch))
        self._writing[task] = batch
        task.add_done_callback(self._written)

    async def _write(self, batch: Batch[Waiter]) -> int:
        def attempt(left_s: float) -> Awaitable[int]:
            return self._writer.write(batch.partition, batch.records, timeout_s=left_s)

        return await self.persist(batch.partition.topic, batch.deadline_s, attempt)

    def _written(self, task: "asyncio.Task[int]") -> None:
        batch = self._writing.pop(task)
        self._end(batch, _end_of(batch.partition, task))
        # The look comes behind the callers that were just told, so what they publish in answer goes
        # along: a loop of publish() on each of many tasks makes full batches.
        self._look_soon(batch.partition)

    def _end(self, batch: Batch[Waiter], end: End) -> None:
        self._batches.end(batch)
        self._tell(batch, end)
        self._let_in(self._line)
        self._changed.set()

    def _tell(self, batch: Batch[Waiter], end: End) -> None:
        self._count(batch.count, end)
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_result(end)

    def _count(self, records: int, end: End) -> None:
        if isinstance(end, int):
            self._acknowledged += records
        elif isinstance(end, NotSent):
            self._not_sent += records
        elif isinstance(end, WriteUnknown):
            self._unknown += records
        else:
            self._refused += records

    # The end.

    async def _emptied(self) -> None:
        while self._batches.size_bytes or self._line:
            self._changed.clear()
            await self._changed.wait()


def raise_again(error: PenstockError) -> NoReturn:
    """Raise an error that many callers share, as a new one for each.

    Raised as it is, each caller would lengthen the one traceback of all.
    """
    raise type(error)(**error.facts) from error


def _end_of(partition: Partition, task: "asyncio.Task[int]") -> End:
    if task.cancelled():
        return WriteUnknown(partition=partition, reason="the publisher was closed")
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, PenstockError):
        return error
    # A fault of the adapter: what it did before it failed is unknown.
    unknown = WriteUnknown(partition=partition, reason=f"the writer raised {type(error).__name__}")
    unknown.__cause__ = error
    return unknown
