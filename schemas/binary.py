"""Avro's binary encoding of single values: numbers, lengths, bytes, text.

Reading takes the payload and a position and yields the value and the position behind it; writing
appends to a bytearray. Every claim is checked against the bytes that are there before it is
believed (Avro specification, "Binary Encoding").

Laws:
1. Reading raises `Fault` and nothing else, whatever the bytes are, and allocates no more than it
   has read.
2. Writing writes what reading gives back, or raises `Fault`.
3. This file knows no schemas and no logical types.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from penstock.schemas.codec_errors import (
    IllegalLength,
    IllegalText,
    IllegalValue,
    IntegerTooWide,
    Truncated,
    UnfitValue,
    VarintTooLong,
    WrongType,
)
from penstock.schemas.fault import Fault

__all__ = [
    "READERS",
    "WRITERS",
    "Read",
    "Write",
    "read_fixed",
    "read_long",
    "read_text",
    "read_wide_long",
    "write_fixed",
    "write_long",
    "write_text",
]

Read = Callable[[bytes, int], tuple[Any, int]]
"""Reads a value: payload and position in, value and position behind it out."""
Write = Callable[[Any, bytearray], None]
"""Writes a value at the end."""

_CONTINUES = 0x80
_SEVEN_BITS = 0x7F
_LAST_SHIFT = 63  # the tenth byte of a number holds its 64th bit
_ONE_BYTE = 64  # zigzag doubles a number, and one byte holds less than 128
_INT_BOUND = 1 << 31
_FLOAT = Struct("<f")
_DOUBLE = Struct("<d")
_EIGHT = Struct("<Q")
_CONTINUES_8 = 0x8080_8080_8080_8080
_ENDS_WITH_EIGHTH = 0x0080_8080_8080_8080


# Reading


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Read a number: zigzag, then seven bits a byte, the lowest first."""
    try:
        byte = data[at]
        end = at + 1
        if byte < _CONTINUES:
            return (byte >> 1) ^ -(byte & 1), end
        number = byte & _SEVEN_BITS
        shift = 7
        while True:
            byte = data[end]
            end += 1
            number |= (byte & _SEVEN_BITS) << shift
            if byte < _CONTINUES:
                break
            shift += 7
            if shift > _LAST_SHIFT:
                raise Fault(VarintTooLong, offset=at)
    except IndexError:
        left = max(len(data) - at, 0)
        raise Fault(Truncated, offset=at, claimed=left + 1, left=left) from None
    if number >> 64:
        raise Fault(IntegerTooWide, offset=at, bits=64)
    return (number >> 1) ^ -(number & 1), end


def read_wide_long(data: bytes, at: int) -> tuple[int, int]:
    """Read a number that mostly takes eight bytes, as the microseconds of an instant do.

    The same numbers as `read_long`, those of eight bytes at once: their seven bits each are drawn
    together by pairs, then by fours, then by eight.
    """
    if at + 8 > len(data):
        return read_long(data, at)
    (raw,) = _EIGHT.unpack_from(data, at)
    if raw & _CONTINUES_8 != _ENDS_WITH_EIGHTH:
        return read_long(data, at)
    pairs = ((raw & 0x7F00_7F00_7F00_7F00) >> 1) | (raw & 0x007F_007F_007F_007F)
    fours = ((pairs & 0x3FFF_0000_3FFF_0000) >> 2) | (pairs & 0x0000_3FFF_0000_3FFF)
    number = ((fours & 0x0FFF_FFFF_0000_0000) >> 4) | (fours & 0x0FFF_FFFF)
    return (number >> 1) ^ -(number & 1), at + 8


def _read_int(data: bytes, at: int) -> tuple[int, int]:
    number, end = read_long(data, at)
    if not -_INT_BOUND <= number < _INT_BOUND:
        raise Fault(IntegerTooWide, offset=at, bits=32)
    return number, end


def _read_null(_data: bytes, at: int) -> tuple[None, int]:
    return None, at


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    end = at + 1
    if end > len(data):
        raise _beyond(data, at, at, 1)
    if data[at] > 1:
        raise Fault(IllegalValue, offset=at, kind="boolean", problem="is neither 0 nor 1")
    return data[at] == 1, end


def _read_float(data: bytes, at: int) -> tuple[float, int]:
    end = at + _FLOAT.size
    if end > len(data):
        raise _beyond(data, at, at, _FLOAT.size)
    return _FLOAT.unpack_from(data, at)[0], end


