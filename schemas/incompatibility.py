"""`Incompatibility`: one place where a reader cannot read all that a writer may write, in words.

Compatibility finds such places; here stands what is said of them: what the writer has, what the
reader wants, which rule of the Avro specification ("Schema Resolution") keeps them apart, and what
to do. What to do depends on which of the two schemas is still on the table, so both ways stand in
each value and whoever shows it chooses.

Laws:
1. Every text is one short line of ASCII, whatever the schemas hold: names are judged by the lint,
   and what is long is cut.
2. The sentence is that of the error PEN-A54, which comes when such a value is read, and the path is
   the path of that error with `[]` and `{}` for the number of an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.schemas.type_tree import (
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
    described,
    logical_of,
)

__all__ = [
    "Incompatibility",
    "Rule",
    "cut",
    "field_missing",
    "listed",
    "meaning_differs",
    "name_differs",
    "no_branch",
    "precision_too_low",
    "shown",
    "size_differs",
    "symbols_missing",
    "type_differs",
]

_MAX_SHOWN = 120
"""Characters of a type in a message; a union of many named types would fill the screen."""
_SHOWN_NAMES = 5
"""Symbols that a message lists."""


class Rule(StrEnum):
    """The rule of resolution that is broken. The words are stable; programs may compare them."""

    NAME = "name"
    """Two named types match by unqualified name or by an alias of the reader's."""
    SIZE = "size"
    """Two fixed types have one size."""
    TYPE = "type"
    """Two types are the same, or the writer's is promoted to the reader's."""
    BRANCH = "branch"
    """What a writer's union may hold is taken by the reader."""
    FIELD = "field"
    """A field that the reader wants is written or has a default."""
    SYMBOL = "symbol"
    """A symbol that may be written is known to the reader, or the reader has a default."""
    MEANING = "meaning"
    """Two different logical types never meet; two decimals have one scale."""
    PRECISION = "precision"
    """The reader's decimal has room for the digits of the writer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incompatibility:
    """One reason why a reader cannot read everything that a writer may write."""

    rule: Rule
    path: str
    """The field from the top, in the writer's names; `[]` is an item, `{}` a value of a map, `<T>`
    the branch T of a union. Empty for the record itself."""
    writer: str
    """What the writer has there; empty where it has nothing."""
    reader: str
    """What the reader wants there."""
    problem: str
    """Why the one does not become the other."""
    reader_remedy: str
    """What to do where the reader's schema can still be changed."""
    writer_remedy: str
    """What to do where the writer's schema can still be changed."""

    def __str__(self) -> str:
        """The place, both sides and the reason, as one sentence."""
        place = self.path or "the record itself"
        written = f"written as {self.writer}" if self.writer else "not written"
        return f"{place} is {written} and is read as {self.reader}: {self.problem}."


def type_differs(writer: AvroType, reader: AvroType, path: str) -> Incompatibility:
    """Two types of which the one does not become the other."""
    theirs, ours = shown(writer), shown(reader)
    return Incompatibility(
        rule=Rule.TYPE,
        path=path,
        writer=theirs,
        reader=ours,
        problem=_type_problem(writer, reader),
        **_keep(theirs, ours),
    )


def _type_problem(writer: AvroType, reader: AvroType) -> str:
    if isinstance(writer, PrimitiveType) and isinstance(reader, PrimitiveType):
        return "there is no promotion from one to the other"
    return "they are different types"


def name_differs(
    writer: RecordType | EnumType | FixedType,
    reader: RecordType | EnumType | FixedType,
    path: str,
) -> Incompatibility:
    """Two named types of one kind that do not match by name."""
    return Incompatibility(
        rule=Rule.NAME,
        path=path,
        writer=shown(writer),
        reader=shown(reader),
        problem=f'the names differ, and the reader has no alias "{writer.full_name}"',
        reader_remedy=f'Add the alias "{writer.full_name}" to {reader.full_name}.',
        writer_remedy=f"Keep the name {reader.full_name}.",
    )


def size_differs(writer: FixedType, reader: FixedType, path: str) -> Incompatibility:
    """Two fixed types of one name and two sizes."""
    keep = "Keep {} bytes; another size takes another name and a new field with a default."
    return Incompatibility(
        rule=Rule.SIZE,
        path=path,
        writer=shown(writer),
        reader=shown(reader),
        problem="the sizes differ",
        reader_remedy=keep.format(writer.size),
        writer_remedy=keep.format(reader.size),
    )


