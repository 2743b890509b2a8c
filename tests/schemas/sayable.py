"""Strategies for schemas that classes can say, with every name and text that could do harm.

`sayable_records` draws trees as `generated.records` does, and besides docs, aliases, defaults,
unions of records in any order, and names over which Python, pydantic or the generated module would
stumble.
"""

import keyword
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from penstock.schemas.defaults import json_of
from penstock.schemas.lint import is_name
from penstock.schemas.source_names import OF_PYDANTIC
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    PRIMITIVES,
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)
from tests.schemas.generated import MEANINGS, NULL, PLAIN, values_of

__all__ = ["HOSTILE_TEXTS", "sayable_records"]

HOSTILE_TEXTS = (
    '"""',
    '"""\nimport os\n"""',
    "'''",
    'ends with "',
    '"begins',
    "ends with \\",
    "\\",
    "\\N{DIGIT ONE} \\x41 {braces} %s",
    "  indented\n    more",
    "first\n\n  more\nlast",
    "tab\there",
    "trailing \nblank",
    "carriage\r\nreturn",
    "\u202eright to left\u2066",
    "\x00\x1b[31m",
    "größe 尺寸 😀",
    " ",
    "\n",
    "long " * 40,
    "x" * 120,
    "no\u00a0break\u2028line",
    "# noqa",
    "\n)\n__import__('os').abort()\n",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from(['"', "'", "\\", "\n", " ", "a", "word "]), max_size=12).map("".join),
)
NAMESPACES = ("shop", "shop.orders", "far.away", "import.None", "Shop", "shop.__init__", "str.dt")
NAMES = tuple(
    each
    for each in (
        *keyword.kwlist,
        *sorted(OF_PYDANTIC),
        *("str", "int_", "dict", "list", "dt", "date", "Field", "Annotated", "Literal", "Record"),
        *("Enum", "money", "Decimal", "UUID", "aliases", "branches", "fixed", "written_as"),
        *("_id", "__x", "__init__", "__class__", "_", "__", "_1", "model_dump_all", "model_name"),
        *("id", "id_", "ID", "orderId", "order_id", "T10", "T9", "match", "self", "cls", "Event"),
        *("penstock", "pydantic", "name", "value", "mro", "_missing_", "password", "TimeoutError"),
        "a" * 249,
        "A" * 95,
        "Long" * 10,
    )
    if is_name(each) and each not in PRIMITIVES
)
SYMBOLS = (*NAMES, "OPEN", "CLOSED", "Half")


