"""How a message becomes a record: encoded, keyed, addressed, with its headers around it.

Everything that does not change from one message to the next is made once per class: the encoder,
the reader of its key, its partitions, its constant headers and their size.

Laws:
1. What cannot be written is refused here, before a batch is touched: a key that is too long, a
   record that is too large, an instant that no broker takes (formats.md F18).
2. Records without a key go to the partitions in turn.
3. Nothing here waits, reads a clock or draws a number.
4. What is sealed before its schema has an id is finished before it is sent (writer_frames.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import ClassVar, Final, NamedTuple, final

from penstock.events.event import (
    BadKey,
    Key,
    Message,
    key_bytes,
    key_reader,
    message_declaration_of,
)
from penstock.events.headers import Header, constant_headers, headers_size, time_header
from penstock.events.log import NewRecord, Partition, RecordTooLarge
from penstock.events.partitioner import partition_of
from penstock.events.writer_frames import WriterFrames
from penstock.schemas.codec import encoder_of
from penstock.schemas.errors import CallerError, ExitCode

__all__ = [
    "KEY_LIMIT_BYTES",
    "NO_FURTHER_HEADERS",
    "BadTime",
    "Envelope",
    "FurtherHeaders",
    "Outgoing",
    "Stamp",
    "further_headers",
    "stamp_of",
    "timestamp_ms_of",
]

KEY_LIMIT_BYTES: Final = 4_096
"""Bytes of a key at most. Keys are ids; every reader keeps them in memory."""

AHEAD_LIMIT: Final = timedelta(minutes=55)
"""How far ahead of now an event may be dated. Kafka's default for
`message.timestamp.after.max.ms` is an hour, counted by the broker's clock and not ours."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Beside key, value and headers: lengths, deltas and attributes of a record in a batch of format 2
# (`DefaultRecord.MAX_RECORD_OVERHEAD` of Apache Kafka).
_RECORD_OVERHEAD_BYTES = 21


