"""Messages of an AsyncAPI document: payload, key and headers of each type.

    payload    the Avro schema itself, as a multi-format schema
    key        what the record's key is made of, as a JSON schema (Kafka message binding 0.5.0)
    headers    CloudEvents' in Kafka's binary mode, and for commands those of a saga

Laws:
1. A message is described by its schema alone: where it travels and by which field it is keyed stand
   in the schema's attributes, so a type whose class is elsewhere is described as fully.
2. The payload is the schema as it is registered, with every attribute, and nothing is translated.
3. This file knows no channel, no worker and no text format.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from penstock.events.event import Command, Event
from penstock.events.event_types import MessageType
from penstock.schemas.framing import Framing
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import AvroType, FixedType, PrimitiveType, RecordType

__all__ = [
    "AVRO_FORMAT",
    "BINDING_VERSION",
    "CORRELATION",
    "DescribedMessage",
    "MessageKind",
    "PayloadFrame",
    "SubjectNames",
    "avro_payload",
    "correlation_id",
    "header_schemas",
    "kind_of",
    "message_headers",
    "message_object",
]

AVRO_FORMAT: Final = "application/vnd.apache.avro;version=1.9.0"
"""How AsyncAPI 3 names an Avro schema in JSON."""
BINDING_VERSION: Final = "0.5.0"
"""Of the Kafka bindings for servers, channels, operations and messages."""
CORRELATION: Final = "correlation"
"""The name of the document's correlation id."""
_CONTENT_TYPE: Final = "application/avro"
_EVENT_HEADERS: Final = "EventHeaders"
_COMMAND_HEADERS: Final = "CommandHeaders"

SubjectNames = Literal["topic", "record", "topic-record"]
"""After what a schema registry's subjects are named."""

_STRATEGIES: Final[Mapping[SubjectNames, str]] = {
    "topic": "TopicNameStrategy",
    "record": "RecordNameStrategy",
    "topic-record": "TopicRecordNameStrategy",
}


class MessageKind(StrEnum):
    """What a message is for."""

    EVENT = "event"
    COMMAND = "command"
    REPLY = "reply"


def kind_of(message_type: MessageType) -> MessageKind:
    """Return what the messages of a class are for."""
    if issubclass(message_type, Event):
        return MessageKind.EVENT
    return MessageKind.COMMAND if issubclass(message_type, Command) else MessageKind.REPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedMessage:
    """A type of messages, as far as a document needs it."""

    kind: MessageKind
    """What it is for."""
    schema: AvroSchema
    """Its schema, with the attributes topic and key."""

    @property
    def name(self) -> str:
        """Its full name."""
        return self.schema.full_name

    @property
    def topic(self) -> str | None:
        """Where it travels; None for replies, which have no topic of their own."""
        topic: str | None = self.schema.document.get("topic")
        return topic

    @property
    def key(self) -> str | None:
        """The field that keys its records."""
        key: str | None = self.schema.document.get("key")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFrame:
    """How records of events and commands are framed."""

    framing: Framing = "single-object"
    """What stands before the Avro bytes."""
    subject_names: SubjectNames = "topic"
    """With "confluent": how the registry's subjects are named."""


def message_object(message: DescribedMessage, frame: PayloadFrame) -> dict[str, Any]:
    """Describe a message.

    Args:
        message: the type.
        frame: how events and commands are framed; replies are always single-object.
    """
    framing = "single-object" if message.kind is MessageKind.REPLY else frame.framing
    return {
        "name": message.name,
        "title": message.name.rpartition(".")[2],
        **_words(message.schema.root),
        "tags": [{"name": str(message.kind)}],
        "contentType": _CONTENT_TYPE,
        "headers": _headers(message),
        "payload": avro_payload(message.schema),
        "correlationId": {"$ref": f"#/components/correlationIds/{CORRELATION}"},
        "bindings": {"kafka": _binding(message, framing, frame.subject_names)},
        "x-framing": framing,
    }


def message_headers(message: DescribedMessage) -> dict[str, str]:
    """Return what stands in each header of a message, by name.

    Args:
        message: an event or a command.
    """
    tables = [_OF_EVENTS]
    if message.kind is MessageKind.COMMAND:
        tables.append(_OF_COMMANDS)
    texts = {
        name: each.get("const", each["description"])
        for table in tables
        for name, each in table.items()
    }
    return {**texts, "ce_type": message.name}


