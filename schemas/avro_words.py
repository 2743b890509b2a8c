"""Words of Avro's that Python's types lack, said where a field is annotated.

| word | at | says |
|---|---|---|
| `written_as("int")` | int, float, time, AwareDatetime, NaiveDatetime | another width or unit |
| `fixed("shop.Digest", 16)` | bytes, UUID, money | as many bytes, always, under this name |
| `branches("string", "null")` | `T or None`, records joined by `or` | the order of the branches |
| `enum_words(...)` | an Enum (as a decorator), a Literal | name, aliases, doc, default |
| `aliases("count")` | a field | the names that it had before |

All stand in `Annotated`, only `enum_words` may also decorate. Whoever needs none of them writes
none: each has a natural choice without it.

Laws:
1. Nothing is said in vain: a word that does not fit its place makes the mapping refuse the field.
2. A word is judged where it is made; what it says is legal in Avro.
3. A value that its word makes illegal is refused when the object is made, not when it is sent.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar, final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from penstock.schemas.declaration_errors import IllegalWord
from penstock.schemas.limits import MAX_FIXED_BYTES
from penstock.schemas.lint import is_full_name, is_name, is_namespace

__all__ = [
    "Aliases",
    "Branches",
    "EnumWords",
    "Fixed",
    "Word",
    "WrittenAs",
    "aliases",
    "branches",
    "checked_aliases",
    "enum_words",
    "enum_words_of",
    "fixed",
    "written_as",
]

_WIDTHS: Final = frozenset(
    {
        "int",
        "float",
        "time-millis",
        "timestamp-millis",
        "local-timestamp-millis",
        "local-timestamp-micros",
    }
)
_INT_BITS: Final = 31
_WORDS_OF_ENUM: Final = "__penstock_enum__"
_Enum = TypeVar("_Enum", bound=type[Enum])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """The names that a field had before. Made by `aliases`."""

    names: tuple[str, ...]
    """The names, the nearest first."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """The order of a union. Made by `branches`."""

    names: tuple[str, ...]
    """The branches: Avro's words for plain types, full names for others."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A number of bytes that never varies. Made by `fixed`."""

    full_name: str
    """The name of the type, with namespace."""
    size: int
    """Bytes."""
    aliases: tuple[str, ...]
    """Full names that it had before."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic count the bytes; what is no bytes has its size by its meaning."""
        inner = handler(source)
        if source is not bytes:
            return inner

        def of_the_size(value: bytes) -> bytes:
            if len(value) != self.size:
                problem = f"has {len(value)} bytes, not {self.size}"
                raise ValueError(problem)
            return value

        return core_schema.no_info_after_validator_function(of_the_size, inner)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAs:
    """Another width or unit than the natural one. Made by `written_as`."""

    name: str
    """Avro's name for it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic hold an int to its width."""
        inner = handler(source)
        if self.name != "int":
            return inner
        bound = 1 << _INT_BITS

        def of_the_width(value: int) -> int:
            if not -bound <= value < bound:
                problem = "is beyond 32 bits"
                raise ValueError(problem)
            return value

        return core_schema.no_info_after_validator_function(of_the_width, inner)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EnumWords:
    """What Avro says of an enum and Python does not. Made by `enum_words`."""

    name: str | None
    """Its name; None takes that of the class, or of record and field."""
    namespace: str | None
    """Its namespace; None takes that of the module, or of the record."""
    aliases: tuple[str, ...]
    """Names that it had before; without a dot, in its own namespace."""
    doc: str | None
    """What it means; None takes the docstring."""
    default: str | None
    """The symbol that a reader takes for one that it does not know."""

    def __call__(self, kind: _Enum) -> _Enum:
        """Say it of a class."""
        if self.default is not None and self.default not in kind.__members__:
            raise IllegalWord(word="enum_words", problem=f"{kind.__name__} lacks its default")
        setattr(kind, _WORDS_OF_ENUM, self)
        return kind


Word = Aliases | Branches | Fixed | WrittenAs | EnumWords
"""Any word."""


def aliases(*names: str) -> Aliases:
    """Say which names a field had before, so that it is found in older events.

    Args:
        names: the names, the nearest first.

    Raises:
        IllegalWord: there is none, or one is no name in Avro.
    """
    if not names:
        raise IllegalWord(word="aliases", problem="it names none")
    return Aliases(names=checked_aliases("aliases", names))


def branches(*names: str) -> Branches:
    """Say in which order the branches of a union lie, where it is not the natural one.

    The natural order is null, then records by their full names; the type of a default that is not
    None comes before all.

    Args:
        names: all of the branches: null, Avro's words for plain types, array, map, full names.
    """
    return Branches(names=names)


def fixed(full_name: str, size: int, *, aliases: tuple[str, ...] = ()) -> Fixed:
    """Say that a value always has so many bytes.

    Args:
        full_name: the name of the type, with namespace.
        size: bytes, 1 to 65 536.
        aliases: full names that it had before.

    Raises:
        IllegalWord: the name or the size is impossible.
    """
    if "." not in full_name or not is_full_name(full_name):
        raise IllegalWord(word="fixed", problem="its name is none with a namespace")
    if not 1 <= size <= MAX_FIXED_BYTES:
        raise IllegalWord(word="fixed", problem=f"a size of {size}")
    return Fixed(full_name=full_name, size=size, aliases=checked_aliases("fixed", aliases))


def written_as(name: str) -> WrittenAs:
    """Say that a value is written in another width or unit than the natural one.

    Args:
        name: int for an int of 32 bits, float for a float of 32 bits; time-millis,
            timestamp-millis, local-timestamp-millis, local-timestamp-micros.

    Raises:
        IllegalWord: there is no such width.
    """
    if name not in _WIDTHS:
        raise IllegalWord(word="written_as", problem=f"it knows {', '.join(sorted(_WIDTHS))}")
    return WrittenAs(name=name)


def enum_words(
    *,
    name: str | None = None,
    namespace: str | None = None,
    aliases: tuple[str, ...] = (),
    doc: str | None = None,
    default: str | None = None,
) -> EnumWords:
    """Say of an enum what Avro knows and Python does not.

    Args:
        name: its name, where that of the class is another.
        namespace: its namespace, where that of its module is another.
        aliases: names that it had before.
        doc: what it means, where no docstring says it.
        default: the symbol that a reader takes for one that it does not know.

    Raises:
        IllegalWord: a name is none in Avro.
    """
    if not (name is None or is_name(name)) or not (namespace is None or is_namespace(namespace)):
        raise IllegalWord(word="enum_words", problem="its name or its namespace is none in Avro")
    return EnumWords(
        name=name,
        namespace=namespace,
        aliases=checked_aliases("enum_words", aliases),
        doc=doc,
        default=default,
    )


def enum_words_of(kind: type[Enum]) -> EnumWords | None:
    """Return what was said of an enum."""
    found = vars(kind).get(_WORDS_OF_ENUM)
    return found if isinstance(found, EnumWords) else None


def checked_aliases(word: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names if each of them is one in Avro, with or without a namespace.

    Raises:
        IllegalWord: one is not, or they are no tuple of texts.
    """
    given: object = names  # a text alone would be taken for names of one letter each
    if not isinstance(given, tuple) or not all(map(_is_full, given)):
        raise IllegalWord(word=word, problem="an alias is no name in Avro, or they are no tuple")
    return names


def _is_full(name: object) -> bool:
    return isinstance(name, str) and is_full_name(name)
