"""Records inside a batch, format 2: walked over to check them, and taken apart one by one.

A record is: its length, attributes 1 byte, timestamp delta, offset delta, key, value, count of
headers, and of each header name and value. Numbers are varints in zigzag order; a length of -1 is
null.

Laws:
1. What a client has sent is walked over once, and whatever the bytes, the answer is a value.
2. What a log holds has been walked over before: to take it apart, no more is checked.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

__all__ = [
    "RecordSpan",
    "RecordsSeen",
    "encode_record",
    "encode_varint",
    "record_headers",
    "record_spans",
    "rewritten",
    "walk_records",
]

_CONTINUES: Final = 0x80
_LONGEST_VARINT_BITS: Final = 63
_NO_LEAST: Final = 1 << 80
_NO_LARGEST: Final = -_NO_LEAST


class _BadRecord(Exception):
    """A record that no reader could read; its text says why."""


class RecordsSeen(NamedTuple):
    """What a walk over a batch's records has found."""

    fault: str = ""
    """Why they can't be read; empty if they can, and only then the rest counts."""
    largest_delta: int | None = None
    """The largest timestamp delta; None where there is no record."""
    consecutive: bool = True
    """Whether the offset deltas are 0, 1, 2…"""
    keyless: tuple[int, ...] = ()
    """The places of records without a key."""
    outside: tuple[tuple[int, int], ...] = ()
    """Place and timestamp delta of records outside of the limits."""


class RecordSpan(NamedTuple):
    """Where the parts of a record lie."""

    start: int
    end: int
    timestamp_delta: int
    offset_delta: int
    rest: int
    """Where the key's length lies: from here on nothing depends on the batch."""
    key_start: int
    key_size: int
    """-1 for null, as with the value."""
    value_start: int
    value_size: int


def walk_records(  # noqa: C901, PLR0912, PLR0915 - see below
    body: bytes | memoryview, position: int, count: int, lowest_delta: int, highest_delta: int
) -> RecordsSeen:
    """Walk over all records of a batch, as a broker does before it takes it.

    Varints of one and two bytes are read in place: this runs for each record that is produced, and
    calls would take twice the time.

    Args:
        body: uncompressed records, from `position` to the end.
        position: where they begin.
        count: how many there should be.
        lowest_delta: the least timestamp delta that is not noted as outside.
        highest_delta: the largest.

    Returns:
        What was found.
    """
    begin = position
    consecutive = True
    smallest, largest = _NO_LEAST, _NO_LARGEST
    keyless: list[int] = []
    try:
        for expected in range(0, 2 * count, 2):  # the offset deltas, as zigzag writes them
            raw = body[position]
            position += 1
            if raw >= _CONTINUES:
                high = body[position]
                if high < _CONTINUES:
                    raw += (high - 1) << 7
                    position += 1
                else:
                    raw, position = _varint(body, position - 1)
            if raw & 1:
                return RecordsSeen(fault="Found invalid record structure")
            end = position + (raw >> 1)

            raw = body[position + 1]
            position += 2
            if raw >= _CONTINUES:
                high = body[position]
                if high < _CONTINUES:
                    raw += (high - 1) << 7
                    position += 1
                else:
                    raw, position = _varint(body, position - 1)
            delta = (raw >> 1) ^ -(raw & 1)
            if delta > largest:  # noqa: PLR1730 - a call of max() takes longer
                largest = delta
            if delta < smallest:  # noqa: PLR1730 - as above
                smallest = delta

            raw = body[position]
            position += 1
            if raw >= _CONTINUES:
                high = body[position]
                if high < _CONTINUES:
                    raw += (high - 1) << 7
                    position += 1
                else:
                    raw, position = _varint(body, position - 1)
            if raw != expected:
                consecutive = False

            raw = body[position]
            position += 1
            if raw >= _CONTINUES:
                raw, position = _varint(body, position - 1)
            if raw & 1:
                keyless.append(expected >> 1)
            else:
                position += raw >> 1

            raw = body[position]
            position += 1
            if raw >= _CONTINUES:
                high = body[position]
                if high < _CONTINUES:
                    raw += (high - 1) << 7
                    position += 1
                else:
                    raw, position = _varint(body, position - 1)
            if not raw & 1:
                position += raw >> 1

            raw = body[position]
            position += 1
            if raw:
                position = _after_headers(body, position - 1)
            if position != end:
                return RecordsSeen(
                    fault=f"Invalid record size: record {expected >> 1} ends elsewhere"
                )
    except IndexError:
        return RecordsSeen(fault="Incorrect declared batch size, premature EOF reached")
    except _BadRecord as bad:
        return RecordsSeen(fault=str(bad))
    if position != len(body):
        return RecordsSeen(fault="Incorrect declared batch size, records still remaining in file")
    outside: tuple[tuple[int, int], ...] = ()
    if count and (smallest < lowest_delta or largest > highest_delta):
        outside = tuple(_outside(body, begin, count, lowest_delta, highest_delta))
    return RecordsSeen("", largest if count else None, consecutive, tuple(keyless), outside)


