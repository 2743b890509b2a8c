"""Readers of values, compiled once from what the writer wrote to what the reader expects.

One walk over the bytes checks them and makes the values. Both schemas go in, so that resolution
(Avro specification, "Schema Resolution") is settled when the reader is compiled and costs nothing
per message; where it cannot be settled, because a union may or may not carry a value that fits, the
compiled reader refuses when such a value comes.

Laws:
1. The reader's type decides what a value means; the writer's only how its bytes lie. Two different
   logical types never meet.
2. What the reader does not know is walked and checked like the rest, then dropped.
3. Whatever the bytes are, the outcome is a value or a `Fault`, in time and memory bounded by their
   number. Whatever the schemas are, compiling looks at each branch, field and symbol once: what
   matches is looked up, and not searched.
4. Every message gets containers of its own, defaults included.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from enum import Enum
from functools import partial
from struct import Struct
from typing import Any

from penstock.schemas.binary import READERS, Read, read_fixed, read_long, read_text, read_wide_long
from penstock.schemas.codec_errors import (
    IllegalBlock,
    IllegalValue,
    IndexOutOfRange,
    TooManyItems,
    Unresolvable,
)
from penstock.schemas.compatibility import Branches, field_targets, same_name
from penstock.schemas.defaults import value_of
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_ITEMS
from penstock.schemas.logical import Unfit, clash, conversion_of
from penstock.schemas.quick_reader import (
    ENUM_OF_ONE_BYTE,
    QUICK,
    FieldReading,
    Plain,
    quick_reader_of,
)
from penstock.schemas.ration import Rationed, rationed, weight_of
from penstock.schemas.tagged import is_tagged, maker_of
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
    base_name,
    described,
    without_logical,
)

__all__ = ["reader_of"]

_UNKNOWN = object()
_SINGLE = Struct("<f")


def reader_of(writer: AvroType, reader: AvroType, classes: Classes) -> Read:
    """Compile a reader.

    Args:
        writer: the type that the bytes have.
        reader: the type that the values are to have.
        classes: enums found here by the reader's full name become members of that class, and so
            do records of a union that has several; all others become strings and dictionaries.

    Returns:
        A function of payload and position that raises `Fault` only.
    """
    return rationed(_reader(writer, reader, classes), writer, reader)


def _reader(writer: AvroType, reader: AvroType, classes: Classes) -> Read:
    match writer, reader:
        case UnionType(), UnionType():
            choice = Branches(reader)
            return _union([_chosen(each, reader, choice, classes) for each in writer.branches])
        case UnionType(), _:
            return _union([_reader(branch, reader, classes) for branch in writer.branches])
        case _, UnionType():
            return _chosen(writer, reader, Branches(reader), classes)
        case _:
            return _single(writer, reader, classes)


def _chosen(writer: AvroType, reader: UnionType, choice: Branches, classes: Classes) -> Read:
    """What a type that is no union is read as, where the reader has a union."""
    branch = choice.chosen(writer)
    if branch is None:
        return _refusing(writer, reader, "no branch of the reader's union takes it")
    read = _reader(writer, branch, classes)
    make = maker_of(reader, branch, classes)
    return _made(read, make) if make else read


def _made(read_datum: Read, make: Callable[[dict[str, Any]], Any]) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        datum, end = read_datum(data, at)
        return make(datum), end

    return read


def _single(writer: AvroType, reader: AvroType, classes: Classes) -> Read:
    match writer, reader:
        case RecordType(), RecordType() if same_name(writer, reader):
            return _record(writer, reader, classes)
        case EnumType(), EnumType() if same_name(writer, reader):
            return _enum(writer, reader, classes)
        case ArrayType(), ArrayType():
            least = writer.items.extent.least_bytes
            read = _reader(writer.items, reader.items, classes)
            return _array(read, least, weight_of(reader.items))
        case MapType(), MapType():
            least = 1 + writer.values.extent.least_bytes
            read = _reader(writer.values, reader.values, classes)
            return _map(read, least, 1 + weight_of(reader.values))
        case ((PrimitiveType() | FixedType()), (PrimitiveType() | FixedType())):
            return _value(writer, reader)
        case _:
            return _refusing(writer, reader, "they are different types")


# Which types can meet


def _mismatch(writer: PrimitiveType | FixedType, reader: PrimitiveType | FixedType) -> str | None:
    match writer, reader:
        case FixedType(), FixedType():
            if not same_name(writer, reader) or writer.size != reader.size:
                return "they differ in name or size"
        case PrimitiveType(), PrimitiveType():
            if writer.name != reader.name and (writer.name, reader.name) not in _PROMOTIONS:
                return "there is no promotion from one to the other"
        case _:
            return "they are different types"
    return clash(writer, reader)


def _refusing(writer: AvroType, reader: AvroType, problem: str) -> Read:
    theirs, ours = described(writer), described(reader)

    def read(_data: bytes, at: int) -> tuple[Any, int]:
        raise Fault(Unresolvable, offset=at, writer=theirs, reader=ours, problem=problem)

    return read


# Single values


def _read_text_as_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    text, end = read_text(data, at)
    return text.encode(), end


def _as_float(read_number: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[float, int]:
        number, end = read_number(data, at)
        return float(number), end

    return read


def _as_single(read_number: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[float, int]:
        # A float has 24 bits of digits: unrounded, the value would change when it is written again.
        number, end = read_number(data, at)
        return _SINGLE.unpack(_SINGLE.pack(number))[0], end

    return read


_PROMOTIONS: dict[tuple[str, str], Read] = {
    ("int", "long"): READERS["int"],
    ("int", "float"): _as_single(READERS["int"]),
    ("int", "double"): _as_float(READERS["int"]),
    ("long", "float"): _as_single(READERS["long"]),
    ("long", "double"): _as_float(READERS["long"]),
    ("float", "double"): READERS["float"],
    ("string", "bytes"): _read_text_as_bytes,
    ("bytes", "string"): read_text,
}
"""How a writer's primitive is read where the reader's is wider."""
_MICROSECONDS = frozenset({"timestamp-micros", "local-timestamp-micros"})
"""Instants whose numbers take eight bytes: from 1978 to 3100, say."""


def _value(writer: PrimitiveType | FixedType, reader: PrimitiveType | FixedType) -> Read:
    if problem := _mismatch(writer, reader):
        return _refusing(writer, reader, problem)
    read = read_fixed(writer.size) if isinstance(writer, FixedType) else _base(writer, reader)
    conversion = conversion_of(reader)
    return _converted(read, conversion.load, described(reader)) if conversion else read


def _base(writer: PrimitiveType, reader: PrimitiveType | FixedType) -> Read:
    if promotion := _PROMOTIONS.get((writer.name, base_name(reader))):
        return promotion
    is_instant = reader.logical is not None and reader.logical.name in _MICROSECONDS
    return read_wide_long if is_instant else READERS[writer.name]


def _converted(read_base: Read, load: Callable[[Any], Any], kind: str) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        base, end = read_base(data, at)
        try:
            return load(base), end
        except Unfit as unfit:
            raise Fault(IllegalValue, offset=at, kind=kind, problem=unfit.problem) from None

    return read


def _enum(writer: EnumType, reader: EnumType, classes: Classes) -> Read:
    table = _members(writer, reader, classes)
    count = len(table)
    refuse = _refusing(writer, reader, "the reader lacks the symbol and has no default")

    def read(data: bytes, at: int) -> tuple[Any, int]:
        index, end = read_long(data, at)
        if not 0 <= index < count:
            raise Fault(IndexOutOfRange, offset=at, index=index, count=count, kind="symbols")
        member = table[index]
        return (member, end) if member is not _UNKNOWN else refuse(data, at)

    return read


def _members(writer: EnumType, reader: EnumType, classes: Classes) -> Sequence[Any]:
    """What each symbol of the writer's is read as; `_UNKNOWN` where it cannot be."""
    if writer.symbols is reader.symbols and reader.full_name not in classes:
        return writer.symbols  # an enum of thousands may be mentioned thousands of times
    known = reader.known
    read_as = [each if each in known else reader.default for each in writer.symbols]
    return [_member(symbol, reader, classes) for symbol in read_as]


