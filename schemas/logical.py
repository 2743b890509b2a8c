"""Logical types: what the base values of Avro mean in Python, in both directions.

A conversion takes a base value (int, bytes, str) that has already been read, or yields one that
will be written. It is exact or it refuses: nothing is rounded, shifted into the machine's time
zone, or cut off.

| logical type | on | Python |
|---|---|---|
| decimal(p, s) | bytes, fixed | Decimal with exactly s digits after the point |
| date | int | date |
| time-millis, time-micros | int, long | naive time |
| timestamp-millis, timestamp-micros | long | aware datetime, UTC |
| local-timestamp-millis, local-timestamp-micros | long | naive datetime |
| uuid | string, fixed(16) | UUID |

Laws:
1. Unknown logical types, and known ones on another base, do not exist here (Avro specification,
   "Logical Types"): the base value is the value.
2. This file knows no paths, no offsets and no schemas; it raises `Unfit` with a reason that never
   quotes the value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final
from uuid import UUID, SafeUUID

from penstock.schemas.type_tree import FixedType, PrimitiveType, base_name, logical_of

__all__ = ["MEANINGS", "Conversion", "Unfit", "clash", "conversion_of", "rescaler"]


class Unfit(Exception):
    """A value does not fit its type. Never leaves the room: callers add the place and the code."""

    def __init__(self, problem: str) -> None:
        """Keep the reason."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Both directions of one logical type. Both raise `Unfit`."""

    load: Callable[[Any], Any]
    """Base value to Python value."""
    dump: Callable[[Any], Any]
    """Python value to base value."""


MEANINGS = frozenset(
    {
        ("bytes", "decimal"),
        ("fixed", "decimal"),
        ("int", "date"),
        ("int", "time-millis"),
        ("long", "time-micros"),
        ("long", "timestamp-millis"),
        ("long", "timestamp-micros"),
        ("long", "local-timestamp-millis"),
        ("long", "local-timestamp-micros"),
        ("string", "uuid"),
        ("fixed", "uuid"),
    }
)
"""The pairs of base and logical type that are understood."""


def conversion_of(avro_type: PrimitiveType | FixedType) -> Conversion | None:
    """Return the conversion that a type asks for.

    Args:
        avro_type: a type whose logical type, if any, stands in `MEANINGS`.

    Returns:
        None where the base value is the value.
    """
    if (logical := avro_type.logical) is None:
        return None
    size = avro_type.size if isinstance(avro_type, FixedType) else None
    match logical.name:
        case "decimal":
            return _decimal(logical.precision, logical.scale, size)
        case "uuid":
            return _UUID_IN_TEXT if size is None else _UUID_IN_BYTES
        case name:
            return _TEMPORAL[name]


def clash(writer: PrimitiveType | FixedType, reader: PrimitiveType | FixedType) -> str | None:
    """Tell why two logical types cannot meet, though their bases can.

    A side without a logical type clashes with none: the reader's decides. Two decimals clash by
    scale only, for a narrower precision is checked value by value.

    Returns:
        The reason, or None.
    """
    ours, theirs = logical_of(reader), logical_of(writer)
    if theirs is None:
        return None
    if ours is None:
        becomes_text = theirs.name == "decimal" and base_name(reader) == "string"
        return "the digits of a decimal are no text" if becomes_text else None
    if (ours.name, ours.scale) == (theirs.name, theirs.scale):
        return None
    return f"{theirs} is not {ours}"


# Decimals


def rescaler(precision: int, scale: int) -> Callable[[Any], Decimal]:
    """Make the function that brings a Decimal to a scale without changing the number.

    Args:
        precision: the most digits in all.
        scale: digits after the point.

    Returns:
        A function that raises `Unfit` for anything but a finite Decimal that fits.
    """
    # A context of our own: the caller's may round to 28 digits or trap nothing.
    context = Context(
        prec=precision, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation]
    )
    unit = Decimal(1).scaleb(-scale, context)

    def rescale(value: Any) -> Decimal:
        if not isinstance(value, Decimal):
            raise Unfit(f"is a {type(value).__name__}, not a Decimal")
        if not value.is_finite():
            raise Unfit("is not finite")
        try:
            return value.quantize(unit, None, context)
        except Inexact:
            raise Unfit(f"has more than {scale} digits after the point") from None
        except InvalidOperation:
            raise Unfit(f"has more than {precision - scale} digits before the point") from None

    return rescale


def _decimal(precision: int, scale: int, size: int | None) -> Conversion:
    bound = 10**precision
    context = Context(prec=precision, Emin=MIN_EMIN, Emax=MAX_EMAX)
    rescale = rescaler(precision, scale)

    def load(raw: bytes) -> Decimal:
        if not raw:
            raise Unfit("is a decimal of no bytes")
        unscaled = int.from_bytes(raw, "big", signed=True)
        # Compared as integers: turning 100 KB of digits into a Decimal first takes seconds.
        if not -bound < unscaled < bound:
            raise Unfit(f"has more than {precision} digits in {len(raw)} bytes")
        return Decimal(unscaled).scaleb(-scale, context)

    def dump(value: Any) -> bytes:
        unscaled = int(rescale(value).scaleb(scale, context))
        # The fewest bytes with room for the sign, as Java writes it: -128 takes one.
        magnitude = ~unscaled if unscaled < 0 else unscaled
        length = size or magnitude.bit_length() // 8 + 1
        return unscaled.to_bytes(length, "big", signed=True)

    return Conversion(load=load, dump=dump)


