"""Kafka's messages, written as bytes.

Takes kio's entities. Times may stand as kio's types or as milliseconds, errors as `ErrorCode` or
its number. Composed once for each struct, like the reader, and several times as fast as kio's.

A writer is a function of (value, pieces): it appends bytes to the pieces, which are joined once.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from penstock.infra.embedded.wire.message_shape import FieldShape, shape_of

__all__ = ["write_message"]

_Writer = Callable[[Any, list[bytes]], None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZERO_UUID = bytes(16)
_NO_TAGGED_FIELDS = b"\0"
_NULL = b"\xff"
_NOT_NULL = b"\x01"


def write_message(message: Any, pieces: list[bytes]) -> None:
    """Write a message.

    Args:
        message: an entity of `kio.schema`.
        pieces: where its bytes are appended. Long values are appended as they are, not copied.

    Raises:
        struct.error: a number does not fit into its field.
        TypeError: a value is null, or of a type, that its field does not have.
    """
    kind: Any = type(message)
    _struct_writer(kind)(message, pieces)


def _fixed(code: str) -> _Writer:
    pack = struct.Struct(">" + code).pack

    def write(value: Any, pieces: list[bytes]) -> None:
        pieces.append(pack(value))

    return write


_pack_int64 = struct.Struct(">q").pack
_pack_int32 = struct.Struct(">i").pack


def _varint(value: int) -> bytes:
    if value < 0x80:  # noqa: PLR2004 - the bit that says that more follows
        return bytes((value,))
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - as above
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _write_uuid(value: Any, pieces: list[bytes]) -> None:
    pieces.append(_ZERO_UUID if value is None else value.bytes)


def _write_time(value: Any, pieces: list[bytes]) -> None:
    if value is None:
        value = -1
    elif not isinstance(value, int):
        value = (value - _EPOCH) // _MILLISECOND
    pieces.append(_pack_int64(value))


def _duration(pack: Callable[[Any], bytes]) -> _Writer:
    def write(value: Any, pieces: list[bytes]) -> None:
        pieces.append(pack(value if isinstance(value, int) else value // _MILLISECOND))

    return write


def _compact_length(length: int) -> bytes:
    return _varint(length + 1)


def _length(code: str, *, flexible: bool) -> Callable[[int], bytes]:
    return _compact_length if flexible else struct.Struct(">" + code).pack


def _check_null(name: str, *, nullable: bool) -> None:
    if not nullable:
        raise TypeError(f"{name} must not be None")


def _text_writer(name: str, *, flexible: bool, nullable: bool) -> _Writer:
    pack_length = _length("h", flexible=flexible)

    def write(value: Any, pieces: list[bytes]) -> None:
        if value is None:
            _check_null(name, nullable=nullable)
            pieces.append(pack_length(-1))
            return
        encoded = value.encode()
        pieces.append(pack_length(len(encoded)) + encoded)

    return write


def _bytes_writer(name: str, *, flexible: bool, nullable: bool) -> _Writer:
    pack_length = _length("i", flexible=flexible)

    def write(value: Any, pieces: list[bytes]) -> None:
        if value is None:
            _check_null(name, nullable=nullable)
            pieces.append(pack_length(-1))
            return
        pieces.append(pack_length(len(value)))
        pieces.append(value)

    return write


def _array_writer(name: str, element: _Writer, *, flexible: bool, nullable: bool) -> _Writer:
    pack_length = _length("i", flexible=flexible)

    def write(value: Any, pieces: list[bytes]) -> None:
        if value is None:
            _check_null(name, nullable=nullable)
            pieces.append(pack_length(-1))
            return
        pieces.append(pack_length(len(value)))
        for part in value:
            element(part, pieces)

    return write


_PLAIN_WRITERS: Final[dict[str, _Writer]] = {
    "bool": _fixed("?"),
    "datetime_i64": _write_time,
    "error_code": _fixed("h"),
    "float64": _fixed("d"),
    "int8": _fixed("b"),
    "int16": _fixed("h"),
    "int32": _fixed("i"),
    "int64": _fixed("q"),
    "timedelta_i32": _duration(_pack_int32),
    "timedelta_i64": _duration(_pack_int64),
    "uint8": _fixed("B"),
    "uint16": _fixed("H"),
    "uint32": _fixed("I"),
    "uint64": _fixed("Q"),
    "uuid": _write_uuid,
}


def _element_writer(field: FieldShape, *, flexible: bool, nullable: bool) -> _Writer:
    match field.kind:
        case "struct":
            write = _struct_writer(field.struct)
            return _nullable_struct(write) if nullable else write
        case "string":
            return _text_writer(field.name, flexible=flexible, nullable=nullable)
        case "bytes" | "records":
            return _bytes_writer(field.name, flexible=flexible, nullable=nullable)
        case kind:
            return _PLAIN_WRITERS[kind]


def _field_writer(field: FieldShape, *, flexible: bool) -> _Writer:
    if not field.is_array:
        return _element_writer(field, flexible=flexible, nullable=field.nullable)
    element = _element_writer(field, flexible=flexible, nullable=False)
    return _array_writer(field.name, element, flexible=flexible, nullable=field.nullable)


def _nullable_struct(write_struct: _Writer) -> _Writer:
    # KIP-893: one byte before it says whether there is one.
    def write(value: Any, pieces: list[bytes]) -> None:
        pieces.append(_NULL if value is None else _NOT_NULL)
        if value is not None:
            write_struct(value, pieces)

    return write


@cache  # one for each struct of the versions in use: a few hundred at most
def _struct_writer(message: Any) -> _Writer:
    flexible = message.__flexible__
    in_place, tagged = [], []
    for field in shape_of(message):
        writer = _field_writer(field, flexible=flexible)
        if field.tag is None:
            in_place.append((field.name, writer))
        else:
            tagged.append((field, writer))
    tagged.sort(key=lambda pair: pair[0].tag or 0)

    def write(value: Any, pieces: list[bytes]) -> None:
        for name, write_field in in_place:
            write_field(getattr(value, name), pieces)
        if tagged:
            _write_tagged(value, pieces, tagged)
        elif flexible:
            pieces.append(_NO_TAGGED_FIELDS)

    return write


def _write_tagged(
    value: Any, pieces: list[bytes], tagged: list[tuple[FieldShape, _Writer]]
) -> None:
    given = []
    for field, write_field in tagged:
        part = getattr(value, field.name)
        if part != field.default:  # a default is not written (KIP-482)
            inner: list[bytes] = []
            write_field(part, inner)
            given.append((field.tag or 0, b"".join(inner)))
    pieces.append(_varint(len(given)))
    for tag, encoded in given:
        pieces.append(_varint(tag) + _varint(len(encoded)))
        pieces.append(encoded)
