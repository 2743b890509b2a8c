"""The types of a project as people and programs are shown them: rows of a list, and all about one.

Pure: types and workers as they are declared go in; rows and plain values come out.

Laws:
1. Names, kinds and topics are those of the schemas; nothing is asked of a cluster.
2. What is shown depends on the declarations alone, in a fixed order.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin

from typing_extensions import TypeAliasType

from penstock.events.event import MessageDeclaration
from penstock.events.event_types import MessageType
from penstock.events.topic import Topic
from penstock.infra.asyncapi.messages import DescribedMessage, MessageKind, kind_of, message_headers
from penstock.schemas.mapping import class_name
from penstock.schemas.record import Declaration, declaration_of
from penstock.schemas.record_words import wire_name
from penstock.schemas.type_tree import NO_DEFAULT, FieldOfRecord, described
from penstock.workers.worker import Worker

__all__ = [
    "FIELD_COLUMNS",
    "TYPE_COLUMNS",
    "TypeView",
    "python_type",
    "type_row",
    "workers_by_type",
]

TYPE_COLUMNS: Final = ("type", "kind", "topic", "key", "fields", "doc")
FIELD_COLUMNS: Final = ("field", "python", "avro", "default", "doc")

_Row = dict[str, str | int | None]


def type_row(message_type: MessageType) -> _Row:
    """Return a type's row of a list."""
    message = _described(message_type)
    root = message.schema.root
    return {
        "type": message.name,
        "kind": str(message.kind),
        "topic": message.topic,
        "key": message.key,
        "fields": len(root.fields),
        "doc": root.doc.strip().partition("\n")[0] or None,
    }


def workers_by_type(workers: Iterable[Worker]) -> dict[str, list[str]]:
    """Return the names of the workers that handle each type, by its full name."""
    found: dict[str, list[str]] = {}
    for worker in workers:
        for each in worker.inputs:
            for message_type in each.message_types:
                name = declaration_of(message_type).full_name
                found.setdefault(name, []).append(worker.name)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeView:
    """All about one type."""

    message_type: MessageType
    """The type."""
    handled_by: tuple[str, ...]
    """Names of the project's workers that handle it."""
    example: str | None
    """A JSON object that can be published; None where its own rules are not known well enough."""

    @property
    def name(self) -> str:
        """Its full name."""
        return declaration_of(self.message_type).full_name

    @property
    def kind(self) -> MessageKind:
        """What it is for."""
        return kind_of(self.message_type)

    @property
    def doc(self) -> str:
        """What it means; empty when nobody said."""
        return declaration_of(self.message_type).schema.root.doc.strip()

    def head(self) -> Iterator[tuple[str, str]]:
        """Yield what is said about the type as a whole: a word, and a text."""
        declaration = declaration_of(self.message_type)
        yield "class", class_name(self.message_type)
        if isinstance(declaration, MessageDeclaration):
            yield "topic", _topic_text(declaration.topic)
            yield "key", _described(self.message_type).key or "none: spread over all partitions"
            if declaration.reply is not None:
                yield "reply", declaration_of(declaration.reply).full_name
        if self.handled_by:
            yield "handled by", ", ".join(self.handled_by)
        yield "schema", declaration.schema.fingerprint.hex()

    def fields(self) -> list[_Row]:
        """Return a row for each field, in the order of the schema."""
        declaration = declaration_of(self.message_type)
        by_wire_name = _attributes(declaration)
        return [
            _field_row(field, *by_wire_name[field.name]) for field in declaration.schema.root.fields
        ]

    def headers(self) -> Mapping[str, str]:
        """Return what stands in each header of its records."""
        return (
            {} if self.kind is MessageKind.REPLY else message_headers(_described(self.message_type))
        )

    def document(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        declaration = declaration_of(self.message_type)
        row = type_row(self.message_type)
        found: dict[str, Any] = {**{name: row[name] for name in ("type", "kind", "topic", "key")}}
        if isinstance(declaration, MessageDeclaration):
            topic = declaration.topic
            found["partitions"] = topic.partitions
            found["topic_configuration"] = dict(sorted(topic.entries.items()))
            reply = declaration.reply
            found["reply"] = None if reply is None else declaration_of(reply).full_name
        return {
            **found,
            "class": class_name(self.message_type),
            "doc": self.doc,
            "handled_by": list(self.handled_by),
            "fingerprint": declaration.schema.fingerprint.hex(),
            "fields": self.fields(),
            "headers": dict(self.headers()),
            "example": None if self.example is None else json.loads(self.example),
            "schema": declaration.schema.document,
        }


def python_type(annotation: Any) -> str:  # noqa: PLR0911 - one for each kind of annotation
    """Return an annotation as its author has written it, without modules and without words."""
    if annotation is None or annotation is NoneType:
        return "None"
    if isinstance(annotation, NewType | TypeAliasType):
        return str(annotation.__name__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return python_type(arguments[0])
    if origin is Union or origin is UnionType:
        return " | ".join(map(python_type, arguments))
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, str | int | bytes | Enum):
        return repr(annotation.value if isinstance(annotation, Enum) else annotation)
    if origin is None:
        return str(getattr(annotation, "__name__", annotation))
    name = getattr(origin, "__name__", None) or str(origin).rpartition(".")[2]
    return f"{name}[{', '.join(map(python_type, arguments))}]"


def _described(message_type: MessageType) -> DescribedMessage:
    return DescribedMessage(kind=kind_of(message_type), schema=declaration_of(message_type).schema)


def _topic_text(topic: Topic) -> str:
    entries = ", ".join(f"{name} {value}" for name, value in sorted(topic.entries.items()))
    return f"{topic.name} ({topic.partitions} partitions, {entries})"


def _attributes(declaration: Declaration) -> dict[str, tuple[str, Any]]:
    """Return the attribute and the annotation of each field, by its name on the wire."""
    return {
        wire_name(attribute, info) or attribute: (attribute, info.annotation)
        for attribute, info in declaration.record_type.model_fields.items()
    }


def _field_row(field: FieldOfRecord, attribute: str, annotation: Any) -> _Row:
    shown = python_type(annotation)
    return {
        "field": field.name,
        "python": shown if attribute == field.name else f"{shown} ({attribute})",
        "avro": described(field.type),
        "default": None if field.default is NO_DEFAULT else _default_text(field.default),
        "doc": field.doc.strip().partition("\n")[0] or None,
    }


def _default_text(default: Any) -> str:
    return "null" if default is None else str(default)
