"""Readers of records as generated functions: the quick way for bytes that are as they mostly are.

A reader of fields is called for each field, and each begins with the same questions: how long, is
that much there. For short texts, small numbers, known symbols and None the questions fit into one
function for each record, made as source and compiled once, as the methods of a dataclass are. It is
the reading side of quick_writer.py.

Laws:
1. What is quick is exact: bytes are read here only if the field's own reader would have read the
   same value from them. Whatever is not plainly so goes to that reader, which reads it or says
   what is wrong.
2. A field's own reader is asked a second time only for values that hold no others, so refusing
   costs what reading costs, at any depth.
3. The source holds names that the lint of schemas has passed, and numbers of ours, nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from penstock.schemas.binary import Read
from penstock.schemas.fault import Fault
from penstock.schemas.logical import Unfit

__all__ = ["ENUM_OF_ONE_BYTE", "QUICK", "FieldReading", "Plain", "quick_reader_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What the bytes of a field are, where they can be read at once."""

    base: str = ""
    """string, bytes, int, long, boolean or enum; beside `load` what `read` reads, if it says so."""
    null_branch: int | None = None
    """The place of null in a union of null and this; None where it is no union."""
    read: Read | None = None
    """Reads the base value, where `load` makes the value of it."""
    load: Callable[[Any], Any] | None = None
    """Makes the value of the base value; raises `Unfit` only."""
    symbols: tuple[Any, ...] = ()
    """The values of an enum in the writer's order; 64 at most."""


class FieldReading(NamedTuple):
    """One field of the writer's."""

    name: str
    """Its name there, for the path of a fault."""
    target: str | None
    """The reader's name for it; None where it is dropped."""
    read: Read
    """Reads its value."""
    plain: Plain | None = None
    """How it may be read at once."""


_SHORT: Final = "n < 128 and not n & 1 and (end := {behind} + (n >> 1)) <= size"
_SIZED: Final = {
    "string": (_SHORT, "data[{behind}:end].decode()"),
    "bytes": (_SHORT, "data[{behind}:end]"),
}
"""What begins with its length: whether that is one byte and all is there, and how it is taken."""

_INLINE: Final[Mapping[str, tuple[str, ...]]] = {
    # An even byte below 128 is a length, a number or an index from 0 to 63 by itself.
    **{
        base: ("n = data[{at}]", f"if {test}:", f"    {{value}} = {take}", "    at = end")
        for base, (test, take) in _SIZED.items()
    },
    "long": (
        "n = data[{at}]",
        "if n < 128:",
        "    {value} = (n >> 1) ^ -(n & 1)",
        "    at = {behind}",
    ),
    "boolean": (
        "n = data[{at}]",
        "if n < 2:",
        "    {value} = n == 1",
        "    at = {behind}",
    ),
    "enum": (
        "n = data[{at}]",
        "if n < symbols_{number} and not n & 1:",
        "    {value} = members_{number}[n >> 1]",
        "    at = {behind}",
    ),
}
_SAME: Final = {"int": "long"}

QUICK: Final = frozenset({*_INLINE, *_SAME} - {"enum"})
"""The primitive types that can be read at once."""
ENUM_OF_ONE_BYTE: Final = 64
"""Enums with more symbols have indices of two bytes."""


def quick_reader_of(
    fields: Sequence[FieldReading], makers: Sequence[tuple[str, Callable[[], Any]]]
) -> Read:
    """Compile the reader of a record.

    Args:
        fields: the writer's fields, in its order.
        makers: the reader's fields that the writer lacks, each with what makes its default.

    Returns:
        A function that raises `Fault` only.
    """
    source = _Source()
    for number, field in enumerate(fields):
        source.add(number, field)
    return source.compiled(fields, makers)


