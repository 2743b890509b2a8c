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
5. This file knows no client library, and sleeps by the given clock only.
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import ClassVar, Final, NamedTuple, TypeVar, final
from uuid import UUID

from penstock.events.alarm import RaiseAlarm
from penstock.events.batches import Batch, joining_s
from penstock.events.bulk import Bulk
from penstock.events.catalogue import SchemaCatalogue
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.entrance import Entrance, Kind
from penstock.events.envelope import (
    NO_FURTHER_HEADERS,
    Envelope,
    FurtherHeaders,
    Outgoing,
    Stamp,
    further_headers,
    stamp_of,
    timestamp_ms_of,
)
from penstock.events.event import Key, Message
from penstock.events.headers import caller_headers, cause_headers, id_header
from penstock.events.identity import Entropy, uuid_text
from penstock.events.line import End, InLine, NotSent, Waiter
from penstock.events.log import BatchWriter, WriteUnknown
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.sender import Sender, SenderStatistics, raise_again
from penstock.schemas.errors import CallerError, PenstockError, WorldError

__all__ = [
    "BadTimeout",
    "PublishUnknown",
    "Published",
    "Publisher",
    "PublisherClosed",
]

_Answer = TypeVar("_Answer")

_IDS_AT_ONCE: Final = 256
# A source that never ends must not hold up the event loop: after so many events others may run.
_EVENTS_PER_TURN: Final = 200


@dataclass(eq=False, kw_only=True)
class BadTimeout(CallerError):
    """A call asks for more time than the publisher allows, or for none."""

    timeout_s: float
    """The seconds asked for."""
    limit_s: float
    """The seconds allowed."""

    code: ClassVar[str] = "PEN-E34"
    what: ClassVar[str] = "A publish cannot take {timeout_s} seconds."
    why: ClassVar[str] = "It may take more than none and at most {limit_s}, as its batch may."
    remedy: ClassVar[str] = "Ask for less, or raise the publisher's timeout_s."


@dataclass(eq=False, kw_only=True)
class PublisherClosed(CallerError):
    """Something is published after the publisher was closed."""

    code: ClassVar[str] = "PEN-E22"
    what: ClassVar[str] = "The publisher is closed."
    why: ClassVar[str] = "Nobody would wait for the record any more."
    remedy: ClassVar[str] = "Publish before the connection is left."


@dataclass(eq=False, kw_only=True)
class PublishUnknown(WriteUnknown):
    """An event was sent and never answered; it may have been written."""

    event_id: str
    """Its id, to publish it again with."""

    code: ClassVar[str] = "PEN-E36"
    what: ClassVar[str] = "Event {event_id} for {partition} got no answer: {reason}."
    why: ClassVar[str] = "It may or may not have been written."
    remedy: ClassVar[str] = (
        "Publish it again with the same event_id; readers that remember ids see it once."
    )


class Published(NamedTuple):
    """Where an event was written."""

    topic: str
    """The topic."""
    partition: int
    """The partition."""
    offset: int | None
    """The offset; None where the broker acknowledged without saying it."""
    event_id: str
    """The id in its headers."""


@final
class _Place:
    """The place of one call's record in a batch, and the future on which the call waits."""

    __slots__ = ("batch_deadline_s", "index", "waiter")

    def __init__(self) -> None:
        self.waiter: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.index = 0
        self.batch_deadline_s = 0.0

    def join(self, batch: Batch[Waiter]) -> None:
        batch.waiters.append(self.waiter)
        self.index = batch.count - 1
        self.batch_deadline_s = batch.deadline_s


@final
class Publisher:
    """Publishes events and commands, each to its own topic. Belongs to one event loop."""

    def __init__(
        self,
        writer: BatchWriter,
        schemas: SchemaCatalogue,
        clock: Clock,
        entropy: Entropy,
        source: str,
        *,
        raise_alarm: RaiseAlarm,
        settings: PublisherSettings | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            writer: writes batches.
            schemas: where the schemas of published types are registered.
            clock: time.
            entropy: ids, and jitter between attempts.
            source: who publishes, such as `shop.stock`; stands in every event.
            raise_alarm: is told of topics with more partitions than declared.
            settings: limits and rhythm.
        """
        self._clock = clock
        self._entropy = entropy
        self._source = source
        self._settings = settings or PublisherSettings()
        self._sender = Sender(
            writer,
            clock,
            entropy,
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
        own_timer = timeout_s is not None
        place, linger_s = _Place(), self._settings.linger_s
        if not (kind.open and self._sender.admit(outgoing, linger_s, now_s, place.join)):
            entry = InLine(kind, outgoing, linger_s, deadline_s, place.join, _future())
            await self._stand_in_line(kind, entry, own_timer=own_timer)
        base = await self._acknowledged(outgoing, place, deadline_s, own_timer=own_timer)
        partition = outgoing.partition
        offset = None if base < 0 else base + place.index
        return Published(partition.topic, partition.number, offset, outgoing.event_id)

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
                message_type, source=self._source, limit_bytes=self._settings.record_bytes
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
        join, linger_s = bulk.join, self._settings.bulk_linger_s
        for message in messages:
            kind = self._kinds.get(type(message)) or self._kind(type(message))
            outgoing = kind.envelope.seal(message, self._new_id(), self._now(), None, further)
            now_s = self._clock.monotonic()
            if not (kind.open and self._sender.admit(outgoing, linger_s, now_s, join)):
                deadline_s = now_s + self._settings.timeout_s
                entry = InLine(kind, outgoing, linger_s, deadline_s, join, _future())
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
        try:
            refusal = await self._until(entry.deadline_s, entry.admitted, own_timer=own_timer)
        except TimeoutError:
            reason = "it was not admitted to a batch"
            raise NotSent(topic=entry.outgoing.partition.topic, reason=reason) from None
        if refusal is not None:
            raise_again(refusal)

    async def _acknowledged(
        self, outgoing: Outgoing, place: _Place, deadline_s: float, *, own_timer: bool
    ) -> int:
        # A batch has a timer, which serves all of its records that joined without standing in line.
        tolerated_s = deadline_s + joining_s(self._settings.timeout_s)
        own_timer = own_timer or place.batch_deadline_s > tolerated_s
        try:
            end = await self._until(deadline_s, place.waiter, own_timer=own_timer)
        except TimeoutError:
            reason = "the call's deadline came before the batch's answer"
            raise _unknown(outgoing, reason) from None
        if isinstance(end, int):
            return end
        if isinstance(end, WriteUnknown):
            raise _unknown(outgoing, end.reason) from end
        return raise_again(end)

    async def _until(
        self, deadline_s: float, future: "asyncio.Future[_Answer]", *, own_timer: bool
    ) -> _Answer:
        return await (before(self._clock, deadline_s, future) if own_timer else future)


def _unknown(outgoing: Outgoing, reason: str) -> PublishUnknown:
    return PublishUnknown(partition=outgoing.partition, reason=reason, event_id=outgoing.event_id)


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
