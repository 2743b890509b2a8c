"""Whether two schemas with one fingerprint mean the same.

A fingerprint covers the canonical form only, and that does not show logical types: decimal(12, 2)
and decimal(12, 4) have one fingerprint, and 19.99 written as the one is 0.1999 read as the other.
So a schema whose fingerprint is known already is compared with the known one before it may be used.

Law: another logical type or another scale is another meaning and is refused. Another precision,
doc, default or attribute is not: of those the latest is kept.
"""

from collections.abc import Iterable

from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    described,
)

__all__ = ["logical_conflict", "says_the_same"]


def says_the_same(one: AvroSchema, other: AvroSchema) -> bool:
    """Whether two texts say the same in every attribute, in whatever order they say it.

    Registries write texts anew: Karapace sorts the attributes of each object.
    """
    return one.fingerprint == other.fingerprint and one.document == other.document


def logical_conflict(known: AvroSchema, candidate: AvroSchema) -> str | None:
    """Tell where two schemas of one fingerprint mean different things.

    Args:
        known: the schema that is registered.
        candidate: the schema that is to be used.

    Returns:
        None when they agree or have different fingerprints; else the first place where they do
        not, and both meanings, such as `total: decimal(12, 2) is known, decimal(12, 4) is not`.
    """
    if known.fingerprint != candidate.fingerprint:
        return None
    return _conflict(known.root, candidate.root, "")


def _conflict(known: AvroType, candidate: AvroType, path: str) -> str | None:
    match known, candidate:
        case ((PrimitiveType() | FixedType()), (PrimitiveType() | FixedType())):
            return _meaning_conflict(known, candidate, path)
        case ArrayType(), ArrayType():
            return _conflict(known.items, candidate.items, f"{path}[]")
        case MapType(), MapType():
            return _conflict(known.values, candidate.values, f"{path}{{}}")
        case UnionType(), UnionType():
            pairs = zip(known.branches, candidate.branches, strict=True)
            return _first(_conflict(*pair, path) for pair in pairs)
        case RecordType(), RecordType():
            fields = zip(known.fields, candidate.fields, strict=True)
            return _first(
                _conflict(ours.type, theirs.type, f"{path}.{ours.name}") for ours, theirs in fields
            )
        case _:
            return None


def _meaning_conflict(
    known: PrimitiveType | FixedType, candidate: PrimitiveType | FixedType, path: str
) -> str | None:
    ours, theirs = known.logical, candidate.logical
    if (ours and (ours.name, ours.scale)) == (theirs and (theirs.name, theirs.scale)):
        return None
    return f"{path.lstrip('.')}: {described(known)} is known, {described(candidate)} is not"


def _first(conflicts: Iterable[str | None]) -> str | None:
    return next((conflict for conflict in conflicts if conflict), None)
