"""Reading without a group: every event of some types, from where one likes.

For tools, tests, read models and whoever wants to see all records and commits nothing. Sharing the
work among processes, retrying and remembering how far one has come is the business of workers.

Laws:
1. Order is kept within a partition. Between partitions there is none.
2. No record is passed over in silence: types that were not asked for and tombstones are counted,
   what cannot be decoded is raised, or told to whoever asked for that.
3. Nothing is committed and nobody is fenced; reading changes nothing.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Final, Generic, Literal, NamedTuple, Self, TypeVar, final

from penstock.events.catalogue import SchemaCatalogue
from penstock.events.decoder import EventDecoder
from penstock.events.event import Command, Event
from penstock.events.headers import EventHeaders, parse_headers
from penstock.events.log import Headers, LogReader, LogRecord, Partition
from penstock.schemas.codec_errors import DecodeError, UnknownFingerprint
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "Delivered",
    "OnUndecodable",
    "Start",
    "Subscriber",
    "SubscriberStatistics",
    "Undecodable",
]

MessageT = TypeVar("MessageT", bound=Event | Command)
"""The union of the classes that are read."""

Start = Literal["beginning", "end"] | Mapping[Partition, int]
"""Where to begin: at the first record, behind the last one, or at an offset for each partition;
partitions that are not named begin at their first record."""

OnUndecodable = Callable[[LogRecord, DecodeError], None]
"""Takes a record that cannot be decoded, and why; reading goes on behind it."""

_POLL_S: Final = 0.5


class Delivered(NamedTuple, Generic[MessageT]):
    """A message as it was read."""

    event: MessageT
    """The message."""
    record_headers: Headers
    """The headers as they were written; `headers` reads them."""
    topic: str
    """The topic."""
    partition: int
    """The partition."""
    offset: int
    """The offset."""
    timestamp_ms: int
    """Milliseconds since 1970, as the writer or the broker set it."""

    @property
    def headers(self) -> EventHeaders:
        """Id, source, time, correlation and the like; parsed anew by each call.

        Raises:
            HeadersOverLimit: there are too many, or they are too large.
            UnreadableHeader: one of them is not UTF-8.
        """
        return parse_headers(self.record_headers)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberStatistics:
    """Counts since the start."""

    delivered: int
    """Messages handed out."""
    passed_over: int
    """Records of types that were not asked for."""
    tombstones: int
    """Records without a value."""
    undecodable: int
    """Records that could not be decoded."""


@final
class Subscriber(Generic[MessageT]):
    """Messages of some types, to be iterated over once.

        async with Subscriber(...) as subscriber:
            async for delivered in subscriber:
                ...

    After `Undecodable` was raised the iteration may be continued; it goes on behind that record.
    """

    def __init__(
        self,
        reader: LogReader,
        partitions: Sequence[Partition],
        types: Iterable[type[MessageT]],
        schemas: SchemaCatalogue,
        *,
        start: Start = "beginning",
        follow: bool = True,
        on_undecodable: OnUndecodable | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            reader: reads these partitions, for this subscriber alone; closed with it.
            partitions: all partitions of the types' topics; see `partitions_of`.
            types: the classes to decode.
            schemas: the writers' schemas.
            start: where to begin.
            follow: False ends the iteration at the ends that the partitions have at its beginning.
            on_undecodable: takes records that cannot be decoded; without it they are raised.
        """
        self._reader = reader
        self._partitions = partitions
        self._decoder = EventDecoder(types, schemas)
        self._schemas = schemas
        self._start = start
        self._follow = follow
        self._on_undecodable = on_undecodable
        self._ends: dict[Partition, int] | None = None
        self._chunk: Iterator[LogRecord] = iter(())
        self._delivered = 0
        self._passed_over = 0
        self._tombstones = 0
        self._undecodable = 0

    async def __aenter__(self) -> Self:
        """Return the subscriber; its reader is closed at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the reader."""
        await self._reader.close()

    def __aiter__(self) -> AsyncIterator[Delivered[MessageT]]:
        """Return the subscriber: there is one position, and one iteration."""
        return self

    async def __anext__(self) -> Delivered[MessageT]:
        """Return the next message.

        Raises:
            Undecodable: a record cannot be decoded, and nobody asked to be told of those.
        """
        while True:
            for record in self._chunk:
                delivered = await self._deliver(record)
                if delivered is not None:
                    return delivered
            self._chunk = iter(await self._next_chunk())

    def statistics(self) -> SubscriberStatistics:
        """Return the counts."""
        return SubscriberStatistics(
            delivered=self._delivered,
            passed_over=self._passed_over,
            tombstones=self._tombstones,
            undecodable=self._undecodable,
        )

    async def _next_chunk(self) -> Sequence[LogRecord]:
        if self._ends is None:
            self._ends = await self._begin()
        if self._follow:
            return await self._reader.read(timeout_s=_POLL_S)
        if self._is_at_end(self._ends):
            raise StopAsyncIteration
        records = await self._reader.read(timeout_s=_POLL_S)
        return [
            record
            for record in records
            if record.offset < self._ends[Partition(record.topic, record.partition)]
        ]

    async def _begin(self) -> dict[Partition, int]:
        """Go to the start; return where each partition ends now."""
        ends = {}
        for partition in self._partitions:
            first, ends[partition] = await self._reader.bounds(partition)
            if self._start == "beginning":
                offset = first
            elif self._start == "end":
                offset = ends[partition]
            else:
                offset = self._start.get(partition, first)
            self._reader.seek(partition, offset)
        return ends

    def _is_at_end(self, ends: Mapping[Partition, int]) -> bool:
        return all(self._reader.position(partition) >= end for partition, end in ends.items())

    async def _deliver(self, record: LogRecord) -> Delivered[MessageT] | None:
        if record.value is None:
            self._tombstones += 1
            return None
        try:
            event = await self._decode(record.value)
        except DecodeError as error:
            self._tell(record, error)
            return None
        if event is None:
            self._passed_over += 1
            return None
        self._delivered += 1
        return Delivered(
            event, record.headers, record.topic, record.partition, record.offset, record.timestamp
        )

    async def _decode(self, payload: bytes) -> MessageT | None:
        try:
            return self._decoder.decode(payload)
        except UnknownFingerprint as error:
            # A schema is registered before the first record that names it, so one look at the
            # topic from now on finds it, if it is to be found at all.
            if await self._schemas.lookup(bytes.fromhex(error.fingerprint)) is None:
                raise
            return self._decoder.decode(payload)

    def _tell(self, record: LogRecord, error: DecodeError) -> None:
        self._undecodable += 1
        if self._on_undecodable is None:
            raise Undecodable(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=error.message,
            ) from error
        self._on_undecodable(record, error)
