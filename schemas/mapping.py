"""The mapping: a pydantic class becomes an Avro schema, or its definition is refused.

| Python | Avro |
|---|---|
| str, bytes, bool | string, bytes, boolean |
| int, float | long, double |
| Annotated[Decimal, money(p, s)] | bytes / decimal(p, s) |
| pydantic.AwareDatetime | long / timestamp-micros |
| date, time, UUID | int / date, long / time-micros, string / uuid |
| Enum, Literal["a", "b"] | enum |
| T or None | union of null and T |
| several Records, or None too | union of records, of null too |
| list[T], tuple[T, ...], dict[str, T] | array, array, map |
| another Record | record |

What else Avro knows (32 bits, milliseconds, fixed, aliases, another order) is said by a word of
avro_words.py in `Annotated`; names that Python forbids by an alias (record_words.py).

The symbols of an enum are the names of its members, never their values: names are always legal in
Avro, values are often not, and a value may change without changing the wire. An enum stands in the
`__namespace__` of its module, else in that of the record around it; a Literal is the enum
`<Record>_<field>` beside its record. Of a union null comes first, then records by their full names:
the order in an annotation is not Python's to keep. Before all comes the type of a default that is
not None, for Avro takes a union's default from its first branch. A default_factory stays out of the
schema, except list, dict and tuple, which are the empty default.

Laws:
1. What is not in the table is refused, with the class, the field, the annotation, and what to write
   instead. Nothing is mapped to something near.
2. The same class gives the same text, on every machine.
"""

import inspect
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from decimal import Decimal
from enum import Enum, Flag
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, is_typeddict

from penstock.schemas.avro_words import (
    Aliases,
    Branches,
    EnumWords,
    Fixed,
    Word,
    WrittenAs,
    enum_words_of,
)
from penstock.schemas.decimal_digits import Money
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
from penstock.schemas.mapping_tables import INSTEAD, PLAIN, REFUSED, RULES, WRITTEN
from penstock.schemas.record_words import wire_name, words_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError
from penstock.schemas.tagged import confusion
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    Classes,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = ["Mapped", "class_name", "mapped", "schema_of"]

