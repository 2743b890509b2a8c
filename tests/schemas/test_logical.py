"""Logical types: exact in both directions, or refused."""

import decimal
import pickle
from copy import copy
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from penstock.schemas.logical import Unfit, clash, conversion_of, rescaler
from penstock.schemas.type_tree import FixedType, Logical, PrimitiveType

UUID_TEXT = "9d3ec7e6-7f44-4b0c-8f1b-2f4f1d5be6a6"


def typed(base: str, name: str, *, precision: int = 0, scale: int = 0) -> PrimitiveType:
    """Return a primitive with a meaning."""
    return PrimitiveType(name=base, logical=Logical(name=name, precision=precision, scale=scale))


def fixed(size: int, name: str, *, precision: int = 0, scale: int = 0) -> FixedType:
    """Return a fixed with a meaning."""
    logical = Logical(name=name, precision=precision, scale=scale)
    return FixedType(full_name="shop.F", size=size, logical=logical)


MONEY = typed("bytes", "decimal", precision=4, scale=2)
MOMENT = typed("long", "timestamp-micros")
MILLIS = typed("long", "timestamp-millis")
LOCAL = typed("long", "local-timestamp-micros")
DAY = typed("int", "date")
TIME = typed("long", "time-micros")
TIME_MILLIS = typed("int", "time-millis")
TEXT_ID = typed("string", "uuid")
BYTE_ID = fixed(16, "uuid")

PAIRS: list[tuple[PrimitiveType | FixedType, Any, Any]] = [
    (MONEY, b"\x07\xcf", Decimal("19.99")),
    (MONEY, b"\x00", Decimal("0.00")),
    (MONEY, b"\x80", Decimal("-1.28")),
    (MONEY, b"\xff\x7f", Decimal("-1.29")),
    (fixed(4, "decimal", precision=4, scale=2), b"\xff\xff\xff\xff", Decimal("-0.01")),
    (MOMENT, 0, datetime(1970, 1, 1, tzinfo=UTC)),
    (MOMENT, -1, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    (MOMENT, 253402300799999999, datetime.max.replace(tzinfo=UTC)),
    (MOMENT, -62135596800000000, datetime.min.replace(tzinfo=UTC)),
    (MILLIS, 1, datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)),
    (LOCAL, 1, datetime(1970, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001 - local by definition
    (DAY, -1, date(1969, 12, 31)),
    (DAY, 2932896, date.max),
    (DAY, -719162, date.min),
    (TIME, 86_399_999_999, time.max),
    (TIME_MILLIS, 1, time(0, 0, 0, 1000)),
    (TEXT_ID, UUID_TEXT, UUID(UUID_TEXT)),
    (BYTE_ID, UUID(UUID_TEXT).bytes, UUID(UUID_TEXT)),
]


@pytest.mark.parametrize(("avro_type", "base", "value"), PAIRS)
def test_base_and_value_are_one_to_one(
    avro_type: PrimitiveType | FixedType, base: Any, value: Any
) -> None:
    """Load and dump are inverse to each other, at the edges too."""
    conversion = conversion_of(avro_type)
    assert conversion is not None
    loaded = conversion.load(base)
    assert loaded == value
    assert str(loaded) == str(value)
    assert conversion.dump(value) == base


@pytest.mark.parametrize(
    ("avro_type", "base"),
    [
        pytest.param(MONEY, b"\x27\x10", id="B12 five digits under decimal(4, 2)"),
        pytest.param(MONEY, b"\x7f" * 100_000, id="B12 100 KB of digits"),
        pytest.param(MONEY, b"", id="a decimal of no bytes"),
        pytest.param(MOMENT, 253402300800000000, id="B13 the year 10000"),
        pytest.param(MOMENT, -62135596800000001, id="B13 before the year 1"),
        pytest.param(MOMENT, 2**63 - 1, id="B13 the largest long"),
        pytest.param(MILLIS, 2**63 - 1, id="B13 the largest long in milliseconds"),
        pytest.param(DAY, 2932897, id="B13 the day after the last"),
        pytest.param(DAY, -719163, id="B13 the day before the first"),
        pytest.param(TIME, -1, id="a negative time of day"),
        pytest.param(TIME, 86_400_000_000, id="the 25th hour"),
        pytest.param(TEXT_ID, UUID_TEXT[:-1], id="B14 35 characters"),
        pytest.param(TEXT_ID, UUID_TEXT + "\n", id="B14 a line more"),
        pytest.param(TEXT_ID, "{" + UUID_TEXT + "}", id="B14 braces"),
        pytest.param(TEXT_ID, UUID_TEXT.replace("-", ""), id="B14 no hyphens"),
        pytest.param(TEXT_ID, UUID_TEXT.replace("9", "\uff19"), id="B14 full-width digits"),
    ],
)
def test_base_values_that_mean_nothing_are_refused(
    avro_type: PrimitiveType | FixedType, base: Any
) -> None:
    """Neither rounded nor wrapped around."""
    conversion = conversion_of(avro_type)
    assert conversion is not None
    with pytest.raises(Unfit):
        conversion.load(base)


NAIVE = datetime(2026, 1, 2, 3)  # noqa: DTZ001 - what must be refused
FAR_WEST = timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    ("avro_type", "value"),
    [
        pytest.param(MONEY, Decimal("0.001"), id="a digit too many after the point"),
        pytest.param(MONEY, Decimal(100), id="a digit too many before the point"),
        pytest.param(MONEY, Decimal("1e9"), id="1e9"),
        pytest.param(MONEY, Decimal("1e999999999"), id="a billion digits"),
        pytest.param(MONEY, Decimal("1e-999999999"), id="a billionth digit"),
        pytest.param(MONEY, Decimal("NaN"), id="NaN"),
        pytest.param(MONEY, Decimal("-Infinity"), id="infinity"),
        pytest.param(MONEY, 1.5, id="a float"),
        pytest.param(MONEY, 1, id="an int"),
        pytest.param(MOMENT, NAIVE, id="a naive datetime"),
        pytest.param(MOMENT, date(2026, 1, 2), id="a date for a datetime"),
        pytest.param(MOMENT, 1.5, id="a float for a datetime"),
        pytest.param(
            MOMENT, datetime.max.replace(tzinfo=FAR_WEST), id="the year 10000 by its zone"
        ),
        pytest.param(MILLIS, datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC), id="microseconds"),
        pytest.param(LOCAL, datetime(2026, 1, 2, tzinfo=UTC), id="a zone on a local time"),
        pytest.param(DAY, NAIVE, id="a datetime for a date"),
        pytest.param(DAY, "2026-01-02", id="text for a date"),
        pytest.param(TIME, time(1, tzinfo=UTC), id="a zone on a time of day"),
        pytest.param(TIME, 1, id="an int for a time"),
        pytest.param(TIME_MILLIS, time(0, 0, 0, 1), id="a microsecond in milliseconds"),
        pytest.param(TEXT_ID, UUID_TEXT, id="text for a UUID"),
        pytest.param(BYTE_ID, UUID(UUID_TEXT).bytes, id="bytes for a UUID"),
    ],
)
def test_values_that_would_change_are_refused(
    avro_type: PrimitiveType | FixedType, value: Any
) -> None:
    """Nothing is rounded, cut off, or moved into the machine's time zone."""
    conversion = conversion_of(avro_type)
    assert conversion is not None
    with pytest.raises(Unfit):
        conversion.dump(value)


