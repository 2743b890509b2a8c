"""Publishing: events go in, acknowledged records come out.

    make     encode and check, in the caller's own frame: what cannot be written is refused here
    ready    once per type: its schema stands in the catalogue, its topic exists and is wide enough
    send     in batches; see sender.py, where all waiting is

Laws:
1. Every publish has a deadline, and its end is told honestly: after `NotSent` the event is
   certainly absent, after `PublishUnknown` it may be there, and its id is told.
2. Records of one partition are written in the order of the calls, also where calls run side by
   side, or wait for their type or for room.
3. A cancelled call disturbs no other. Its record is written if it had been admitted to a batch.
4. `publish_many` makes no future, task or timer per record. A waiting `publish` makes one bare
   future of its own: were it to wait on one that all share, cancelling it would cancel the others.
   `publish_nowait` makes none.
5. This file knows no client library, and sleeps by the given clock only.
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final, final
from uuid import UUID

from penstock.events.alarm import RaiseAlarm
from penstock.events.batch_report import BatchObserver
from penstock.events.batches import Batch, joining_s
from penstock.events.bulk import Bulk
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.entrance import Entrance, Kind
from penstock.events.envelope import (
    NO_FURTHER_HEADERS,
    Envelope,
    FurtherHeaders,
    Stamp,
    further_headers,
    stamp_of,
    timestamp_ms_of,
)
from penstock.events.event import Key, Message
from penstock.events.flush import Flush
from penstock.events.headers import caller_headers, cause_headers, id_header
from penstock.events.identity import Entropy, uuid_text
from penstock.events.line import End, InLine, NotSent, Waiter
from penstock.events.log import BatchWriter, Partition
from penstock.events.publisher_errors import BadTimeout, NoRoom, NotPrepared, PublisherClosed
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.receipt import Published, Receipt, published, unknown
from penstock.events.sender import Sender, SenderStatistics, raise_again
from penstock.events.writer_frames import WriterFrames
from penstock.events.written_schemas import SchemaKeeper
from penstock.schemas.errors import PenstockError, WorldError

__all__ = ["Publisher"]

_IDS_AT_ONCE: Final = 256
# A source that never ends must not hold up the event loop: after so many events others may run.
_EVENTS_PER_TURN: Final = 200


@final
class _Place:
    """The place in a batch of the record of a call that stands in line."""

    __slots__ = ("_waiter", "batch_deadline_s", "index")

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self.index = 0
        self.batch_deadline_s = 0.0

    def join(self, batch: Batch[Waiter]) -> None:
        batch.waiters.append(self._waiter)
        self.index = batch.count - 1
        self.batch_deadline_s = batch.deadline_s


@final
class Publisher:
    """Publishes events and commands, each to its own topic. Belongs to one event loop."""

    def __init__(
        self,
        writer: BatchWriter,
        schemas: SchemaKeeper,
        clock: Clock,
        entropy: Entropy,
        source: str,
        *,
        raise_alarm: RaiseAlarm,
        settings: PublisherSettings | None = None,
        frames: WriterFrames | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            writer: writes batches.
            schemas: where the schemas of published types are registered.
            clock: time.
            entropy: ids, and jitter between attempts.
            source: who publishes, such as `shop.stock`; stands in every event.
            raise_alarm: is told of topics with more partitions than declared, and of failures
                that nobody else is told of.
            settings: limits and rhythm.
            frames: how messages are framed; as single objects if not given. Where it is by ids,
                `schemas` must learn them for it.
        """
        self._frames = frames or WriterFrames()
        self._clock = clock
        self._entropy = entropy
        self._source = source
        self._settings = settings or PublisherSettings()
        self._joining_s = joining_s(self._settings.timeout_s)
        self._sender = Sender(
            writer,
            clock,
            entropy,
            raise_alarm,
            buffer_bytes=self._settings.buffer_bytes,
            timeout_s=self._settings.timeout_s,
        )
        self._entrance = Entrance(
            self._sender,
            writer,
            schemas,
            clock,
            raise_alarm,
            timeout_s=self._settings.timeout_s,
        )
        self._kinds: dict[type[Message], Kind] = {}
        self._ids: list[str] = []
        self._stamp = stamp_of(0)
        self._closed = False

    async def publish(
        self,
        message: Message,
        *,
        key: Key | None = None,
        event_id: str | UUID | None = None,
        time: datetime | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        timeout_s: float | None = None,
    ) -> Published:
        """Publish one event or command and wait until it is acknowledged.

        Args:
            message: an instance of a concrete class.
            key: in place of the field that the class names as its key.
            event_id: in place of a new random id; the same id marks the same event.
            time: when it happened, aware; now if not given.
            correlation_id: names the flow that it belongs to.
            causation_id: the id of the event that caused it.
            traceparent: W3C trace context.
            headers: further headers.
            timeout_s: seconds in place of the settings' limit, and not above it.

        Returns:
            Where it was written.

        Raises:
            CallerError: it cannot be written as it is; a leaf says why. Nothing was sent.
            NotSent: it was not sent in time.
            WriteRefused: the broker refused it.
            PublishUnknown: it was sent and no answer came in time; a `WriteUnknown` with its id.
        """
        kind = self._kinds.get(type(message)) or self._kind(type(message))
        outgoing = kind.envelope.seal(
            message,
            self._new_id() if event_id is None else _checked_id(event_id),
            self._now() if time is None else self._dated(time),
            key,
            _further(correlation_id, causation_id, traceparent, headers),
        )
        now_s = self._clock.monotonic()
        deadline_s = now_s + self._checked_timeout(timeout_s)
        partition, event_id = outgoing.partition, outgoing.event_id
        waiter: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        linger_s = self._settings.linger_s
        batch = self._sender.admit(outgoing, linger_s, now_s) if kind.open else None
        if batch is not None:
            batch.waiters.append(waiter)
            index, batch_deadline_s = batch.count - 1, batch.deadline_s
        else:
            place = _Place(waiter)
            entry = InLine(kind, outgoing, linger_s, deadline_s, place.join, _future())
            await self._stand_in_line(kind, entry, own_timer=timeout_s is not None)
            index, batch_deadline_s = place.index, place.batch_deadline_s
            del place, entry
        # Many thousands may wait here, and the garbage collector walks through all that they keep.
        # The batch has the record's bytes; of the event and the record nothing is needed any more.
        del message, outgoing, batch
        if timeout_s is None and batch_deadline_s <= deadline_s + self._joining_s:
            end = await waiter  # the batch's timer serves it as well
        else:
            end = await self._before(deadline_s, waiter, partition, event_id)
        return published(partition, event_id, index, end)

    def publish_nowait(
        self,
        message: Message,
        *,
        key: Key | None = None,
        event_id: str | UUID | None = None,
        time: datetime | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> Receipt:
        """Put one event or command into a batch at once, or refuse it.

        For loops that must not wait: a request that is to be answered now, a sensor that is read
        now. The class must be ready (`prepare`), and there must be room. What the receipt will tell
        may be awaited at any time, or never: a failure at which nobody looks is told by an alarm,
        and `flush` raises it.

        Args:
            message: as for `publish`; so are all others.
            key: see above.
            event_id: see above.
            time: see above.
            correlation_id: see above.
            causation_id: see above.
            traceparent: see above.
            headers: see above.

        Returns:
            To be awaited for where it was written. Its end comes within twice the settings'
            `timeout_s`.

        Raises:
            CallerError: it cannot be written as it is.
            NotPrepared: its class is not ready.
            NoRoom: the buffer is full, or others stand in line for it.
        """
        kind = self._kinds.get(type(message)) or self._kind(type(message))
        outgoing = kind.envelope.seal(
            message,
            self._new_id() if event_id is None else _checked_id(event_id),
            self._now() if time is None else self._dated(time),
            key,
            _further(correlation_id, causation_id, traceparent, headers),
        )
        if not kind.ready:
            raise NotPrepared(message_type=type(message).__name__)
        receipt = Receipt(outgoing, self._sender.unseen)
        now_s, linger_s = self._clock.monotonic(), self._settings.linger_s
        batch = self._sender.admit(outgoing, linger_s, now_s) if kind.open else None
        if batch is not None:
            receipt.join(batch)
            return receipt
        raise NoRoom(
            topic=outgoing.partition.topic,
            size_bytes=outgoing.size_bytes,
            buffered_bytes=self._sender.buffered_bytes,
            limit_bytes=self._settings.buffer_bytes,
        )

    async def publish_many(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> int:
        """Publish a stream of events and wait until all are acknowledged.

        Memory is bounded: no more is taken from the source than the buffer holds.

        Args:
            messages: the source, read once; it may be endless. Where this ends early, a generator
                is left open to its owner.
            correlation_id: as for `publish`, and for all of them; so are the others.
            causation_id: see above.
            traceparent: see above.
            headers: see above.

        Returns:
            How many were written: all of them.

        Raises:
            CallerError: an event cannot be written as it is. What was taken before it has been
                settled, and a note on the error says how far that came. The same holds for
                whatever the source raises.
            PublishIncomplete: a batch failed, or there was no room in time; it says from where to
                go on. It is noticed when the source gives its next event.
        """
        further = _further(correlation_id, causation_id, traceparent, headers)
        bulk = Bulk()
        try:
            if isinstance(messages, AsyncIterable):
                await self._take_as_they_come(bulk, messages, further)
            else:
                await self._take_in_portions(bulk, iter(messages), further)
        except Exception as error:
            await _settled(bulk)
            error.add_note(
                f"Of the events before this, {bulk.acknowledged} of {bulk.taken} were published, "
                f"the first {bulk.prefix} without a gap."
            )
            raise
        await _settled(bulk)
        if bulk.failure is not None:
            raise bulk.incomplete() from bulk.failure
        return bulk.acknowledged

    async def prepare(self, types: Iterable[type[Message]]) -> None:
        """Make types ready before their first event, so that what is missing is told at start.

        Raises:
            SchemaConflict: a schema cannot be registered.
            TopicMissing: a topic does not exist.
            TopicTooNarrow: a topic has fewer partitions than declared.
            NotSent: that took too long.
        """
        kinds = [self._kind(message_type) for message_type in types]
        await self._entrance.get_ready([kind for kind in kinds if not kind.ready])

    async def flush(self, *, timeout_s: float | None = None) -> None:
        """Send at once what was published before, and wait until all of it has ended.

        What is published while it waits is not waited for. Of a `publish_many` that is under way,
        the events that it has taken from its source count.

        Args:
            timeout_s: seconds to wait at most; the settings' `timeout_s`, if not given. 0 only
                looks.

        Raises:
            FlushIncomplete: something failed, or has no end yet. It also tells of events that were
                published without waiting and had failed before, with nobody looking at their
                receipts.
        """
        limit_s = self._settings.timeout_s if timeout_s is None else timeout_s
        deadline_s = self._clock.monotonic() + limit_s
        flush, settled = Flush(), asyncio.Event()
        unseen = self._sender.unseen.kept()
        self._entrance.exchange(flush.follow_entry)
        self._sender.exchange(flush.follow_entry)
        for batch in self._sender.hurry():
            flush.follow_batch(batch)
        flush.on_settled = settled.set
        try:
            if flush.unsettled and limit_s > 0:
                with suppress(TimeoutError):  # told by what is unsettled
                    await before(self._clock, deadline_s, settled.wait())
        except asyncio.CancelledError:
            flush.leave()
            raise
        # Only now: were the flush cancelled before, nobody would have been told of them.
        flush.count_failures(self._sender.unseen.take(unseen))
        if (incomplete := flush.end()) is not None:
            raise incomplete

    def observe(self, observer: BatchObserver) -> None:
        """Tell somebody of every batch that ends from now on: a metric, mostly.

        Args:
            observer: see batch_report.py; what it raises disturbs nobody.
        """
        self._sender.observe(observer)

    async def close(self, *, timeout_s: float = 10.0) -> None:
        """Send what is held, and end. From its first step on nothing can be published.

        Whoever still waits when the limit is reached is told `NotSent` or `PublishUnknown`.

        Args:
            timeout_s: seconds for sending.
        """
        self._closed = True
        self._kinds.clear()  # so that the next call looks for its class, and finds this closed
        deadline_s = self._clock.monotonic() + timeout_s
        await self._entrance.close(deadline_s)
        await self._sender.close(deadline_s)

    def statistics(self) -> SenderStatistics:
        """Return the counts."""
        return self._sender.statistics()

    # Making records.

    def _kind(self, message_type: type[Message]) -> Kind:
        if self._closed:
            raise PublisherClosed
        kind = self._kinds.get(message_type)
        if kind is None:
            envelope = Envelope(
                message_type,
                source=self._source,
                limit_bytes=self._settings.record_bytes,
                frames=self._frames,
            )
            kind = self._kinds[message_type] = self._entrance.add(envelope)
        return kind

    def _new_id(self) -> str:
        if not self._ids:
            digits = self._entropy.random_bytes(16 * _IDS_AT_ONCE).hex()
            self._ids = [uuid_text(digits[at : at + 32]) for at in range(0, len(digits), 32)]
        return self._ids.pop()

    def _now(self) -> Stamp:
        now_ms = self._clock.wall_ms()
        if now_ms != self._stamp.timestamp_ms:
            self._stamp = stamp_of(now_ms)
        return self._stamp

    def _dated(self, time: datetime) -> Stamp:
        return stamp_of(timestamp_ms_of(time, self._clock.wall_ms()))

    def _checked_timeout(self, timeout_s: float | None) -> float:
        limit_s = self._settings.timeout_s
        if timeout_s is None:
            return limit_s
        if not 0 < timeout_s <= limit_s:
            raise BadTimeout(timeout_s=timeout_s, limit_s=limit_s)
        return timeout_s

    async def _take_as_they_come(
        self, bulk: Bulk, messages: AsyncIterable[Message], further: FurtherHeaders
    ) -> None:
        async for message in messages:
            await self._take(bulk, (message,), further)
            if bulk.failure is not None:
                return
            if bulk.taken % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _take_in_portions(
        self, bulk: Bulk, messages: Iterator[Message], further: FurtherHeaders
    ) -> None:
        taken = -1
        while bulk.taken > taken and bulk.failure is None:
            taken = bulk.taken
            await self._take(bulk, islice(messages, _EVENTS_PER_TURN), further)
            await asyncio.sleep(0)

    async def _take(self, bulk: Bulk, messages: Iterable[Message], further: FurtherHeaders) -> None:
        """Put some events of a `publish_many` into batches, as fast as there is room."""
        linger_s = self._settings.bulk_linger_s
        for message in messages:
            kind = self._kinds.get(type(message)) or self._kind(type(message))
            outgoing = kind.envelope.seal(message, self._new_id(), self._now(), None, further)
            now_s = self._clock.monotonic()
            batch = self._sender.admit(outgoing, linger_s, now_s) if kind.open else None
            if batch is not None:
                bulk.join(batch)
            else:
                deadline_s = now_s + self._settings.timeout_s
                entry = InLine(kind, outgoing, linger_s, deadline_s, bulk.join, _future())
                try:
                    await self._stand_in_line(kind, entry, own_timer=False)
                except WorldError as failure:
                    bulk.fail(failure)
                    return

    # Waiting: for the class, for room, for the answer.

    async def _stand_in_line(self, kind: Kind, entry: InLine, *, own_timer: bool) -> None:
        """Wait until a record has been admitted, behind all that came before it.

        The lines have timers for the common limit; only a shorter one needs its own.
        """
        self._entrance.enter(kind, entry)
        admitted = entry.admitted
        try:
            if own_timer:
                await self._dismissed(kind, entry)
            refusal = await admitted
        except asyncio.CancelledError:
            admitted.cancel()
            self._entrance.left(kind)
            raise
        if refusal is not None:
            raise_again(refusal)

    async def _dismissed(self, kind: Kind, entry: InLine) -> None:
        """Wait until a record has been admitted, and dismiss it at its own deadline."""
        with suppress(TimeoutError):
            await before(self._clock, entry.deadline_s, asyncio.wait({entry.admitted}))
        if not entry.admitted.done():  # it may have been, in the very turn of the deadline
            topic = entry.outgoing.partition.topic
            entry.refuse(NotSent(topic=topic, reason=kind.waits_for))
            self._entrance.left(kind)

    async def _before(
        self,
        deadline_s: float,
        waiter: "asyncio.Future[End]",
        partition: Partition,
        event_id: str,
    ) -> End:
        try:
            return await before(self._clock, deadline_s, waiter)
        except TimeoutError:
            reason = "the call's deadline came before the batch's answer"
            raise unknown(partition, event_id, reason) from None


async def _settled(bulk: Bulk) -> None:
    """Wait until all batches have ended; each has a deadline."""
    idle = asyncio.Event()
    bulk.on_idle = idle.set
    if bulk.outstanding:
        await idle.wait()


def _further(
    correlation_id: str | None,
    causation_id: str | None,
    traceparent: str | None,
    headers: Mapping[str, str | bytes] | None,
) -> FurtherHeaders:
    if correlation_id is None and causation_id is None and traceparent is None and headers is None:
        return NO_FURTHER_HEADERS
    causes = cause_headers(correlation_id, causation_id, traceparent)
    return further_headers((*causes, *caller_headers(headers or {})))


def _checked_id(event_id: str | UUID) -> str:
    text = str(event_id)
    id_header(text)
    return text


def _future() -> "asyncio.Future[PenstockError | None]":
    return asyncio.get_running_loop().create_future()
