"""`Record`: the base of every class that becomes Avro, and the declaration that it carries.

    class Item(Record, namespace="shop"):
        sku: str
        count: int

A record is a frozen pydantic model, strict about types and closed to unknown fields. What penstock
knows about a class stands in one place, `Item.__penstock__`, so that fields may have any name.

How a class is judged. The schema is computed at the class statement, and a field that cannot be
mapped makes that statement raise. Where an annotation names a class that stands further below, it
is computed as soon as pydantic can resolve it, at the latest when the schema is first used.

How other bases extend it. `__penstock_declare__` is called once for each class, with all keywords
of the class statement that pydantic does not know; an override takes out its own, passes the rest
on, and returns a `Declaration` of its own kind. `declared_bases` tells it which bases already are
concrete. `abstract=True` makes a base without name and schema.

What Avro says and Python does not, `name=`, `aliases=` and `doc=`, is taken out before; see
record_words.py.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, PrivateAttr
from pydantic_core import CoreSchema

from penstock.schemas.avro_words import checked_aliases
from penstock.schemas.declaration_errors import (
    AbstractRecord,
    IllegalRecordName,
    NamespaceMissing,
    UnknownKeyword,
)
from penstock.schemas.first_problem import ending_at_the_first
from penstock.schemas.lint import is_name, is_namespace
from penstock.schemas.mapping import Mapped, class_name, mapped
from penstock.schemas.record_words import RecordWords, words_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import PRIMITIVES

__all__ = ["Declaration", "Record", "declaration_of", "declared_bases", "full_name_of"]


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known about a concrete record class."""

    record_type: type["Record"]
    """The class itself."""
    full_name: str
    """Its Avro name with namespace."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Further attributes of its schema: topic, key, reply."""

    @cached_property
    def mapped(self) -> Mapped:
        """The schema with the classes behind its names; computed at the first use.

        Raises:
            DeclarationError: the class cannot be mapped.
        """
        return mapped(self.record_type, full_name=self.full_name, attributes=self.attributes)

    @property
    def schema(self) -> AvroSchema:
        """The schema; computed at the first use.

        Raises:
            DeclarationError: the class cannot be mapped.
        """
        return self.mapped.schema


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)  # pydantic gives it no public name


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
class _RecordClass(ModelMetaclass):
    """Makes room for the class keyword `namespace=`.

    pydantic's own metaclass has a parameter of that name, for the body of the class. Standing
    between it and the class statement, this one must also tell it where the class was written:
    pydantic would look for local names in the frame that calls it.
    """

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        body: dict[str, Any],
        /,
        *,
        namespace: str | None = None,
        **keywords: Any,
    ) -> type:
        """Create the class; the namespace travels on as `avro_namespace`."""
        if keywords.setdefault("__pydantic_reset_parent_namespace__", True):
            keywords["__pydantic_reset_parent_namespace__"] = False
            body["__pydantic_parent_namespace__"] = _locals_of_definition()
        if namespace is not None:
            keywords["avro_namespace"] = namespace
        return super().__new__(mcs, name, bases, body, **keywords)


def _locals_of_definition() -> dict[str, Any] | None:
    frame = sys._getframe(2)  # noqa: SLF001 - the only way to the names beside a class statement
    # A module's names are found by themselves. A function's live on as long as the class.
    return None if frame.f_locals is frame.f_globals else dict(frame.f_locals)


class Record(BaseModel, metaclass=_RecordClass):
    """A value with named fields that travels as Avro.

    Derive from it for nested values and states; events, commands and replies have bases of their
    own. Class keywords: `namespace=`, and `abstract=True` for a base without a schema; `name=`,
    `aliases=` and `doc=` where the schema shall say something else than the class.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        # A field's alias is its name on the wire: decoders give that one, and users Python's.
        validate_by_alias=True,
        validate_by_name=True,
        # So that the mapping, which knows what to write instead, refuses them and not pydantic.
        arbitrary_types_allowed=True,
    )

    __penstock__: ClassVar[Declaration]
    __penstock_words__: ClassVar[RecordWords]

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Bound what one refusal may cost."""
        return ending_at_the_first(handler(source))

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Take all keywords; `__penstock_declare__` refuses the unknown ones."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        abstract: bool = False,
        name: str | None = None,
        aliases: tuple[str, ...] = (),
        doc: str | None = None,
        **keywords: Any,
    ) -> None:
        """Declare the class, and judge it when all of its annotations are known."""
        super().__pydantic_init_subclass__()
        if abstract:
            return
        cls.__penstock_words__ = RecordWords(
            name=name, aliases=checked_aliases("aliases=", aliases), doc=doc
        )
        cls.__doc__ = cls.__doc__ or doc
        namespace = keywords.pop("avro_namespace", None)
        cls.__penstock__ = cls.__penstock_declare__(namespace=namespace, **keywords)
        if cls.__pydantic_complete__:
            _ = cls.__penstock__.schema

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        """Judge a class whose last annotation has become known."""
        super().__pydantic_on_complete__()
        if declaration := vars(cls).get("__penstock__"):
            _ = declaration.schema

    @classmethod
    def __penstock_declare__(cls, *, namespace: str | None, **keywords: Any) -> Declaration:
        """Declare a concrete class. Other bases override this; see the module's docstring.

        Args:
            namespace: from the class statement, None when it says nothing.
            keywords: further keywords of the class statement; the last base in line knows none.

        Raises:
            DeclarationError: the name or a keyword is refused.
        """
        for keyword in keywords:
            raise UnknownKeyword(record=class_name(cls), keyword=keyword)
        return Declaration(record_type=cls, full_name=full_name_of(cls, namespace))


def full_name_of(record_type: type[BaseModel], namespace: str | None) -> str:
    """Return the Avro name of a class.

    Args:
        record_type: the class.
        namespace: as declared; None takes `__namespace__` of the class's module.

    Raises:
        NamespaceMissing: there is none.
        IllegalRecordName: the namespace or the name of the class is illegal in Avro.
    """
    module = sys.modules.get(record_type.__module__)
    namespace = namespace or getattr(module, "__namespace__", None)
    if not namespace:
        raise NamespaceMissing(record=class_name(record_type))
    if not is_namespace(namespace):
        raise IllegalRecordName(
            record=class_name(record_type), name=ascii(namespace), kind="namespace"
        )
    name = words_of(record_type).name or record_type.__name__
    if not is_name(name) or name in PRIMITIVES:
        raise IllegalRecordName(record=class_name(record_type), name=ascii(name), kind="record")
    return f"{namespace}.{name}"


def declaration_of(record_type: type[Record]) -> Declaration:
    """Return the declaration of a concrete class.

    Raises:
        AbstractRecord: the class is a base without a schema.
    """
    declaration: Declaration | None = vars(record_type).get("__penstock__")
    if declaration is None:
        raise AbstractRecord(record=class_name(record_type))
    return declaration


def declared_bases(record_type: type[Record]) -> tuple[type[Record], ...]:
    """Return the concrete records that a class derives from, nearest first, without itself."""
    return tuple(base for base in record_type.__mro__[1:] if "__penstock__" in vars(base))
