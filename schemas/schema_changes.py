"""What changed from one schema to another, as a list that a person reads.

Each change says whether old readers mind it when new records come, and whether new readers mind it
when they meet old records. Both answers are those of `compatibility`, asked about the changed part
alone.

Laws:
1. Some change is minded by new readers if and only if the new schema cannot read what the old one
   wrote; by old readers, if and only if the old schema cannot read what the new one writes. (A list
   that ends at `MAX_CHANGES` may lack it.)
2. A pair of named types that occurs several times is told of once, at its first place. Paths are
   those of the new schema, or of the old one where the new one lacks the part.
3. Every text is one short line of ASCII: docs are never quoted, defaults are escaped and cut.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.schemas.branch_pairing import BranchPairing
from penstock.schemas.compatibility import joined, same_name
from penstock.schemas.field_pairing import FieldPairing
from penstock.schemas.incompatibility import cut, listed, shown
from penstock.schemas.reading import Reading, reading_of
from penstock.schemas.schema_change import ChangeKind, SchemaChange
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = ["MAX_CHANGES", "changes"]

MAX_CHANGES: Final = 500
"""The most that one pair of schemas is told. A person reads fewer; a hostile pair has thousands,
each perhaps with a path as long as the schema is deep."""

_SHOWN_DEFAULT = 60
"""Characters of a default that is shown."""

_Named = RecordType | EnumType | FixedType


def changes(before: RecordType, after: RecordType) -> tuple[SchemaChange, ...]:
    """List what changed.

    Args:
        before: the old schema.
        after: the new one.

    Returns:
        The changes from the top down, in the order of the new schema's fields and then of those
        that are gone; empty when the two say the same.
    """
    walk = _Walk()
    walk.pair(before, after, "")
    return tuple(walk.found)


@dataclass(slots=True)
class _Walk:
    """One walk over the old type and the new one beside it."""

    found: list[SchemaChange] = field(default_factory=list)
    met: set[tuple[int, int, bool, bool]] = field(default_factory=set)
    """Pairs of named types by identity, and who reads; the roots keep them alive."""
    old_reads: bool = True
    """Whether old readers look at what is compared now. A field that was renamed by an alias of the
    new schema alone is for them one that was removed, whatever is in it."""
    new_reads: bool = True
    """The same of new readers."""

    def add(
        self,
        kind: ChangeKind,
        path: str,
        text: str,
        *,
        old: Reading = Reading.ALL,
        new: Reading = Reading.ALL,
    ) -> None:
        """Keep one change, while the list is not full."""
        if len(self.found) == MAX_CHANGES:
            return
        self.found.append(
            SchemaChange(
                kind=kind,
                path=path,
                text=text,
                old_readers=old if self.old_reads else Reading.ALL,
                new_readers=new if self.new_reads else Reading.ALL,
            )
        )

    def pair(self, before: AvroType, after: AvroType, path: str) -> None:
        """Compare two types at one place."""
        if isinstance(before, _Named) and isinstance(after, _Named):
            key = (id(before), id(after), self.old_reads, self.new_reads)
            if key in self.met:
                return
            self.met.add(key)
        match before, after:
            case (UnionType(), _) | (_, UnionType()):
                self.branches(before, after, path)
            case RecordType(), RecordType():
                self.named(before, after, path)
                self.docs(before, after, path)
                self.fields(before, after, path)
            case EnumType(), EnumType():
                self.named(before, after, path)
                self.docs(before, after, path)
                self.symbols(before, after, path)
            case FixedType(), FixedType():
                self.fixed(before, after, path)
            case ArrayType(), ArrayType():
                self.pair(before.items, after.items, f"{path}[]")
            case MapType(), MapType():
                self.pair(before.values, after.values, f"{path}{{}}")
            case PrimitiveType(), PrimitiveType():
                self.primitives(before, after, path)
            case _:
                self.other_type(before, after, path)

    # Named types

    def named(self, before: _Named, after: _Named, path: str) -> None:
        """Compare the names and aliases of two types of one kind."""
        if before.full_name != after.full_name:
            old = Reading.ALL if same_name(after, before) else Reading.NOT_ALL
            new = Reading.ALL if same_name(before, after) else Reading.NOT_ALL
            text = f"{shown(before)} renamed to {after.full_name}"
            self.add(ChangeKind.TYPE_RENAMED, path, text, old=old, new=new)
        # The alias that a new name leaves behind needs no word of its own.
        left = [each for each in after.aliases if each != before.full_name]
        self.aliases(before.aliases, left, path, f"of {after.full_name} ")

    def aliases(
        self, before: Sequence[str], after: Sequence[str], path: str, owner: str = ""
    ) -> None:
        """Compare aliases. What a missing one breaks is told with the name that needs it."""
        come, gone = _difference(after, before), _difference(before, after)
        parts = [f"{listed(come)} added"] if come else []
        parts += [f"{listed(gone)} removed"] if gone else []
        if parts:
            text = f"aliases {owner}changed: {', '.join(parts)}"
            self.add(ChangeKind.ALIASES_CHANGED, path, text)

    def docs(
        self,
        before: RecordType | EnumType | FieldOfRecord,
        after: RecordType | EnumType | FieldOfRecord,
        path: str,
    ) -> None:
        """Compare docs, of which only that they differ is told."""
        if before.doc == after.doc:
            return
        owner = "" if isinstance(after, FieldOfRecord) else f" of {after.full_name}"
        word = "added" if not before.doc else "removed" if not after.doc else "changed"
        self.add(ChangeKind.DOC_CHANGED, path, f"doc{owner} {word}")

    def symbols(self, before: EnumType, after: EnumType, path: str) -> None:
        """Compare the symbols and the default of two enums."""
        come = _difference(after.symbols, before.symbols)
        gone = _difference(before.symbols, after.symbols)
        if come:
            old = Reading.NOT_ALL if before.default is None else Reading.ALL
            self.add(ChangeKind.SYMBOL_ADDED, path, f"{_symbols(come)} added", old=old)
        if gone:
            new = Reading.NOT_ALL if after.default is None else Reading.ALL
            instead = f", read as {after.default}" if after.default is not None else ""
            text = f"{_symbols(gone)} removed{instead}"
            self.add(ChangeKind.SYMBOL_REMOVED, path, text, new=new)
        if _difference(before.symbols, gone) != _difference(after.symbols, come):
            self.add(ChangeKind.SYMBOLS_REORDERED, path, "symbols in another order")
        if before.default != after.default:
            ends = [each or NO_DEFAULT for each in (before.default, after.default)]
            text = f"default of {after.full_name}: {_replaced(*ends)}"
            self.add(ChangeKind.DEFAULT_CHANGED, path, text)

    def fixed(self, before: FixedType, after: FixedType, path: str) -> None:
        """Compare two fixed types; a part that both readings depend on is told on its own."""
        self.named(before, after, path)
        if before.size != after.size:
            text = f"size of {after.full_name} changed from {before.size} to {after.size} bytes"
            old = new = Reading.NOT_ALL
            self.add(ChangeKind.SIZE_CHANGED, path, text, old=old, new=new)
        if before.logical != after.logical:
            # Of one name and size, so that only the meanings are judged.
            alike = FixedType(full_name="x", size=16, logical=before.logical)
            other = FixedType(full_name="x", size=16, logical=after.logical)
            both = _both(alike, other)
            self.became(ChangeKind.MEANING_CHANGED, before, after, path, both)

    # Records

    def fields(self, before: RecordType, after: RecordType, path: str) -> None:
        """Compare the fields of two records."""
        pairing = FieldPairing(before, after)
        for each in after.fields:
            inner = joined(path, each.name)
            if was := pairing.old_of.get(each.name):
                self.field(was, each, inner, pairing)
            else:
                text = f"added {_with_default(each)}"
                self.add(ChangeKind.FIELD_ADDED, inner, text, new=pairing.new_reading(each))
        kept = {old.name: new for new, old in pairing.old_of.items()}
        for each in before.fields:
            if each.name not in kept:
                inner, old = joined(path, each.name), pairing.old_reading(each)
                self.add(ChangeKind.FIELD_REMOVED, inner, "removed", old=old)
        if [kept[each.name] for each in before.fields if each.name in kept] != [
            each.name for each in after.fields if each.name in pairing.old_of
        ]:
            self.add(ChangeKind.FIELDS_REORDERED, path, "fields in another order")

    def field(
        self, before: FieldOfRecord, after: FieldOfRecord, path: str, pairing: FieldPairing
    ) -> None:
        """Compare one field with what it was."""
        sides = self.old_reads, self.new_reads
        if before.name != after.name:
            by_old = pairing.read_by_old.get(after.name) is before
            by_new = pairing.read_by_new.get(before.name) is after
            self.add(
                ChangeKind.FIELD_RENAMED,
                path,
                f"renamed from {before.name}",
                old=Reading.ALL if by_old else pairing.old_reading(before),
                new=Reading.ALL if by_new else pairing.new_reading(after),
            )
            self.old_reads, self.new_reads = sides[0] and by_old, sides[1] and by_new
        self.pair(before.type, after.type, path)
        if _differ(before.default, after.default):
            text = f"default {_replaced(before.default, after.default)}"
            self.add(ChangeKind.DEFAULT_CHANGED, path, text)
        left = [each for each in after.aliases if each != before.name]
        self.aliases(before.aliases, left, path)
        self.docs(before, after, path)
        self.old_reads, self.new_reads = sides

    # Single types

    def primitives(self, before: PrimitiveType, after: PrimitiveType, path: str) -> None:
        """Compare two primitives."""
        if before == after:
            return
        both = _both(before, after)
        kind = ChangeKind.MEANING_CHANGED if before.name == after.name else ChangeKind.TYPE_CHANGED
        if before.name != after.name and before.logical is after.logical is None:
            match [each is Reading.NOT_ALL for each in both]:
                case [True, False]:
                    kind = ChangeKind.TYPE_WIDENED
                case [False, True]:
                    kind = ChangeKind.TYPE_NARROWED
        self.became(kind, before, after, path, both)

    def other_type(self, before: AvroType, after: AvroType, path: str) -> None:
        """Tell of two types of different kinds."""
        self.became(ChangeKind.TYPE_CHANGED, before, after, path, _both(before, after))

    def became(
        self,
        kind: ChangeKind,
        before: AvroType,
        after: AvroType,
        path: str,
        both: tuple[Reading, Reading],
    ) -> None:
        """Tell of a type in the place of another."""
        old, new = both
        self.add(kind, path, f"{shown(before)} became {shown(after)}", old=old, new=new)

    # Unions

    def branches(self, before: AvroType, after: AvroType, path: str) -> None:
        """Compare two types of which one at least is a union."""
        union = BranchPairing(before, after)
        self.presence(union, path)
        several = sum(base_name(each) != "null" for each in union.news) > 1
        for old, new in union.pairs:
            mark = f"<{new.full_name}>" if several and isinstance(new, RecordType) else ""
            if union.meet(old, new):
                self.pair(old, new, path + mark)
                continue
            # A branch before it takes its values; that may work, and then there is nothing to say.
            by_old, by_new = union.old_reading(new), union.new_reading(old)
            if Reading.NOT_ALL in {by_old, by_new}:
                text = f"{shown(new)} is read as another branch of the union"
                self.add(ChangeKind.BRANCHES_REORDERED, path + mark, text, old=by_old, new=by_new)
        if union.is_reordered:
            text = "branches of the union in another order"
            self.add(ChangeKind.BRANCHES_REORDERED, path, text)

    def presence(self, union: BranchPairing, path: str) -> None:
        """Tell of branches that one side alone has."""
        for each in union.gone:
            new = union.new_reading(each)
            if base_name(each) == "null":
                self.add(ChangeKind.MADE_REQUIRED, path, "made required", new=new)
            else:
                text = f"{shown(each)} removed from the union"
                self.add(ChangeKind.BRANCH_REMOVED, path, text, new=new)
        for each in union.come:
            old = union.old_reading(each)
            if base_name(each) == "null":
                self.add(ChangeKind.MADE_OPTIONAL, path, "made optional", old=old)
            else:
                text = f"{shown(each)} added to the union"
                self.add(ChangeKind.BRANCH_ADDED, path, text, old=old)


def _both(before: AvroType, after: AvroType) -> tuple[Reading, Reading]:
    """How old readers fare with the new type, and new readers with the old one."""
    return reading_of(before, after), reading_of(after, before)


def _difference(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """The names that are not among the others, in their order."""
    known = set(others)
    return [name for name in names if name not in known]


def _symbols(names: Sequence[str]) -> str:
    return f"symbol{'s' if len(names) > 1 else ''} {listed(names)}"


# Defaults


def _with_default(field: FieldOfRecord) -> str:
    if field.default is NO_DEFAULT:
        return "without a default"
    return f"with the default {_json(field.default)}"


def _replaced(before: Any, after: Any) -> str:
    if before is NO_DEFAULT:
        return f"{_json(after)} added"
    if after is NO_DEFAULT:
        return f"{_json(before)} removed"
    return f"{_json(before)} changed to {_json(after)}"


def _differ(before: Any, after: Any) -> bool:
    if before is NO_DEFAULT or after is NO_DEFAULT:
        return before is not after
    # As text: to Python true is 1, and 1.0 too.
    return json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)


def _json(default: Any) -> str:
    return cut(json.dumps(default, ensure_ascii=True), _SHOWN_DEFAULT)