def avro_payload(schema: AvroSchema) -> dict[str, Any]:
    """Return a schema as AsyncAPI's multi-format schema."""
    return {"schemaFormat": AVRO_FORMAT, "schema": dict(schema.document)}


def correlation_id() -> dict[str, Any]:
    """Describe where the correlation id stands."""
    return {
        "description": "Names the whole flow that a message belongs to.",
        "location": "$message.header#/ce_correlationid",
    }


def header_schemas(*, commands: bool) -> dict[str, Any]:
    """Return the schemas of headers by their names.

    Args:
        commands: whether the document has any, which have further headers.
    """
    schemas = {_EVENT_HEADERS: _object(_OF_EVENTS, required=_REQUIRED)}
    if commands:
        schemas[_COMMAND_HEADERS] = {
            "description": "What makes a command one step of a saga; absent from other commands.",
            **_object(_OF_COMMANDS, required=()),
        }
    return schemas


def _words(root: RecordType) -> dict[str, str]:
    """Return the doc of a type: its first line, and all of it where there is more."""
    first, _, more = root.doc.strip().partition("\n")
    words = {"summary": first} if first else {}
    return {**words, "description": root.doc.strip()} if more.strip() else words


def _binding(
    message: DescribedMessage, framing: Framing, subject_names: SubjectNames
) -> dict[str, Any]:
    key = {} if message.key is None else {"key": _key_schema(message.schema.root, message.key)}
    ids: dict[str, str] = {}
    if framing == "confluent":
        ids = {
            "schemaIdLocation": "payload",
            "schemaIdPayloadEncoding": "4",
            "schemaLookupStrategy": _STRATEGIES[subject_names],
        }
    return {**key, **ids, "bindingVersion": BINDING_VERSION}


def _key_schema(root: RecordType, key: str) -> dict[str, str]:
    found = next(field.type for field in root.fields if field.name == key)
    return {**_of_key(found), "description": f"The field {key}."}


def _of_key(found: AvroType) -> dict[str, str]:
    match found:
        case PrimitiveType(name="int" | "long"):
            return {"type": "integer"}
        case PrimitiveType(name="string") if found.logical is not None:
            return {"type": "string", "format": "uuid"}
        case PrimitiveType(name="bytes") | FixedType():
            return {"type": "string", "format": "binary"}
        case _:
            return {"type": "string"}


def _headers(message: DescribedMessage) -> dict[str, Any]:
    names = [_EVENT_HEADERS]
    if message.kind is MessageKind.COMMAND:
        names.append(_COMMAND_HEADERS)
    own = {"type": "object", "properties": {"ce_type": {"const": message.name}}}
    parts = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return {"type": "object", "allOf": [*parts, own]}


def _object(properties: Mapping[str, Mapping[str, str]], required: tuple[str, ...]) -> Any:
    return {
        "type": "object",
        "properties": {name: dict(each) for name, each in properties.items()},
        **({"required": list(required)} if required else {}),
    }


def _text(description: str, **more: str) -> dict[str, str]:
    return {"type": "string", **more, "description": description}


_REQUIRED: Final = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type")
_OF_EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "ce_specversion": _text("Version of CloudEvents.", const="1.0"),
    "ce_id": _text("Names the message; the same message written twice keeps it."),
    "ce_type": _text("Full name of the type."),
    "ce_source": _text("Who wrote it.", format="uri-reference"),
    "ce_time": _text("When it happened.", format="date-time"),
    "content-type": _text("Media type of the value.", const=_CONTENT_TYPE),
    "ce_correlationid": _text("Names the whole flow."),
    "ce_causationid": _text("The ce_id of the message that caused this one."),
    "traceparent": _text("W3C trace context."),
}
_OF_COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "penstock-saga": _text("Name of the saga."),
    "penstock-step": _text("Name of the step."),
    "penstock-direction": _text("Whether the step is done or undone: do, undo."),
    "penstock-attempt": _text("Number of the attempt, from 1."),
    "penstock-idempotency-key": _text("Names the effect; every attempt has the same."),
    "penstock-deadline": _text(
        "Milliseconds since 1970; from then on nobody waits for the answer."
    ),
    "reply-to": _text("The topic that takes the answer."),
}
