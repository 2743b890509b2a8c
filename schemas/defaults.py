"""Defaults of fields, between Avro's JSON form and values.

In a schema a default is JSON whatever its type: bytes are text with one character per byte, a
decimal is such bytes, a timestamp is a number (Avro specification, "Complex Types"). Readers need
the value, the mapping needs the JSON. A union's default is read as of the first branch that fits,
which Avro allows since 1.12, and written as of its first branch, which all versions understand.

Laws:
1. `value_of` yields new containers each time.
2. The two directions agree: `value_of(t, json_of(t, v))` equals `v` for every value of the type.
"""

import math
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Any

from penstock.schemas.limits import MAX_DEFAULT_VALUES
from penstock.schemas.logical import Unfit, conversion_of
from penstock.schemas.record_words import attributes_of
from penstock.schemas.tagged import maker_of
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    Classes,
    EnumType,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    described,
)

__all__ = ["json_of", "value_of"]

_INTEGER_BITS = {"int": 31, "long": 63}
_SINGLE = Struct("<f")


def value_of(avro_type: AvroType, default: Any, classes: Classes) -> Any:
    """Return the value that a default stands for.

    Args:
        avro_type: the type of the field.
        default: the default as parsed JSON.
        classes: Python's classes by full name; symbols of an enum that is found here become its
            members, records of a union that has several become objects, others dictionaries.

    Returns:
        A value that nothing else refers to.

    Raises:
        Unfit: the default is not one of the type.
        Fault: the class of a record in a union refuses it.
    """
    return _Filling(classes=classes).value_of(avro_type, default)


def json_of(avro_type: AvroType, value: Any, classes: Classes | None = None) -> Any:
    """Return the JSON form of a default.

    Args:
        avro_type: the type of the field.
        value: a value as the field's class holds it: records as objects, symbols as enum members.
        classes: Python's classes by full name; a record that is found here must be of its class.

    Raises:
        Unfit: the value is not one of the type, or JSON cannot say it (NaN, infinities).
    """
    match avro_type:
        case PrimitiveType() | FixedType():
            conversion = conversion_of(avro_type)
            base = conversion.dump(value) if conversion else value
            json = base.decode("latin-1") if isinstance(base, bytes) else base
            _base_from_json(avro_type, json)
            return json
        case EnumType(symbols=symbols):
            symbol = value.name if isinstance(value, Enum) else value
            if symbol not in symbols:
                raise _not_a(avro_type)
            return symbol
        case ArrayType(items=items) if isinstance(value, list | tuple):
            return [json_of(items, each, classes) for each in value]
        case MapType(values=values) if isinstance(value, dict):
            return {key: json_of(values, each, classes) for key, each in value.items()}
        case UnionType(branches=branches):
            return json_of(branches[0], value, classes)
        case RecordType() if hasattr(value, "__dict__"):
            return _record_json(avro_type, value, classes or {})
        case _:
            raise _not_a(avro_type)


def _record_json(record: RecordType, value: Any, classes: Classes) -> Any:
    if type(value) is not classes.get(record.full_name, type(value)):
        raise _not_a(record)
    attributes = attributes_of(type(value))
    held = vars(value)
    json = {}
    for each in record.fields:
        attribute = attributes.get(each.name, each.name)
        if attribute not in held:
            raise _not_a(record)
        json[each.name] = json_of(each.type, held[attribute], classes)
    return json


def _not_a(avro_type: AvroType) -> Unfit:
    return Unfit(f"it is no {described(avro_type)}")


def _base_from_json(avro_type: PrimitiveType | FixedType, default: Any) -> Any:
    kind = avro_type.name if isinstance(avro_type, PrimitiveType) else "fixed"
    match kind, default:
        case ("null", None) | ("boolean", bool()) | ("string", str()):
            return default
        case (("int" | "long"), int()) if not isinstance(default, bool):
            bound = 1 << _INTEGER_BITS[kind]
            if -bound <= default < bound:
                return default
        case (("float" | "double"), (int() | float())) if not isinstance(default, bool):
            return _finite(default, kind)
        case (("bytes" | "fixed"), str()):
            return _bytes(avro_type, default)
    raise _not_a(avro_type)


def _finite(default: float, kind: str) -> float:
    try:
        number = float(default)
        if kind == "float":
            _SINGLE.pack(number)
    except OverflowError:
        raise Unfit(f"it is beyond the range of a {kind}") from None
    if not math.isfinite(number):
        raise Unfit("JSON has no NaN and no infinities")
    return number


def _bytes(avro_type: PrimitiveType | FixedType, default: str) -> bytes:
    try:
        raw = default.encode("latin-1")
    except UnicodeEncodeError:
        raise Unfit("bytes are written with characters U+0000 to U+00FF") from None
    if isinstance(avro_type, FixedType) and len(raw) != avro_type.size:
        raise _not_a(avro_type)
    return raw


@dataclass(slots=True, kw_only=True)
class _Filling:
    """One default on its way to a value, with the number of values that it may still make."""

    classes: Classes
    left: int = MAX_DEFAULT_VALUES

    def value_of(self, avro_type: AvroType, default: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Unfit(f"it stands for more than {MAX_DEFAULT_VALUES} values")
        match avro_type:
            case PrimitiveType() | FixedType():
                base = _base_from_json(avro_type, default)
                conversion = conversion_of(avro_type)
                return conversion.load(base) if conversion else base
            case EnumType():
                return self._symbol(avro_type, default)
            case ArrayType(items=items) if isinstance(default, list):
                return [self.value_of(items, each) for each in default]
            case MapType(values=values) if isinstance(default, dict):
                return {key: self.value_of(values, each) for key, each in default.items()}
            case UnionType():
                return self._first_fit(avro_type, default)
            case RecordType() if isinstance(default, dict):
                return self._record(avro_type, default)
            case _:
                raise _not_a(avro_type)

    def _symbol(self, enum: EnumType, default: Any) -> Any:
        if not isinstance(default, str) or default not in enum.known:
            raise _not_a(enum)
        members = self.classes.get(enum.full_name)
        return members[default] if members and issubclass(members, Enum) else default

    def _first_fit(self, union: UnionType, default: Any) -> Any:
        for branch in union.branches:
            try:
                value = self.value_of(branch, default)
            except Unfit:
                continue
            make = maker_of(union, branch, self.classes)
            return make(value) if make else value
        raise Unfit("it fits no branch of the union")

    def _record(self, record: RecordType, default: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for each in record.fields:
            json = default.get(each.name, each.default)
            if json is NO_DEFAULT:
                raise Unfit(f'it lacks the field "{each.name}"')
            values[each.name] = self.value_of(each.type, json)
        if extra := default.keys() - values.keys():
            raise Unfit(f"it has {len(extra)} fields that the record has not")
        return values
