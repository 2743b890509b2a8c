"""What is to be made of a schema: its class, what that derives from, and with which keywords.

A wish holds values that are written into source, so each is judged: names are names, texts become
literals, types and fields are looked up. This room knows no events; who wants them says

    ClassWish(
        schema=schema,
        base=ClassBase(module="penstock.events", name="Event"),
        keywords={"topic": "shop.orders", "key": FieldNamed(name="order_id")},
    )
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from penstock.schemas.schema import AvroSchema
from penstock.schemas.source_errors import IllegalSourceWish
from penstock.schemas.source_names import is_identifier

__all__ = [
    "RECORD",
    "ClassBase",
    "ClassNamed",
    "ClassWish",
    "FieldNamed",
    "KeywordValue",
    "ValueMade",
]

_OWN_KEYWORDS: Final = frozenset({"abstract", "aliases", "doc", "name", "namespace"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBase:
    """A class that others derive from."""

    module: str
    """The module that it is imported from."""
    name: str
    """Its name there."""

    def __post_init__(self) -> None:
        """Judge both names.

        Raises:
            IllegalSourceWish: one is no name in Python.
        """
        if not all(map(is_identifier, (*self.module.split("."), self.name))):
            raise IllegalSourceWish(problem="the base of a class is no name in Python")


RECORD: Final = ClassBase(module="penstock.schemas", name="Record")
"""The base of all that is no event, command or reply."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNamed:
    """The value of a keyword: the class's own name for a field."""

    name: str
    """The field's name in the schema."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNamed:
    """The value of a keyword: another class that is made."""

    full_name: str
    """The full name of its record."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMade:
    """The value of a keyword: what a class from elsewhere makes, `Topic("shop.orders", ...)`."""

    base: ClassBase
    """The class that makes it."""
    argument: str
    """The text that it is given first."""
    keywords: Mapping[str, str]
    """Texts that it is given by name."""

    def __post_init__(self) -> None:
        """Judge the names.

        Raises:
            IllegalSourceWish: one is no name in Python.
        """
        for keyword in self.keywords:
            if not is_identifier(keyword):
                raise IllegalSourceWish(problem=f"{keyword!a} is no keyword for {self.base.name}")


KeywordValue: TypeAlias = str | FieldNamed | ClassNamed | ValueMade
"""What stands behind a keyword: a text, a field's name, a class, or what a class makes."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWish:
    """A schema whose class is wanted."""

    schema: AvroSchema
    """The schema."""
    base: ClassBase = RECORD
    """What the class derives from."""
    keywords: Mapping[str, KeywordValue] = field(default_factory=dict)
    """Keywords of the class statement that the base takes, such as topic."""

    @property
    def said(self) -> frozenset[str]:
        """Attributes of the schema that the keywords say."""
        made = (each for each in self.keywords.values() if isinstance(each, ValueMade))
        return frozenset(self.keywords).union(*(each.keywords for each in made))

    @property
    def names(self) -> frozenset[str]:
        """Names of classes from elsewhere that the class statement uses."""
        made = (each for each in self.keywords.values() if isinstance(each, ValueMade))
        return frozenset({self.base.name, *(each.base.name for each in made)})

    def __post_init__(self) -> None:
        """Judge the keywords.

        Raises:
            IllegalSourceWish: one is no name in Python, or is not the caller's to give.
        """
        for keyword in self.keywords:
            if not is_identifier(keyword) or keyword in _OWN_KEYWORDS:
                raise IllegalSourceWish(problem=f"{keyword!a} is no keyword for a base")
