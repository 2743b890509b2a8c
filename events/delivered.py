"""What a subscriber hands out: a message with its place, or a tombstone with its key.

Both stand over the record as it was read, and read of it only what somebody asks for: most who
handle an event never look at its headers.

Laws:
1. Headers are parsed when they are first asked for, once.
2. A tombstone is no message: its `event` is None, so that a type checker makes whoever asked for
   tombstones look which of both it has.
3. What is shown in logs is the place, never the payload.
"""

from typing import Generic, TypeVar, final

from penstock.events.event import Command, Event
from penstock.events.headers import EventHeaders, parse_headers
from penstock.events.log import Headers, LogRecord
from penstock.events.record_key import KeyT, read_key

__all__ = ["Delivered", "MessageT", "Tombstone"]

MessageT = TypeVar("MessageT", bound=Event | Command)
"""The union of the classes that are read."""


class _Placed:
    """A record's place and headers."""

    # No frozen dataclass: one of these is made for each event, and that would take three times as
    # long. Nothing is set after the making but the headers, which are found out once.
    __slots__ = ("_headers", "_record")

    def __init__(self, record: LogRecord) -> None:
        self._record = record
        self._headers: EventHeaders | None = None

    @property
    def topic(self) -> str:
        """The topic."""
        return self._record.topic

    @property
    def partition(self) -> int:
        """The number of the partition."""
        return self._record.partition

    @property
    def offset(self) -> int:
        """The offset."""
        return self._record.offset

    @property
    def timestamp_ms(self) -> int:
        """Milliseconds since 1970, as the writer or the broker set it."""
        return self._record.timestamp

    @property
    def key(self) -> bytes | None:
        """The key's bytes; see `key_as`."""
        return self._record.key

    def key_as(self, kind: type[KeyT]) -> KeyT:
        """Return the key as the value that its writer gave.

        Args:
            kind: str, int, UUID or bytes, as the key's field is declared.

        Raises:
            KeyUnreadable: there is no key, or it is no such value.
        """
        return read_key(self._record.key, kind)

    @property
    def record_headers(self) -> Headers:
        """The headers as they were written; `headers` reads them."""
        return self._record.headers

    @property
    def headers(self) -> EventHeaders:
        """Id, source, time, correlation and the like; parsed by the first call.

        Raises:
            HeadersOverLimit: there are too many, or they are too large.
            UnreadableHeader: one of them is not UTF-8.
        """
        if self._headers is None:
            self._headers = parse_headers(self._record.headers)
        return self._headers

    def __repr__(self) -> str:
        """Kind and place."""
        return f"<{type(self).__name__} {self.topic}/{self.partition} at offset {self.offset}>"


@final
class Delivered(_Placed, Generic[MessageT]):
    """A message as it was read."""

    __slots__ = ("_event",)

    def __init__(self, event: MessageT, record: LogRecord) -> None:
        """Stand over a record.

        Args:
            event: the message in it.
            record: the record, which is kept.
        """
        self._event = event
        self._record = record
        self._headers = None

    @property
    def event(self) -> MessageT:
        """The message."""
        return self._event


@final
class Tombstone(_Placed):
    """A record without a value: what its key named is no more."""

    __slots__ = ()

    @property
    def event(self) -> None:
        """None: there is no message."""
        return None