def _outside(
    body: bytes | memoryview, position: int, count: int, lowest: int, highest: int
) -> Iterator[tuple[int, int]]:
    """Find the records outside of the limits; the records were walked over."""
    for index in range(count):
        size, position = _signed(body, position)
        delta, _ = _signed(body, position + 1)
        if not lowest <= delta <= highest:
            yield index, delta
        position += size


def record_spans(body: bytes, count: int) -> Iterator[RecordSpan]:
    """Take apart uncompressed records that were walked over before.

    Args:
        body: the records.
        count: how many there are.

    Yields:
        Each record's parts, in order.
    """
    position = 0
    for _ in range(count):
        start = position
        size, position = _signed(body, position)
        end = position + size
        timestamp_delta, position = _signed(body, position + 1)
        offset_delta, rest = _signed(body, position)
        key_size, key_start = _signed(body, rest)
        value_size, value_start = _signed(body, key_start + max(key_size, 0))
        yield RecordSpan(
            start,
            end,
            timestamp_delta,
            offset_delta,
            rest,
            key_start,
            key_size,
            value_start,
            value_size,
        )
        position = end


def record_headers(body: bytes, span: RecordSpan) -> Iterator[tuple[str, bytes | None]]:
    """Take apart the headers of a record that was walked over before.

    Args:
        body: the records.
        span: where the record lies.

    Yields:
        Each header's name and value, in order.
    """
    count, position = _signed(body, span.value_start + max(span.value_size, 0))
    for _ in range(count):
        size, position = _signed(body, position)
        name = body[position : position + size].decode()
        size, position = _signed(body, position + size)
        yield name, None if size < 0 else body[position : position + size]
        position += max(size, 0)


def rewritten(body: bytes, span: RecordSpan, *, timestamp_delta: int, offset_delta: int) -> bytes:
    """Return a record with other deltas; its attributes, which have no use yet, become 0."""
    content = (
        b"\x00"
        + encode_varint(timestamp_delta)
        + encode_varint(offset_delta)
        + body[span.rest : span.end]
    )
    return encode_varint(len(content)) + content


def encode_record(
    *,
    timestamp_delta: int,
    offset_delta: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Write a record."""
    content = (
        b"\x00"
        + encode_varint(timestamp_delta)
        + encode_varint(offset_delta)
        + _nullable(key)
        + _nullable(value)
        + encode_varint(len(headers))
        + b"".join(_nullable(name.encode()) + _nullable(data) for name, data in headers)
    )
    return encode_varint(len(content)) + content


def encode_varint(number: int) -> bytes:
    """Write a number in zigzag order."""
    raw = number << 1 if number >= 0 else ~(number << 1)
    written = bytearray()
    while raw >= _CONTINUES:
        written.append(raw & 0x7F | _CONTINUES)
        raw >>= 7
    written.append(raw)
    return bytes(written)


def _nullable(data: bytes | None) -> bytes:
    return encode_varint(-1) if data is None else encode_varint(len(data)) + data


def _varint(body: bytes | memoryview, position: int) -> tuple[int, int]:
    """Return the number as it is written, before zigzag, and the position after it."""
    raw = shift = 0
    while True:
        byte = body[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < _CONTINUES:
            return raw, position
        shift += 7
        if shift > _LONGEST_VARINT_BITS:
            raise _BadRecord("Found invalid record structure")


def _signed(body: bytes | memoryview, position: int) -> tuple[int, int]:
    raw, position = _varint(body, position)
    return (raw >> 1) ^ -(raw & 1), position


def _after_headers(body: bytes | memoryview, position: int) -> int:
    """Return the position after a record's headers; short varints are read in place, as above."""
    count, position = _signed(body, position)
    if count < 0:
        raise _BadRecord(f"Found invalid number of record headers {count}")
    if count > len(body) - position:
        raise _BadRecord(f"Found invalid number of record headers. {count} is too large")
    for _ in range(count):
        raw = body[position]
        position += 1
        if raw >= _CONTINUES:
            raw, position = _varint(body, position - 1)
        if raw & 1:
            raise _BadRecord(f"Invalid negative header key size {~(raw >> 1)}")
        position += raw >> 1

        raw = body[position]
        position += 1
        if raw >= _CONTINUES:
            raw, position = _varint(body, position - 1)
        if not raw & 1:
            position += raw >> 1
    return position