def _member(symbol: str | None, reader: EnumType, classes: Classes) -> Any:
    if symbol is None:
        return _UNKNOWN
    members = classes.get(reader.full_name)
    return members[symbol] if members and issubclass(members, Enum) else symbol


# Nested values


def _union(branches: list[Read]) -> Read:
    count = len(branches)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        index, start = read_long(data, at)
        if not 0 <= index < count:
            raise Fault(IndexOutOfRange, offset=at, index=index, count=count, kind="branches")
        return branches[index](data, start)

    return read


def _record(writer: RecordType, reader: RecordType, classes: Classes) -> Read:
    targets = field_targets(writer, reader)
    fields: list[FieldReading] = []
    for each in writer.fields:
        if target := targets.get(each.name):
            read = _reader(each.type, target.type, classes)
            plain = _plain(each.type, target.type, classes)
            fields.append(FieldReading(each.name, target.name, read, plain))
        else:
            # What is dropped is checked by its base types: nobody will ask what it means.
            skipped = without_logical(each.type)
            read = _reader(each.type, skipped, {})
            fields.append(FieldReading(each.name, None, read, _plain(each.type, skipped, {})))
    reached = {target.name for target in targets.values()}
    absent = [each for each in reader.fields if each.name not in reached]
    for each in absent:
        if each.default is NO_DEFAULT:
            return _lacking(writer, each)
    return quick_reader_of(fields, [(each.name, _maker(each, classes)) for each in absent])