def test_zones_are_the_same_instant() -> None:
    """An instant may be given in any zone; it is written as that instant."""
    conversion = conversion_of(MOMENT)
    assert conversion is not None
    west = datetime(2026, 1, 1, tzinfo=FAR_WEST)
    assert conversion.load(conversion.dump(west)) == west


def test_the_callers_decimal_context_does_not_matter() -> None:
    """Neither its precision nor its traps change an amount."""
    wide = conversion_of(typed("bytes", "decimal", precision=40, scale=2))
    assert wide is not None
    value = Decimal("12345678901234567890123456789012345678.90")
    with decimal.localcontext() as context:
        context.prec = 3
        context.traps[decimal.Inexact] = True
        assert str(wide.load(wide.dump(value))) == str(value)


def test_trailing_zeros_are_no_digits() -> None:
    """1.500 is 1.50, and 1E+1 is 10.00."""
    rescale = rescaler(4, 2)
    assert str(rescale(Decimal("1.500"))) == "1.50"
    assert str(rescale(Decimal("1E+1"))) == "10.00"


@pytest.mark.parametrize(
    ("writer", "reader", "meets"),
    [
        (MONEY, typed("bytes", "decimal", precision=9, scale=2), True),
        (MONEY, typed("bytes", "decimal", precision=4, scale=3), False),
        (MOMENT, MILLIS, False),
        (MOMENT, PrimitiveType(name="long"), True),
        (PrimitiveType(name="long"), MOMENT, True),
        (DAY, MOMENT, False),
        (MONEY, PrimitiveType(name="bytes"), True),
        (MONEY, PrimitiveType(name="string"), False),
    ],
)
def test_two_meanings_do_not_meet(
    writer: PrimitiveType, reader: PrimitiveType, meets: bool
) -> None:
    """Where both sides have a logical type it must be one; the reader's decides where one has."""
    assert (clash(writer, reader) is None) is meets


def test_no_meaning_no_conversion() -> None:
    """A plain base value is the value."""
    assert conversion_of(PrimitiveType(name="long")) is None


@pytest.mark.parametrize(
    ("kind", "raw"), [(TEXT_ID, UUID_TEXT.upper()), (BYTE_ID, UUID(UUID_TEXT).bytes)]
)
def test_a_uuid_that_was_read_is_like_any_other(kind: PrimitiveType | FixedType, raw: Any) -> None:
    """It is made without its constructor, and cannot be told from one that was made with it."""
    expected, conversion = UUID(UUID_TEXT), conversion_of(kind)
    assert conversion is not None
    made = conversion.load(raw)
    assert type(made) is UUID
    assert (made, hash(made), str(made), made.bytes, made.is_safe) == (
        expected,
        hash(expected),
        UUID_TEXT,
        expected.bytes,
        expected.is_safe,
    )
    assert pickle.loads(pickle.dumps(made)) == copy(made) == expected  # noqa: S301 - our own
