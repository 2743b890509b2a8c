"""The types that a saga names: found by full name, judged by what they are used for.

A schema says by its attributes what it is (formats F5): `topic` where its records travel, `key`
the field that keys them, `reply` the record that answers it. A command that is answered without
data has no `reply`, so it looks like an event; whatever travels on a topic may therefore be called,
and only what has a `reply` may surely not be emitted.

Laws:
1. What is used is remembered, and nothing else becomes part of the definition.
2. Schemas are given; nothing is read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from penstock.events.names import IllegalName, NameTooLong, check_declared_topic
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, quoted
from penstock.sagas.language.value_types import shown
from penstock.sagas.language.yaml_nodes import TextNode
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import AvroType, PrimitiveType, logical_of

__all__ = ["CommandType", "EventType", "MessageTypes", "names_something"]

_KEYS = frozenset({"string", "int", "long", "bytes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandType:
    """A type that can be called."""

    schema: AvroSchema
    topic: str
    reply: AvroSchema | None
    """None where it is answered without data, and where the reply could not be found."""
    reply_known: bool
    """Whether `reply` can be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type that can be emitted."""

    schema: AvroSchema
    topic: str
    key: str | None
    """The field that keys it."""


def names_something(avro_type: AvroType) -> bool:
    """Tell whether a type can be the key of a saga: a string, an int, a long or a uuid."""
    if not isinstance(avro_type, PrimitiveType):
        return False
    logical = logical_of(avro_type)
    if logical is not None:
        return logical.name == "uuid"
    return avro_type.name in {"string", "int", "long"}


@final
class MessageTypes:
    """The schemas that are known, and those that were used."""

    def __init__(self, schemas: Mapping[str, AvroSchema], findings: Findings) -> None:
        """Begin with none used.

        Args:
            schemas: all that are known, by full name.
            findings: is told of names that are not.
        """
        self._schemas = schemas
        self._findings = findings
        self._used: dict[str, AvroSchema] = {}

    @property
    def used(self) -> tuple[str, ...]:
        """The full JSON of each schema that was found, sorted."""
        return tuple(sorted(each.text for each in self._used.values()))

    def named(self, node: TextNode | None) -> AvroSchema | None:
        """Return the schema of a name that the file says."""
        if node is None:
            return None
        schema = self._find(node.text)
        if schema is None:
            message = f"There is no schema {quoted(node.text)}{self._among()}."
            self._findings.error(
                ProblemCode.UNKNOWN_TYPE, node.mark, message, name=node.text, among=self._schemas
            )
        return schema

    def command(self, node: TextNode | None) -> CommandType | None:
        """Return what a step or an undo calls."""
        schema = self.named(node)
        if node is None or schema is None:
            return None
        topic = self._topic(schema, node.mark, "called")
        reply, reply_known = self._reply(schema, node.mark)
        if topic is None:
            return None
        return CommandType(schema=schema, topic=topic, reply=reply, reply_known=reply_known)

    def event(self, node: TextNode | None) -> EventType | None:
        """Return what a step emits."""
        schema = self.named(node)
        if node is None or schema is None:
            return None
        if "reply" in schema.document:
            message = f"{schema.full_name} is a command: it waits for an answer, so it is called."
            self._findings.error(ProblemCode.NOT_AN_EVENT, node.mark, message)
            return None
        topic = self._topic(schema, node.mark, "emitted")
        key = self._key(schema, node.mark)
        return None if topic is None else EventType(schema=schema, topic=topic, key=key)

    def input_topic(self, schema: AvroSchema, mark: Mark) -> str | None:
        """Return where records of a type arrive; None where they travel on no topic."""
        return self._topic(schema, mark, "received") if "topic" in schema.document else None

    def _find(self, name: str) -> AvroSchema | None:
        schema = self._schemas.get(name)
        if schema is not None:
            self._used[schema.full_name] = schema
        return schema

    def _among(self) -> str:
        return "" if self._schemas else "; in fact no schemas are known at all"

    def _topic(self, schema: AvroSchema, mark: Mark, done: str) -> str | None:
        topic = schema.document.get("topic")
        if topic is None:
            message = (
                f"{schema.full_name} cannot be {done}: its schema names no 'topic', so nobody "
                "would receive it."
            )
            self._findings.error(ProblemCode.NO_TOPIC, mark, message)
            return None
        try:
            return check_declared_topic(topic if isinstance(topic, str) else "")
        except (IllegalName, NameTooLong) as error:
            message = f"The schema of {schema.full_name} names a bad 'topic'. {error.message}"
            self._findings.error(ProblemCode.BAD_SCHEMA, mark, message)
            return None

    def _reply(self, schema: AvroSchema, mark: Mark) -> tuple[AvroSchema | None, bool]:
        name = schema.document.get("reply")
        if name is None:
            return None, True
        reply = self._find(name) if isinstance(name, str) else None
        if reply is None:
            message = (
                f"{schema.full_name} is answered with {quoted(str(name))}, which has no schema "
                "here."
            )
            self._findings.error(ProblemCode.UNKNOWN_TYPE, mark, message)
        return reply, reply is not None

    def _key(self, schema: AvroSchema, mark: Mark) -> str | None:
        key = schema.document.get("key")
        if key is None:
            return None
        types = {each.name: each.type for each in schema.root.fields}
        found = types.get(key) if isinstance(key, str) else None
        if found is not None and _can_key(found):
            return str(key)
        problem = f"which is {shown(found)}" if found is not None else "which it has not"
        message = (
            f"The schema of {schema.full_name} is keyed by the field {quoted(str(key))}, "
            f"{problem}; a key is a string, an int, a long, a uuid or bytes."
        )
        self._findings.error(ProblemCode.BAD_SCHEMA, mark, message)
        return None


def _can_key(avro_type: AvroType) -> bool:
    if not isinstance(avro_type, PrimitiveType):
        return False
    return names_something(avro_type) or (avro_type.name in _KEYS and logical_of(avro_type) is None)
