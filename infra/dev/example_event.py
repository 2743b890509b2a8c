"""An event to try a system with, made of nothing but its schema.

Laws:
1. Each field has a value that its Avro type allows, so the example can be encoded.
2. Whether the rules of the user's own class allow it too, only that class knows: `example_json`
   asks it, and says nothing rather than something that cannot be published.
3. Equal schemas give equal examples.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from penstock.schemas.codec import datum_encoder_of, decoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["example_json", "example_of"]

_DEPTH: Final = 4
"""Records within records; what is deeper is left out of lists."""
_WORDS: Final = {"country": "NL", "currency": "EUR"}
_UUID: Final = UUID("00000000-0000-4000-8000-000000000001")
_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_LOGICAL: Final[Mapping[str, Any]] = {
    "timestamp-micros": _NOON,
    "timestamp-millis": _NOON,
    "local-timestamp-micros": _NOON.replace(tzinfo=None),
    "local-timestamp-millis": _NOON.replace(tzinfo=None),
    "date": date(2026, 1, 1),
    "time-micros": time(12),
    "time-millis": time(12),
    "uuid": _UUID,
}
_PRIMITIVE: Final[Mapping[str, Any]] = {
    "null": None,
    "boolean": True,
    "int": 1,
    "long": 1,
    "float": 1.5,
    "double": 1.5,
    "bytes": b"",
}


def example_of(root: RecordType) -> dict[str, Any]:
    """Make the fields of a record, as `codec.datum_encoder_of` takes them.

    Args:
        root: the type of the record.
    """
    return _record(root, _DEPTH)


def example_json(record_type: type[Record]) -> str | None:
    """Make an example of a class in JSON.

    Args:
        record_type: a concrete record.

    Returns:
        A JSON object that the class takes, fields by their names on the wire; None where its own
        rules refuse the example.
    """
    schema = declaration_of(record_type).schema
    try:
        made = decoder_of(schema, record_type)(datum_encoder_of(schema)(example_of(schema.root)))
        text = json.dumps(json.loads(made.model_dump_json(by_alias=True)), ensure_ascii=False)
        record_type.model_validate_json(text)
    except (DecodeError, ValidationError):
        return None  # both say that the class has rules of its own, which this example breaks
    return text


def _record(record: RecordType, depth: int) -> dict[str, Any]:
    return {field.name: _value(field.type, field.name, depth - 1) for field in record.fields}


def _value(avro_type: AvroType, name: str, depth: int) -> Any:  # noqa: PLR0911 - one for each kind of type
    match avro_type:
        case RecordType():
            return _record(avro_type, depth)
        case UnionType(branches=branches):
            optional = PrimitiveType(name="null") in branches
            return None if optional else _value(branches[0], name, depth)
        case ArrayType(items=items):
            return [_value(items, name, depth - 1)] if depth > 0 else []
        case MapType():
            return {}
        case EnumType(symbols=symbols):
            return symbols[0]
        case PrimitiveType(logical=Logical() as logical) | FixedType(logical=Logical() as logical):
            return _decimal(logical) if logical.name == "decimal" else _LOGICAL[logical.name]
        case FixedType(size=size):
            return bytes(size)
        case PrimitiveType(name="string"):
            return _text(name)
        case PrimitiveType(name=primitive):
            return _PRIMITIVE[primitive]


def _decimal(logical: Logical) -> Decimal:
    """Return one, or the smallest amount where there is no digit before the point."""
    whole = logical.precision > logical.scale
    return Decimal(1) if whole else Decimal(1).scaleb(-logical.scale)


def _text(name: str) -> str:
    return _WORDS.get(name, f"{name}-1" if name else "text")
