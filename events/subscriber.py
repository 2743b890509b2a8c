"""Reading events: in a loop or by a handler, a part of the log or a share of a group.

    async for delivered in subscriber: ...        one after the other
    await subscriber.run(handler)                 partitions side by side, each in its order

For tools, tests, read models, and whoever can stop where something fails. Trying again, dead
letters, answers, state and transactions are the business of workers.

Laws:
1. Order is kept within a partition. Between partitions there is none.
2. No record is passed over in silence: types that were not asked for are counted or raised,
   tombstones are counted, what cannot be decoded is raised, or told to whoever asked for that.
3. A record is finished when its handler has returned, or when the next one is asked for, and only
   what is finished is committed. A loop that is left by `break` or an error has not finished the
   record that it had; `commit` says that it has.
4. What is read ahead is bounded, however long a record takes (intake.py).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeAlias, TypeVar, final

from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.delivered import Delivered, MessageT, Tombstone
from penstock.events.event import Message
from penstock.events.log import LogRecord
from penstock.events.partition_lanes import PartitionLanes
from penstock.events.reading_range import Start, Until
from penstock.events.record_source import GroupStatistics, RecordSource
from penstock.events.schema_ids import FrameSchemas
from penstock.events.skipped_types import SkippedCounts, SkippedTypes
from penstock.events.upcasting import AnyUpcast
from penstock.schemas.codec_errors import DecodeError, SchemaUnknown
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "Delivered",
    "MessageT",
    "OnUndecodable",
    "Start",
    "Subscriber",
    "SubscriberStatistics",
    "Tombstone",
    "Undecodable",
    "UnknownMessageType",
    "UnreadTypes",
    "Until",
]

ItemT = TypeVar("ItemT")
"""What is handed out: `Delivered[...]`, or that and `Tombstone`."""

OnUndecodable = Callable[[LogRecord, DecodeError], None]
"""Takes a record that cannot be decoded, and why; reading goes on behind it."""

UnreadTypes: TypeAlias = Literal["skip", "raise"]
"""What becomes of records of types that were not asked for."""

_BREATHE_S: Final = 0.02
"""So long a loop that never waits may keep everybody else waiting, heartbeats among them."""


@dataclass(eq=False, kw_only=True)
class Undecodable(WorldError):
    """A record cannot be decoded."""

    topic: str
    """Its topic."""
    partition: int
    """Its partition."""
    offset: int
    """Its offset."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-E31"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The record {topic}/{partition} at offset {offset} cannot be decoded."
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = (
        "Mend the service that wrote it; to read on, continue the iteration or give on_undecodable."
    )


