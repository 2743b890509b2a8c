"""Single values: every claim is checked before it is believed."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.binary import READERS, WRITERS, Read, read_fixed, read_wide_long, write_fixed
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
from penstock.schemas.errors import PenstockError
from penstock.schemas.fault import Fault

WIRE: list[tuple[str, Any, bytes]] = [
    # The specification's own examples of zigzag, and the edges.
    ("long", 0, b"\x00"),
    ("long", -1, b"\x01"),
    ("long", 1, b"\x02"),
    ("long", -64, b"\x7f"),
    ("long", 64, b"\x80\x01"),
    ("long", 2**63 - 1, b"\xfe" + b"\xff" * 8 + b"\x01"),
    ("long", -(2**63), b"\xff" * 9 + b"\x01"),
    ("int", 2**31 - 1, b"\xfe\xff\xff\xff\x0f"),
    ("int", -(2**31), b"\xff\xff\xff\xff\x0f"),
    ("null", None, b""),
    ("boolean", True, b"\x01"),
    ("boolean", False, b"\x00"),
    ("float", 1.5, b"\x00\x00\xc0\x3f"),
    ("double", -2.0, b"\x00\x00\x00\x00\x00\x00\x00\xc0"),
    ("double", math.inf, b"\x00\x00\x00\x00\x00\x00\xf0\x7f"),
    ("bytes", b"", b"\x00"),
    ("bytes", b"\x00\xff", b"\x04\x00\xff"),
    ("string", "foo", b"\x06foo"),
    ("string", "ü", b"\x04\xc3\xbc"),
    ("string", "x" * 64, b"\x80\x01" + b"x" * 64),
]


@pytest.mark.parametrize(
    ("name", "value", "wire"), [pytest.param(*row, id=f"{row[0]} {row[1]!r:.20}") for row in WIRE]
)
def test_values_and_bytes(name: str, value: Any, wire: bytes) -> None:
    """Written as the specification says, and read back from the middle of other bytes."""
    out = bytearray(b"before")
    WRITERS[name](value, out)
    assert bytes(out) == b"before" + wire
    assert READERS[name](bytes(out) + b"behind", 6) == (value, 6 + len(wire))


def test_nan_is_a_double() -> None:
    """Avro's doubles are IEEE's: NaN is one of them."""
    out = bytearray()
    WRITERS["double"](math.nan, out)
    assert math.isnan(READERS["double"](bytes(out), 0)[0])


def test_padded_numbers_are_read() -> None:
    """A number may take more bytes than it needs, up to ten."""
    assert READERS["long"](b"\x82" + b"\x80" * 8 + b"\x00", 0) == (1, 10)


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**55), 2**55), st.binary(max_size=9))
def test_a_wide_number_is_the_same_number(value: int, behind: bytes) -> None:
    """Eight bytes are read at once, others one by one; whatever stands around them."""
    out = bytearray(b"\xff")
    WRITERS["long"](value, out)
    assert read_wide_long(bytes(out) + behind, 1) == (value, len(out))


@given(st.binary(max_size=12))
def test_bytes_that_are_no_number_are_no_wide_number(data: bytes) -> None:
    """The same value or the same fault, from any bytes."""

    def told(read: Read) -> object:
        try:
            return read(data, 0)
        except Fault as fault:
            return str(fault.error("shop.Order"))

    assert told(read_wide_long) == told(READERS["long"])


@pytest.mark.parametrize(
    ("name", "wire", "kind"),
    [
        pytest.param("long", b"", Truncated, id="B1 nothing"),
        pytest.param("long", b"\x80\x80", Truncated, id="B1 half a number"),
        pytest.param("boolean", b"", Truncated, id="B1 no boolean"),
        pytest.param("float", b"\0\0\0", Truncated, id="B1 three bytes of float"),
        pytest.param("double", b"\0" * 7, Truncated, id="B1 seven bytes of double"),
        pytest.param("string", b"\x06fo", Truncated, id="B1 two bytes of three"),
        pytest.param("bytes", b"\x06", Truncated, id="B1 none of three"),
        pytest.param("string", b"\xc2\x28\x00", Truncated, id="B1 a length beyond the end"),
        pytest.param("string", b"\x04\xc3\x28", IllegalText, id="B5 broken UTF-8"),
        pytest.param("string", b"\x06\xed\xa0\x80", IllegalText, id="B5 half a character"),
        pytest.param("int", b"\x80\x80\x80\x80\x10", IntegerTooWide, id="B7 2^31"),
        pytest.param("int", b"\x81\x80\x80\x80\x10", IntegerTooWide, id="B7 -2^31 - 1"),
        pytest.param("long", b"\xff" * 9 + b"\x02", IntegerTooWide, id="B7 a 65th bit"),
        pytest.param("long", b"\x80" * 29 + b"\x01", VarintTooLong, id="B8 thirty bytes"),
        pytest.param("long", b"\x80" * 10 + b"\x00", VarintTooLong, id="B8 eleven bytes"),
        pytest.param("bytes", b"\x80\x80\x80\x80\x80\x40abc", Truncated, id="B11 2^40 bytes"),
        pytest.param("bytes", b"\x01abc", IllegalLength, id="B11 a negative length"),
        pytest.param("string", b"\xff" * 9 + b"\x01", IllegalLength, id="B11 minus 2^63"),
        pytest.param("boolean", b"\x02", IllegalValue, id="a boolean of 2"),
    ],
)
def test_broken_bytes_are_a_fault(name: str, wire: bytes, kind: type[PenstockError]) -> None:
    """Whatever the bytes are; the offset is that of the value in the payload."""
    with pytest.raises(Fault) as caught:
        READERS[name](b"before" + wire, 6)
    assert caught.value.leaf is kind
    assert 6 <= caught.value.facts["offset"] <= 6 + len(wire)


def test_a_cut_says_how_much_is_missing() -> None:
    """B11: what was claimed and what is left."""
    with pytest.raises(Fault) as caught:
        READERS["bytes"](b"\x80\x80\x80\x80\x80\x40abc", 0)
    assert caught.value.facts == {"offset": 0, "claimed": 2**40, "left": 3}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        pytest.param("int", 1.5, WrongType, id="B21 a fraction for an int"),
        pytest.param("long", True, WrongType, id="B21 a truth for a long"),
        pytest.param("long", "5", WrongType, id="B21 text for a long"),
        pytest.param("int", 2**31, UnfitValue, id="B7 2^31 for an int"),
        pytest.param("long", 2**63, UnfitValue, id="2^63 for a long"),
        pytest.param("long", -(2**63) - 1, UnfitValue, id="-2^63 - 1 for a long"),
        pytest.param("float", 1e39, UnfitValue, id="1e39 for a float"),
        pytest.param("double", 10**400, UnfitValue, id="400 digits for a double"),
        pytest.param("double", 2**53 + 1, UnfitValue, id="an integer that a double rounds"),
        pytest.param("double", "1.5", WrongType, id="text for a double"),
        pytest.param("double", False, WrongType, id="a truth for a double"),
        pytest.param("boolean", 1, WrongType, id="1 for a boolean"),
        pytest.param("null", 0, WrongType, id="0 for null"),
        pytest.param("string", b"x", WrongType, id="bytes for a string"),
        pytest.param("string", "\ud800", UnfitValue, id="half a character"),
        pytest.param("bytes", "x", WrongType, id="text for bytes"),
    ],
)
def test_values_of_other_types_are_a_fault(
    name: str, value: Any, kind: type[PenstockError]
) -> None:
    """Nothing is converted on the way out, except a whole number to an equal double."""
    with pytest.raises(Fault) as caught:
        WRITERS[name](value, bytearray())
    assert caught.value.leaf is kind


def test_a_whole_number_is_a_double() -> None:
    """JSON and YAML write 5 for 5.0."""
    out = bytearray()
    WRITERS["double"](5, out)
    assert READERS["double"](bytes(out), 0) == (5.0, 8)


def test_fixed_has_no_length() -> None:
    """Exactly so many bytes, in both directions."""
    out = bytearray()
    write_fixed(3)(b"abc", out)
    assert read_fixed(3)(bytes(out), 0) == (b"abc", 3)
    for value, kind in ((b"ab", UnfitValue), ("abc", WrongType)):
        with pytest.raises(Fault) as caught:
            write_fixed(3)(value, out)
        assert caught.value.leaf is kind
    with pytest.raises(Fault) as caught:
        read_fixed(4)(b"abc", 0)
    assert caught.value.leaf is Truncated
