"""Values that are kept without a declared type come back as they went, or are refused."""

import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.errors import CachedValueUnreadable, NotCacheable
from penstock.infra.cache.plain_values import plain_format

FORM = plain_format("prices", limit_bytes=100_000)
KEY = "penstock:shop:cache:prices:lamp"

ZONES = st.none() | st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=ZONES)
    | st.uuids()
)
NAMES = st.text() | st.sampled_from(["$", "$$", "$decimal", "$bytes", "$$uuid", "$datetime"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=12
)


def parts(value: Any) -> Iterator[tuple[type, Any]]:
    """Every value inside of a value, with its class."""
    yield type(value), None if isinstance(value, list | dict) else value
    if isinstance(value, list):
        for each in value:
            yield from parts(each)
    if isinstance(value, dict):
        for name, each in value.items():
            yield from parts(name)
            yield from parts(each)


@given(VALUES)
def test_values_come_back_as_they_went(value: Any) -> None:
    """Equal, and of the same class at every depth: 1 is not True, and "5" is not 5."""
    back = FORM.decode(FORM.encode(value, KEY), KEY)
    assert back == value
    assert list(parts(back)) == list(parts(value))


@given(NAMES, st.text())
def test_no_dict_is_taken_for_another_value(name: str, text: str) -> None:
    """Even one that is written like the inner form of a Decimal."""
    value = {name: text}
    assert FORM.decode(FORM.encode(value, KEY), KEY) == value


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Point(NamedTuple):
    x: int


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        frozenset(),
        {1: "a"},
        Level.LOW,
        Word.YES,
        Point(1),
        Text("x"),
        date(2026, 1, 1),
        timedelta(1),
        1j,
        object(),
        float("nan"),
        Decimal("sNaN"),
        "\ud800",
        10**5000,
        bytearray(b"x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused(value: Any) -> None:
    """Their class would be lost, or they are not even equal to themselves."""
    for each in (value, [value], {"a": value}):
        with pytest.raises(NotCacheable):
            FORM.encode(each, KEY)


def test_what_is_too_deep_or_goes_in_a_circle_is_refused() -> None:
    """Depth has a limit far from that of Python's own stack."""
    deep: Any = 0
    for _ in range(64):
        deep = [deep]
    assert FORM.decode(FORM.encode(deep, KEY), KEY) == deep
    with pytest.raises(NotCacheable):
        FORM.encode([deep], KEY)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotCacheable):
        FORM.encode(circle, KEY)


def test_a_value_that_is_too_long_is_refused() -> None:
    """The limit counts the bytes that are kept."""
    form = plain_format("prices", limit_bytes=64)
    kept = form.encode("x" * 49, KEY)
    assert len(kept) == 64
    with pytest.raises(NotCacheable, match="takes 65 bytes, more than 64"):
        form.encode("x" * 50, KEY)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_one_error(data: bytes) -> None:
    """Whoever wrote them."""
    with pytest.raises(CachedValueUnreadable):
        FORM.decode(data, KEY)


def sealed(body: bytes) -> bytes:
    """A frame with a right checksum, as somebody could write who has read our code."""
    from struct import pack  # noqa: PLC0415 - only here
    from zlib import crc32  # noqa: PLC0415 - only here

    return pack(">B8sI", 1, b"plain\0\0\1", crc32(body, crc32(KEY.encode()))) + body


def test_the_sealing_of_this_test_is_that_of_the_format() -> None:
    """Or the tests with it would show nothing."""
    assert sealed(b"5") == FORM.encode(5, KEY)


@given(st.binary(max_size=100) | VALUES.map(lambda value: FORM.encode(value, KEY)[13:]))
def test_any_body_is_read_or_refused_by_one_error(body: bytes) -> None:
    """A right checksum makes no body right; what is read is one of the plain types."""
    try:
        value = FORM.decode(sealed(body), KEY)
    except CachedValueUnreadable:
        return
    plain = {type(None), bool, int, float, str, bytes, Decimal, datetime, UUID, list, dict}
    assert {kind for kind, _ in parts(value)} <= plain


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"$decimal":"1_0"}',
        b'{"$decimal":" 1"}',
        b'{"$decimal":5}',
        b'{"$decimal":["1"]}',
        b'{"$bytes":"/w"}',
        b'{"$bytes":"!!!!"}',
        b'{"$uuid":"urn:uuid:00000000-0000-0000-0000-000000000001"}',
        b'{"$datetime":"20260101"}',
        b'{"$unknown":"1"}',
        b'{"$decimal":"1","x":2}',
        b'{"a":1,"a":2}',
        b'{"$a":1}',
        b"1" * 5000,
        b"\xff\xfe",
        pickle.dumps(Decimal(1)),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_bodies_that_were_never_written_here_are_refused(body: bytes) -> None:
    """Also those that a milder reader would make something of."""
    with pytest.raises(CachedValueUnreadable):
        FORM.decode(sealed(body), KEY)


def test_aware_times_keep_their_offset() -> None:
    """And naive ones stay naive."""
    aware, naive = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12)  # noqa: DTZ001 - naive is what is tested
    for value in (aware, naive):
        back = FORM.decode(FORM.encode(value, KEY), KEY)
        assert (back, back.utcoffset()) == (value, value.utcoffset())
