"""Messages of the protocol, made of plain values.

`message(entity_type, {...})` fills one of kio's dataclasses: nested entities from mappings, arrays
from any sequence, durations from whole milliseconds. What is not given takes the default of
Kafka's schema, else zero, empty or null. A name that the version does not have is an error, so
that a test cannot send less than it believes.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

from kio.static.constants import uuid_zero

__all__ = ["message"]

_ZEROS: Final[Mapping[type, Any]] = {int: 0, str: "", bytes: b"", bool: False, float: 0.0}


def message(entity_type: Any, values: Mapping[str, Any]) -> Any:
    """Fill an entity.

    Args:
        entity_type: one of kio's generated dataclasses.
        values: by kio's field names.

    Returns:
        The entity.
    """
    known = _fields(entity_type)
    unknown = values.keys() - known.keys()
    assert not unknown, f"{entity_type.__qualname__} has no {sorted(unknown)}: {sorted(known)}"
    return entity_type(
        **{
            name: _value(field.type, values[name]) if name in values else _default(field)
            for name, field in known.items()
        }
    )


@cache
def _fields(entity_type: Any) -> Mapping[str, Field[Any]]:
    return {field.name: field for field in fields(entity_type)}


def _value(wanted: Any, value: Any) -> Any:
    if value is None:
        return None
    wanted = _without_null(wanted)
    if get_origin(wanted) is tuple:
        return tuple(_value(get_args(wanted)[0], each) for each in value)
    if isinstance(value, Mapping):
        return message(wanted, value)
    if isinstance(value, int) and issubclass(wanted, timedelta):
        return timedelta(milliseconds=value)
    return value


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    wanted: Any = field.type
    if "uuid" in field.metadata.get("kafka_type", ""):
        return uuid_zero
    if NoneType in get_args(wanted):
        return None
    if get_origin(wanted) is tuple:
        return ()
    return _zero(wanted)


def _zero(wanted: Any) -> Any:
    if issubclass(wanted, timedelta):
        return timedelta(0)
    for kind, zero in _ZEROS.items():
        if issubclass(wanted, kind):
            return zero
    return message(wanted, {})


def _without_null(wanted: Any) -> Any:
    if get_origin(wanted) is not UnionType:
        return wanted
    return next(each for each in get_args(wanted) if each is not NoneType)
