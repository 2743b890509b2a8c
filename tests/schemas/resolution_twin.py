"""A dumb twin of the compiled reader: Avro's schema resolution, sentence by sentence, on one value.

It is written from the specification ("Schema Resolution", "Aliases") and from what this house adds
to it, not from the code that it is held against. It works on a datum: a value as it lies in the
bytes, without logical types, a union's with the number of its branch.

`mentioned` gives the data that show all that a type may hold: each branch of each union, each
symbol of each enum, items in each array and map, all digits of each decimal. Whatever a reader
cannot read of a type, it cannot read of one of these.
"""

import struct
from itertools import zip_longest
from typing import Any

from hypothesis import strategies as st

from penstock.schemas.binary import WRITERS, write_long, write_text
from penstock.schemas.defaults import value_of
from penstock.schemas.logical import Unfit, conversion_of
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
    logical_of,
)
from tests.schemas.generated import TEXT, values_of

__all__ = ["Twin", "bytes_of", "data_of", "mentioned"]

PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}


ZEROS: dict[str, Any] = {
    "null": None,
    "boolean": False,
    "bytes": b"\0",
    "string": "x",
    "float": 0.5,
    "double": 0.5,
}


class Twin:
    """Resolves data, and keeps the places where they cannot be resolved.

    It goes on where a real reader stops, so that one fault does not hide another.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.never: set[str] = set()
        """Paths, in the writer's names, where the specification calls it an error."""
        self.not_this: set[str] = set()
        """Paths of values that are none of the reader's type, though the schemas allow it."""

    def resolved(self, writer: AvroType, reader: AvroType, datum: Any, path: str = "") -> Any:
        """Return the value that the reader gets; without meaning where a place was kept."""
        match writer, reader:
            case UnionType(), _:
                number, inner = datum
                return self.resolved(writer.branches[number], reader, inner, path)
            case _, UnionType():
                matching = [branch for branch in reader.branches if match(writer, branch)]
                return (
                    self.resolved(writer, matching[0], datum, path) if matching else self.no(path)
                )
            case ArrayType(), ArrayType():
                types = writer.items, reader.items
                return [self.resolved(*types, item, f"{path}[]") for item in datum]
            case MapType(), MapType():
                types = writer.values, reader.values
                inner = f"{path}{{}}"
                return {key: self.resolved(*types, each, inner) for key, each in datum.items()}
        return self.resolved_single(writer, reader, datum, path)

    def no(self, path: str) -> None:
        """Keep a place where it is an error."""
        self.never.add(path.lstrip("."))

    def resolved_single(self, writer: AvroType, reader: AvroType, datum: Any, path: str) -> Any:
        """Two types that match, or an error."""
        if not match(writer, reader):
            return self.no(path)
        if isinstance(writer, RecordType) and isinstance(reader, RecordType):
            return self.resolved_record(writer, reader, datum, path)
        if isinstance(reader, EnumType):
            known = datum if datum in reader.symbols else reader.default
            return self.no(path) if known is None else known
        return self.resolved_leaf(writer, reader, datum, path)

    def resolved_record(
        self, writer: RecordType, reader: RecordType, datum: Any, path: str
    ) -> dict[str, Any]:
        """Fields by name, then by alias; the rest by default."""
        written = {each.name: each.type for each in writer.fields}
        ours = {each.name for each in reader.fields}
        taken: set[str] = set()
        values = {}
        for field in reader.fields:
            source = source_of(field, set(written) - taken, ours)
            if source is not None:
                taken.add(source)
                types = written[source], field.type
                values[field.name] = self.resolved(*types, datum[source], f"{path}.{source}")
            elif field.default is NO_DEFAULT:
                self.no(f"{path}.{field.name}")
            else:
                values[field.name] = value_of(field.type, field.default, {})
        return values

    def resolved_leaf(self, writer: AvroType, reader: AvroType, datum: Any, path: str) -> Any:
        """Promote, then give the value the reader's meaning."""
        assert isinstance(writer, PrimitiveType | FixedType)
        assert isinstance(reader, PrimitiveType | FixedType)
        theirs, ours = logical_of(writer), logical_of(reader)
        if (
            theirs
            and ours
            and theirs.precision > ours.precision
            and not fits(datum, ours.precision)
        ):
            return self.no(path)
        try:
            base = promoted(datum, reader.name if isinstance(reader, PrimitiveType) else "fixed")
            conversion = conversion_of(reader)
            return conversion.load(base) if conversion else base
        except (UnicodeDecodeError, Unfit):
            return self.not_this.add(path.lstrip("."))


def source_of(field: FieldOfRecord, written: set[str], ours: set[str]) -> str | None:
    """The written field that is this one of the reader's. A name goes before any alias."""
    if field.name in written:
        return field.name
    return next((alias for alias in field.aliases if alias in written - ours), None)


def promoted(datum: Any, name: str) -> Any:
    """Return a primitive datum as one of the reader's type."""
    if name == "float" and isinstance(datum, int):
        return struct.unpack("f", struct.pack("f", datum))[0]
    if name == "double" and isinstance(datum, int):
        return float(datum)
    if name == "bytes" and isinstance(datum, str):
        return datum.encode()
    if name == "string" and isinstance(datum, bytes):
        return datum.decode()
    return datum


def fits(datum: bytes, precision: int) -> bool:
    """Tell whether the number in a decimal has at most so many digits."""
    bound: int = 10**precision
    return -bound < int.from_bytes(datum, "big", signed=True) < bound


