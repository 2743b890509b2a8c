"""The named types of several schemas, each once, what a type mentions before the type itself.

Laws:
1. A name is one type over all the schemas, to the last doc and default, or the schemas are refused.
2. The order depends on names alone, not on the order of the schemas.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from penstock.schemas.source_errors import NoFaithfulClass
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["NamedType", "mentioned_in", "named_types", "namespace_of"]

NamedType: TypeAlias = RecordType | EnumType | FixedType
"""A type that has a name of its own."""


def named_types(roots: Iterable[RecordType]) -> dict[str, NamedType]:
    """Return the types by their full names.

    Raises:
        NoFaithfulClass: one has no namespace, or two have one name.
    """
    found: dict[str, NamedType] = {}
    for root in sorted(roots, key=lambda each: each.full_name):
        _collect(root, found, set())
    return found


def mentioned_in(record: RecordType) -> Iterator[tuple[str, NamedType]]:
    """Yield the named types that the fields of a record mention, each with the field's name."""
    for field in record.fields:
        for each in _named_in(field.type):
            yield field.name, each


def namespace_of(named: NamedType) -> str:
    """Return the namespace of a type."""
    return named.full_name.rpartition(".")[0]


def _collect(named: NamedType, found: dict[str, NamedType], seen: set[int]) -> None:
    # By identity, for a schema of forty lines may mention its types a million times.
    if id(named) in seen:
        return
    seen.add(id(named))
    if not namespace_of(named):
        problem = "it has no namespace, and its full name is how others find it"
        raise NoFaithfulClass(place=named.full_name, problem=problem, instead='a "namespace"')
    if isinstance(named, RecordType):
        for _, each in mentioned_in(named):
            _collect(each, found, seen)
    if found.setdefault(named.full_name, named) != named:
        problem = "the schemas have two different types of this name"
        instead = "one of them in all of the schemas"
        raise NoFaithfulClass(place=named.full_name, problem=problem, instead=instead)


def _named_in(avro_type: AvroType) -> Iterator[NamedType]:
    match avro_type:
        case PrimitiveType():
            return
        case ArrayType(items=inner) | MapType(values=inner):
            yield from _named_in(inner)
        case UnionType(branches=branches):
            for branch in branches:
                yield from _named_in(branch)
        case _:
            yield avro_type