class SayableDrawing:
    """One schema on its way."""

    def __init__(self, draw: st.DrawFn, longest: int) -> None:
        """Begin with no names."""
        self.draw = draw
        self.names = tuple(each for each in NAMES if len(each) <= longest)
        self.symbols = tuple(each for each in SYMBOLS if len(each) <= longest)
        self.taken: set[str] = set()
        self.known: list[AvroType] = []

    def name(self) -> str:
        """Return a full name that is new, by its last part as well."""
        namespace = self.draw(st.sampled_from(NAMESPACES))
        name = self.draw(st.sampled_from([each for each in self.names if each not in self.taken]))
        self.taken.add(name)
        return f"{namespace}.{name}"

    def aliases(self) -> tuple[str, ...]:
        """Draw full names that nothing bears."""
        names = self.draw(st.sets(st.sampled_from(["shop.Was", "old.Was_before"]), max_size=2))
        return tuple(f"{each}{len(self.taken)}" for each in sorted(names))

    def type(self, depth: int) -> AvroType:
        """Draw a type of at most this depth."""
        kinds = ["plain", "meaning", "decimal", "enum", "fixed", "known"]
        kinds += ["array", "map", "optional", "record", "records"] if depth > 0 else []
        makers: dict[str, Callable[[], AvroType]] = {
            "plain": lambda: self.draw(st.sampled_from([each for each in PLAIN if each != NULL])),
            "meaning": lambda: self.draw(st.sampled_from(MEANINGS)),
            "decimal": self.decimal,
            "enum": self.enum,
            "fixed": self.fixed,
            "known": lambda: self.draw(st.sampled_from(self.known)) if self.known else PLAIN[3],
            "array": lambda: ArrayType(items=self.weighty(depth - 1)),
            "map": lambda: MapType(values=self.weighty(depth - 1)),
            "optional": lambda: self.optional(depth - 1),
            "record": lambda: self.record(depth - 1),
            "records": lambda: self.union(depth - 1),
        }
        return makers[self.draw(st.sampled_from(kinds))]()

    def remembered(self, named: AvroType) -> AvroType:
        """Let a named type be mentioned again."""
        self.known.append(named)
        return named

    def enum(self) -> AvroType:
        """Draw an enum."""
        symbols = self.draw(
            st.lists(st.sampled_from(self.symbols), min_size=1, max_size=4, unique=True)
        )
        plain = self.draw(st.booleans())
        symbols = ["OPEN", "CLOSED"] if plain else symbols
        found = EnumType(
            full_name=self.name(),
            symbols=tuple(symbols),
            default=self.draw(st.sampled_from([None, symbols[0], symbols[-1]])),
            aliases=self.aliases(),
            doc=self.draw(TEXTS),
        )
        return self.remembered(found)

    def fixed(self) -> AvroType:
        """Draw a fixed, plain or with a meaning."""
        meaning, size = self.draw(
            st.sampled_from(
                [
                    (None, 3),
                    (Logical(name="uuid"), 16),
                    (Logical(name="decimal", precision=9, scale=2), 8),
                ]
            )
        )
        return self.remembered(
            FixedType(full_name=self.name(), size=size, logical=meaning, aliases=self.aliases())
        )

    def decimal(self) -> AvroType:
        """Draw a decimal in bytes."""
        precision = self.draw(st.integers(1, 30))
        scale = self.draw(st.integers(0, precision))
        logical = Logical(name="decimal", precision=precision, scale=scale)
        return PrimitiveType(name="bytes", logical=logical)

    def weighty(self, depth: int) -> AvroType:
        """Draw a type whose values take bytes."""
        drawn = self.type(depth)
        hollow = drawn.extent.least_bytes == 0 or drawn.extent.hollow_parts > 0
        return PLAIN[3] if hollow else drawn

    def optional(self, depth: int) -> AvroType:
        """Draw a union of null and another type, in either order."""
        other = self.type(depth)
        if isinstance(other, UnionType):
            return other
        return UnionType(branches=tuple(self.draw(st.permutations([NULL, other]))))

    def union(self, depth: int) -> AvroType:
        """Draw a union of several records, perhaps with null, in any order."""
        count = self.draw(st.integers(2, 3))
        branches: list[AvroType] = [self.record(depth) for _ in range(count)]
        if self.draw(st.booleans()):
            branches.append(NULL)
        return UnionType(branches=tuple(self.draw(st.permutations(branches))))

    def record(self, depth: int) -> RecordType:
        """Draw a record."""
        full_name = self.name()
        names = self.draw(st.lists(st.sampled_from(self.names), max_size=5, unique=True))
        fields = tuple(self.field(name, depth) for name in names)
        found = RecordType(
            full_name=full_name, fields=fields, aliases=self.aliases(), doc=self.draw(TEXTS)
        )
        self.remembered(found)
        return found

    def field(self, name: str, depth: int) -> FieldOfRecord:
        """Draw a field."""
        found = self.type(depth)
        return FieldOfRecord(
            name=name,
            type=found,
            default=self.default(found) if self.draw(st.booleans()) else NO_DEFAULT,
            aliases=tuple(self.draw(st.sampled_from([(), ("before",), ("a.b", "class")]))),
            doc=self.draw(TEXTS) if self.draw(st.booleans()) else "",
        )

    def default(self, avro_type: AvroType) -> Any:
        """Draw a default as a class would write it."""
        match avro_type:
            case ArrayType(items=items):
                return [self.default(items) for _ in range(self.draw(st.integers(0, 2)))]
            case MapType(values=values):
                keys = self.draw(st.lists(TEXTS, max_size=2, unique=True))
                return {key: self.default(values) for key in keys}
            case UnionType(branches=branches):
                return self.default(branches[0])
            case RecordType(fields=fields):
                return {each.name: self.default(each.type) for each in fields}
            case _:
                return self.single_default(avro_type)

    def single_default(self, avro_type: PrimitiveType | FixedType | EnumType) -> Any:
        """Draw a default that holds no others."""
        match avro_type:
            case EnumType(symbols=symbols):
                return self.draw(st.sampled_from(symbols))
            case PrimitiveType(name="string", logical=None):
                return self.draw(TEXTS)
            case PrimitiveType(name="double" | "float", logical=None):
                return self.draw(st.floats(allow_nan=False, allow_infinity=False, width=32))
            case _:
                return json_of(avro_type, self.draw(values_of(avro_type)))


@st.composite
def sayable_records(draw: st.DrawFn, *, depth: int = 3, longest: int = 249) -> RecordType:
    """Draw a record that a class can say, with no name longer than that."""
    return SayableDrawing(draw, longest).record(depth)
