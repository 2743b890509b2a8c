"""Strategies for schemas and for values of them.

`records` draws type trees with everything that Avro knows; `values_of` gives the values of one, in
the form in which decoders without a class yield them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["records", "values_of"]

PLAIN = tuple(
    PrimitiveType(name=name)
    for name in ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
)
MEANINGS = tuple(
    PrimitiveType(name=base, logical=Logical(name=name))
    for base, name in (
        ("int", "date"),
        ("int", "time-millis"),
        ("long", "time-micros"),
        ("long", "timestamp-millis"),
        ("long", "timestamp-micros"),
        ("long", "local-timestamp-millis"),
        ("long", "local-timestamp-micros"),
        ("string", "uuid"),
    )
)
NULL = PLAIN[0]


class Drawing:
    """One schema on its way: gives each named type a name of its own."""

    def __init__(self, draw: st.DrawFn, *, logical: bool) -> None:
        """Begin with no names."""
        self.draw = draw
        self.logical = logical
        self.count = 0

    def name(self) -> str:
        """Return a new full name."""
        self.count += 1
        namespace = self.draw(st.sampled_from(["shop", "far.away"]))
        return f"{namespace}.T{self.count}"

    def type(self, depth: int) -> AvroType:
        """Draw a type of at most this depth."""
        kinds = ["plain", "enum", "fixed"]
        kinds += ["meaning", "decimal"] if self.logical else []
        kinds += ["array", "map", "optional", "record"] if depth > 0 else []
        makers: dict[str, Callable[[], AvroType]] = {
            "plain": lambda: self.draw(st.sampled_from(PLAIN)),
            "meaning": lambda: self.draw(st.sampled_from(MEANINGS)),
            "decimal": self.decimal,
            "enum": self.enum,
            "fixed": lambda: FixedType(full_name=self.name(), size=self.draw(st.integers(1, 20))),
            "array": lambda: ArrayType(items=self.weighty(depth - 1)),
            "map": lambda: MapType(values=self.weighty(depth - 1)),
            "optional": lambda: self.optional(depth - 1),
            "record": lambda: self.record(depth - 1),
        }
        return makers[self.draw(st.sampled_from(kinds))]()

    def enum(self) -> EnumType:
        """Draw an enum."""
        symbols = self.draw(st.sets(st.sampled_from("ABCDE"), min_size=1))
        return EnumType(full_name=self.name(), symbols=tuple(sorted(symbols)))

    def decimal(self) -> AvroType:
        """Draw a decimal, in bytes or in a fixed."""
        precision = self.draw(st.integers(1, 30))
        scale = self.draw(st.integers(0, precision))
        logical = Logical(name="decimal", precision=precision, scale=scale)
        if self.draw(st.booleans()):
            return PrimitiveType(name="bytes", logical=logical)
        return FixedType(full_name=self.name(), size=16, logical=logical)

    def weighty(self, depth: int) -> AvroType:
        """Draw a type whose values take bytes."""
        drawn = self.type(depth)
        return PLAIN[3] if drawn.extent.least_bytes == 0 else drawn

    def optional(self, depth: int) -> AvroType:
        """Draw a union of null and another type."""
        other = self.type(depth)
        if other == NULL or isinstance(other, UnionType):
            return other
        return UnionType(branches=tuple(self.draw(st.permutations([NULL, other]))))

    def record(self, depth: int) -> RecordType:
        """Draw a record."""
        full_name = self.name()
        count = self.draw(st.integers(0, 4))
        fields = tuple(
            FieldOfRecord(name=f"f{number}", type=self.type(depth)) for number in range(count)
        )
        return RecordType(full_name=full_name, fields=fields)


@st.composite
def records(draw: st.DrawFn, *, depth: int = 3, logical: bool = True) -> RecordType:
    """Draw a record with anything in it."""
    return Drawing(draw, logical=logical).record(depth)


def values_of(avro_type: AvroType) -> st.SearchStrategy[Any]:
    """Give the values of a type. NaN is left out, because it equals nothing."""
    match avro_type:
        case ArrayType(items=items):
            return st.lists(values_of(items), max_size=3)
        case MapType(values=values):
            return st.dictionaries(TEXT, values_of(values), max_size=3)
        case UnionType(branches=branches):
            return st.one_of([values_of(branch) for branch in branches])
        case RecordType(fields=fields):
            return st.fixed_dictionaries({each.name: values_of(each.type) for each in fields})
        case _:
            return _single_values(avro_type)


def _single_values(avro_type: PrimitiveType | FixedType | EnumType) -> st.SearchStrategy[Any]:
    match avro_type:
        case EnumType(symbols=symbols):
            return st.sampled_from(symbols)
        case PrimitiveType(logical=None, name=name):
            return PLAIN_VALUES[name]
        case FixedType(logical=None, size=size):
            return st.binary(min_size=size, max_size=size)
    assert avro_type.logical is not None
    if avro_type.logical.name == "decimal":
        return _decimals(avro_type.logical)
    return MEANT_VALUES[avro_type.logical.name]


def _decimals(logical: Logical) -> st.SearchStrategy[Decimal]:
    bound = 10**logical.precision - 1

    def scaled(unscaled: int) -> Decimal:
        sign, digits, _ = Decimal(unscaled).as_tuple()
        return Decimal((sign, digits, -logical.scale))

    return st.integers(-bound, bound).map(scaled)


def _whole_millis(moment: Any) -> Any:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=100),
    "string": TEXT,
}
INSTANTS = st.datetimes(timezones=st.just(UTC))
LOCAL_TIMES = st.datetimes(datetime.min, datetime.max)  # noqa: DTZ901 - local by definition
MEANT_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "date": st.dates(),
    "time-millis": st.times().map(_whole_millis),
    "time-micros": st.times(time.min, time.max),
    "timestamp-millis": INSTANTS.map(_whole_millis),
    "timestamp-micros": INSTANTS,
    "local-timestamp-millis": LOCAL_TIMES.map(_whole_millis),
    "local-timestamp-micros": LOCAL_TIMES,
    "uuid": st.uuids(),
}
