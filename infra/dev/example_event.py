"""An event to try a system with, made of nothing but its schema.

Law: each field has a value that its Avro type allows. Whether the user's own rules allow it too,
nobody can know here.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["example_of"]

_DEPTH: Final = 4
"""Records within records; what is deeper, or holds itself, is left out of lists and unions."""
_WORDS: Final = {"country": "NL", "currency": "EUR"}
_LOGICAL: Final[dict[str, Any]] = {
    "timestamp-micros": "2026-01-01T12:00:00Z",
    "timestamp-millis": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time-micros": "12:00:00",
    "time-millis": "12:00:00",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
_PRIMITIVE: Final[dict[str, Any]] = {
    "null": None,
    "boolean": True,
    "int": 1,
    "long": 1,
    "float": 1.5,
    "double": 1.5,
    "bytes": "",
}


def example_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Make the fields of a record, as JSON has them.

    Args:
        document: a parsed and linted Avro schema of a record.
    """
    found = _value(document, "", {}, _DEPTH)
    assert isinstance(found, dict), "the schema of an event is a record"
    return found


def _value(schema: Any, name: str, known: dict[str, Any], depth: int) -> Any:
    if isinstance(schema, list):
        return None if "null" in schema else _value(schema[0], name, known, depth)
    if isinstance(schema, str):
        if schema in known:
            return _value(known[schema], name, known, depth)
        return _PRIMITIVE[schema] if schema in _PRIMITIVE else _text(name)
    logical = schema.get("logicalType")
    if logical == "decimal":
        return f"{1:.{schema.get('scale', 0)}f}"
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    return _of_type(schema["type"], schema, name, known, depth)


def _of_type(
    type_name: Any, schema: Mapping[str, Any], name: str, known: dict[str, Any], depth: int
) -> Any:
    match type_name:
        case "record":
            _remember(schema, known)
            return {
                field["name"]: _value(field["type"], field["name"], known, depth - 1)
                for field in schema["fields"]
            }
        case "enum":
            _remember(schema, known)
            return schema["symbols"][0]
        case "array":
            return [_value(schema["items"], name, known, depth - 1)] if depth > 0 else []
        case "map":
            return {}
        case "fixed":
            return ""
    return _value(type_name, name, known, depth)


def _remember(schema: Mapping[str, Any], known: dict[str, Any]) -> None:
    name, namespace = schema["name"], schema.get("namespace")
    known[name] = schema
    if namespace:
        known[f"{namespace}.{name}"] = schema


def _text(name: str) -> str:
    return _WORDS.get(name, f"{name}-1" if name else "text")