@dataclass(eq=False, kw_only=True)
class UnknownMessageType(WorldError):
    """A record is of a type that was not asked for, and such records are raised."""

    topic: str
    """Its topic."""
    partition: int
    """Its partition."""
    offset: int
    """Its offset."""
    type: str
    """Full name of its type."""

    code: ClassVar[str] = "PEN-E58"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The record {topic}/{partition} at offset {offset} is of the type {type}, which was not "
        "asked for."
    )
    why: ClassVar[str] = 'The subscriber was given unknown_types="raise".'
    remedy: ClassVar[str] = (
        'Ask for the type too, or skip unknown ones with unknown_types="skip"; to read on behind '
        "the record, continue the iteration."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberStatistics:
    """Counts since the start, and what is on its way."""

    delivered: int
    """Messages handed out."""
    passed_over: int
    """Records of types that were not asked for."""
    passed_over_by_type: SkippedCounts
    """The same, by the full name of their type."""
    tombstones: int
    """Records without a value, handed out or not."""
    undecodable: int
    """Records that could not be decoded."""
    waiting: int
    """Records in memory that were read ahead."""
    waiting_bytes: int
    """Bytes of their keys, values and headers."""
    group: GroupStatistics | None
    """The membership, where it reads in a group."""


@final
class Subscriber(Generic[ItemT]):
    """Messages of some types, to be iterated over once, or run through a handler.

        async with Subscriber(...) as subscriber:
            async for delivered in subscriber:
                ...

    There is one position, and one record in hand: two loops over one subscriber would each finish
    what the other one has in hand. After `Undecodable` was raised the iteration may be continued;
    it goes on behind that record.
    """

    def __init__(
        self,
        source: RecordSource,
        types: Iterable[type[Message]],
        schemas: FrameSchemas,
        clock: Clock,
        *,
        tombstones: bool = False,
        on_undecodable: OnUndecodable | None = None,
        upcasts: Iterable[AnyUpcast] = (),
        unknown_types: UnreadTypes = "skip",
    ) -> None:
        """Prepare to read.

        Args:
            source: where the records come from; closed with the subscriber.
            types: the classes to decode.
            schemas: the writers' schemas.
            clock: the time.
            tombstones: True hands out records without a value, as `Tombstone`.
            on_undecodable: takes records that cannot be decoded; without it they are raised.
            upcasts: lead from shapes that the classes had before to the classes.
            unknown_types: "skip" counts records of types that were not asked for, "raise" raises
                `UnknownMessageType`.

        Raises:
            TypeNamedTwice: two classes have one name.
            BadUpcast: upcasts contradict each other or the classes, or lead nowhere.
        """
        self._source = source
        self._decoder = EventDecoder(types, schemas, ids=schemas, upcasts=upcasts)
        self._raises_unknown_types = unknown_types != "skip"
        self._schemas = schemas
        self._clock = clock
        self._hands_out_tombstones = tombstones
        self._on_undecodable = on_undecodable
        self._in_hand: LogRecord | None = None
        self._unread: LogRecord | None = None
        self._stopping = False
        self._breathed_s = clock.monotonic()
        self._delivered = 0
        self._skipped = SkippedTypes()
        self._tombstones = 0
        self._undecodable = 0

    async def __aenter__(self) -> Self:
        """Find out where to begin: what is written from now on comes behind that.

        Raises:
            PositionOutside: an offset was named that the log does not reach.
            WorldError: no answer in time.
        """
        try:
            await self._source.begin()
        except BaseException:
            await self._source.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit what is finished, where offsets are committed, and close the source."""
        await self._source.close()

    # --- one after the other --------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[ItemT]:
        """Return the subscriber: there is one position, and one iteration."""
        return self

    async def __anext__(self) -> ItemT:
        """Finish the record in hand, and return the next one.

        Raises:
            Undecodable: a record cannot be decoded, and nobody asked to be told of those.
            UnknownMessageType: a record's type was not asked for, and such records are raised.
            PositionLost: the log no longer holds what is to be read.
            WorldError: reading cannot go on.
        """
        self._lay_aside()
        if self._clock.monotonic() - self._breathed_s >= _BREATHE_S:
            await asyncio.sleep(0)
            self._breathed_s = self._clock.monotonic()
        while not self._stopping:
            record = self._unread or self._source.take()
            if record is None:
                if not await self._source.more():
                    break
                continue
            # Whatever interrupts this, the next step begins with this record again.
            self._unread = record
            item = await self._read_waiting(record)
            self._in_hand, self._unread = record, None
            if item is not None:
                return item
            self._lay_aside()
        raise StopAsyncIteration

    def _lay_aside(self) -> None:
        record, self._in_hand = self._in_hand, None
        if record is not None:
            self._source.finish(record)

    async def commit(self) -> None:
        """Finish the record in hand, and commit all that is finished, now.

        For a loop that is about to be left, or must know. Without a group there is nothing to
        commit.

        Raises:
            CommitMissed: partitions went elsewhere before that, and their records come again.
            WorldError: it was not committed, or nobody knows; its records may come again.
        """
        self._lay_aside()
        await self._source.commit()

    # --- by a handler ---------------------------------------------------------------------------

    async def run(
        self, handler: Callable[[ItemT], Awaitable[object]], *, drain_s: float = 20.0
    ) -> None:
        """Call a handler for each message: of each partition one after the other, in order.

        Partitions go side by side. Nothing is tried again: what the handler raises ends it. Whoever
        goes on all the same, by `run` or by a loop, begins with the record that was not handled.

        Args:
            handler: takes what is handed out.
            drain_s: how long the handlers of other partitions may take to end when one has failed;
                then they are cancelled.

        Returns:
            When all that was to be read is handled, or after `stop`.

        Raises:
            HandlerRaised: the handler has raised; says where.
            Undecodable: a record cannot be decoded, and nobody asked to be told of those.
            UnknownMessageType: a record's type was not asked for, and such records are raised.
            WorldError: reading cannot go on.
        """
        self._lay_aside()
        if self._unread is not None:
            self._source.put_back(self._unread)
            self._unread = None
        lanes = PartitionLanes(self._source, self._read_waiting, handler, self._clock)
        await lanes.run(drain_s=drain_s)

    def stop(self) -> None:
        """Hand out nothing more: the iteration ends, and `run` when what is in hand is handled."""
        self._stopping = True
        self._source.stop()

    def statistics(self) -> SubscriberStatistics:
        """Return the counts."""
        source, skipped = self._source.statistics(), self._skipped.statistics()
        return SubscriberStatistics(
            delivered=self._delivered,
            passed_over=skipped.records,
            passed_over_by_type=skipped,
            tombstones=self._tombstones,
            undecodable=self._undecodable,
            waiting=source.waiting,
            waiting_bytes=source.waiting_bytes,
            group=source.group,
        )

    # --- from a record to what is handed out ----------------------------------------------------

    async def _read_waiting(self, record: LogRecord) -> ItemT | None:
        """Read a record, and wait for its schema if that is not known yet."""
        try:
            item: ItemT | None = self._read(record)
        except SchemaUnknown as unknown:
            item = await self._read_later(record, unknown)
        return item

    async def _read_later(self, record: LogRecord, unknown: SchemaUnknown) -> ItemT | None:
        """Read a record whose schema was not known, once it is."""
        try:
            found = await self._schemas.look_up(unknown.frame)
        except DecodeError as unusable:
            self._tell(record, unusable)
            return None
        if found is None:
            self._tell(record, unknown)
            return None
        item: ItemT | None = self._read(record)
        return item

    def _read(self, record: LogRecord) -> Any:
        """Decode a record.

        Returns:
            None where it is not handed out. Whoever made this subscriber has said by its type what
            else it is; see Bus.subscribe.

        Raises:
            SchemaUnknown: its schema is not known (yet).
            Undecodable: it cannot be decoded, and nobody asked to be told of those.
            UnknownMessageType: its type was not asked for, and such records are raised.
        """
        if record.value is None:
            self._tombstones += 1
            return Tombstone(record) if self._hands_out_tombstones else None
        try:
            event = self._decoder.decode(record.value, record.headers)
        except SchemaUnknown:
            raise
        except DecodeError as error:
            self._tell(record, error)
            return None
        if event is None:
            self._pass_over(record)
            return None
        self._delivered += 1
        return Delivered(event, record)

    def _pass_over(self, record: LogRecord) -> None:
        name = self._decoder.unasked(record.value or b"").full_name
        if self._raises_unknown_types:
            self._read_on_behind(record)
            raise UnknownMessageType(
                topic=record.topic, partition=record.partition, offset=record.offset, type=name
            )
        self._skipped.count(name)

    def _read_on_behind(self, record: LogRecord) -> None:
        """Have an iteration that is continued go on behind a record that is about to be raised."""
        if self._unread is record:
            self._in_hand, self._unread = record, None

    def _tell(self, record: LogRecord, error: DecodeError) -> None:
        self._undecodable += 1
        if self._on_undecodable is None:
            self._read_on_behind(record)
            raise Undecodable(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=error.message,
            ) from error
        self._on_undecodable(record, error)