def match(writer: AvroType, reader: AvroType) -> bool:
    """The list "To match, one of the following must hold", with the house's logical types."""
    match writer, reader:
        case (UnionType(), _) | (_, UnionType()):
            return True
        case ArrayType(), ArrayType():
            return match(writer.items, reader.items)
        case MapType(), MapType():
            return match(writer.values, reader.values)
        case (RecordType(), RecordType()) | (EnumType(), EnumType()) | (FixedType(), FixedType()):
            same_size = getattr(writer, "size", None) == getattr(reader, "size", None)
            return named_alike(writer, reader) and same_size and mean_alike(writer, reader)
        case PrimitiveType(), PrimitiveType():
            promoted = (writer.name, reader.name) in PROMOTIONS
            return (writer.name == reader.name or promoted) and mean_alike(writer, reader)
        case _:
            return False


def named_alike(writer: Any, reader: Any) -> bool:
    """The same unqualified name, or an alias of the reader's in full."""
    same = writer.full_name.split(".")[-1] == reader.full_name.split(".")[-1]
    return bool(same or writer.full_name in reader.aliases)


def mean_alike(writer: AvroType, reader: AvroType) -> bool:
    """The reader's meaning decides, but a value never changes its meaning for another."""
    theirs, ours = logical_of(writer), logical_of(reader)
    if theirs and ours:
        return (theirs.name, theirs.scale) == (ours.name, ours.scale)
    digits_as_text = isinstance(reader, PrimitiveType) and reader.name == "string"
    return not (theirs and theirs.name == "decimal" and digits_as_text)


# Data


def mentioned(avro_type: AvroType) -> list[Any]:
    """Return data that show all that a type may hold."""
    match avro_type:
        case UnionType(branches=branches):
            return [
                (number, datum)
                for number, branch in enumerate(branches)
                for datum in mentioned(branch)
            ]
        case ArrayType(items=items):
            return [[datum] for datum in mentioned(items)]
        case MapType(values=values):
            return [{"key": datum} for datum in mentioned(values)]
        case EnumType(symbols=symbols):
            return list(symbols)
        case RecordType(fields=fields):
            columns = [mentioned(each.type) for each in fields]
            firsts = [column[0] for column in columns]
            rows = list(zip_longest(*columns, fillvalue=NO_DEFAULT)) or [()]
            names = [each.name for each in fields]
            return [
                {
                    name: first if datum is NO_DEFAULT else datum
                    for name, first, datum in zip(names, firsts, row, strict=True)
                }
                for row in rows
            ]
        case _:
            return [plain_datum(avro_type)]


def plain_datum(avro_type: PrimitiveType | FixedType) -> Any:
    """Return one datum: the greatest of a decimal, nothing in particular of another type."""
    logical = logical_of(avro_type)
    if logical and logical.name == "decimal":
        greatest = 10**logical.precision - 1
        size = (
            avro_type.size if isinstance(avro_type, FixedType) else greatest.bit_length() // 8 + 1
        )
        return greatest.to_bytes(size, "big", signed=True)
    if isinstance(avro_type, FixedType):
        return bytes(avro_type.size)
    if logical and logical.name == "uuid":
        return "0" * 8 + "-0000-0000-0000-" + "0" * 12
    return ZEROS.get(avro_type.name, 0)


def data_of(avro_type: AvroType) -> st.SearchStrategy[Any]:
    """Give the data of a type."""
    match avro_type:
        case UnionType(branches=branches):
            numbered = [
                st.tuples(st.just(number), data_of(branch))
                for number, branch in enumerate(branches)
            ]
            return st.one_of(numbered)
        case ArrayType(items=items):
            return st.lists(data_of(items), max_size=3)
        case MapType(values=values):
            return st.dictionaries(TEXT, data_of(values), max_size=3)
        case RecordType(fields=fields):
            return st.fixed_dictionaries({each.name: data_of(each.type) for each in fields})
        case EnumType():
            return values_of(avro_type)
        case _:
            conversion = conversion_of(avro_type)
            return values_of(avro_type).map(conversion.dump if conversion else lambda each: each)


def bytes_of(avro_type: AvroType, datum: Any) -> bytes:
    """Return a datum as Avro writes it."""
    out = bytearray()
    write(avro_type, datum, out)
    return bytes(out)


def write(avro_type: AvroType, datum: Any, out: bytearray) -> None:
    """Write a datum."""
    match avro_type:
        case UnionType(branches=branches):
            number, inner = datum
            write_long(number, out)
            write(branches[number], inner, out)
        case ArrayType(items=items):
            write_blocks([(None, each) for each in datum], items, out)
        case MapType(values=values):
            write_blocks(list(datum.items()), values, out)
        case RecordType(fields=fields):
            for each in fields:
                write(each.type, datum[each.name], out)
        case EnumType(symbols=symbols):
            write_long(symbols.index(datum), out)
        case FixedType():
            out += datum
        case PrimitiveType(name=name):
            WRITERS[name](datum, out)


def write_blocks(entries: list[tuple[str | None, Any]], inner: AvroType, out: bytearray) -> None:
    """Write the entries of an array or map in one block, and the end."""
    if entries:
        write_long(len(entries), out)
    for key, each in entries:
        if key is not None:
            write_text(key, out)
        write(inner, each, out)
    write_long(0, out)
