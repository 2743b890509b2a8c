"""An Avro schema as a tree of values: what every other part of the room works on.

JSON schemas are read into this form once, by `lint`; from then on nobody looks at JSON again.
Names are full, aliases are full, references are the type they refer to (so the tree is a graph
without cycles, and the same record may hang in several places), logical types that are unknown or
misplaced are gone, as the Avro specification demands.

Laws:
1. Only `lint` and `mapping` build trees; what they build is finite and within the limits.
2. A type knows its extent, computed when it is built, so that no later check has to walk the graph.
3. This file knows no JSON, no bytes and no pydantic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

__all__ = [
    "NO_DEFAULT",
    "PRIMITIVES",
    "ArrayType",
    "AvroType",
    "Classes",
    "EnumType",
    "Extent",
    "FieldOfRecord",
    "FixedType",
    "Logical",
    "MapType",
    "PrimitiveType",
    "RecordType",
    "UnionType",
    "base_name",
    "described",
    "logical_of",
    "without_logical",
]

PRIMITIVES: Final = {
    "null": 0,
    "boolean": 1,
    "int": 1,
    "long": 1,
    "float": 4,
    "double": 8,
    "bytes": 1,
    "string": 1,
}
"""Avro's primitive types and the least number of bytes that a value of each takes."""


Classes = Mapping[str, type]
"""Python's Record and Enum classes by the full name of the type that they stand for."""

_SHOWN_BRANCHES = 5
_SYMBOLS_OF_A_NODE = 100


