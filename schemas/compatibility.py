"""Compatibility: whether one schema can read what another wrote, and where and why it cannot.

The rules are those of the Avro specification ("Schema Resolution", "Aliases"), with the choices
that it leaves open made as `reader` makes them: the reader's logical type decides what a value
means, two different ones never meet, the first branch of the reader's union that matches is taken.

Laws:
1. No incompatibility means: whatever the writer may write, no reader compiled for the pair ends in
   `Unresolvable`. One means: there is a value that cannot be read, and the path leads to it. A
   property test holds this to compiled readers, value by value.
2. What the two schemas alone do not show is no incompatibility: bytes read as string may be no
   UTF-8, a long read as a timestamp may lie outside of the calendar. `risk` names such pairs.
3. Hostile schemas cost little: a pair of named types is judged once, at the first place where it
   occurs, a branch is looked up and not searched, and the list ends at `MAX_INCOMPATIBILITIES`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.schemas.incompatibility import (
    Incompatibility,
    field_missing,
    meaning_differs,
    name_differs,
    no_branch,
    precision_too_low,
    size_differs,
    symbols_missing,
    type_differs,
)
from penstock.schemas.logical import clash
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
    described,
    logical_of,
)

__all__ = [
    "MAX_INCOMPATIBILITIES",
    "Branches",
    "field_targets",
    "incompatibilities",
    "joined",
    "risk",
    "same_name",
]

MAX_INCOMPATIBILITIES: Final = 50
"""The most that one pair of schemas is told. Nobody mends more at one sitting, and each may carry a
path as long as the schema is deep."""

_PROMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
"""What a writer's primitive may be read as beside itself."""

_Named = RecordType | EnumType | FixedType
_Leaf = PrimitiveType | FixedType


def incompatibilities(reader: AvroType, writer: AvroType) -> tuple[Incompatibility, ...]:
    """Tell why a reader cannot read all that a writer may write.

    Args:
        reader: what is expected; usually the root of a schema.
        writer: what the bytes have.

    Returns:
        The reasons in the order of the writer's fields, at most `MAX_INCOMPATIBILITIES`; a pair of
        named types that occurs several times is told of once. Empty when every value can be read.
    """
    judge = _Judge()
    judge.pair(writer, reader, "")
    return tuple(judge.found)


def risk(reader: AvroType, writer: AvroType) -> str | None:
    """Tell which values of a compatible pair may be refused when they come.

    Args:
        reader: what is expected.
        writer: what the bytes have. Only primitives and fixed types are looked at.

    Returns:
        What a value has to be in order to be read, such as `text in UTF-8`; None when every one is.
    """
    if not isinstance(writer, _Leaf) or not isinstance(reader, _Leaf):
        return None
    if logical_of(writer) is None and (logical := logical_of(reader)):
        # Any sixteen bytes are a UUID; nothing else is bound to be what the reader takes it for.
        certain = logical.name == "uuid" and isinstance(reader, FixedType)
        return None if certain else f"a legal {logical}"
    if base_name(writer) == "bytes" and base_name(reader) == "string":
        return "text in UTF-8"
    return None


# Which types can meet


def same_name(writer: _Named, reader: _Named) -> bool:
    """Tell whether two named types match: by unqualified name, or by an alias of the reader's."""
    return base_name(writer) == base_name(reader) or writer.full_name in reader.aliases


def field_targets(writer: RecordType, reader: RecordType) -> dict[str, FieldOfRecord]:
    """Return the reader's field for each of the writer's that it knows.

    Args:
        writer: a record.
        reader: the record that it is read as.

    Returns:
        Fields by the writer's names; a field is found by its own name first, then by its aliases in
        their order.
    """
    written = {each.name for each in writer.fields}
    targets = {each.name: each for each in reader.fields if each.name in written}
    free = written - targets.keys()
    for each in reader.fields:
        if each.name not in written:
            alias = next((name for name in each.aliases if name in free), None)
            if alias is not None:
                targets[alias] = each
                free.remove(alias)
    return targets


def _promotes(writer: PrimitiveType, reader: PrimitiveType) -> bool:
    return writer.name == reader.name or reader.name in _PROMOTIONS.get(writer.name, ())