@dataclass(eq=False, kw_only=True)
class BadTime(CallerError):
    """An event is dated at an instant that cannot be written."""

    time: str
    """The instant."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-E25"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "An event cannot be dated {time}: {reason}."
    why: ClassVar[str] = "Kafka refuses the whole batch that holds it."
    remedy: ClassVar[str] = "Give an aware datetime from 1970 to the present, or none."


class Stamp(NamedTuple):
    """An instant in the two forms in which a record carries it."""

    timestamp_ms: int
    """Milliseconds since 1970."""
    header: Header
    """The header `ce_time`."""


class FurtherHeaders(NamedTuple):
    """Headers beside those that every event has, measured once for all that carry them."""

    headers: tuple[Header, ...]
    """The headers, checked."""
    size_bytes: int
    """Their encoded size."""


NO_FURTHER_HEADERS: Final = FurtherHeaders((), 0)
"""What most events carry."""


class Outgoing(NamedTuple):
    """A record that is ready to be put into a batch."""

    partition: Partition
    """Where it goes."""
    record: NewRecord
    """The record."""
    size_bytes: int
    """Its size as limits count it."""
    event_id: str
    """The id in its headers."""


@final
class Envelope:
    """What all records of one class have in common."""

    __slots__ = (
        "_alike_bytes",
        "_constants",
        "_encode",
        "_frames",
        "_in_turn",
        "_limit_bytes",
        "_message_type",
        "_partitions",
        "_read_key",
        "is_framed",
        "schema",
        "topic",
    )

    def __init__(
        self,
        message_type: type[Message],
        *,
        source: str,
        limit_bytes: int,
        frames: WriterFrames | None = None,
    ) -> None:
        """Compile a class.

        Args:
            message_type: a concrete event or command.
            source: who publishes.
            limit_bytes: size of a record at most.
            frames: how messages are framed; as single objects if not given.

        Raises:
            AbstractRecord: the class is a base.
            IllegalHeader: the source cannot be written into a header.
        """
        declaration = message_declaration_of(message_type)
        self.topic = declaration.topic
        self.schema = declaration.schema
        self._message_type = message_type
        self._frames = frames or WriterFrames()
        self.is_framed = self._frames.frame(self.schema.fingerprint) is not None
        """Whether what is sealed now needs no finishing."""
        self._encode = encoder_of(
            message_type, frame=self._frames.provisional(self.schema.fingerprint)
        )
        self._read_key = key_reader(message_type)
        self._partitions = [
            Partition(self.topic.name, number) for number in range(self.topic.partitions)
        ]
        self._in_turn = cycle(self._partitions)
        self._constants = constant_headers(declaration.full_name, source)
        # Times are all equally long, and so is the name of the id's header.
        alike = (*self._constants, stamp_of(0).header, ("ce_id", b""))
        self._alike_bytes = headers_size(alike) + _RECORD_OVERHEAD_BYTES
        self._limit_bytes = limit_bytes

    def seal(
        self,
        message: Message,
        event_id: str,
        stamp: Stamp,
        key: Key | None = None,
        further: FurtherHeaders = NO_FURTHER_HEADERS,
    ) -> Outgoing:
        """Make the record of one message.

        Args:
            message: of this envelope's class.
            event_id: 1 to 1 024 characters, checked by whoever made it.
            stamp: when it happened.
            key: in place of the message's own.
            further: headers beside those that every event has.

        Raises:
            EncodeError: a value does not fit its type.
            BadKey: what is given as a key is none, or it is too long.
            RecordTooLarge: the record is larger than the limit.
        """
        value = self._encode(message)
        raw_key = self._read_key(message) if key is None else key_bytes(key, self.topic.name)
        partition = self._partition(raw_key)
        raw_id = event_id.encode()
        # A list, because the compiled part of Kafka's client takes nothing else.
        headers = [*self._constants, ("ce_id", raw_id), stamp.header, *further.headers]
        size = self._alike_bytes + len(value) + len(raw_id) + further.size_bytes
        if raw_key is not None:
            size += len(raw_key)
        if size > self._limit_bytes:
            raise RecordTooLarge(
                topic=self.topic.name, size_bytes=size, limit_bytes=self._limit_bytes
            )
        record = NewRecord(raw_key, value, headers, stamp.timestamp_ms)
        return Outgoing(partition, record, size, event_id)

    def learn_frame(self) -> None:
        """Seal with the schema's own frame from now on.

        Raises:
            FrameNotKnown: its id was never learned.
        """
        if not self.is_framed:
            frame = self._frames.final(self.schema.fingerprint)
            self._encode = encoder_of(self._message_type, frame=frame)
            self.is_framed = True

    def finished(self, record: NewRecord) -> NewRecord:
        """Return a record that was sealed here as it is sent: with the schema's own frame.

        Raises:
            FrameNotKnown: the schema's id was never learned.
        """
        value = record.value
        assert value is not None, "a message has a value"
        frame = self._frames.final(self.schema.fingerprint)
        return (
            record
            if value.startswith(frame)
            else record._replace(value=frame + value[len(frame) :])
        )

    def _partition(self, key: bytes | None) -> Partition:
        if key is None:
            return next(self._in_turn)
        if len(key) > KEY_LIMIT_BYTES:
            reason = f"it has {len(key)} bytes, and {KEY_LIMIT_BYTES} are allowed"
            raise BadKey(topic=self.topic.name, reason=reason)
        return self._partitions[partition_of(key, len(self._partitions))]


def timestamp_ms_of(time: datetime, now_ms: int) -> int:
    """Return an instant as a record carries it.

    Args:
        time: the instant, aware.
        now_ms: the present, milliseconds since 1970.

    Raises:
        BadTime: it is naive, before 1970 or too far ahead.
    """
    if time.tzinfo is None:
        raise BadTime(time=time.isoformat(), reason="it has no time zone")
    timestamp_ms = (time - _EPOCH) // timedelta(milliseconds=1)
    if timestamp_ms < 0:
        raise BadTime(time=time.isoformat(), reason="it is before 1970")
    if timestamp_ms > now_ms + AHEAD_LIMIT // timedelta(milliseconds=1):
        raise BadTime(time=time.isoformat(), reason="it is ahead of now")
    return timestamp_ms


def stamp_of(timestamp_ms: int) -> Stamp:
    """Return the stamp of an instant."""
    return Stamp(timestamp_ms, time_header(timestamp_ms))


def further_headers(headers: tuple[Header, ...]) -> FurtherHeaders:
    """Return headers with their size."""
    return FurtherHeaders(headers, headers_size(headers)) if headers else NO_FURTHER_HEADERS