def meaning_differs(writer: AvroType, reader: AvroType, path: str, problem: str) -> Incompatibility:
    """A logical type and another one, or a base, that never meet for the reason that is given."""
    theirs, ours = described(writer), described(reader)
    both = logical_of(writer), logical_of(reader)
    if all(both):
        decimals = all(each and each.name == "decimal" for each in both)
        problem = "nothing is rescaled" if decimals else "the one is not converted to the other"
    return Incompatibility(
        rule=Rule.MEANING,
        path=path,
        writer=theirs,
        reader=ours,
        problem=problem,
        **_keep(theirs, ours),
    )


def precision_too_low(writer: Logical, reader: Logical, path: str) -> Incompatibility:
    """A decimal whose numbers may have more digits than the reader takes."""
    return Incompatibility(
        rule=Rule.PRECISION,
        path=path,
        writer=str(writer),
        reader=str(reader),
        problem=f"a number of more than {reader.precision} digits cannot be read",
        reader_remedy=f"Keep at least {writer.precision} digits.",
        writer_remedy=f"Keep to {reader.precision} digits at most.",
    )


def no_branch(writer: AvroType, reader: AvroType, path: str) -> Incompatibility:
    """A type out of a union, or on the way into one, that the reader does not take."""
    theirs, ours = shown(writer), shown(reader)
    problem = "no branch of the union takes it"
    keep = f"Keep {theirs} in the union."
    leave = f"Do not write {theirs} before every reader takes it."
    if not isinstance(reader, UnionType):
        problem = _type_problem(writer, reader)
    if base_name(writer) == "null":
        problem = "it takes no null"
        keep, leave = "Keep it optional.", "Keep it required until it is optional in every reader."
    return Incompatibility(
        rule=Rule.BRANCH,
        path=path,
        writer=theirs,
        reader=ours,
        problem=problem,
        reader_remedy=keep,
        writer_remedy=leave,
    )


def field_missing(field: FieldOfRecord, path: str, *, perhaps_from: str | None) -> Incompatibility:
    """A field that the reader wants, and that is neither written nor has a default.

    Args:
        field: the reader's field.
        path: of the field itself.
        perhaps_from: a field of the writer's that it may have been before, if one is likely.
    """
    renamed = f', or the alias "{perhaps_from}" if it was {perhaps_from}' if perhaps_from else ""
    beside = f", beside {perhaps_from} if that is its new name" if perhaps_from else ""
    return Incompatibility(
        rule=Rule.FIELD,
        path=path,
        writer="",
        reader=shown(field.type),
        problem="it has no default",
        reader_remedy=f"Give it a default{renamed}.",
        writer_remedy=f"Keep the field {field.name}{beside}.",
    )


def symbols_missing(
    writer: EnumType, reader: EnumType, path: str, missing: Sequence[str]
) -> Incompatibility:
    """Symbols that may be written and that a reader without a default does not know."""
    names = listed(missing)
    return Incompatibility(
        rule=Rule.SYMBOL,
        path=path,
        writer=f"{names} of {shown(writer)}",
        reader=shown(reader),
        problem="it lacks the symbol and has no default"
        if len(missing) == 1
        else "it lacks the symbols and has no default",
        reader_remedy=f"Keep {names}, or give {reader.full_name} a default.",
        writer_remedy=f"Do not add {names} before every reader has a default.",
    )


def _keep(theirs: str, ours: str) -> dict[str, str]:
    return {
        "reader_remedy": f"Keep {theirs}, or read {ours} from a new field with a default.",
        "writer_remedy": f"Keep {ours}, or write {theirs} into a new field.",
    }


def shown(avro_type: AvroType) -> str:
    """Return a type as verdicts show it: with its kind, and with the base of a logical type."""
    if logical := logical_of(avro_type):
        base = f"fixed {avro_type.full_name}" if isinstance(avro_type, FixedType) else None
        return f"{logical} on {base or base_name(avro_type)}"
    match avro_type:
        case RecordType(full_name=name):
            return f"record {name}"
        case EnumType(full_name=name):
            return f"enum {name}"
        case FixedType(full_name=name):
            return f"fixed {name} of {avro_type.size} bytes"
        case _:
            return cut(described(avro_type))


def cut(text: str, limit: int = _MAX_SHOWN) -> str:
    """Return a text with at most `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def listed(names: Sequence[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
