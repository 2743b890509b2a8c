"""The mapping: a pydantic class becomes an Avro schema, or its definition is refused.

| Python | Avro |
|---|---|
| str, bytes, bool | string, bytes, boolean |
| int, float | long, double |
| Annotated[Decimal, money(p, s)] | bytes / decimal(p, s) |
| pydantic.AwareDatetime | long / timestamp-micros |
| date, UUID | int / date, string / uuid |
| Enum, Literal["a", "b"] | enum |
| T or None | union of null and T |
| list[T], tuple[T, ...], dict[str, T] | array, array, map |
| another Record | record |

The symbols of an enum are the names of its members, never their values: names are always legal in
Avro, values are often not, and a value may change without changing the wire. An enum stands in the
`__namespace__` of its module, else in that of the record around it; a Literal is the enum
`<Record>_<field>` beside its record. Of T or None the null comes first, except before a default
that is not None: Avro takes a union's default from its first branch. A default_factory stays out of
the schema, except list, dict and tuple, which are the empty default.

Laws:
1. What is not in the table is refused, with the class, the field, the annotation, and what to write
   instead. Nothing is mapped to something near.
2. The same class gives the same text, on every machine.
"""

import inspect
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, is_typeddict

from penstock.schemas.declaration_errors import (
    AbstractRecord,
    IllegalRecordName,
    NameConflict,
    RecordRulesChanged,
    UnmappableField,
    UnresolvedAnnotation,
    UnsafeShape,
    UnusableDefault,
)
from penstock.schemas.defaults import json_of
from penstock.schemas.lint import is_name
from penstock.schemas.logical import Unfit
from penstock.schemas.money import Money
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    Classes,
    EnumType,
    FieldOfRecord,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["Mapped", "class_name", "mapped", "schema_of"]

_NULL = PrimitiveType(name="null")
_PLAIN: Mapping[Any, PrimitiveType] = {
    str: PrimitiveType(name="string"),
    bytes: PrimitiveType(name="bytes"),
    bool: PrimitiveType(name="boolean"),
    int: PrimitiveType(name="long"),
    float: PrimitiveType(name="double"),
    AwareDatetime: PrimitiveType(name="long", logical=Logical(name="timestamp-micros")),
    date: PrimitiveType(name="int", logical=Logical(name="date")),
    UUID: PrimitiveType(name="string", logical=Logical(name="uuid")),
}
_RULES = {"frozen": True, "strict": True, "extra": "forbid", "use_enum_values": False}
_REFUSED: Sequence[tuple[Any, str, str]] = (
    (datetime, "It may lack a time zone, and then names no instant", "pydantic.AwareDatetime"),
    (Decimal, "Avro needs to know its digits", "Annotated[Decimal, money(12, 2)]"),
    (time, "A time of day without a place means nothing", "AwareDatetime, or str such as 09:30"),
    (timedelta, "Avro has no faithful type for it", "int with the unit in its name (timeout_ms)"),
    (set, "Avro has no sets", "list[T], with a validator that refuses duplicates"),
    (frozenset, "Avro has no sets", "tuple[T, ...], with a validator that refuses duplicates"),
    (Flag, "A combination of flags has no symbol", "list of an Enum"),
    (dict, "It does not say what it holds", "dict[str, T]"),
    (tuple, "Avro's arrays hold one type, any number of times", "tuple[T, ...] or a nested Record"),
    (list, "It does not say what it holds", "list[T]"),
    (BaseModel, "It has no namespace and may change, coerce and hide values", "a Record"),
    (type(None), "It is always None", "T | None, or leave the field out"),
)
_INSTEAD = "str, bytes, bool, int, float, date, UUID, an Enum, or a nested Record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a class was mapped to."""

    schema: AvroSchema
    """Its schema."""
    classes: Classes
    """The Record and Enum classes behind the schema's named types, by full name."""


def schema_of(
    record_type: type[BaseModel], *, full_name: str, attributes: Mapping[str, str] | None = None
) -> AvroSchema:
    """Return the schema of a class.

    Args:
        record_type: a Record.
        full_name: its Avro name with namespace.
        attributes: further attributes of the schema itself: topic, key, reply.

    Raises:
        DeclarationError: a leaf for each kind of mistake in the class.
    """
    return mapped(record_type, full_name=full_name, attributes=attributes or {}).schema


def mapped(
    record_type: type[BaseModel], *, full_name: str, attributes: Mapping[str, str]
) -> Mapped:
    """Return the schema of a class, together with the classes of its named types.

    Args:
        record_type: a Record.
        full_name: its Avro name with namespace.
        attributes: further attributes of the schema itself.

    Raises:
        DeclarationError: a leaf for each kind of mistake in the class.
    """
    mapper = _Mapper()
    root = mapper.record(record_type, full_name)
    try:
        schema = AvroSchema.of(root, attributes)
    except SchemaError as error:
        raise UnsafeShape(record=class_name(record_type), problem=error.message) from error
    return Mapped(schema=schema, classes=mapper.classes)


