"""Validation of lists that ends with the first bad item.

pydantic goes on to the end of a list and tells every item that it refuses, each with a place and a
type: three hundred kilobytes of bad items became 350 megabytes of problems. Nobody reads the
second. The fields of a record are still told together.

Law: what is valid stays valid, and what is refused stays refused; only what is told is less.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import CoreSchema

__all__ = ["ending_at_the_first"]

_COLLECTIONS: Final = frozenset({"list", "tuple", "dict"})
_INNER: Final = (
    "schema",
    "items_schema",
    "keys_schema",
    "values_schema",
    "fields",
    "choices",
    "steps",
    "definitions",
    "lax_schema",
    "strict_schema",
    "json_schema",
    "python_schema",
)
"""Where a schema holds others. Whatever else it holds, defaults and metadata, is the user's."""


def ending_at_the_first(schema: CoreSchema) -> CoreSchema:
    """Let all lists, tuples and dictionaries in a schema of pydantic's end at the first problem.

    Args:
        schema: of a class; changed in place, for the schemas of nested classes are shared.
    """
    _mark(schema)
    return schema


def _mark(schema: Any) -> None:
    if schema["type"] in _COLLECTIONS:
        schema["fail_fast"] = True
    for part in _INNER:
        for inner in _schemas_in(schema.get(part)):
            _mark(inner)


def _schemas_in(part: Any) -> Iterator[Any]:
    match part:
        case {"type": str()}:
            yield part
        case dict():
            for inner in part.values():
                yield from _schemas_in(inner)
        case list() | tuple():
            for inner in part:
                yield from _schemas_in(inner)
