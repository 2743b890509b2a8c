"""The headers around an event: CloudEvents 1.0 in Kafka's binary mode.

What an event is, where it came from and what caused it stands in the headers, so that routers,
dashboards and services in other languages read it without the schema. Sources: CloudEvents 1.0.2,
its Kafka protocol binding and its correlation extension; W3C Trace Context for `traceparent`.

Laws:
1. Writing is strict, reading is lenient: a foreign producer may leave out anything.
2. What is read is bounded in number and size before it is looked at.
3. CloudEvents' headers and those that begin with `penstock-` are the product's to set.
4. This file knows no record and no schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final

from penstock.events.log import Headers
from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "CONTENT_TYPE",
    "HEADERS_LIMIT",
    "HEADERS_LIMIT_BYTES",
    "EventHeaders",
    "Header",
    "HeadersOverLimit",
    "IllegalHeader",
    "UnreadableHeader",
    "caller_headers",
    "cause_headers",
    "constant_headers",
    "headers_size",
    "id_header",
    "parse_headers",
    "time_header",
]

Header = tuple[str, bytes]
"""One header: its name and its value."""

CONTENT_TYPE: Final = b"application/avro"
"""The content type of every event; the example in CloudEvents' Kafka binding uses it too."""

HEADERS_LIMIT: Final = 100
"""Headers of one record at most. An event has six to nine, a dead letter ten more."""

HEADERS_LIMIT_BYTES: Final = 64 * 1024
"""Bytes of all names and values of one record's headers at most."""

TEXT_LIMIT: Final = 1_024
"""Characters of an id, a source or a trace context that is written at most."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC, which the header says by its Z
_OURS = ("ce_", "penstock-")
_OURS_WHOLE = frozenset({"content-type", "traceparent"})
# Two varints of up to two bytes each, for lengths up to 8 191 (KIP-82); longer ones take more, and
# the limit of a record is no closer than that to what a broker takes.
_HEADER_OVERHEAD_BYTES = 4


@dataclass(eq=False, kw_only=True)
class UnreadableHeader(WorldError):
    """A header of a record that was read is not what its name promises."""

    header: str
    """Its name."""
    reason: str
    """What is wrong with its value."""

    code: ClassVar[str] = "PEN-E18"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "Header {header} cannot be read: {reason}."
    why: ClassVar[str] = "CloudEvents headers are text in UTF-8, and times follow RFC 3339."
    remedy: ClassVar[str] = "Mend the service that wrote the record."


@dataclass(eq=False, kw_only=True)
class HeadersOverLimit(WorldError):
    """A record that was read has too many or too large headers."""

    count: int
    """Headers it has."""
    size_bytes: int
    """Bytes of their names and values."""

    code: ClassVar[str] = "PEN-E19"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A record has {count} headers of {size_bytes} bytes together."
    why: ClassVar[str] = f"At most {HEADERS_LIMIT} of {HEADERS_LIMIT_BYTES} bytes are looked at."
    remedy: ClassVar[str] = "Mend the service that wrote the record."


@dataclass(eq=False, kw_only=True)
class IllegalHeader(CallerError):
    """A header that is to be written is not allowed."""

    header: str
    """Its name, cut at 64 characters and escaped."""
    rule: str
    """The rule that it breaks, as a sentence without its end."""

    code: ClassVar[str] = "PEN-E20"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "Header '{header}' cannot be written."
    why: ClassVar[str] = "{rule}."
    remedy: ClassVar[str] = "Change the argument of the call that publishes."


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHeaders:
    """What the headers of a record say; None where they say nothing."""

    specversion: str | None = None
    """Version of CloudEvents, "1.0"."""
    id: str | None = None
    """Names the event; the same event written twice keeps it."""
    type: str | None = None
    """Full name of the event's type."""
    source: str | None = None
    """Who wrote it."""
    time_text: str | None = None
    """When it happened, as written; see `time`."""
    content_type: str | None = None
    """Media type of the value."""
    correlation_id: str | None = None
    """Names the whole flow that the event belongs to."""
    causation_id: str | None = None
    """The id of the event that caused this one."""
    traceparent: str | None = None
    """W3C trace context."""

    @property
    def time(self) -> datetime | None:
        """When the event happened, aware.

        Raises:
            UnreadableHeader: the header is there and is no time after RFC 3339.
        """
        if self.time_text is None:
            return None
        try:
            moment = datetime.fromisoformat(self.time_text)
        except ValueError:
            raise UnreadableHeader(header="ce_time", reason="it is no time") from None
        if moment.tzinfo is None:
            raise UnreadableHeader(header="ce_time", reason="it has no offset from UTC")
        return moment


