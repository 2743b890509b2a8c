"""An app as an AsyncAPI document, for people and tools that know neither Python nor penstock.

Values go in, a document of plain dictionaries comes out. It follows AsyncAPI 3 (3.0.0, or 3.1.0,
which differs in nothing that is used here) with the Kafka bindings 0.5.0:

    servers       the brokers' addresses, and the schema registry
    channels      one for each topic, and one for the answers to commands
    operations    what workers and sagas send and receive; see operations.py
    components    messages with their Avro schemas, headers, where the correlation id stands

Laws:
1. Equal values give an equal document in the same order, so that it can be kept under version
   control.
2. Nothing is said that the declarations do not say: no examples, no addresses by guess.
3. This file knows no file, no environment and no text format.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from penstock.events.event_types import MessageType, declared_topics
from penstock.events.saga_messages import InboxMessage
from penstock.events.topic import Topic
from penstock.infra.asyncapi.messages import (
    BINDING_VERSION,
    CORRELATION,
    DescribedMessage,
    MessageKind,
    PayloadFrame,
    avro_payload,
    correlation_id,
    header_schemas,
    kind_of,
    message_object,
)
from penstock.infra.asyncapi.operations import (
    REPLIES,
    Operation,
    operation_object,
    operations_of_saga,
    operations_of_worker,
)
from penstock.sagas.definition import Definition
from penstock.schemas.record import declaration_of
from penstock.workers.worker import Worker

__all__ = ["Application", "AsyncApiVersion", "Server", "asyncapi_document"]

AsyncApiVersion = Literal["3.0.0", "3.1.0"]
"""Versions of the specification that a document may be written by."""

_WHOLE_NUMBERS: Final = frozenset(
    {"retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes"}
)
"""Entries of a topic's configuration that the channel binding wants as numbers."""
_FRAMES: Final = {
    "single-object": "Values are Avro single-object encodings: C3 01, eight bytes that name the "
    "writer's schema (CRC-64-AVRO, the least significant first), and the record.",
    "confluent": "Values begin with 00 and the four bytes of a schema registry's id, the most "
    "significant first; the record follows.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Kafka cluster."""

    name: str
    """What the document calls it, such as `production`."""
    host: str
    """`host:port`; several with commas between."""
    protocol: Literal["kafka", "kafka-secure"] = "kafka"
    """Whether connections are encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a document is about."""

    app: str
    """The app's name."""
    version: str
    """Its version, as its owner counts."""
    types: Mapping[str, MessageType]
    """Its events, commands and replies by full name."""
    workers: tuple[Worker, ...] = ()
    """Its workers."""
    sagas: tuple[Definition, ...] = ()
    """Its sagas."""
    servers: tuple[Server, ...] = ()
    """Where it runs."""
    frame: PayloadFrame = field(default_factory=PayloadFrame)
    """How its events and commands are framed."""
    registry: str | None = None
    """URL of the schema registry, without credentials."""
    replicas: int | None = None
    """Replicas of its topics, where that is laid down."""


def asyncapi_document(
    application: Application, *, version: AsyncApiVersion = "3.0.0"
) -> dict[str, Any]:
    """Describe an app.

    Args:
        application: the app.
        version: of the specification.

    Raises:
        TopicDeclaredTwice: two types declare one topic differently.
    """
    topics = declared_topics(application.types.values())
    operations = _operations(application)
    messages = _messages(application.types, operations)
    replies = [each for each in messages.values() if each.kind is MessageKind.REPLY]
    return {
        "asyncapi": version,
        "info": {
            "title": application.app,
            "version": application.version,
            "description": _FRAMES[application.frame.framing],
        },
        "defaultContentType": "application/avro",
        **_servers(application),
        "channels": {
            **_channels(messages.values(), topics, application.replicas),
            **({REPLIES: _replies(replies)} if replies else {}),
        },
        "operations": {
            operation.name: operation_object(operation, client_id=application.app)
            for operation in sorted(operations, key=lambda each: each.name)
        },
        "components": _components(messages, application.frame),
    }


def _operations(application: Application) -> list[Operation]:
    return [
        *(
            each
            for worker in application.workers
            for each in operations_of_worker(application.app, worker)
        ),
        *(each for saga in application.sagas for each in operations_of_saga(application.app, saga)),
    ]


def _messages(
    types: Mapping[str, MessageType], operations: Iterable[Operation]
) -> dict[str, DescribedMessage]:
    """Return all messages by name: those of classes, and those that only operations name."""
    found: dict[str, DescribedMessage] = {}
    for operation in operations:
        answers = [] if operation.answer is None else [operation.answer]
        found |= {each.name: each for each in (*operation.messages, *answers)}
    found |= {
        name: DescribedMessage(kind=kind_of(each), schema=declaration_of(each).schema)
        for name, each in types.items()
    }
    return dict(sorted(found.items()))


def _servers(application: Application) -> dict[str, Any]:
    if not application.servers:
        return {}
    binding = {"bindingVersion": BINDING_VERSION}
    if application.registry is not None:
        binding = {
            "schemaRegistryUrl": application.registry,
            "schemaRegistryVendor": "confluent",
            **binding,
        }
    return {
        "servers": {
            server.name: {
                "host": server.host,
                "protocol": server.protocol,
                "bindings": {"kafka": dict(binding)},
            }
            for server in sorted(application.servers, key=lambda each: each.name)
        }
    }


def _channels(
    messages: Iterable[DescribedMessage], topics: Mapping[str, Topic], replicas: int | None
) -> dict[str, Any]:
    travelling: dict[str, list[DescribedMessage]] = {}
    for message in messages:
        if message.topic is not None:
            travelling.setdefault(message.topic, []).append(message)
    return {
        name: {
            "address": name,
            "messages": _references(those),
            "bindings": {"kafka": _channel_binding(name, topics.get(name), replicas)},
        }
        for name, those in sorted(travelling.items())
    }


def _channel_binding(name: str, topic: Topic | None, replicas: int | None) -> dict[str, Any]:
    """Describe a topic; of one that only a schema names, nothing more is known."""
    if topic is None:
        return {"topic": name, "bindingVersion": BINDING_VERSION}
    return {
        "topic": name,
        "partitions": topic.partitions,
        **({} if replicas is None else {"replicas": replicas}),
        "topicConfiguration": {
            entry: _configured(entry, value) for entry, value in sorted(topic.entries.items())
        },
        "bindingVersion": BINDING_VERSION,
    }


def _configured(entry: str, value: str) -> str | int | list[str]:
    if entry == "cleanup.policy":
        return [part.strip() for part in value.split(",")]
    if entry in _WHOLE_NUMBERS and value.removeprefix("-").isdecimal():
        return int(value)
    return value


def _replies(replies: Iterable[DescribedMessage]) -> dict[str, Any]:
    envelope = declaration_of(InboxMessage).full_name
    return {
        "address": None,
        "title": "Answers to commands",
        "description": "The inbox of the saga that has asked, which the header reply-to of the "
        f"command names. An answer travels inside of {envelope}: framed, as reply.data.",
        "messages": _references(replies),
    }


def _references(messages: Iterable[DescribedMessage]) -> dict[str, Any]:
    return {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in messages}


def _components(messages: Mapping[str, DescribedMessage], frame: PayloadFrame) -> dict[str, Any]:
    kinds = {each.kind for each in messages.values()}
    schemas = header_schemas(commands=MessageKind.COMMAND in kinds)
    if MessageKind.REPLY in kinds:
        envelope = declaration_of(InboxMessage)
        schemas[envelope.full_name] = avro_payload(envelope.schema)
    return {
        "messages": {name: message_object(each, frame) for name, each in messages.items()},
        "schemas": dict(sorted(schemas.items())),
        "correlationIds": {CORRELATION: correlation_id()},
    }
