"""A decoded record as JSON has it, where there is no Python class; the way back of datum_json.py.

| Avro | in JSON |
|---|---|
| decimal | "19.99" |
| timestamp-… | RFC 3339 in UTC, "2026-01-31T09:30:00Z"; a local one without the zone |
| date, time-… | "2026-01-31", "09:30:00.250000" |
| uuid | its 36 characters |
| bytes, fixed | base64 |
| enum | its symbol |
| union | the value itself |
| float, double | a number; what JSON has no number for as "NaN", "Infinity", "-Infinity" |

Law: nothing is rounded or cut off; `datum_json.framed_from` makes the same bytes of it again, but
for those three texts, and for unions of types that look alike in JSON.
"""

import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = ["json_document"]


def json_document(datum: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a JSON object.

    Args:
        datum: as `codec.datum_decoder_of` decodes it.

    Returns:
        Fields in the order of the schema that wrote them.
    """
    return {name: _value(value) for name, value in datum.items()}


def _value(value: Any) -> Any:  # noqa: PLR0911 - one for each kind of value
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else _unreal(value)
        case dict():
            return json_document(value)
        case list() | tuple():
            return [_value(each) for each in value]
        case bytes():
            return b64encode(value).decode()
        case Decimal():
            return f"{value:f}"
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
    message = f"a codec decoded a {type(value).__name__}"
    raise AssertionError(message)


def _unreal(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