def _plain(writer: AvroType, reader: AvroType, classes: Classes) -> Plain | None:
    """How the values of a field may be read at once, if they may."""
    match writer, reader:
        case UnionType(branches=branches), UnionType() if branches == reader.branches:
            return _optional(branches, classes)
        case EnumType(), EnumType() if same_name(writer, reader):
            if len(writer.symbols) > ENUM_OF_ONE_BYTE:
                return None
            members = _members(writer, reader, classes)
            if _UNKNOWN in members:
                return None
            return Plain(base="enum", symbols=tuple(members))
        case PrimitiveType(), PrimitiveType() if _mismatch(writer, reader) is None:
            return _plain_value(writer, reader)
        case _:
            return None


def _plain_value(writer: PrimitiveType, reader: PrimitiveType) -> Plain | None:
    promotion = _PROMOTIONS.get((writer.name, reader.name))
    if conversion := conversion_of(reader):
        base = writer.name if promotion is None else ""
        return Plain(base=base, read=_base(writer, reader), load=conversion.load)
    known = promotion is None or (writer.name, reader.name) == ("int", "long")
    return Plain(base=writer.name) if known and writer.name in QUICK else None


def _optional(branches: tuple[AvroType, ...], classes: Classes) -> Plain | None:
    names = [base_name(each) for each in branches]
    if len(names) != 2 or names.count("null") != 1:  # noqa: PLR2004 - null and one other
        return None
    null = names.index("null")
    other = branches[1 - null]
    found = _plain(other, other, classes)
    return None if found is None else replace(found, null_branch=null)


def _lacking(writer: RecordType, field: FieldOfRecord) -> Read:
    refuse = _refusing(writer, field.type, "it was not written and has no default")
    return quick_reader_of([FieldReading(field.name, field.name, refuse)], [])


def _maker(field: FieldOfRecord, classes: Classes) -> Callable[[], Any]:
    if is_tagged(field.type):
        # Made anew each time, for what a class's validator says of it is a failure of the message.
        return partial(value_of, field.type, field.default, classes)
    value = value_of(field.type, field.default, classes)
    if isinstance(value, list | dict):
        return partial(deepcopy, value)
    return lambda: value


def _array(read_item: Read, least_bytes: int, weight: int) -> Read:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        append = items.append
        while True:
            count, at, block_end = _block(data, at, least_bytes, len(items))
            if isinstance(data, Rationed):
                data.spend(count * weight, at)
            if count == 0:
                return items, at
            try:
                for _ in range(count):
                    item, at = read_item(data, at)
                    append(item)
            except Fault as fault:
                fault.inside(f"[{len(items)}]")
                raise
            _check_end(at, block_end)

    return read


def _map(read_value: Read, least_bytes: int, weight: int) -> Read:
    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        number = 0
        while True:
            count, at, block_end = _block(data, at, least_bytes, number)
            if isinstance(data, Rationed):
                data.spend(count * weight, at)
            if count == 0:
                return entries, at
            try:
                for _ in range(count):
                    key, at = read_text(data, at)
                    entries[key], at = read_value(data, at)
                    number += 1
            except Fault as fault:
                fault.inside(f"{{{number}}}")
                raise
            _check_end(at, block_end)

    return read


def _block(data: bytes, at: int, least_bytes: int, have: int) -> tuple[int, int, int | None]:
    """The head of a block: its items, where they begin, and where they end if it says so."""
    count, start = read_long(data, at)
    block_end = None
    if count < 0:
        count = -count
        size, start = read_long(data, start)
        if not 0 <= size <= len(data) - start:
            problem = f"it claims {size} bytes, {len(data) - start} are left"
            raise Fault(IllegalBlock, offset=at, problem=problem)
        block_end = start + size
    if count * least_bytes > len(data) - start:
        problem = f"it claims {count} items, {len(data) - start} bytes are left"
        raise Fault(IllegalBlock, offset=at, problem=problem)
    if have + count > MAX_ITEMS:
        raise Fault(TooManyItems, offset=at, limit=MAX_ITEMS)
    return count, start, block_end


def _check_end(at: int, block_end: int | None) -> None:
    if block_end is not None and at != block_end:
        problem = f"its items end at byte {at}, it claims byte {block_end}"
        raise Fault(IllegalBlock, offset=at, problem=problem)
