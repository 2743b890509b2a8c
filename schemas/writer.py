"""Writers of values, compiled once per schema: values in, bytes at the end of a bytearray.

The same compiler serves two kinds of values: objects of the user's classes, where each named type
has its class, and plain dictionaries, for those who have only a schema. Records are written the
quick way (quick_writer.py) where their values are plain, and by the closures here where they are
not; what is refused is refused by these. Nothing is converted that
the type does not say, and nothing is left out: a subclass with further fields, a dictionary with an
unknown key, a number with further digits are refused.

Law: what is written here, `reader.reader_of` reads back as an equal value, within its limits.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from penstock.schemas.binary import WRITERS, Write, write_fixed, write_long, write_text
from penstock.schemas.codec_errors import (
    FieldMissing,
    FieldUnknown,
    NoBranchFits,
    TooManyItemsGiven,
    TooManyValues,
    TooManyValuesGiven,
    UnfitValue,
    WrongType,
)
from penstock.schemas.defaults import value_of
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_ITEMS, MAX_VALUES
from penstock.schemas.logical import Unfit, conversion_of
from penstock.schemas.quick_writer import quick_writer_of
from penstock.schemas.ration import harmless_bytes
from penstock.schemas.reader import reader_of
from penstock.schemas.record_words import attributes_of
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    Classes,
    EnumType,
    FieldOfRecord,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    described,
    without_logical,
)

__all__ = ["exact_writer_of", "writer_of"]

_NULL = PrimitiveType(name="null")
_MISSING = object()


def writer_of(avro_type: AvroType, classes: Classes) -> Write:
    """Compile a writer.

    Args:
        avro_type: the type to write.
        classes: records and enums found here by full name are taken as objects of that class; all
            others as dictionaries and strings.

    Returns:
        A function of value and output that raises `Fault` only.
    """
    return _within_the_ration(_Writers(classes).pair(avro_type).quick, avro_type)


def exact_writer_of(avro_type: AvroType, classes: Classes) -> Write:
    """Compile a writer of closures alone, which the quick one is held against; as `writer_of`."""
    return _Writers(classes).pair(avro_type).exact


def _within_the_ration(write_value: Write, avro_type: AvroType) -> Write:
    """Refuse what no reader would take, where there is enough of it (see ration.py)."""
    harmless = harmless_bytes(avro_type)
    if harmless is None:
        return write_value

    def write(value: Any, out: bytearray) -> None:
        mark = len(out)
        write_value(value, out)
        if len(out) - mark > harmless:
            try:
                reader_of(avro_type, without_logical(avro_type), {})(bytes(out), mark)
            except Fault as fault:
                if fault.leaf is not TooManyValues:
                    raise
                raise Fault(TooManyValuesGiven, limit=MAX_VALUES) from None

    return write


class _Pair(NamedTuple):
    """Two writers of one type: they write the same bytes."""

    exact: Write
    """Closures alone: says what is wrong with a value, and where."""
    quick: Write
    """Takes the quick way where there is one."""


class _Writers:
    """Compiles both writers of each type."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def pair(self, avro_type: AvroType) -> _Pair:
        """Compile a type."""
        match avro_type:
            case PrimitiveType() | FixedType():
                write = _value(avro_type)
                return _Pair(write, write)
            case EnumType():
                write = _enum(avro_type, self._classes.get(avro_type.full_name))
                return _Pair(write, write)
            case ArrayType(items=items):
                exact, quick = self.pair(items)
                return _Pair(_array(exact), _array(quick))
            case MapType(values=values):
                exact, quick = self.pair(values)
                return _Pair(_map(exact), _map(quick))
            case UnionType(branches=branches):
                exacts, quicks = zip(*(self.pair(each) for each in branches), strict=True)
                return _Pair(_union(avro_type, [*exacts]), _union(avro_type, [*quicks]))
            case RecordType():
                return self._record(avro_type)

    def _record(self, record: RecordType) -> _Pair:
        pairs = [(each, self.pair(each.type)) for each in record.fields]
        exact = _record(record, [(each, pair.exact) for each, pair in pairs], self._classes)
        fields = [(each, pair.quick) for each, pair in pairs]
        return _Pair(exact, quick_writer_of(record, fields, exact, self._classes))


def _wrong(value: Any, avro_type: AvroType) -> Fault:
    return Fault(WrongType, expected=described(avro_type), found=type(value).__name__)


def _value(avro_type: PrimitiveType | FixedType) -> Write:
    if isinstance(avro_type, FixedType):
        write = write_fixed(avro_type.size)
    else:
        write = WRITERS[avro_type.name]
    conversion = conversion_of(avro_type)
    return _converted(write, conversion.dump, described(avro_type)) if conversion else write


