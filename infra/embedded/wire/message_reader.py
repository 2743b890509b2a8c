"""Kafka's messages, read from bytes that a stranger wrote.

kio has a reader of its own, which asks for the memory that an array's count claims: a request of
ten bytes with a count of 2^31-1 ends the process. Hence this one. It builds kio's entities, so
that whoever knows kio knows what comes out.

Laws:
1. What comes out of any bytes whatever is an entity or `UnreadableMessage`.
2. An array's count is at most what is left of the message; a message holds at most
   `ELEMENTS_LIMIT` elements of arrays and tagged fields.
3. As Kafka does: text that is not UTF-8 is read with replacement characters, unknown tagged fields
   and bytes behind the message are passed over.

A reader is a function of (bytes, offset, room) to (value, next offset); room is a list of one
number, the elements that are still allowed. Readers are composed once for each struct.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire.message_shape import FieldShape, shape_of
from penstock.infra.embedded.wire.wire_errors import UnreadableMessage

__all__ = ["ELEMENTS_LIMIT", "read_message", "skip_tagged"]

ELEMENTS_LIMIT: Final = 250_000
"""Far more than a client of one node sends; reading as many takes about a third of a second."""

_Room = list[int]
_Reader = Callable[[bytes, int, _Room], tuple[Any, int]]

_LONGEST_STRING = 0x7FFF
_LONGEST_VARINT = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_message(message: Any, data: bytes, offset: int = 0) -> tuple[Any, int]:
    """Read a message.

    Args:
        message: its class in `kio.schema`.
        data: the bytes.
        offset: where in them it begins.

    Returns:
        The entity, and the offset behind it.

    Raises:
        UnreadableMessage: the bytes are no such message.
    """
    try:
        return _struct_reader(message)(data, offset, [ELEMENTS_LIMIT])
    except (struct.error, IndexError):
        raise UnreadableMessage(reason="it ends too early") from None


def skip_tagged(data: bytes, offset: int) -> int:
    """Pass over tagged fields, none of which is known.

    Args:
        data: the bytes.
        offset: where in them the fields' number stands.

    Returns:
        The offset behind them.

    Raises:
        UnreadableMessage: the bytes are no tagged fields.
    """
    try:
        return _read_tagged(data, offset, [ELEMENTS_LIMIT], {}, {})
    except IndexError:
        raise UnreadableMessage(reason="it ends too early") from None


def _fixed(code: str) -> _Reader:
    layout = struct.Struct(">" + code)
    unpack, size = layout.unpack_from, layout.size

    def read(data: bytes, offset: int, _room: _Room) -> tuple[Any, int]:
        return unpack(data, offset)[0], offset + size

    return read


_read_int16 = _fixed("h")
_read_int32 = _fixed("i")
_read_int64 = _fixed("q")


def _read_bool(data: bytes, offset: int, _room: _Room) -> tuple[Any, int]:
    return data[offset] != 0, offset + 1


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    value = data[offset]
    if value < 0x80:  # noqa: PLR2004 - the bit that says that more follows
        return value, offset + 1
    value &= 0x7F
    for position in range(1, _LONGEST_VARINT):
        byte = data[offset + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:  # noqa: PLR2004 - as above
            return value, offset + position + 1
    raise UnreadableMessage(reason="a number has more than five bytes")


def _read_uuid(data: bytes, offset: int, _room: _Room) -> tuple[Any, int]:
    piece = _piece(data, offset, 16)
    return (UUID(bytes=piece) if any(piece) else None), offset + 16


def _read_error(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
    code, after = _read_int16(data, offset, room)
    try:
        return ErrorCode(code), after
    except ValueError:
        raise UnreadableMessage(reason=f"{code} is no error of Kafka") from None


def _milliseconds(read_number: _Reader) -> _Reader:
    def read(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
        number, after = read_number(data, offset, room)
        try:
            return timedelta(milliseconds=number), after
        except OverflowError:  # beyond 2.7 million years: further away than any clock can be moved
            return (timedelta.max if number > 0 else timedelta.min), after

    return read


def _read_time(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
    number, after = _read_int64(data, offset, room)
    if number < 0:
        return None, after
    try:
        return _EPOCH + timedelta(milliseconds=number), after
    except OverflowError:
        raise UnreadableMessage(reason=f"{number} is no time before the year 10000") from None


def _piece(data: bytes, offset: int, length: int) -> bytes:
    end = offset + length
    if end > len(data):
        raise UnreadableMessage(
            reason=f"{length} bytes are announced and {len(data) - offset} are left"
        )
    return data[offset:end]


def _legacy_length(layout: str) -> Callable[[bytes, int], tuple[int, int]]:
    read_number = _fixed(layout)

    def read(data: bytes, offset: int) -> tuple[int, int]:
        return read_number(data, offset, [])

    return read


def _compact_length(data: bytes, offset: int) -> tuple[int, int]:
    value, after = _read_varint(data, offset)
    return value - 1, after


def _text_reader(name: str, *, flexible: bool, nullable: bool) -> _Reader:
    read_length = _compact_length if flexible else _legacy_length("h")

    def read(data: bytes, offset: int, _room: _Room) -> tuple[Any, int]:
        length, start = read_length(data, offset)
        if length < 0:
            _check_null(name, nullable=nullable)
            return None, start
        if length > _LONGEST_STRING:
            raise UnreadableMessage(reason=f"{name} claims to be {length} bytes long")
        return _piece(data, start, length).decode("utf-8", "replace"), start + length

    return read


def _bytes_reader(name: str, *, flexible: bool, nullable: bool) -> _Reader:
    read_length = _compact_length if flexible else _legacy_length("i")

    def read(data: bytes, offset: int, _room: _Room) -> tuple[Any, int]:
        length, start = read_length(data, offset)
        if length < 0:
            _check_null(name, nullable=nullable)
            return None, start
        return _piece(data, start, length), start + length

    return read


def _check_null(name: str, *, nullable: bool) -> None:
    if not nullable:
        raise UnreadableMessage(reason=f"{name} is null and must not be")


def _array_reader(name: str, element: _Reader, *, flexible: bool, nullable: bool) -> _Reader:
    read_length = _compact_length if flexible else _legacy_length("i")

    def read(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
        count, offset = read_length(data, offset)
        if count < 0:
            _check_null(name, nullable=nullable)
            return None, offset
        _take_room(name, count, left=len(data) - offset, room=room)
        elements = []
        for _ in range(count):
            value, offset = element(data, offset, room)
            elements.append(value)
        return tuple(elements), offset

    return read


def _take_room(name: str, count: int, *, left: int, room: _Room) -> None:
    if count > left:
        raise UnreadableMessage(reason=f"{name} claims {count} elements in {left} bytes")
    room[0] -= count
    if room[0] < 0:
        raise UnreadableMessage(reason=f"it holds more than {ELEMENTS_LIMIT} elements")


_PLAIN_READERS: Final[dict[str, _Reader]] = {
    "bool": _read_bool,
    "datetime_i64": _read_time,
    "error_code": _read_error,
    "float64": _fixed("d"),
    "int8": _fixed("b"),
    "int16": _read_int16,
    "int32": _read_int32,
    "int64": _read_int64,
    "timedelta_i32": _milliseconds(_read_int32),
    "timedelta_i64": _milliseconds(_read_int64),
    "uint8": _fixed("B"),
    "uint16": _fixed("H"),
    "uint32": _fixed("I"),
    "uint64": _fixed("Q"),
    "uuid": _read_uuid,
}


def _element_reader(field: FieldShape, *, flexible: bool, nullable: bool) -> _Reader:
    match field.kind:
        case "struct":
            read = _struct_reader(field.struct)
            return _nullable_struct(read) if nullable else read
        case "string":
            return _text_reader(field.name, flexible=flexible, nullable=nullable)
        case "bytes" | "records":
            return _bytes_reader(field.name, flexible=flexible, nullable=nullable)
        case kind:
            return _PLAIN_READERS[kind]


def _field_reader(field: FieldShape, *, flexible: bool) -> _Reader:
    if not field.is_array:
        return _element_reader(field, flexible=flexible, nullable=field.nullable)
    element = _element_reader(field, flexible=flexible, nullable=False)
    return _array_reader(field.name, element, flexible=flexible, nullable=field.nullable)


def _nullable_struct(read_struct: _Reader) -> _Reader:
    # KIP-893: one byte before it says whether there is one.
    def read(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
        if data[offset] >= 0x80:  # noqa: PLR2004 - a negative int8
            return None, offset + 1
        return read_struct(data, offset + 1, room)

    return read


@cache  # one for each struct of the versions in use: a few hundred at most
def _struct_reader(message: Any) -> _Reader:
    flexible = message.__flexible__
    in_place, tagged = [], {}
    for field in shape_of(message):
        reader = _field_reader(field, flexible=flexible)
        if field.tag is None:
            in_place.append((field.name, reader))
        else:
            tagged[field.tag] = (field.name, reader)
    tagged_defaults = {f.name: f.default for f in shape_of(message) if f.tag is not None}

    def read(data: bytes, offset: int, room: _Room) -> tuple[Any, int]:
        values = {}
        for name, read_field in in_place:
            values[name], offset = read_field(data, offset, room)
        if flexible:
            if tagged_defaults:
                values.update(tagged_defaults)
            if data[offset] == 0:
                offset += 1
            else:
                offset = _read_tagged(data, offset, room, tagged, values)
        return message(**values), offset

    return read


def _read_tagged(
    data: bytes,
    offset: int,
    room: _Room,
    known: dict[int, tuple[str, _Reader]],
    values: dict[str, Any],
) -> int:
    count, offset = _read_varint(data, offset)
    _take_room("the tagged fields", count, left=len(data) - offset, room=room)
    for _ in range(count):
        tag, offset = _read_varint(data, offset)
        length, offset = _read_varint(data, offset)
        if tag in known:
            name, read_field = known[tag]
            values[name], offset = read_field(data, offset, room)
        else:
            _piece(data, offset, length)
            offset += length
    return offset