# UUIDs

_UUID_TEXT = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
).fullmatch


# A UUID forbids to set its attributes; these are the descriptors of its slots themselves.
_new_uuid = object.__new__
_set_number = vars(UUID)["int"].__set__
_set_safety = vars(UUID)["is_safe"].__set__
_SAFETY_UNKNOWN: Final = SafeUUID.unknown


def _load_uuid_text(text: str) -> UUID:
    # UUID() alone would take braces, missing hyphens and the digits of other scripts.
    if _UUID_TEXT(text) is None:
        raise Unfit("is no UUID of 36 characters")
    return _uuid(int(text.replace("-", ""), 16))


def _load_uuid_bytes(raw: bytes) -> UUID:
    return _uuid(int.from_bytes(raw, "big"))


def _uuid(number: int) -> UUID:
    # UUID() asks six questions that have been answered; most of its time goes there.
    made = _new_uuid(UUID)
    _set_number(made, number)
    _set_safety(made, _SAFETY_UNKNOWN)
    return made


def _dump_uuid_text(value: Any) -> str:
    return str(_a_uuid(value))


def _dump_uuid_bytes(value: Any) -> bytes:
    return _a_uuid(value).bytes


def _a_uuid(value: Any) -> UUID:
    if not isinstance(value, UUID):
        raise Unfit(f"is a {type(value).__name__}, not a UUID")
    return value


_UUID_IN_TEXT = Conversion(load=_load_uuid_text, dump=_dump_uuid_text)
_UUID_IN_BYTES = Conversion(load=_load_uuid_bytes, dump=_dump_uuid_bytes)


# Dates and times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local timestamps carry no zone by definition
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MICROS = 86_400_000_000
_FIRST_MICRO = (date.min.toordinal() - _EPOCH_DAY) * _DAY_MICROS
_LAST_MICRO = (date.max.toordinal() - _EPOCH_DAY + 1) * _DAY_MICROS - 1


def _load_date(days: int) -> date:
    ordinal = days + _EPOCH_DAY
    if not date.min.toordinal() <= ordinal <= date.max.toordinal():
        raise Unfit("is a date outside the years 1 to 9999")
    return date.fromordinal(ordinal)


def _dump_date(value: Any) -> int:
    # A datetime is a date to isinstance, and its time would be lost.
    if type(value) is not date:
        raise Unfit(f"is a {type(value).__name__}, not a date")
    return value.toordinal() - _EPOCH_DAY


def _timestamp(unit_micros: int, *, local: bool) -> Conversion:
    epoch = _LOCAL_EPOCH if local else _EPOCH

    def load(units: int) -> datetime:
        micros = units * unit_micros
        if not _FIRST_MICRO <= micros <= _LAST_MICRO:
            raise Unfit("is a time outside the years 1 to 9999")
        return epoch + timedelta(0, 0, micros)

    def dump(value: Any) -> int:
        if not isinstance(value, datetime):
            raise Unfit(f"is a {type(value).__name__}, not a datetime")
        if (value.utcoffset() is None) is not local:
            raise Unfit("has a time zone" if local else "is a datetime without a time zone")
        since = value - epoch
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        if not _FIRST_MICRO <= micros <= _LAST_MICRO:  # by its zone: 9999-12-31T23:00-12:00
            raise Unfit("is a time outside the years 1 to 9999")
        return _whole(micros, unit_micros)

    return Conversion(load=load, dump=dump)


def _time_of_day(unit_micros: int) -> Conversion:
    def load(units: int) -> time:
        micros = units * unit_micros
        if not 0 <= micros < _DAY_MICROS:
            raise Unfit("is a time outside the day")
        return (_LOCAL_EPOCH + timedelta(0, 0, micros)).time()

    def dump(value: Any) -> int:
        if not isinstance(value, time):
            raise Unfit(f"is a {type(value).__name__}, not a time")
        if value.tzinfo is not None:
            raise Unfit("has a time zone")
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return _whole(seconds * 1_000_000 + value.microsecond, unit_micros)

    return Conversion(load=load, dump=dump)


def _whole(micros: int, unit_micros: int) -> int:
    units, rest = divmod(micros, unit_micros)
    if rest:
        raise Unfit("is finer than a millisecond")
    return units


_TEMPORAL = {
    "date": Conversion(load=_load_date, dump=_dump_date),
    "time-millis": _time_of_day(1_000),
    "time-micros": _time_of_day(1),
    "timestamp-millis": _timestamp(1_000, local=False),
    "timestamp-micros": _timestamp(1, local=False),
    "local-timestamp-millis": _timestamp(1_000, local=True),
    "local-timestamp-micros": _timestamp(1, local=True),
}
