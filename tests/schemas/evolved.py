"""Strategies for pairs of schemas: one that was changed, by the rules or against them.

`evolutions` draws a record and another that somebody made of it, `strangers` two that know nothing
of each other. What they draw would be taken by the lint.
"""

from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from penstock.schemas.canonical import document_of
from penstock.schemas.lint import tree_of
from penstock.schemas.schema_errors import SchemaError
from penstock.schemas.type_tree import (
    NO_DEFAULT,
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
    base_name,
    logical_of,
)
from tests.schemas.generated import MEANINGS, NULL, PLAIN, Drawing, records

__all__ = ["evolutions", "strangers"]

_DIGITS = 30
_ROOMY = 16
"""The size of a fixed type that may mean something."""
_ZEROS: dict[str, Any] = {
    "null": None,
    "boolean": False,
    "float": 0.0,
    "double": 0.0,
    "bytes": "\0",
    "string": "",
    "array": [],
    "map": {},
}
_SYMBOLS = "ABCDE"


class WiderDrawing(Drawing):
    """Draws unions of several branches too, and fields that have defaults."""

    def optional(self, depth: int) -> AvroType:
        """Draw a union."""
        branches: dict[str, AvroType] = {"null": NULL} if self.draw(st.booleans()) else {}
        for _ in range(self.draw(st.integers(1, 3))):
            branch = self.type(depth)
            if not isinstance(branch, UnionType):
                branches.setdefault(getattr(branch, "full_name", base_name(branch)), branch)
        return self.union(list(branches.values()))

    def union(self, branches: list[AvroType]) -> AvroType:
        """Draw the order of a union."""
        if not branches:
            return NULL
        return UnionType(branches=tuple(self.draw(st.permutations(branches))))

    def record(self, depth: int) -> RecordType:
        """Draw a record."""
        record = super().record(depth)
        return replace(record, fields=tuple(map(self.with_default, record.fields)))

    def with_default(self, field: FieldOfRecord) -> FieldOfRecord:
        """Draw whether a field has a default."""
        default = default_of(field.type) if self.draw(st.booleans()) else NO_DEFAULT
        return replace(field, default=default)


