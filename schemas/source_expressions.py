"""Types and defaults of a schema as Python expressions, the mapping's table read backwards.

Laws:
1. What is written here the mapping turns into the same type and the same default, or it is refused.
2. Every name that an expression uses is asked of the module that it stands in, which imports it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, final
from uuid import UUID

from penstock.schemas.defaults import json_of, value_of
from penstock.schemas.logical import Unfit
from penstock.schemas.named_types import NamedType
from penstock.schemas.python_layout import (
    Atom,
    Choice,
    Expression,
    Group,
    Text,
    bytes_literal,
    call,
    subscript,
    text_literal,
)
from penstock.schemas.source_errors import NoFaithfulClass
from penstock.schemas.tagged import confusion
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = ["Expressions", "annotated", "texts"]

_NULL: Final = PrimitiveType(name="null")
_PLAIN: Final[Mapping[str, str]] = {
    "string": "str",
    "bytes": "bytes",
    "boolean": "bool",
    "long": "int",
    "double": "float",
    "date": "dt.date",
    "time-micros": "dt.time",
    "timestamp-micros": "AwareDatetime",
    "uuid": "UUID",
}
"""What is said by a Python type alone."""
_WORDED: Final[Mapping[str, str]] = {
    "int": "int",
    "float": "float",
    "time-millis": "dt.time",
    "timestamp-millis": "AwareDatetime",
    "local-timestamp-millis": "NaiveDatetime",
    "local-timestamp-micros": "NaiveDatetime",
}
"""What is said by a Python type and the word `written_as`."""


def _same_json(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are three."""
    return json.dumps(one) == json.dumps(other)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Expressions:
    """The expressions of one place in a module."""

    use: Callable[[str], str]
    """Takes a name that the module must have, and returns it."""
    named: Callable[[NamedType], str]
    """Returns the module's name for a named type, and imports it where it stands elsewhere."""
    inline: Callable[[EnumType], bool]
    """Tells whether an enum is written where it is used, as a Literal."""
    members: Callable[[EnumType], bool]
    """Tells whether an enum's symbols are the members of a class."""
    attributes: Callable[[RecordType], Mapping[str, str]]
    """Returns the attributes of a record's fields, by their names on the wire."""
    place: str
    """Where it stands, for errors."""

    # Types

    def annotation(self, field: FieldOfRecord) -> Expression:
        """Return the type of a field, with the names that it had before."""
        led = field.default is not NO_DEFAULT and field.default is not None
        found = (
            self._union(field.type, led=led)
            if isinstance(field.type, UnionType)
            else self.type(field.type)
        )
        if not field.aliases:
            return found
        names = [Text(value=each) for each in field.aliases]
        return self._annotated(found, call(self.use("aliases"), *names))

    def type(self, avro_type: AvroType) -> Expression:
        """Return a type."""
        match avro_type:
            case PrimitiveType():
                return self._primitive(avro_type)
            case EnumType(symbols=symbols) if self.inline(avro_type):
                return subscript(self.use("Literal"), *(Text(value=each) for each in symbols))
            case EnumType() | FixedType() | RecordType():
                return Atom(text=self.named(avro_type))
            case ArrayType(items=items):
                return subscript(self.use("list"), self.type(items))
            case MapType(values=values):
                return subscript(self.use("dict"), Atom(text=self.use("str")), self.type(values))
            case UnionType():
                return self._union(avro_type, led=False)

    def fixed(self, fixed: FixedType) -> Expression:
        """Return the definition of a fixed type."""
        words = {}
        if fixed.aliases:
            words["aliases"] = texts(fixed.aliases)
        word = call(
            self.use("fixed"), Text(value=fixed.full_name), Atom(text=str(fixed.size)), **words
        )
        if fixed.logical is None:
            return self._annotated(Atom(text=self.use("bytes")), word)
        if fixed.logical.name == "uuid":
            return self._annotated(Atom(text=self.use("UUID")), word)
        return self._annotated(Atom(text=self.use("Decimal")), self._money(fixed), word)

    def _primitive(self, primitive: PrimitiveType) -> Expression:
        meaning = primitive.logical.name if primitive.logical else primitive.name
        if plain := _PLAIN.get(meaning):
            return Atom(text=self._used(plain))
        if plain := _WORDED.get(meaning):
            word = call(self.use("written_as"), Text(value=meaning))
            return self._annotated(Atom(text=self._used(plain)), word)
        if meaning == "decimal":
            return self._annotated(Atom(text=self.use("Decimal")), self._money(primitive))
        raise self.refused("its type is null, which is always None", "an optional type, or nothing")

    def _used(self, name: str) -> str:
        self.use(name.partition(".")[0])
        return name

    def _money(self, decimal: PrimitiveType | FixedType) -> Expression:
        assert decimal.logical is not None
        digits = (decimal.logical.precision, decimal.logical.scale)
        return call(self.use("money"), *(Atom(text=str(each)) for each in digits))

    def _annotated(self, annotation: Expression, *words: Expression) -> Expression:
        self.use("Annotated")
        return annotated(annotation, *words)

    def _union(self, union: UnionType, *, led: bool) -> Expression:
        """A union. A leading branch is that of the default, and moves there by itself."""
        rest = [each for each in union.branches if each != _NULL]
        self._check_union(union, rest)
        natural: list[AvroType] = sorted(rest, key=_kind)
        if len(rest) < len(union.branches):
            natural.insert(0, _NULL)
        if led and union.branches[0] != _NULL:
            natural.remove(union.branches[0])
            natural.insert(0, union.branches[0])
        types = [self.type(each) for each in sorted(rest, key=_kind)]
        if len(rest) < len(union.branches):
            types.append(Atom(text="None"))
        choice = Choice(parts=tuple(types))
        if natural == list(union.branches):
            return choice
        order = [Text(value=_kind(each)) for each in union.branches]
        return self._annotated(choice, call(self.use("branches"), *order))

    def _check_union(self, union: UnionType, rest: list[AvroType]) -> None:
        if len(union.branches) == 1 or not rest:
            raise self.refused("it is a union of one type", "the type itself")
        records = [each for each in rest if isinstance(each, RecordType)]
        if 1 < len(rest) != len(records):
            problem = "it is a union of several types that are not all records"
            raise self.refused(problem, "a record for each, or one optional field for each")
        if both := confusion(records):
            problem = f"in its union {both} cannot be told apart by their names or aliases"
            raise self.refused(problem, "records with names of their own")

    # Defaults

    def default(self, avro_type: AvroType, default: Any) -> Expression:
        """Return a default of a type."""
        try:
            return self._value(avro_type, default)
        except Unfit as unfit:
            problem = f"its default is not one of the first branch of its union: {unfit.problem}"
            instead = "the branch of the default first, as Avro wants it before 1.12"
            raise self.refused(problem, instead) from None

    def _value(self, avro_type: AvroType, default: Any) -> Expression:
        if isinstance(avro_type, UnionType):
            return self._value(avro_type.branches[0], default)
        value = value_of(avro_type, default, {})
        match avro_type:
            case EnumType() if self.members(avro_type):
                return Atom(text=f"{self.named(avro_type)}.{default}")
            case ArrayType(items=items):
                parts = tuple(("", self._value(items, each)) for each in default)
                return Group(head="[", parts=parts, close="]")
            case MapType(values=values):
                entries = ((_key(key), self._value(values, each)) for key, each in default.items())
                return Group(head="{", parts=tuple(entries), close="}")
            case RecordType():
                return self._record(avro_type, default)
            case _:
                held = default if avro_type in _NUMBERS else value  # 1 may be a float's default
                self._check_form(avro_type, default, held)
                return self._plain(held)

    def _record(self, record: RecordType, default: Any) -> Expression:
        names = [each.name for each in record.fields]
        if list(default) != names:
            problem = f"its default of {record.full_name} does not name all fields in their order"
            raise self.refused(problem, f"a default with {', '.join(names)}")
        for each in record.fields:
            self._check_number(each.type, default[each.name])
        attributes = self.attributes(record)
        parts = tuple(
            (f"{attributes[each.name]}=", self._value(each.type, default[each.name]))
            for each in record.fields
        )
        return Group(head=f"{self.named(record)}(", parts=parts, close=")")

    def _check_form(self, avro_type: AvroType, default: Any, value: Any) -> None:
        written = json_of(avro_type, value)
        if not _same_json(written, default):
            problem = "its default is written otherwise than values of its type are"
            raise self.refused(problem, f"the default as {json.dumps(written)}")

    def _check_number(self, avro_type: AvroType, default: Any) -> None:
        """A record makes floats of ints; a class's own default stays as it was written."""
        match avro_type:
            case PrimitiveType(name="double" | "float") if isinstance(default, int):
                raise self.refused("its default has an int for a float", f"{default}.0")
            case ArrayType(items=items):
                for each in default:
                    self._check_number(items, each)
            case MapType(values=values):
                for each in default.values():
                    self._check_number(values, each)
            case UnionType(branches=branches):
                self._check_number(branches[0], default)
            case _:
                return

    def _plain(self, value: Any) -> Expression:
        match value:
            case str():
                return Text(value=value)
            case bytes():
                return Atom(text=bytes_literal(value))
            case Decimal() | UUID():
                whole = isinstance(value, Decimal) and value.as_tuple().exponent == 0
                digits = Atom(text=str(value)) if whole else Text(value=str(value))
                return call(self.use(type(value).__name__), digits)
            case date() | time():
                return self._moment(value)
            case _:  # None, bool, int, float; the formatter writes 1e16 for 1e+16
                return Atom(text=repr(value).replace("e+", "e"))

    def _moment(self, value: date | time) -> Expression:
        kind = f"{self.use('dt')}.{type(value).__name__}"
        if isinstance(value, datetime) and value.tzinfo is None:
            return call(f"{kind}.fromisoformat", Text(value=value.isoformat()))
        day = [value.year, value.month, value.day] if isinstance(value, date) else []
        clock = []
        if not isinstance(value, date) or isinstance(value, datetime):
            clock = [value.hour, value.minute, value.second, value.microsecond]
            while clock and clock[-1] == 0 and (day or len(clock) > 1):
                clock.pop()
        words = {"tzinfo": Atom(text="dt.UTC")} if isinstance(value, datetime) else {}
        return call(kind, *(Atom(text=str(each)) for each in (*day, *clock)), **words)

    def refused(self, problem: str, instead: str) -> NoFaithfulClass:
        """Return the error for this place."""
        return NoFaithfulClass(place=self.place, problem=problem, instead=instead)


_NUMBERS: Final = (PrimitiveType(name="double"), PrimitiveType(name="float"))


def annotated(annotation: Expression, *words: Expression) -> Expression:
    """Return a type with words beside it, and beside those that stand there already."""
    parts: tuple[tuple[str, Expression], ...] = (("", annotation),)
    if isinstance(annotation, Group) and annotation.head == "Annotated[":
        parts = annotation.parts
    parts = (*parts, *(("", each) for each in words))
    return Group(head="Annotated[", parts=parts, close="]")


def texts(values: tuple[str, ...]) -> Group:
    """Return a tuple of texts."""
    return Group(head="(", parts=tuple(("", Text(value=each)) for each in values), close=")")


def _kind(avro_type: AvroType) -> str:
    full_name: str | None = getattr(avro_type, "full_name", None)
    return full_name or base_name(avro_type)


def _key(key: str) -> str:
    return f"{text_literal(key)}: "