def _mismatch(writer: AvroType, reader: AvroType, path: str) -> Incompatibility | None:
    """Why two types that are no unions do not match; what lies inside of them is not looked at."""
    match writer, reader:
        case RecordType(), RecordType():
            return None if same_name(writer, reader) else name_differs(writer, reader, path)
        case EnumType(), EnumType():
            return None if same_name(writer, reader) else name_differs(writer, reader, path)
        case FixedType(), FixedType():
            return _fixed_mismatch(writer, reader, path)
        case PrimitiveType(), PrimitiveType() if _promotes(writer, reader):
            return _clash(writer, reader, path)
        case (ArrayType(), ArrayType()) | (MapType(), MapType()):
            return None
        case _:
            return type_differs(writer, reader, path)


def _fixed_mismatch(writer: FixedType, reader: FixedType, path: str) -> Incompatibility | None:
    if not same_name(writer, reader):
        return name_differs(writer, reader, path)
    if writer.size != reader.size:
        return size_differs(writer, reader, path)
    return _clash(writer, reader, path)


def _clash(writer: _Leaf, reader: _Leaf, path: str) -> Incompatibility | None:
    problem = clash(writer, reader)
    return meaning_differs(writer, reader, path, problem) if problem else None


@dataclass(slots=True)
class Branches:
    """A reader's type, asked for the part of it that takes a writer's type.

    Named branches are looked up: two unions of thousands would otherwise be compared all with all.
    """

    type: AvroType
    """A union, or any other type, which is then its own only branch."""
    _plain: list[AvroType] = field(default_factory=list)
    _named: dict[object, tuple[int, AvroType]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the branches."""
        branches = self.type.branches if isinstance(self.type, UnionType) else (self.type,)
        for number, branch in enumerate(branches):
            if isinstance(branch, _Named):
                names = [(base_name(branch), ""), *(("", alias) for alias in branch.aliases)]
                for key in _keys(branch, names, asked=False):
                    self._named.setdefault(key, (number, branch))
            else:
                self._plain.append(branch)

    def chosen(self, writer: AvroType) -> AvroType | None:
        """Return the first branch that matches a writer's type, which is no union.

        Records and enums match by name alone (Avro specification, "Schema Resolution"): what is
        inside is judged only when the choice has been made.
        """
        if not isinstance(writer, _Named):
            return next((branch for branch in self._plain if _matches(writer, branch)), None)
        names = [(base_name(writer), ""), ("", writer.full_name)]
        keys = _keys(writer, names, asked=True)
        found = [self._named[key] for key in keys if key in self._named]
        return min(found, key=lambda each: each[0])[1] if found else None


def _keys(named: _Named, names: Sequence[tuple[str, str]], *, asked: bool) -> Iterator[object]:
    """What a named type is found by: its kind, its names, and of a fixed type size and meaning."""
    if not isinstance(named, FixedType):
        yield from ((type(named), name) for name in names)
        return
    # A side without a logical type meets any; two with one must have the same.
    own = _meaning(named.logical)
    meanings = ("any",) if asked and own is None else (None, own) if asked else ("any", own)
    yield from ((named.size, meaning, name) for name in names for meaning in meanings)


def _meaning(logical: Logical | None) -> tuple[str, int] | None:
    return (logical.name, logical.scale) if logical else None


def _matches(writer: AvroType, reader: AvroType) -> bool:
    match writer, reader:
        case (UnionType(), _) | (_, UnionType()):
            return True
        case ArrayType(), ArrayType():
            return _matches(writer.items, reader.items)
        case MapType(), MapType():
            return _matches(writer.values, reader.values)
        case _:
            return _mismatch(writer, reader, "") is None


@dataclass(slots=True)
class _Judge:
    """One walk over a writer's type and the reader's beside it."""

    found: list[Incompatibility] = field(default_factory=list)
    judged: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of named types by identity; the roots keep them alive. Equality would unfold them."""
    unions: dict[int, Branches] = field(default_factory=dict)
    """The reader's unions by identity."""

    @property
    def full(self) -> bool:
        """Whether the list has come to its end."""
        return len(self.found) >= MAX_INCOMPATIBILITIES

    def pair(self, writer: AvroType, reader: AvroType, path: str) -> None:
        """Judge two types of any kind."""
        if self.full:
            return
        match writer, reader:
            case UnionType(branches=branches), _:
                several = sum(base_name(branch) != "null" for branch in branches) > 1
                for branch in branches:
                    marked = several and isinstance(branch, RecordType)
                    mark = f"<{described(branch)}>" if marked else ""
                    self.branch(branch, reader, path + mark)
            case _, UnionType():
                self.branch(writer, reader, path)
            case _:
                self.single(writer, reader, path)

    def branch(self, writer: AvroType, reader: AvroType, path: str) -> None:
        """Judge a type that comes out of a union, goes into one, or both."""
        target: AvroType | None = reader
        if isinstance(reader, UnionType):
            if id(reader) not in self.unions:
                self.unions[id(reader)] = Branches(reader)
            target = self.unions[id(reader)].chosen(writer)
        if target is None or _is_foreign(writer, target):
            self.add(no_branch(writer, reader, path))
        else:
            self.single(writer, target, path)

    def single(self, writer: AvroType, reader: AvroType, path: str) -> None:
        """Judge two types that are no unions."""
        if isinstance(writer, _Named) and isinstance(reader, _Named):
            pair = id(writer), id(reader)
            if pair in self.judged:
                return
            self.judged.add(pair)
        if mismatch := _mismatch(writer, reader, path):
            self.add(mismatch)
            return
        match writer, reader:
            case RecordType(), RecordType():
                self.fields(writer, reader, path)
            case EnumType(), EnumType():
                self.symbols(writer, reader, path)
            case ArrayType(), ArrayType():
                self.pair(writer.items, reader.items, f"{path}[]")
            case MapType(), MapType():
                self.pair(writer.values, reader.values, f"{path}{{}}")
            case _:
                self.digits(writer, reader, path)

    def fields(self, writer: RecordType, reader: RecordType, path: str) -> None:
        """Judge the fields of two records that match."""
        targets = field_targets(writer, reader)
        reached = {each.name for each in targets.values()}
        dropped = {each.name: each for each in writer.fields if each.name not in targets}
        for each in writer.fields:
            if target := targets.get(each.name):
                self.pair(each.type, target.type, joined(path, each.name))
        for each in reader.fields:
            if self.full:
                return
            if each.name not in reached and each.default is NO_DEFAULT:
                before = _namesake(each, dropped)
                self.add(field_missing(each, joined(path, each.name), perhaps_from=before))

    def symbols(self, writer: EnumType, reader: EnumType, path: str) -> None:
        """Judge the symbols of two enums that match."""
        known = set(reader.symbols)
        missing = [each for each in writer.symbols if each not in known]
        if missing and reader.default is None:
            self.add(symbols_missing(writer, reader, path, missing))

    def digits(self, writer: AvroType, reader: AvroType, path: str) -> None:
        """Judge the digits of two decimals of one scale."""
        theirs, ours = logical_of(writer), logical_of(reader)
        if theirs and ours and theirs.precision > ours.precision:
            self.add(precision_too_low(theirs, ours, path))

    def add(self, incompatibility: Incompatibility) -> None:
        """Keep one, while the list is not full."""
        if not self.full:
            self.found.append(incompatibility)


def joined(path: str, name: str) -> str:
    """Return the path of a field of what lies at a path."""
    return f"{path}.{name}" if path else name


def _is_foreign(writer: AvroType, target: AvroType) -> bool:
    """Whether two types are of kinds that never meet, whatever their names and meanings."""
    match writer, target:
        case PrimitiveType(), PrimitiveType():
            return not _promotes(writer, target)
        case _:
            return type(writer) is not type(target)


def _namesake(field: FieldOfRecord, dropped: Mapping[str, FieldOfRecord]) -> str | None:
    """The one field that is written, not read, and has the same kind of value, if it is one."""
    kind = described(field.type)
    alike = [name for name, each in dropped.items() if described(each.type) == kind]
    return alike[0] if len(alike) == 1 else None
