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
   number.
4. Every message gets containers of its own, defaults included.
"""

from collections.abc import Callable
from copy import deepcopy
from enum import Enum
from functools import partial
from typing import Any

from penstock.schemas.binary import READERS, Read, read_fixed, read_long, read_text
from penstock.schemas.codec_errors import (
    IllegalBlock,
    IllegalValue,
    IndexOutOfRange,
    TooManyItems,
    Unresolvable,
)
from penstock.schemas.defaults import value_of
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_ITEMS
from penstock.schemas.logical import Unfit, clash, conversion_of
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


def reader_of(writer: AvroType, reader: AvroType, classes: Classes) -> Read:
    """Compile a reader.

    Args:
        writer: the type that the bytes have.
        reader: the type that the values are to have.
        classes: enums found here by the reader's full name become members of that class; all
            others, and all records, become strings and dictionaries.

    Returns:
        A function of payload and position that raises `Fault` only.
    """
    match writer, reader:
        case UnionType(), _:
            return _union([reader_of(branch, reader, classes) for branch in writer.branches])
        case _, UnionType():
            fitting = (branch for branch in reader.branches if _matches(writer, branch))
            if branch := next(fitting, None):
                return reader_of(writer, branch, classes)
            return _refusing(writer, reader, "no branch of the reader's union takes it")
        case _:
            return _single(writer, reader, classes)


def _single(writer: AvroType, reader: AvroType, classes: Classes) -> Read:
    match writer, reader:
        case RecordType(), RecordType() if _same_name(writer, reader):
            return _record(writer, reader, classes)
        case EnumType(), EnumType() if _same_name(writer, reader):
            return _enum(writer, reader, classes)
        case ArrayType(), ArrayType():
            least = writer.items.extent.least_bytes
            return _array(reader_of(writer.items, reader.items, classes), least)
        case MapType(), MapType():
            least = 1 + writer.values.extent.least_bytes
            return _map(reader_of(writer.values, reader.values, classes), least)
        case ((PrimitiveType() | FixedType()), (PrimitiveType() | FixedType())):
            return _value(writer, reader)
        case _:
            return _refusing(writer, reader, "they are different types")


# Which types can meet


def _matches(writer: AvroType, reader: AvroType) -> bool:
    match writer, reader:
        case (UnionType(), _) | (_, UnionType()):
            return True
        case ArrayType(), ArrayType():
            return _matches(writer.items, reader.items)
        case MapType(), MapType():
            return _matches(writer.values, reader.values)
        case (RecordType(), RecordType()) | (EnumType(), EnumType()):
            return _same_name(writer, reader)
        case ((PrimitiveType() | FixedType()), (PrimitiveType() | FixedType())):
            return _mismatch(writer, reader) is None
        case _:
            return False


def _same_name(writer: AvroType, reader: AvroType) -> bool:
    """Tell whether two named types match: by unqualified name, or by an alias of the reader's."""
    known = getattr(reader, "aliases", ())
    return base_name(writer) == base_name(reader) or getattr(writer, "full_name", None) in known


def _mismatch(writer: PrimitiveType | FixedType, reader: PrimitiveType | FixedType) -> str | None:
    match writer, reader:
        case FixedType(), FixedType():
            if not _same_name(writer, reader) or writer.size != reader.size:
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


_PROMOTIONS: dict[tuple[str, str], Read] = {
    ("int", "long"): READERS["int"],
    ("int", "float"): _as_float(READERS["int"]),
    ("int", "double"): _as_float(READERS["int"]),
    ("long", "float"): _as_float(READERS["long"]),
    ("long", "double"): _as_float(READERS["long"]),
    ("float", "double"): READERS["float"],
    ("string", "bytes"): _read_text_as_bytes,
    ("bytes", "string"): read_text,
}
"""How a writer's primitive is read where the reader's is wider."""


def _value(writer: PrimitiveType | FixedType, reader: PrimitiveType | FixedType) -> Read:
    if problem := _mismatch(writer, reader):
        return _refusing(writer, reader, problem)
    if isinstance(writer, FixedType):
        read = read_fixed(writer.size)
    else:
        read = _PROMOTIONS.get((writer.name, base_name(reader))) or READERS[writer.name]
    conversion = conversion_of(reader)
    return _converted(read, conversion.load, described(reader)) if conversion else read


