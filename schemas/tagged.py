"""Unions of several records: which record a value is, said by the name that stands on the wire.

A decoder hands dictionaries to the class's validator, and a dictionary does not say which record of
a union it was. Such a branch is therefore made an object where it is read, while its name is known;
the validator of the whole then takes the object as it is.

Laws:
1. What was written as one record of a union is read as that record, whatever its fields look like.
2. Records that a reader could confuse, by their names or by former names, make no union.
3. What a nested class refuses is a `Fault` at its place, with problems that quote no value.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock.schemas.codec_errors import BranchRaised, BranchRejected
from penstock.schemas.fault import Fault
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    Classes,
    MapType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = ["confusion", "is_tagged", "maker_of"]

_SHOWN_PROBLEMS = 5


def confusion(records: Sequence[RecordType]) -> str | None:
    """Tell which two records a reader would confuse, or None."""
    for one, other in combinations(records, 2):
        if (
            base_name(one) == base_name(other)
            or one.full_name in other.aliases
            or other.full_name in one.aliases
        ):
            return f"{one.full_name} and {other.full_name}"
    return None


def is_tagged(avro_type: AvroType) -> bool:
    """Tell whether a value of a type may hold one of several records, at any depth."""
    match avro_type:
        case UnionType(branches=branches):
            several = sum(isinstance(each, RecordType) for each in branches) > 1
            return several or any(map(is_tagged, branches))
        case ArrayType(items=inner) | MapType(values=inner):
            return is_tagged(inner)
        case RecordType(fields=fields):
            return any(is_tagged(each.type) for each in fields)
        case _:
            return False


def maker_of(
    union: UnionType, branch: AvroType, classes: Classes
) -> Callable[[dict[str, Any]], Any] | None:
    """Return what makes the object of one branch of a union.

    Args:
        union: the union.
        branch: one of its branches.
        classes: the classes of records, by full name.

    Returns:
        A function that raises `Fault` only; None where the dictionary itself will do.
    """
    if not isinstance(branch, RecordType):
        return None
    kind = classes.get(branch.full_name)
    if kind is None or not issubclass(kind, BaseModel):
        return None
    # Counted last: a union of thousands that has no classes is asked for each of its branches.
    several = sum(isinstance(each, RecordType) for each in union.branches) > 1
    if not several:
        return None
    validate, record = kind.__pydantic_validator__.validate_python, branch.full_name

    def make(datum: dict[str, Any]) -> Any:
        try:
            return validate(datum, strict=False)  # as codec.decoder_of, and for its reason
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            problems = "; ".join(each["type"] for each in details[:_SHOWN_PROBLEMS])
            raise Fault(BranchRejected, record=record, problems=problems) from None
        except Exception as error:
            # The user's own code ran, on bytes from anywhere.
            name = type(error).__name__
            raise Fault(BranchRaised, record=record, exception=name) from error

    return make