_NULL = PrimitiveType(name="null")
_WORDS: tuple[type[Word], ...] = (Aliases, Branches, EnumWords, Fixed, WrittenAs)
_UUID_BYTES = 16


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
    record_name: str
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
        namespace, _, own_name = full_name.rpartition(".")
        spot = _Spot(record=record_type, record_name=own_name, namespace=namespace, field="")
        fields = tuple(
            self._field(info, replace(spot, field=name))
            for name, info in _complete(record_type).items()
        )
        _check_unique(fields, record_type)
        self.unfinished.pop()
        words = words_of(record_type)
        found = RecordType(
            full_name=full_name,
            fields=fields,
            aliases=_full(words.aliases, full_name),
            doc=_doc(record_type) if words.doc is None else words.doc,
        )
        self.records[record_type] = found
        self.classes[full_name] = record_type
        return found

    def _claim(self, full_name: str, owner: object, record_type: type) -> None:
        if self.names.setdefault(full_name, owner) != owner:
            raise NameConflict(record=class_name(record_type), name=full_name)

    def _field(self, info: FieldInfo, spot: _Spot) -> FieldOfRecord:
        name = wire_name(spot.field, info)
        if name is None:
            problem = "Its aliases would give it several names"
            raise spot.refused(
                info.annotation, problem, "validation_alias= alone, for its name on the wire"
            )
        if not is_name(name):
            raise IllegalRecordName(record=class_name(spot.record), name=ascii(name), kind="field")
        spot = replace(spot, field=name)
        said = [each for each in info.metadata if isinstance(each, Aliases)]
        metadata = tuple(each for each in info.metadata if not isinstance(each, Aliases))
        if len(said) > 1:
            raise spot.refused(info.annotation, "It has aliases() twice", "one with all names")
        found = self._type(info.annotation, metadata, spot)
        default = _default_in(info)
        if isinstance(found, UnionType) and default is not None and default is not NO_DEFAULT:
            found = self._led_by(default, found, metadata)
        if default is not NO_DEFAULT:
            try:
                default = json_of(found, default, self.classes)
            except Unfit as unfit:
                raise UnusableDefault(
                    record=class_name(spot.record), field=spot.field, problem=unfit.problem
                ) from None
        return FieldOfRecord(
            name=name,
            type=found,
            default=default,
            aliases=said[0].names if said else (),
            doc=info.description or "",
        )

    def _led_by(self, default: Any, union: UnionType, metadata: tuple[Any, ...]) -> UnionType:
        """A union with the type of its default first, unless the author has said its order."""
        if any(isinstance(each, Branches) for each in metadata):
            return union
        rest = [each for each in union.branches if each != _NULL]
        own = (each for each in rest if self._kind(each) is type(default))
        first = next(own, rest[0])
        return UnionType(branches=(first, *(each for each in union.branches if each is not first)))

    def _kind(self, avro_type: AvroType) -> type | None:
        return self.classes.get(getattr(avro_type, "full_name", ""))

    def _type(self, annotation: Any, metadata: tuple[Any, ...], spot: _Spot) -> AvroType:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._type(arguments[0], (*arguments[1:], *metadata), spot)
        if isinstance(annotation, NewType | TypeAliasType):
            return self._type(_meant_by(annotation), metadata, spot)
        words = [each for each in metadata if isinstance(each, _WORDS)]
        if origin is None and annotation is Decimal and any(map(_is_money, metadata)):
            return self._sized(_decimal(metadata, spot), words, annotation, spot)
        if words and (origin is not None or isinstance(annotation, type)):
            return self._worded(annotation, words, spot)
        if origin is not None:
            return self._generic(annotation, origin, arguments, spot)
        if isinstance(annotation, type):
            return self._class(annotation, spot)
        raise spot.refused(annotation, "It is no type that Avro has", INSTEAD)

    def _worded(self, annotation: Any, words: list[Word], spot: _Spot) -> AvroType:
        """The type of an annotation with words of Avro's beside it: exactly one that fits."""
        origin = get_origin(annotation)
        match words:
            case [WrittenAs(name=name)] if written := WRITTEN.get((annotation, name)):
                return written
            case [Fixed()] if annotation in {bytes, UUID}:
                return self._sized(PLAIN[annotation], words, annotation, spot)
            case [Branches() as order] if origin in {Union, types.UnionType}:
                found = self._union(annotation, get_args(annotation), spot)
                return _ordered(found, order, annotation, spot)
            case [EnumWords() as said] if origin is Literal:
                return self._literal(annotation, get_args(annotation), spot, said)
            case _:
                problem = "A word of Avro's stands beside a type that it says nothing about"
                raise spot.refused(annotation, problem, "the word where avro_words.py has it")

    def _sized(
        self, plain: PrimitiveType, words: list[Word], annotation: Any, spot: _Spot
    ) -> AvroType:
        """A type in bytes, in as many as `fixed` says."""
        match words:
            case []:
                return plain
            case [Fixed() as said] if plain.name != "string" or said.size == _UUID_BYTES:
                found = FixedType(
                    full_name=said.full_name,
                    size=said.size,
                    logical=plain.logical,
                    aliases=_full(said.aliases, said.full_name),
                )
                self._claim(said.full_name, found, spot.record)
                return found
            case _:
                raise spot.refused(annotation, "It cannot be written in so many bytes", "fixed()")

    def _generic(
        self, annotation: Any, origin: Any, arguments: tuple[Any, ...], spot: _Spot
    ) -> AvroType:
        if origin in {Union, types.UnionType}:
            return self._union(annotation, arguments, spot)
        if origin is Literal:
            return self._literal(annotation, arguments, spot, None)
        if origin is list or (origin is tuple and arguments[1:] == (...,)):
            return ArrayType(items=self._type(arguments[0], (), spot))
        if origin is dict:
            if not _is_text(arguments[0]):
                instead = "dict[str, T], or a list of a nested Record"
                raise spot.refused(annotation, "The keys of Avro's maps are strings", instead)
            return MapType(values=self._type(arguments[1], (), spot))
        raise _refusal(annotation, origin, spot)

    def _union(self, annotation: Any, arguments: tuple[Any, ...], spot: _Spot) -> UnionType:
        rest = [each for each in arguments if each is not type(None)]
        if not rest or len(arguments) == 1:
            raise spot.refused(annotation, "It is a union of one type", "the type itself")
        found = [self._type(each, (), spot) for each in rest]
        if len(found) == 1 and isinstance(found[0], UnionType):
            raise spot.refused(annotation, "It is optional twice", "T | None")
        records = [each for each in found if isinstance(each, RecordType)]
        if len(found) > 1:
            if len(records) < len(found):
                problem = "Readers in other languages cannot tell its cases apart"
                instead = "a union of Records, or a Record with one optional field per case"
                raise spot.refused(annotation, problem, instead)
            if both := confusion(records):
                problem = f"By their names or aliases {both} cannot be told apart"
                raise spot.refused(annotation, problem, "Records with names of their own")
            records.sort(key=lambda each: each.full_name)
            found = [*records]
        null = (_NULL,) if len(rest) < len(arguments) else ()
        return UnionType(branches=(*null, *found))

    def _literal(
        self, annotation: Any, values: tuple[Any, ...], spot: _Spot, said: EnumWords | None
    ) -> EnumType:
        if not all(isinstance(each, str) and is_name(each) for each in values):
            problem = "Avro's symbols are ASCII letters, digits and underscores"
            raise spot.refused(annotation, problem, "other strings, an Enum with values, or str")
        own_name = f"{spot.record_name}_{spot.field}"
        found = _enum_type(said, own_name, spot.namespace, values, "")
        named = said is not None and said.name is not None
        owner = found if named else (spot.record, spot.field)
        if not is_name(base_name(found)):
            raise IllegalRecordName(
                record=class_name(spot.record), name=ascii(base_name(found)), kind="enum"
            )
        if found.default is not None and found.default not in values:
            raise spot.refused(annotation, "Its default is none of its symbols", "one of them")
        self._claim(found.full_name, owner, spot.record)
        return found

    def _class(self, kind: type, spot: _Spot) -> AvroType:
        if plain := PLAIN.get(kind):
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
        symbols = tuple(member.name for member in kind)
        found = _enum_type(enum_words_of(kind), kind.__name__, namespace, symbols, _doc(kind))
        full_name = found.full_name
        self._claim(full_name, kind, spot.record)
        if full_name in self.enums:
            return self.enums[full_name]
        for name in (base_name(found), *symbols):
            if not is_name(name):
                raise IllegalRecordName(
                    record=class_name(kind), name=ascii(name), kind="enum or of a symbol"
                )
        if not symbols:
            raise spot.refused(kind, "It has no members", "an Enum with members")
        self.enums[full_name] = found
        self.classes[full_name] = kind
        return found