def _read_double(data: bytes, at: int) -> tuple[float, int]:
    end = at + _DOUBLE.size
    if end > len(data):
        raise _beyond(data, at, at, _DOUBLE.size)
    return _DOUBLE.unpack_from(data, at)[0], end


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, start = read_long(data, at)
    end = start + size
    if not start <= end <= len(data):
        raise _beyond(data, at, start, size)
    return data[start:end], end


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """Read a string."""
    size, start = read_long(data, at)
    end = start + size
    if not start <= end <= len(data):
        raise _beyond(data, at, start, size)
    try:
        return str(data[start:end], "utf-8"), end
    except UnicodeDecodeError as error:
        raise Fault(IllegalText, offset=start + error.start) from None


def read_fixed(size: int) -> Read:
    """Make a reader of exactly `size` bytes."""

    def read(data: bytes, at: int) -> tuple[bytes, int]:
        end = at + size
        if end > len(data):
            raise _beyond(data, at, at, size)
        return data[at:end], end

    return read


def _beyond(data: bytes, at: int, start: int, size: int) -> Fault:
    if size < 0:
        return Fault(IllegalLength, offset=at)
    return Fault(Truncated, offset=at, claimed=size, left=len(data) - start)


# Writing


def write_long(number: int, out: bytearray) -> None:
    """Write a number that is known to have at most 64 bits."""
    if 0 <= number < _ONE_BYTE:  # lengths, indices and counts mostly are
        out.append(number << 1)
        return
    number = (number << 1) ^ (number >> 63)
    while number >= _CONTINUES:
        out.append(number & _SEVEN_BITS | _CONTINUES)
        number >>= 7
    out.append(number)


def _integer(name: str, bits: int) -> Write:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1

    def write(value: Any, out: bytearray) -> None:
        if type(value) is not int:  # a bool is an int to isinstance
            raise _wrong(value, name)
        if not low <= value <= high:
            raise Fault(UnfitValue, kind=name, problem=f"does not fit into {bits} bits")
        write_long(value, out)

    return write


def _floating(name: str, form: Struct) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if type(value) is int:
            value = _exact_float(value, name)
        if not isinstance(value, float):
            raise _wrong(value, name)
        try:
            out += form.pack(value)
        except OverflowError:
            raise Fault(UnfitValue, kind=name, problem="is beyond its range") from None

    return write


def _exact_float(value: int, name: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise Fault(UnfitValue, kind=name, problem="is beyond its range") from None
    if number != value:
        raise Fault(UnfitValue, kind=name, problem="has more digits than it can hold")
    return number


def _write_null(value: Any, _out: bytearray) -> None:
    if value is not None:
        raise _wrong(value, "null")


def _write_boolean(value: Any, out: bytearray) -> None:
    if not isinstance(value, bool):
        raise _wrong(value, "boolean")
    out.append(value)


def _write_bytes(value: Any, out: bytearray) -> None:
    if not isinstance(value, bytes):
        raise _wrong(value, "bytes")
    write_long(len(value), out)
    out += value


def write_text(value: Any, out: bytearray) -> None:
    """Write a string."""
    if not isinstance(value, str):
        raise _wrong(value, "string")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        problem = "holds half a character (a lone surrogate)"
        raise Fault(UnfitValue, kind="string", problem=problem) from None
    size = len(encoded)
    if size < _ONE_BYTE:
        out.append(size << 1)
    else:
        write_long(size, out)
    out += encoded


def write_fixed(size: int) -> Write:
    """Make a writer of exactly `size` bytes."""

    def write(value: Any, out: bytearray) -> None:
        if not isinstance(value, bytes):
            raise _wrong(value, "bytes")
        if len(value) != size:
            raise Fault(UnfitValue, kind="fixed", problem=f"has not exactly {size} bytes")
        out += value

    return write


def _wrong(value: Any, expected: str) -> Fault:
    return Fault(WrongType, expected=expected, found=type(value).__name__)


READERS: dict[str, Read] = {
    "null": _read_null,
    "boolean": _read_boolean,
    "int": _read_int,
    "long": read_long,
    "float": _read_float,
    "double": _read_double,
    "bytes": _read_bytes,
    "string": read_text,
}
"""The reader of each primitive type."""

WRITERS: dict[str, Write] = {
    "null": _write_null,
    "boolean": _write_boolean,
    "int": _integer("int", 32),
    "long": _integer("long", 64),
    "float": _floating("float", _FLOAT),
    "double": _floating("double", _DOUBLE),
    "bytes": _write_bytes,
    "string": write_text,
}
"""The writer of each primitive type."""
