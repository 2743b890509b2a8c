"""The message types of a program: found in its modules, with their topics.

Laws:
1. One full name stands for one class, one topic for one declaration, in all modules together:
   where two differ, neither is right, and the error names both.
2. Modules are looked at, never imported: what runs at import is not this file's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar, TypeAlias, TypeGuard

from penstock.events.event import Command, Event, Message, Reply, message_declaration_of
from penstock.events.log import Partition
from penstock.events.topic import Topic
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.mapping import class_name
from penstock.schemas.record import declaration_of

__all__ = [
    "MessageType",
    "TopicDeclaredTwice",
    "TypeNamedTwice",
    "declared_topics",
    "event_types_of",
    "partitions_of",
]

MessageType: TypeAlias = type[Event] | type[Command] | type[Reply]
"""A class of messages that travel."""


@dataclass(eq=False, kw_only=True)
class TypeNamedTwice(CallerError):
    """Two classes have one full name."""

    full_name: str
    """The name."""
    first: str
    """One class, with its module."""
    second: str
    """The other."""

    code: ClassVar[str] = "PEN-E16"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "Both {first} and {second} are named {full_name}."
    why: ClassVar[str] = "The name is all that a reader has to choose a class by."
    remedy: ClassVar[str] = "Rename one of them, or give it another namespace=."


@dataclass(eq=False, kw_only=True)
class TopicDeclaredTwice(CallerError):
    """Two types declare one topic differently."""

    topic: str
    """The topic's name."""
    first_type: str
    """Full name of one type."""
    first: str
    """Its declaration."""
    second_type: str
    """Full name of the other."""
    second: str
    """Its declaration."""

    code: ClassVar[str] = "PEN-E13"
    what: ClassVar[str] = (
        "{first_type} declares {first}, and {second_type} declares {second}: one topic, twice."
    )
    why: ClassVar[str] = "A topic is one way only; a name alone declares it with all defaults."
    remedy: ClassVar[str] = "Declare {topic} once, as a constant, and give that to both."


def event_types_of(modules: Iterable[ModuleType]) -> dict[str, MessageType]:
    """Find all concrete events, commands and replies in modules.

    Args:
        modules: imported modules; what they import from each other is found once.

    Returns:
        The types by full name, in order of their names.

    Raises:
        TypeNamedTwice: two different classes have one full name.
    """
    found: dict[str, MessageType] = {}
    for module in modules:
        for value in vars(module).values():
            if _is_concrete(value):
                name = declaration_of(value).full_name
                known = found.setdefault(name, value)
                if known is not value:
                    raise TypeNamedTwice(
                        full_name=name, first=class_name(known), second=class_name(value)
                    )
    return dict(sorted(found.items()))


def declared_topics(types: Iterable[MessageType]) -> dict[str, Topic]:
    """Return the topics that these types travel on, by name.

    Args:
        types: replies among them are passed over; they have no topic.

    Raises:
        TopicDeclaredTwice: two types declare one topic differently.
    """
    found: dict[str, tuple[Topic, str]] = {}
    for each in types:
        if issubclass(each, Reply):
            continue
        declaration = message_declaration_of(each)
        topic, owner = declaration.topic, declaration.full_name
        known, known_owner = found.setdefault(topic.name, (topic, owner))
        if known != topic:
            raise TopicDeclaredTwice(
                topic=topic.name,
                first_type=known_owner,
                first=repr(known),
                second_type=owner,
                second=repr(topic),
            )
    return {name: topic for name, (topic, _) in sorted(found.items())}


def partitions_of(types: Iterable[type[Message]]) -> tuple[Partition, ...]:
    """Return all partitions that records of these types can be in, in order.

    Raises:
        TopicDeclaredTwice: two types declare one topic differently.
    """
    return tuple(
        Partition(topic.name, number)
        for topic in declared_topics(types).values()
        for number in range(topic.partitions)
    )


def _is_concrete(value: object) -> TypeGuard[MessageType]:
    kinds = Event, Command, Reply
    return isinstance(value, type) and issubclass(value, kinds) and "__penstock__" in vars(value)