def _converted(read_base: Read, load: Callable[[Any], Any], kind: str) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        base, end = read_base(data, at)
        try:
            return load(base), end
        except Unfit as unfit:
            raise Fault(IllegalValue, offset=at, kind=kind, problem=unfit.problem) from None

    return read


def _enum(writer: EnumType, reader: EnumType, classes: Classes) -> Read:
    table = [_member(symbol, reader, classes) for symbol in writer.symbols]
    count = len(table)
    refuse = _refusing(writer, reader, "the reader lacks the symbol and has no default")

    def read(data: bytes, at: int) -> tuple[Any, int]:
        index, end = read_long(data, at)
        if not 0 <= index < count:
            raise Fault(IndexOutOfRange, offset=at, index=index, count=count, kind="symbols")
        member = table[index]
        return (member, end) if member is not _UNKNOWN else refuse(data, at)

    return read


def _member(symbol: str, reader: EnumType, classes: Classes) -> Any:
    known = symbol if symbol in reader.symbols else reader.default
    if known is None:
        return _UNKNOWN
    members = classes.get(reader.full_name)
    return members[known] if members and issubclass(members, Enum) else known


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
    targets = _targets(writer, reader)
    steps: list[tuple[str, str | None, Read]] = []
    for each in writer.fields:
        if target := targets.get(each.name):
            steps.append((each.name, target.name, reader_of(each.type, target.type, classes)))
        else:
            skipped = reader_of(each.type, without_logical(each.type), {})
            steps.append((each.name, None, skipped))
    reached = {target.name for target in targets.values()}
    absent = [each for each in reader.fields if each.name not in reached]
    for each in absent:
        if each.default is NO_DEFAULT:
            return _lacking(writer, each)
    if absent or any(name != target for name, target, _ in steps):
        return _reordered(steps, [(each.name, _maker(each, classes)) for each in absent])
    return _straight([(name, read) for name, _, read in steps])


def _targets(writer: RecordType, reader: RecordType) -> dict[str, FieldOfRecord]:
    """The reader's field for each of the writer's that it knows, by its name or an alias."""
    written = {each.name for each in writer.fields}
    targets = {each.name: each for each in reader.fields if each.name in written}
    for each in reader.fields:
        if each.name not in written:
            alias = next((name for name in each.aliases if name in written - targets.keys()), None)
            if alias is not None:
                targets[alias] = each
    return targets


def _lacking(writer: RecordType, field: FieldOfRecord) -> Read:
    refuse = _refusing(writer, field.type, "it was not written and has no default")
    return _straight([(field.name, refuse)])


def _maker(field: FieldOfRecord, classes: Classes) -> Callable[[], Any]:
    value = value_of(field.type, field.default, classes)
    if isinstance(value, list | dict):
        return partial(deepcopy, value)
    return lambda: value


def _straight(steps: list[tuple[str, Read]]) -> Read:
    """A record whose fields are the writer's, all of them, in any order of the reader's."""

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        values = {}
        name = ""
        try:
            for name, read_field in steps:
                values[name], at = read_field(data, at)
        except Fault as fault:
            fault.inside(f".{name}")
            raise
        return values, at

    return read


def _reordered(
    steps: list[tuple[str, str | None, Read]], makers: list[tuple[str, Callable[[], Any]]]
) -> Read:
    """A record with fields to drop, to rename, or to fill in."""

    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        values = {}
        name = ""
        try:
            for name, target, read_field in steps:  # noqa: B007 - the fault names it
                value, at = read_field(data, at)
                if target is not None:
                    values[target] = value
        except Fault as fault:
            fault.inside(f".{name}")
            raise
        for target, make in makers:
            values[target] = make()
        return values, at

    return read


def _array(read_item: Read, least_bytes: int) -> Read:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        append = items.append
        while True:
            count, at, block_end = _block(data, at, least_bytes, len(items))
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


def _map(read_value: Read, least_bytes: int) -> Read:
    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        number = 0
        while True:
            count, at, block_end = _block(data, at, least_bytes, number)
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