def _enum_type(
    said: EnumWords | None, name: str, namespace: str, symbols: tuple[str, ...], doc: str
) -> EnumType:
    if said is None:
        return EnumType(full_name=f"{namespace}.{name}", symbols=symbols, doc=doc)
    full_name = f"{said.namespace or namespace}.{said.name or name}"
    return EnumType(
        full_name=full_name,
        symbols=symbols,
        default=said.default,
        aliases=_full(said.aliases, full_name),
        doc=doc if said.doc is None else said.doc,
    )


def _ordered(union: UnionType, order: Branches, annotation: Any, spot: _Spot) -> UnionType:
    known = {getattr(each, "full_name", None) or base_name(each): each for each in union.branches}
    if sorted(order.names) != sorted(known):
        problem = "branches() does not name just the branches of the union"
        raise spot.refused(annotation, problem, f"each of {', '.join(known)} once")
    return UnionType(branches=tuple(known[each] for each in order.names))


def _full(aliases: tuple[str, ...], full_name: str) -> tuple[str, ...]:
    namespace = full_name.rpartition(".")[0]
    return tuple(each if "." in each else f"{namespace}.{each}" for each in aliases)


def _is_money(part: Any) -> bool:
    return isinstance(part, Money)


def _check_rules(record_type: type[BaseModel]) -> None:
    for setting, value in RULES.items():
        if record_type.model_config.get(setting, False) != value:
            raise RecordRulesChanged(record=class_name(record_type), setting=f"{setting}={value!r}")


def _check_unique(fields: tuple[FieldOfRecord, ...], record_type: type[BaseModel]) -> None:
    seen: set[str] = set()
    for each in fields:
        if each.name in seen:
            raise NameConflict(record=class_name(record_type), name=each.name)
        seen.add(each.name)


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
    for refused, problem, instead in REFUSED:
        if isinstance(kind, type) and issubclass(kind, refused):
            return spot.refused(annotation, problem, instead)
    return spot.refused(annotation, "Avro has no faithful type for it", INSTEAD)


def _meant_by(name: NewType | TypeAliasType) -> Any:
    return name.__supertype__ if isinstance(name, NewType) else name.__value__


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
