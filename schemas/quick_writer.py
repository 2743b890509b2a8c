"""Writers of records as generated functions: the quick way for values that are as they should be.

A record's closures (writer.py) call one function for each field, and each of those asks what it was
given. Most values are short texts, small numbers, known symbols and None; for those the questions
fit into one function for each record, made as source and compiled once, as the methods of a
dataclass are.

Laws:
1. What is quick is exact: a value is written here only if the closures would have written the same
   bytes. Whatever is not plainly so, a wrong value included, goes to the closures, which write it
   or say what is wrong with it and where.
2. The source holds names that the lint of schemas or Python itself has passed, and numbers of ours,
   nothing else.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, final

from penstock.schemas.binary import Write, write_long
from penstock.schemas.logical import conversion_of
from penstock.schemas.record_words import attributes_of
from penstock.schemas.type_tree import (
    AvroType,
    Classes,
    EnumType,
    FieldOfRecord,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["quick_writer_of"]

_ONE_BYTE: Final = 64
"""Numbers from 0 to below this take one byte."""
_NULL: Final = PrimitiveType(name="null")


class _Choice(NamedTuple):
    """A kind of value that is written at once."""

    test: str
    """An expression over the value `v`."""
    lines: tuple[str, ...]
    """What writes it."""


_PLAIN: Final[Mapping[str, tuple[_Choice, ...]]] = {
    "string": (
        _Choice(
            "type(v) is str and (n := len(b := v.encode())) < 64", ("append(n << 1)", "out += b")
        ),
    ),
    "bytes": (_Choice("type(v) is bytes", ("write_long(len(v), out)", "out += v")),),
    "long": (_Choice("type(v) is int and 0 <= v < 64", ("append(v << 1)",)),),
    "int": (_Choice("type(v) is int and 0 <= v < 64", ("append(v << 1)",)),),
    "boolean": (_Choice("v is False", ("append(0)",)), _Choice("v is True", ("append(1)",))),
}


def quick_writer_of(
    record: RecordType,
    fields: list[tuple[FieldOfRecord, Write]],
    exact: Write,
    classes: Classes,
) -> Write:
    """Compile the quick writer of a record.

    Args:
        record: the record.
        fields: its fields, each with the writer of its values.
        exact: the record's writer that says what is wrong with a value.
        classes: as for `writer.writer_of`.
    """
    source = _Source(record, exact, classes)
    for number, (field, write) in enumerate(fields):
        source.add(number, field, write)
    return source.compiled()


@final
class _Source:
    """The source of one function, and the names that it uses."""

    def __init__(self, record: RecordType, exact: Write, classes: Classes) -> None:
        kind = classes.get(record.full_name)
        self._classes = classes
        self._attributes = attributes_of(kind) if kind is not None else {}
        self._names: dict[str, Any] = {"exact": exact, "write_long": write_long, "kind": kind}
        if kind is None:
            other, held = f"type(value) is not dict or len(value) != {len(record.fields)}", "value"
        else:
            other, held = "type(value) is not kind", "value.__dict__"
        self._lines = [
            "def write(value, out):",
            f"    if {other}:",
            "        return exact(value, out)",
            "    mark = len(out)",
            "    append = out.append",
            "    try:",
            f"        held = {held}",
        ]

    def add(self, number: int, field: FieldOfRecord, write: Write) -> None:
        """Write one field, by the first choice that its value fits, else by its own writer."""
        self._names[f"write_{number}"] = write
        attribute = self._attributes.get(field.name, field.name)
        self._lines.append(f"        v = held[{attribute!r}]")
        word = "if"
        for choice in self._choices(number, field.type):
            self._lines.append(f"        {word} {choice.test}:")
            self._lines += [f"            {line}" for line in choice.lines]
            word = "elif"
        if word == "if":
            self._lines.append(f"        write_{number}(v, out)")
        else:
            self._lines += ["        else:", f"            write_{number}(v, out)"]

    def _choices(self, number: int, avro_type: AvroType) -> list[_Choice]:
        match avro_type:
            case PrimitiveType(name=name) if conversion_of(avro_type) is None:
                return list(_PLAIN.get(name, ()))
            case EnumType(symbols=symbols) if len(symbols) < _ONE_BYTE:
                return [self._symbol(number, avro_type)]
            case UnionType(branches=(first, second) as pair) if (first == _NULL) != (
                second == _NULL
            ):
                null = pair.index(_NULL)
                branch = f"append({(1 - null) << 1})"
                return [
                    _Choice("v is None", (f"append({null << 1})",)),
                    *(
                        _Choice(choice.test, (branch, *choice.lines))
                        for choice in self._choices(number, pair[1 - null])
                    ),
                ]
            case _:
                return []

    def _symbol(self, number: int, enum: EnumType) -> _Choice:
        members = self._classes.get(enum.full_name)
        bytes_of: dict[Any, int] = {symbol: place << 1 for place, symbol in enumerate(enum.symbols)}
        expected: type = str
        if members is not None and issubclass(members, Enum):
            bytes_of = {members[symbol]: byte for symbol, byte in bytes_of.items()}
            expected = members
        self._names[f"symbols_{number}"], self._names[f"type_{number}"] = bytes_of, expected
        known = f"symbols_{number}.get(v) if isinstance(v, type_{number}) else None"
        return _Choice(f"(i := {known}) is not None", ("append(i)",))

    def compiled(self) -> Write:
        """Compile the function."""
        lines = [
            *self._lines,
            "    except Exception:",
            "        del out[mark:]",
            "        exact(value, out)",
        ]
        exec("\n".join(lines), self._names)  # noqa: S102 - see law 2
        write: Write = self._names["write"]
        return write