class Evolution:
    """One change of a schema."""

    def __init__(self, drawing: WiderDrawing, *, tangled: bool) -> None:
        """Go on with the names that were given."""
        self.drawing = drawing
        self.tangled = tangled
        self.draw = drawing.draw

    def rarely(self) -> bool:
        """Draw true once in a while."""
        return self.draw(st.integers(0, 7)) == 7

    def type(self, avro_type: AvroType) -> AvroType:
        """Draw what became of a type."""
        if self.rarely():
            return self.drawing.type(1)
        found = self.of_its_kind(avro_type)
        if self.rarely() and not isinstance(found, UnionType) and found != NULL:
            return UnionType(branches=(NULL, found))
        return found

    def of_its_kind(self, avro_type: AvroType) -> AvroType:
        """Draw what became of a type that stays what it is, by and large."""
        found: AvroType
        match avro_type:
            case PrimitiveType():
                found = self.primitive(avro_type)
            case FixedType():
                found = self.fixed(avro_type)
            case EnumType():
                found = self.enum(avro_type)
            case ArrayType(items=items):
                found = ArrayType(items=self.type(items))
            case MapType(values=values):
                found = MapType(values=self.type(values))
            case UnionType():
                found = self.union(avro_type)
            case RecordType():
                found = self.record(avro_type)
        return found

    def primitive(self, primitive: PrimitiveType) -> PrimitiveType:
        """Draw the same primitive, mostly, or another, or another meaning of it."""
        if self.rarely():
            return self.draw(st.sampled_from(PLAIN))
        return replace(primitive, logical=self.meaning(primitive.name, primitive.logical))

    def fixed(self, fixed: FixedType) -> FixedType:
        """Draw a fixed type under the same or another name."""
        name, aliases = self.name(fixed)
        size = fixed.size + int(self.rarely())
        logical = self.meaning("fixed", fixed.logical) if size == _ROOMY else None
        return FixedType(full_name=name, size=size, logical=logical, aliases=aliases)

    def meaning(self, base: str, logical: Logical | None) -> Logical | None:
        """Draw the same meaning, mostly, or another of the same base."""
        if not self.rarely() and (logical is None or self.draw(st.booleans())):
            return logical
        meanings = [None, *(each.logical for each in MEANINGS if each.name == base)]
        meanings += [Logical(name="uuid")] if base == "fixed" else []
        meanings += [self.decimal(logical)] * 3 if base in {"bytes", "fixed"} else []
        return self.draw(st.sampled_from(meanings))

    def decimal(self, logical: Logical | None) -> Logical:
        """Draw digits, those of another decimal or near to them."""
        precision, scale = self.draw(st.integers(1, _DIGITS)), 0
        if logical and logical.name == "decimal":
            precision = max(1, min(_DIGITS, logical.precision + self.draw(st.integers(-1, 1))))
            scale = min(precision, logical.scale + int(self.rarely()))
        return Logical(name="decimal", precision=precision, scale=scale)

    def enum(self, enum: EnumType) -> EnumType:
        """Draw an enum with symbols added, removed, reordered."""
        name, aliases = self.name(enum)
        symbols = list(enum.symbols)
        if self.rarely():
            symbols = sorted(self.draw(st.sets(st.sampled_from(_SYMBOLS), min_size=1)))
        symbols = self.draw(st.permutations(symbols))
        default = self.draw(st.sampled_from([None, *symbols]))
        return EnumType(full_name=name, symbols=tuple(symbols), default=default, aliases=aliases)

    def union(self, union: UnionType) -> AvroType:
        """Draw a union with branches changed, added, removed, reordered."""
        found: dict[str, AvroType] = {}
        branches = [self.type(each) for each in union.branches if not self.rarely()]
        if self.rarely():
            branches.append(self.drawing.type(1))
        for branch in branches:
            if not isinstance(branch, UnionType):
                found.setdefault(getattr(branch, "full_name", base_name(branch)), branch)
        if self.rarely() and len(found) == 1:
            return next(iter(found.values()))
        return self.drawing.union(list(found.values()))

    def record(self, record: RecordType) -> RecordType:
        """Draw a record with fields dropped, reordered, renamed, changed and added."""
        name, aliases = self.name(record)
        named = [self.field(each) for each in record.fields if not self.rarely()]
        fields = list({each.name: each for each in named}.values())
        if self.rarely():
            added = FieldOfRecord(name="added", type=self.drawing.type(1))
            fields.append(self.drawing.with_default(added))
        if self.rarely():
            fields = list(self.draw(st.permutations(fields)))
        return RecordType(full_name=name, fields=tuple(fields), aliases=aliases)

    def field(self, field: FieldOfRecord) -> FieldOfRecord:
        """Draw what became of a field."""
        changed = replace(field, type=self.type(field.type), default=NO_DEFAULT)
        if field.default is not NO_DEFAULT and not self.rarely():
            changed = replace(changed, default=default_of(changed.type))
        if self.rarely():
            names = [f"new_{field.name}", *(["f0", "f1", "f2"] if self.tangled else [])]
            name = self.draw(st.sampled_from(names))
            changed = replace(changed, name=name)
        if changed.name != field.name or (self.tangled and self.rarely()):
            others = ["f0", "f1", "f2", "new_f0"] if self.tangled else ["else"]
            other = self.draw(st.sampled_from(others))
            aliases = self.draw(st.sampled_from([(), (field.name,), (other, field.name)]))
            changed = replace(changed, aliases=aliases)
        return changed

    def name(self, named: RecordType | EnumType | FixedType) -> tuple[str, tuple[str, ...]]:
        """Draw a full name, mostly the same, and aliases."""
        namespace, _, name = named.full_name.rpartition(".")
        moved = f"{'moved' if self.rarely() else namespace}.{name}"
        if not self.rarely():
            return moved, named.aliases
        alias = self.draw(st.sampled_from([(), (named.full_name,), (f"wrong.{name}",)]))
        # A name that another type may have, in a namespace of its own.
        others = ["else.T2", "else.T3"] if self.tangled else []
        return self.draw(st.sampled_from([f"{namespace}.New{name}", *others])), alias


def default_of(avro_type: AvroType) -> Any:
    """Return a default of a type, as JSON."""
    match avro_type:
        case FixedType(size=size):
            return "\0" * size
        case EnumType(symbols=symbols):
            return symbols[0]
        case UnionType(branches=branches):
            return default_of(branches[0])
        case RecordType(fields=fields):
            return {each.name: default_of(each.type) for each in fields}
        case _ if logical_of(avro_type) == Logical(name="uuid"):
            return "00000000-0000-0000-0000-000000000000"
        case _:
            return _ZEROS.get(base_name(avro_type), 0)


def linted(record: RecordType) -> RecordType:
    """Give up what the lint would refuse: names twice, items without bytes."""
    try:
        return tree_of(document_of(record, {}))
    except SchemaError:
        assume(False)
        raise


@st.composite
def evolutions(
    draw: st.DrawFn, *, logical: bool = True, tangled: bool = True
) -> tuple[RecordType, RecordType]:
    """Draw a record and what became of it.

    Args:
        draw: Hypothesis's.
        logical: whether there are logical types.
        tangled: whether new names and aliases may be those of other fields and types.
    """
    drawing = WiderDrawing(draw, logical=logical)
    record = drawing.record(3)
    return linted(record), linted(Evolution(drawing, tangled=tangled).record(record))


def strangers() -> st.SearchStrategy[tuple[RecordType, RecordType]]:
    """Draw two records that know nothing of each other, although some names are the same."""
    return st.tuples(records(depth=2), records(depth=2))
