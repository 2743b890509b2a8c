"""Whether a value of one Avro type can be passed on to another, for every value that it may have.

Passing on is Avro's schema resolution (specification, "Schema Resolution"), and stricter where a
meaning would get lost (saga-rules S33):

| from | to |
|---|---|
| int | long, float, double |
| long | float, double |
| float | double |
| string | bytes; not the other way, for bytes may be no text |
| decimal(p, s) | decimal(q, s), q not smaller than p |
| any other logical type | the same |
| enum, fixed, record | one of the same full name that knows all its symbols, bytes, fields |
| array, map | array, map, if the items can be passed on |
| a union | what takes each of its branches |
| anything | itself or null, if it fits itself; a union of more if one branch is the very same |

Laws:
1. What is said to fit can be written by the one type and read by the other, value by value. (A
   long with more digits than a float holds is rounded, as Avro demands.)
2. A reason is one phrase, and names types, never values.
"""

from typing import Final

from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    described,
    logical_of,
)

__all__ = ["NULL", "article", "is_nullable", "misfit", "shown", "without_null"]

NULL: Final = PrimitiveType(name="null")
"""The type of null."""
_PROMOTIONS: Final = frozenset(
    {
        ("int", "long"),
        ("int", "float"),
        ("int", "double"),
        ("long", "float"),
        ("long", "double"),
        ("float", "double"),
        ("string", "bytes"),
    }
)


def is_nullable(avro_type: AvroType) -> bool:
    """Tell whether null is one of the type's values."""
    return avro_type == NULL or (isinstance(avro_type, UnionType) and NULL in avro_type.branches)


def without_null(avro_type: AvroType) -> AvroType:
    """Return the type without null, where something is left then."""
    if isinstance(avro_type, UnionType):
        rest = tuple(branch for branch in avro_type.branches if branch != NULL)
        if len(rest) == 1:
            return rest[0]
        return UnionType(branches=rest) if rest else avro_type
    return avro_type


def shown(avro_type: AvroType) -> str:
    """Return a type as messages show it; null comes last, as people say it."""
    if (
        isinstance(avro_type, UnionType)
        and is_nullable(avro_type)
        and avro_type.branches != (NULL,)
    ):
        return f"{shown(without_null(avro_type))} or null"
    return described(avro_type)


def article(avro_type: AvroType) -> str:
    """Return `shown` with its article."""
    text = shown(avro_type)
    return f"an {text}" if text[:1] in "aeio" else f"a {text}"


def misfit(source: AvroType, target: AvroType) -> str | None:
    """Return why a value cannot be passed on, or None where each can.

    Args:
        source: the type that the value has.
        target: the type that is to take it.
    """
    if isinstance(target, UnionType) and source in target.branches:
        return None
    return _misfit(source, target)


def _misfit(source: AvroType, target: AvroType) -> str | None:
    if source == target:
        return None
    if isinstance(target, UnionType) and isinstance(without_null(target), UnionType):
        # Resolution takes the first branch that it can read the bytes with: an int might become
        # a date in passing.
        return f"of several branches none is exactly {article(source)}"
    if isinstance(source, UnionType):
        return next((why for each in source.branches if (why := _misfit(each, target))), None)
    if isinstance(target, UnionType):
        if source == NULL:
            return None if is_nullable(target) else _plain(source, target)
        return _misfit(source, without_null(target))
    return _kind_misfit(source, target)


def _kind_misfit(source: AvroType, target: AvroType) -> str | None:
    match source, target:
        case ((PrimitiveType() | FixedType()), (PrimitiveType() | FixedType())):
            return _base_misfit(source, target)
        case EnumType(), EnumType():
            return _enum_misfit(source, target)
        case ArrayType(items=items), ArrayType(items=wanted):
            return _inside("in its items", _misfit(items, wanted))
        case MapType(values=values), MapType(values=wanted):
            return _inside("in its values", _misfit(values, wanted))
        case RecordType(), RecordType():
            return _record_misfit(source, target)
        case _:
            return _plain(source, target)


def _plain(source: AvroType, target: AvroType) -> str:
    return f"{article(source)} is no {shown(target)}"


def _inside(where: str, reason: str | None) -> str | None:
    return None if reason is None else f"{where} {reason}"


def _base_misfit(
    source: PrimitiveType | FixedType, target: PrimitiveType | FixedType
) -> str | None:
    ours, theirs = logical_of(source), logical_of(target)
    if (ours and ours.name) != (theirs and theirs.name):
        return _plain(source, target)
    if isinstance(source, FixedType) or isinstance(target, FixedType):
        if not (isinstance(source, FixedType) and isinstance(target, FixedType)):
            reason = "one is of fixed size and the other is not"
            return f"{_plain(source, target)}: {reason}" if ours else _plain(source, target)
        if (source.full_name, source.size) != (target.full_name, target.size):
            return f"{source.full_name} is not {target.full_name} of the same size"
    elif source.name != target.name and (ours or (source.name, target.name) not in _PROMOTIONS):
        return _plain(source, target)
    if ours and theirs and (ours.scale != theirs.scale or ours.precision > theirs.precision):
        rule = "the scale must be the same, and the precision not smaller"
        return f"{ours} does not fit into {theirs}: {rule}"
    return None


def _enum_misfit(source: EnumType, target: EnumType) -> str | None:
    if source.full_name != target.full_name:
        return f"{source.full_name} is another enum than {target.full_name}"
    unknown = [each for each in source.symbols if each not in target.symbols]
    if unknown:  # with a default Avro would quietly make another symbol of it
        return f"{target.full_name} does not know the symbol {unknown[0]}"
    return None


def _record_misfit(source: RecordType, target: RecordType) -> str | None:
    if source.full_name != target.full_name:
        return f"{source.full_name} is another record than {target.full_name}"
    given = {each.name: each.type for each in source.fields}
    for each in target.fields:
        name = next((name for name in (each.name, *each.aliases) if name in given), None)
        if name is None:
            if each.default is NO_DEFAULT:
                return f"it has no field {each.name}, which {target.full_name} needs here"
        elif reason := _misfit(given[name], each.type):
            return f"in its field {each.name} {reason}"
    return None
