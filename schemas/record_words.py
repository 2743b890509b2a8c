"""What a class statement says of its record beyond Python: another name, aliases, a doc.

    class Order(Record, name="order", aliases=("Purchase",)):
        sku: str
        class_: str = Field(validation_alias="class")

The name on the wire and the name in Python are one unless the author says otherwise: for a class
by `name=`, for a field by one of pydantic's aliases, where Python or pydantic forbid what Avro
allows. Type checkers know `class_` as the argument after `validation_alias=`, not after `alias=`.

Laws:
1. On the wire, in schemas and in decoded dictionaries stands Avro's name; in objects Python's.
2. A field has one name on the wire: where pydantic is given several aliases they must not differ,
   and validation knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["NO_WORDS", "RecordWords", "attributes_of", "wire_name", "words_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWords:
    """The keywords of a class statement that only the schema shows."""

    name: str | None = None
    """Its name, without namespace; None takes that of the class."""
    aliases: tuple[str, ...] = ()
    """Names that it had before; without a dot, in its own namespace."""
    doc: str | None = None
    """What it means; None takes the docstring."""


NO_WORDS: Final = RecordWords()
"""What most class statements say."""


def words_of(record_type: type[BaseModel]) -> RecordWords:
    """Return what the statement of just this class says."""
    words = vars(record_type).get("__penstock_words__")
    return words if isinstance(words, RecordWords) else NO_WORDS


def wire_name(attribute: str, info: FieldInfo) -> str | None:
    """Return the name of a field on the wire.

    Args:
        attribute: its name in Python.
        info: what pydantic knows about it.

    Returns:
        None where it has several, or one that validation does not know.
    """
    known = attribute if info.validation_alias is None else info.validation_alias
    others = (info.alias, info.serialization_alias)
    agreed = all(each is None or each == info.validation_alias for each in others)
    return known if agreed and isinstance(known, str) else None


def attributes_of(record_type: type) -> Mapping[str, str]:
    """Return the names in Python of a class's fields, by their names on the wire."""
    fields: Mapping[str, FieldInfo] = getattr(record_type, "__pydantic_fields__", {})
    named = {attribute: wire_name(attribute, info) for attribute, info in fields.items()}
    return {name or attribute: attribute for attribute, name in named.items()}