def class_name(kind: type) -> str:
    """Return a class as messages show it: module and qualified name."""
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """The field that is being mapped."""

    record: type[BaseModel]
    namespace: str
    field: str

    def refused(self, annotation: Any, problem: str, instead: str) -> UnmappableField:
        """Return the error for an annotation in this field."""
        return UnmappableField(
            record=class_name(self.record),
            field=self.field,
            annotation=_shown(annotation),
            problem=problem,
            instead=instead,
        )


@dataclass(slots=True)
class _Mapper:
    """The types met so far."""

    records: dict[type, RecordType] = field(default_factory=dict)
    unfinished: list[type] = field(default_factory=list)
    enums: dict[str, EnumType] = field(default_factory=dict)
    classes: dict[str, type] = field(default_factory=dict)
    names: dict[str, object] = field(default_factory=dict)

    def record(self, record_type: type[BaseModel], full_name: str) -> RecordType:
        if record_type in self.records:
            return self.records[record_type]
        _check_rules(record_type)
        self._claim(full_name, record_type, record_type)
        self.unfinished.append(record_type)
        namespace = full_name.rpartition(".")[0]
        fields = tuple(
            self._field(info, _Spot(record=record_type, namespace=namespace, field=name))
            for name, info in _complete(record_type).items()
        )
        self.unfinished.pop()
        found = RecordType(full_name=full_name, fields=fields, doc=_doc(record_type))
        self.records[record_type] = found
        self.classes[full_name] = record_type
        return found

    def _claim(self, full_name: str, owner: object, record_type: type) -> None:
        if self.names.setdefault(full_name, owner) != owner:
            raise NameConflict(record=class_name(record_type), name=full_name)

    def _field(self, info: FieldInfo, spot: _Spot) -> FieldOfRecord:
        if not is_name(spot.field):
            raise IllegalRecordName(
                record=class_name(spot.record), name=ascii(spot.field), kind="field"
            )
        if info.alias or info.validation_alias or info.serialization_alias:
            problem = "An alias would give it two names"
            raise spot.refused(info.annotation, problem, "the name of the field itself")
        found = self._type(info.annotation, tuple(info.metadata), spot)
        default = _default_in(info)
        if isinstance(found, UnionType) and default not in (None, NO_DEFAULT):
            found = UnionType(branches=found.branches[::-1])
        if default is not NO_DEFAULT:
            try:
                default = json_of(found, default)
            except Unfit as unfit:
                raise UnusableDefault(
                    record=class_name(spot.record), field=spot.field, problem=unfit.problem
                ) from None
        return FieldOfRecord(
            name=spot.field, type=found, default=default, doc=info.description or ""
        )

    def _type(self, annotation: Any, metadata: tuple[Any, ...], spot: _Spot) -> AvroType:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._type(arguments[0], (*arguments[1:], *metadata), spot)
        if isinstance(annotation, NewType):
            return self._type(annotation.__supertype__, metadata, spot)
        if isinstance(annotation, TypeAliasType):
            return self._type(annotation.__value__, metadata, spot)
        if origin is not None:
            return self._generic(annotation, origin, arguments, spot)
        if annotation is Decimal:
            return _decimal(metadata, spot)
        if isinstance(annotation, type):
            return self._class(annotation, spot)
        raise spot.refused(annotation, "It is no type that Avro has", _INSTEAD)

    def _generic(
        self, annotation: Any, origin: Any, arguments: tuple[Any, ...], spot: _Spot
    ) -> AvroType:
        if origin in {Union, types.UnionType}:
            return self._optional(annotation, arguments, spot)
        if origin is Literal:
            return self._literal(annotation, arguments, spot)
        if origin is list or (origin is tuple and arguments[1:] == (...,)):
            return ArrayType(items=self._type(arguments[0], (), spot))
        if origin is dict:
            if not _is_text(arguments[0]):
                instead = "dict[str, T], or a list of a nested Record"
                raise spot.refused(annotation, "The keys of Avro's maps are strings", instead)
            return MapType(values=self._type(arguments[1], (), spot))
        raise _refusal(annotation, origin, spot)

    def _optional(self, annotation: Any, arguments: tuple[Any, ...], spot: _Spot) -> UnionType:
        rest = [each for each in arguments if each is not type(None)]
        if len(rest) != 1 or len(arguments) == 1:
            problem = "Readers in other languages cannot tell its cases apart"
            instead = "a nested Record with one optional field per case, or several event types"
            raise spot.refused(annotation, problem, instead)
        found = self._type(rest[0], (), spot)
        if isinstance(found, UnionType):
            raise spot.refused(annotation, "It is optional twice", "T | None")
        return UnionType(branches=(_NULL, found))

    def _literal(self, annotation: Any, values: tuple[Any, ...], spot: _Spot) -> EnumType:
        if not all(isinstance(each, str) and is_name(each) for each in values):
            problem = "Avro's symbols are ASCII letters, digits and underscores"
            raise spot.refused(annotation, problem, "other strings, an Enum with values, or str")
        full_name = f"{spot.namespace}.{spot.record.__name__}_{spot.field}"
        self._claim(full_name, (spot.record, spot.field), spot.record)
        return EnumType(full_name=full_name, symbols=values)

    def _class(self, kind: type, spot: _Spot) -> AvroType:
        if plain := _PLAIN.get(kind):
            return plain
        if issubclass(kind, Enum) and not issubclass(kind, Flag):
            return self._enum(kind, spot)
        if not issubclass(kind, BaseModel):
            raise _refusal(kind, kind, spot)
        if kind in self.unfinished:
            problem = "It contains itself, and readers would have to recurse without limit"
            raise spot.refused(kind, problem, "a flat list whose items name their parent")
        declaration = vars(kind).get("__penstock__")
        if declaration is None:
            if hasattr(kind, "__penstock_declare__"):
                raise AbstractRecord(record=class_name(kind))
            raise _refusal(kind, kind, spot)
        return self.record(kind, declaration.full_name)

    def _enum(self, kind: type[Enum], spot: _Spot) -> EnumType:
        module = sys.modules.get(kind.__module__)
        namespace = getattr(module, "__namespace__", None) or spot.namespace
        full_name = f"{namespace}.{kind.__name__}"
        self._claim(full_name, kind, spot.record)
        if full_name in self.enums:
            return self.enums[full_name]
        symbols = tuple(member.name for member in kind)
        for name in (kind.__name__, *symbols):
            if not is_name(name):
                raise IllegalRecordName(
                    record=class_name(kind), name=ascii(name), kind="enum or of a symbol"
                )
        if not symbols:
            raise spot.refused(kind, "It has no members", "an Enum with members")
        found = EnumType(full_name=full_name, symbols=symbols, doc=_doc(kind))
        self.enums[full_name] = found
        self.classes[full_name] = kind
        return found