class _Absent(Enum):
    """The type of `NO_DEFAULT`, so that None stays a default."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = _Absent.NO_DEFAULT
"""Stands for a field without a default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far a type reaches, with every name written out."""

    height: int
    """Levels of nesting, itself included."""
    nodes: int
    """Types, itself included; an enum counts one more for each hundred symbols."""
    least_bytes: int
    """The size of its smallest value."""
    hollow_parts: int
    """The most parts without bytes that one value holds; items of arrays and maps not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    """A logical type that is understood."""

    name: str
    """Avro's name, such as `timestamp-micros`."""
    precision: int = 0
    """Decimals: the most digits."""
    scale: int = 0
    """Decimals: digits after the point."""

    def __str__(self) -> str:
        """The name, with the digits of a decimal."""
        return f"decimal({self.precision}, {self.scale})" if self.name == "decimal" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimitiveType:
    """One of Avro's eight primitive types."""

    name: str
    """One of `PRIMITIVES`."""
    logical: Logical | None = None
    """What its values mean."""

    @property
    def extent(self) -> Extent:
        """One node."""
        least = PRIMITIVES[self.name]
        return Extent(height=1, nodes=1, least_bytes=least, hollow_parts=int(least == 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedType:
    """A fixed number of bytes."""

    full_name: str
    """Its name with namespace."""
    size: int
    """Bytes."""
    logical: Logical | None = None
    """What its values mean."""
    aliases: tuple[str, ...] = ()
    """Full names that it had before."""

    @property
    def extent(self) -> Extent:
        """One node."""
        return Extent(height=1, nodes=1, least_bytes=self.size, hollow_parts=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumType:
    """One of several symbols."""

    full_name: str
    """Its name with namespace."""
    symbols: tuple[str, ...]
    """The symbols in wire order."""
    default: str | None = None
    """What a reader takes for a symbol that it does not know."""
    aliases: tuple[str, ...] = ()
    """Full names that it had before."""
    doc: str = ""
    """What it means; empty when nobody said."""
    known: frozenset[str] = field(init=False, repr=False, compare=False)
    """The symbols, to be looked up: a schema may have a hundred thousand, and as many defaults."""

    def __post_init__(self) -> None:
        """Make the symbols quick to find."""
        object.__setattr__(self, "known", frozenset(self.symbols))

    @property
    def extent(self) -> Extent:
        """One node, and one more for each hundred symbols: every mention costs all of them."""
        nodes = 1 + len(self.symbols) // _SYMBOLS_OF_A_NODE
        return Extent(height=1, nodes=nodes, least_bytes=1, hollow_parts=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayType:
    """Any number of items of one type."""

    items: "AvroType"
    """The type of each item."""
    extent: Extent = field(init=False, repr=False, compare=False)
    """Its reach."""

    def __post_init__(self) -> None:
        """Measure."""
        object.__setattr__(self, "extent", _collection(self.items.extent))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapType:
    """Any number of values of one type under string keys."""

    values: "AvroType"
    """The type of each value."""
    extent: Extent = field(init=False, repr=False, compare=False)
    """Its reach."""

    def __post_init__(self) -> None:
        """Measure."""
        object.__setattr__(self, "extent", _collection(self.values.extent))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionType:
    """A value of one of several types, with the number of the branch before it."""

    branches: tuple["AvroType", ...]
    """The types in wire order."""
    extent: Extent = field(init=False, repr=False, compare=False)
    """Its reach."""

    def __post_init__(self) -> None:
        """Measure. The number of the branch takes a byte, so an empty branch is no hollow part."""
        extents = [branch.extent for branch in self.branches]
        hollow = max(each.hollow_parts - int(each.least_bytes == 0) for each in extents)
        extent = Extent(
            height=1 + max(each.height for each in extents),
            nodes=1 + sum(each.nodes for each in extents),
            least_bytes=1 + min(each.least_bytes for each in extents),
            hollow_parts=hollow,
        )
        object.__setattr__(self, "extent", extent)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOfRecord:
    """A field of a record."""

    name: str
    """Its name."""
    type: "AvroType"
    """The type of its values."""
    default: Any = NO_DEFAULT
    """The default in Avro's JSON form, or `NO_DEFAULT`. Never changed."""
    aliases: tuple[str, ...] = ()
    """Names that it had before."""
    doc: str = ""
    """What it means; empty when nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """Named fields in order."""

    full_name: str
    """Its name with namespace."""
    fields: tuple[FieldOfRecord, ...]
    """The fields in wire order."""
    aliases: tuple[str, ...] = ()
    """Full names that it had before."""
    doc: str = ""
    """What it means; empty when nobody said."""
    extent: Extent = field(init=False, repr=False, compare=False)
    """Its reach."""

    def __post_init__(self) -> None:
        """Measure."""
        extents = [each.type.extent for each in self.fields]
        least = sum(each.least_bytes for each in extents)
        extent = Extent(
            height=1 + max((each.height for each in extents), default=0),
            nodes=1 + sum(each.nodes for each in extents),
            least_bytes=least,
            hollow_parts=sum(each.hollow_parts for each in extents) + int(least == 0),
        )
        object.__setattr__(self, "extent", extent)


AvroType = PrimitiveType | FixedType | EnumType | ArrayType | MapType | UnionType | RecordType
"""Any type of a schema."""


def _collection(inner: Extent) -> Extent:
    return Extent(height=1 + inner.height, nodes=1 + inner.nodes, least_bytes=1, hollow_parts=0)


def base_name(avro_type: AvroType) -> str:
    """Return the unqualified name of a named type, or the word for another type."""
    match avro_type:
        case PrimitiveType(name=name):
            return name
        case FixedType(full_name=name) | EnumType(full_name=name) | RecordType(full_name=name):
            return name.rpartition(".")[2]
        case ArrayType():
            return "array"
        case MapType():
            return "map"
        case UnionType():
            return "union"


def logical_of(avro_type: AvroType) -> Logical | None:
    """Return the logical type, where there can be one and is one."""
    return avro_type.logical if isinstance(avro_type, PrimitiveType | FixedType) else None


def described(avro_type: AvroType, levels: int = 3) -> str:
    """Return the type as messages show it, in one short line.

    Args:
        avro_type: the type.
        levels: of arrays, maps and unions that are told in full; what lies deeper is one word.
    """
    if logical := logical_of(avro_type):
        return str(logical)
    match avro_type:
        case ArrayType(items=items) if levels:
            return f"array of {described(items, levels - 1)}"
        case MapType(values=values) if levels:
            return f"map of {described(values, levels - 1)}"
        case UnionType(branches=branches) if levels:
            more = ", ..." if len(branches) > _SHOWN_BRANCHES else ""
            shown = (described(branch, levels - 1) for branch in branches[:_SHOWN_BRANCHES])
            return f"union of {', '.join(shown)}{more}"
        case RecordType() | EnumType() | FixedType():
            return avro_type.full_name
        case _:
            return base_name(avro_type)


def without_logical(avro_type: AvroType) -> AvroType:
    """Return the same type without any logical type: the shape of its bytes, without meaning."""
    match avro_type:
        case PrimitiveType() | FixedType():
            return replace(avro_type, logical=None)
        case EnumType():
            return avro_type
        case ArrayType(items=items):
            return ArrayType(items=without_logical(items))
        case MapType(values=values):
            return MapType(values=without_logical(values))
        case UnionType(branches=branches):
            return UnionType(branches=tuple(without_logical(branch) for branch in branches))
        case RecordType(fields=fields):
            bare = tuple(replace(each, type=without_logical(each.type)) for each in fields)
            return replace(avro_type, fields=bare)