_FIELDS = {
    "ce_specversion": "specversion",
    "ce_id": "id",
    "ce_type": "type",
    "ce_source": "source",
    "ce_time": "time_text",
    "content-type": "content_type",
    # FastStream correlates by the plain name; CloudEvents' own wins, because it comes later.
    "correlation_id": "correlation_id",
    "ce_correlationid": "correlation_id",
    "ce_causationid": "causation_id",
    "traceparent": "traceparent",
}


def constant_headers(type_name: str, source: str) -> tuple[Header, ...]:
    """Return the headers that all events of one type from one source share.

    Args:
        type_name: full name of the type.
        source: who publishes, such as `shop.stock`; a URI reference (CloudEvents §3.1.1).
    """
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", type_name.encode()),
        ("ce_source", _text("ce_source", source)),
        ("content-type", CONTENT_TYPE),
    )


def id_header(event_id: str) -> Header:
    """Return the header with an id that a caller gave.

    Raises:
        IllegalHeader: it is empty, too long or no text.
    """
    return "ce_id", _text("ce_id", event_id)


@lru_cache(maxsize=16)  # records of one moment are many
def time_header(timestamp_ms: int) -> Header:
    """Return the header that says when the event happened, in UTC with six decimals.

    The same instant as the record's timestamp, so that the two never disagree.
    """
    moment = _EPOCH + timedelta(milliseconds=timestamp_ms)
    return "ce_time", f"{moment.isoformat(timespec='microseconds')}Z".encode()


def cause_headers(
    correlation_id: str | None, causation_id: str | None, traceparent: str | None
) -> tuple[Header, ...]:
    """Return the headers that tie an event to its flow, its cause and its trace.

    Raises:
        IllegalHeader: one of them is empty, too long or no text.
    """
    given = (
        ("ce_correlationid", correlation_id),
        ("ce_causationid", causation_id),
        ("traceparent", traceparent),
    )
    return tuple((name, _text(name, value)) for name, value in given if value is not None)


def caller_headers(headers: Mapping[str, str | bytes]) -> tuple[Header, ...]:
    """Return the headers that a caller adds, checked.

    Raises:
        IllegalHeader: a name is empty, too long or the product's own, a text is none, or there are
            too many or too large ones.
    """
    checked = tuple(_caller_header(name, value) for name, value in headers.items())
    if len(checked) > HEADERS_LIMIT // 2 or headers_size(checked) > HEADERS_LIMIT_BYTES // 2:
        rule = (
            f"An event takes at most {HEADERS_LIMIT // 2} headers of {HEADERS_LIMIT_BYTES // 2} "
            f"bytes beside its own, and {len(checked)} of {headers_size(checked)} were given"
        )
        raise IllegalHeader(header=_shown(checked[-1][0]), rule=rule)
    return checked


def headers_size(headers: Headers) -> int:
    """Return the encoded size of headers in bytes, as the limits of a record count it."""
    return sum(
        # A foreign producer may have written a header without a value.
        len(name.encode()) + len(value or b"") + _HEADER_OVERHEAD_BYTES
        for name, value in headers
    )


def parse_headers(headers: Headers) -> EventHeaders:
    """Read the headers of a record, whoever wrote them.

    Where a name repeats, the last one counts, as in Kafka's `Headers.lastHeader`.

    Raises:
        HeadersOverLimit: there are too many, or they are too large.
        UnreadableHeader: a header that is looked at is not UTF-8.
    """
    if len(headers) > HEADERS_LIMIT or headers_size(headers) > HEADERS_LIMIT_BYTES:
        raise HeadersOverLimit(count=len(headers), size_bytes=headers_size(headers))
    values = dict(headers)
    return EventHeaders(
        **{
            attribute: _read(name, values[name])
            for name, attribute in _FIELDS.items()
            if values.get(name) is not None
        }
    )


def _read(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
        raise UnreadableHeader(header=name, reason=reason) from None


def _caller_header(name: str, value: str | bytes) -> Header:
    if name.startswith(_OURS) or name in _OURS_WHOLE:
        raise IllegalHeader(header=_shown(name), rule="Penstock sets it itself")
    if not 1 <= len(name) <= TEXT_LIMIT:
        rule = f"A name has 1 to {TEXT_LIMIT} characters"
        raise IllegalHeader(header=_shown(name), rule=rule)
    _utf8(name, name)
    return name, _utf8(name, value) if isinstance(value, str) else bytes(value)


def _text(name: str, value: str) -> bytes:
    if not 1 <= len(value) <= TEXT_LIMIT:
        rule = f"Its value has 1 to {TEXT_LIMIT} characters, and {len(value)} were given"
        raise IllegalHeader(header=name, rule=rule)
    return _utf8(name, value)


def _utf8(header: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        rule = "It holds half a character (a lone surrogate)"
        raise IllegalHeader(header=_shown(header), rule=rule) from None


def _shown(name: str) -> str:
    return ascii(name[:64])[1:-1]