def _check_rules(record_type: type[BaseModel]) -> None:
    for setting, value in _RULES.items():
        if record_type.model_config.get(setting, False) != value:
            raise RecordRulesChanged(record=class_name(record_type), setting=f"{setting}={value!r}")


def _complete(record_type: type[BaseModel]) -> dict[str, FieldInfo]:
    # A class may mention classes that stand below it; by the first use they are known.
    if not record_type.__pydantic_complete__:
        try:
            record_type.model_rebuild()
        except PydanticUndefinedAnnotation as error:
            name = error.name or "a type"
            raise UnresolvedAnnotation(record=class_name(record_type), name=name) from None
    return record_type.__pydantic_fields__


def _default_in(info: FieldInfo) -> Any:
    if info.default_factory in (list, tuple, dict):
        return {} if info.default_factory is dict else []
    # Other factories make a new value each time, which is no default for somebody else's event.
    return NO_DEFAULT if info.is_required() or info.default_factory else info.default


def _decimal(metadata: tuple[Any, ...], spot: _Spot) -> PrimitiveType:
    for each in metadata:
        if isinstance(each, Money):
            logical = Logical(name="decimal", precision=each.precision, scale=each.scale)
            return PrimitiveType(name="bytes", logical=logical)
    raise _refusal(Decimal, Decimal, spot)


def _refusal(annotation: Any, kind: Any, spot: _Spot) -> UnmappableField:
    if is_typeddict(kind) or is_dataclass(kind):
        kind = BaseModel
    for refused, problem, instead in _REFUSED:
        if isinstance(kind, type) and issubclass(kind, refused):
            return spot.refused(annotation, problem, instead)
    return spot.refused(annotation, "Avro has no faithful type for it", _INSTEAD)


def _is_text(key: Any) -> bool:
    while get_origin(key) is Annotated:
        key = get_args(key)[0]
    return key is str or (isinstance(key, NewType) and _is_text(key.__supertype__))


def _doc(kind: type) -> str:
    doc = vars(kind).get("__doc__")
    return inspect.cleandoc(doc) if doc else ""


def _shown(annotation: Any) -> str:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__qualname__
    return repr(annotation).replace("typing.", "")