@final
class _Source:
    """The source of one function, and the names that it uses."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"Fault": Fault, "Unfit": Unfit}
        self._lines: list[str] = []

    def add(self, number: int, field: FieldReading) -> None:
        """Read one field; `at` moves only when its value is there."""
        self._names[f"read_{number}"] = field.read
        careful = f"v{number}, at = read_{number}(data, at)"
        self._put(1, f"k = {number}")
        match field.plain:
            case None:
                self._put(1, careful)
            case Plain(null_branch=None) as plain:
                self._plain(1, number, plain, careful, at="at", behind="at + 1")
            case Plain(null_branch=int(null)) as plain:
                self._put(
                    1,
                    "n = data[at]",
                    f"if n == {null << 1}:",
                    f"    v{number} = None",
                    "    at += 1",
                    f"elif n == {(1 - null) << 1}:",
                )
                self._plain(2, number, plain, careful, at="at + 1", behind="at + 2")
                self._put(1, "else:", f"    {careful}")

    def _plain(
        self, depth: int, number: int, plain: Plain, careful: str, *, at: str, behind: str
    ) -> None:
        value = f"v{number}"
        if plain.load is not None:
            self._names[f"load_{number}"], self._names[f"base_{number}"] = plain.load, plain.read
            base = f"raw, end = base_{number}(data, {at})"
            if plain.base in _SIZED:
                test, take = _SIZED[plain.base]
                names = {"at": at, "behind": behind}
                self._put(depth, f"n = data[{at}]", f"if {test.format(**names)}:")
                self._put(depth + 1, f"raw = {take.format(**names)}")
                self._put(depth, "else:", f"    {base}")
            else:
                self._put(depth, base)
            self._put(depth, f"{value} = load_{number}(raw)", "at = end")
            return
        if plain.symbols:
            self._names[f"members_{number}"] = plain.symbols
            self._names[f"symbols_{number}"] = len(plain.symbols) << 1
        for line in _INLINE[_SAME.get(plain.base, plain.base)]:
            self._put(depth, line.format(value=value, number=number, at=at, behind=behind))
        self._put(depth, "else:", f"    {careful}")

    def _put(self, depth: int, *lines: str) -> None:
        self._lines += [f"{'    ' * (depth + 1)}{line}" for line in lines]

    def compiled(
        self, fields: Sequence[FieldReading], makers: Sequence[tuple[str, Callable[[], Any]]]
    ) -> Read:
        """Compile the function."""
        readers, places = [each.read for each in fields], [f".{each.name}" for each in fields]
        self._names |= {"places": places, "makers": makers}
        self._names["refuse"] = _refuser(readers, places)
        held = ", ".join(
            f"{each.target!r}: v{number}"
            for number, each in enumerate(fields)
            if each.target is not None
        )
        lines = [
            "def read(data, at):",
            "    size, k = len(data), 0",
            "    try:",
            *(self._lines or ["        pass"]),
            "    except Fault as fault:",
            "        fault.inside(places[k])",
            "        raise",
            "    except (IndexError, UnicodeDecodeError, Unfit):",
            "        refuse(k, data, at)",
            f"    values = {{{held}}}",
            *(["    fill(values)"] if makers else []),
            "    return values, at",
        ]
        self._names["fill"] = _filler(makers)
        exec("\n".join(lines), self._names)  # noqa: S102 - see law 3
        read: Read = self._names["read"]
        return read


def _refuser(readers: Sequence[Read], places: Sequence[str]) -> Callable[[int, bytes, int], None]:
    def refuse(number: int, data: bytes, at: int) -> None:
        """Let a field's own reader say what is wrong with its bytes."""
        try:
            readers[number](data, at)
        except Fault as fault:
            fault.inside(places[number])
            raise fault from None
        message = f"{places[number]} was refused at once, and read with care"
        raise AssertionError(message)

    return refuse


def _filler(
    makers: Sequence[tuple[str, Callable[[], Any]]],
) -> Callable[[dict[str, Any]], None]:
    def fill(values: dict[str, Any]) -> None:
        """Add what the writer does not know."""
        for name, make in makers:
            try:
                values[name] = make()
            except Fault as fault:
                fault.inside(f".{name}")
                raise

    return fill