def _converted(write_base: Write, dump: Callable[[Any], Any], kind: str) -> Write:
    def write(value: Any, out: bytearray) -> None:
        try:
            base = dump(value)
        except Unfit as unfit:
            raise Fault(UnfitValue, kind=kind, problem=unfit.problem) from None
        write_base(base, out)

    return write


def _enum(enum: EnumType, members: type | None) -> Write:
    known: dict[Any, int] = {symbol: index for index, symbol in enumerate(enum.symbols)}
    expected: type = str
    if members and issubclass(members, Enum):
        known = {members[symbol]: index for symbol, index in known.items()}
        expected = members

    def write(value: Any, out: bytearray) -> None:
        if not isinstance(value, expected):
            raise _wrong(value, enum)
        if (index := known.get(value)) is None:
            raise Fault(UnfitValue, kind=described(enum), problem="is none of its symbols")
        write_long(index, out)

    return write


def _union(union: UnionType, writers: list[Write]) -> Write:
    if len(writers) == 2 and _NULL in union.branches:  # noqa: PLR2004 - null and one other
        null = union.branches.index(_NULL)
        return _optional(null, 1 - null, writers[1 - null])
    expected = described(union)

    def write(value: Any, out: bytearray) -> None:
        mark = len(out)
        for index, write_branch in enumerate(writers):
            write_long(index, out)
            try:
                return write_branch(value, out)
            except Fault:
                del out[mark:]
        raise Fault(NoBranchFits, expected=expected, found=type(value).__name__)

    return write


def _optional(null: int, other: int, write_other: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if value is None:
            out.append(null << 1)
        else:
            out.append(other << 1)
            write_other(value, out)

    return write


def _array(write_item: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if not isinstance(value, list | tuple):
            raise Fault(WrongType, expected="list or tuple", found=type(value).__name__)
        _write_count(len(value), out)
        index = 0
        try:
            for index, item in enumerate(value):  # noqa: B007 - the fault names it
                write_item(item, out)
        except Fault as fault:
            fault.inside(f"[{index}]")
            raise
        if value:
            out.append(0)

    return write


def _map(write_value: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if not isinstance(value, Mapping):
            raise Fault(WrongType, expected="dict", found=type(value).__name__)
        _write_count(len(value), out)
        number = 0
        try:
            for number, (key, item) in enumerate(value.items()):  # noqa: B007 - the same
                write_text(key, out)
                write_value(item, out)
        except Fault as fault:
            fault.inside(f"{{{number}}}")
            raise
        if value:
            out.append(0)

    return write


def _write_count(size: int, out: bytearray) -> None:
    if size > MAX_ITEMS:
        raise Fault(TooManyItemsGiven, size=size, limit=MAX_ITEMS)
    write_long(size, out)


def _record(
    record: RecordType, writers: list[tuple[FieldOfRecord, Write]], classes: Classes
) -> Write:
    if kind := classes.get(record.full_name):
        attributes = attributes_of(kind)
        steps = [
            (each.name, attributes.get(each.name, each.name), write) for each, write in writers
        ]
        return _object(kind, steps)
    return _dictionary(record, writers)


def _object(kind: type, steps: list[tuple[str, str, Write]]) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if type(value) is not kind:  # a subclass may have fields that would be lost
            raise Fault(WrongType, expected=kind.__name__, found=type(value).__name__)
        held = value.__dict__
        name = attribute = ""
        try:
            for name, attribute, write_field in steps:  # noqa: B007 - the fault names it
                write_field(held[attribute], out)
        except Fault as fault:
            fault.inside(f".{name}")
            raise
        except KeyError:
            if attribute in held:
                raise
            raise Fault(FieldMissing, part=f".{name}") from None

    return write


def _dictionary(record: RecordType, writers: list[tuple[FieldOfRecord, Write]]) -> Write:
    names = frozenset(each.name for each in record.fields)
    steps = [(each.name, write, _fallback(each)) for each, write in writers]

    def write(value: Any, out: bytearray) -> None:
        # The abstract class is asked only where it is no plain dictionary: it takes its time.
        if type(value) is not dict and not isinstance(value, Mapping):
            raise _wrong(value, record)
        if not names.issuperset(value):
            name = next(iter(value.keys() - names))
            raise Fault(FieldUnknown, part=f".{ascii(name)[:64]}")
        name = ""
        try:
            for name, write_field, fallback in steps:
                held = value.get(name, _MISSING)
                write_field(fallback() if held is _MISSING else held, out)
        except Fault as fault:
            fault.inside(f".{name}")
            raise

    return write


def _fallback(field: FieldOfRecord) -> Callable[[], Any]:
    if field.default is NO_DEFAULT:
        return _missing
    value = value_of(field.type, field.default, {})
    return lambda: value  # shared, for a writer changes nothing


def _missing() -> Any:
    raise Fault(FieldMissing)
