"""`Event`, `Command` and `Reply`: what users derive their messages from.

    class OrderPlaced(Event, topic="shop.orders", key="order_id"):
        order_id: str
        total: Annotated[Decimal, money(12, 2)]

An event says what has happened, to whoever listens; a command asks one service to do something,
and its reply says what came of it. Each is a record whose schema also says on which topic it
travels and by which field it is keyed, so that other programs need the schema and no Python.

Laws:
1. A class is judged where it is defined; whoever imports it holds a class that can be published.
2. A concrete class is final: a reader that asks for it would otherwise have to guess which of its
   children the bytes are. Bases say `abstract=True` and have neither topic nor schema.
3. Without a key an event goes to any partition and has no order. Records of one key are in order.
4. What is known about a class stands in its declaration, never in public attributes: fields may be
   called topic and key.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, ClassVar, NewType, TypeAlias, get_args, get_origin
from uuid import UUID

from typing_extensions import TypeAliasType

from penstock.events.names import check_declared_topic, domain_of
from penstock.events.problems import Problems
from penstock.events.topic import DEFAULT_COMPATIBILITY, Topic
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.mapping import class_name
from penstock.schemas.record import Declaration, Record, declaration_of, declared_bases
from penstock.schemas.record_words import wire_name

__all__ = [
    "BadKey",
    "BadMessageClass",
    "Command",
    "Event",
    "Key",
    "Message",
    "MessageDeclaration",
    "Reply",
    "key_bytes",
    "key_reader",
    "message_declaration_of",
]

Key: TypeAlias = str | int | UUID | bytes
"""What may key a record: text as UTF-8, a number as decimal digits, a UUID as canonical text,
bytes as they are. All but the last read alike in every tool."""

_ENCODERS: Mapping[Any, Callable[[Any], bytes]] = {
    str: str.encode,
    int: lambda number: b"%d" % number,
    UUID: lambda uuid: str(uuid).encode(),
    bytes: bytes,
}


@dataclass(frozen=True, kw_only=True)
class MessageDeclaration(Declaration):
    """What is known about a concrete event or command."""

    topic: Topic
    """Where it travels."""
    key: str | None = None
    """The field that keys its records; None spreads them over all partitions."""
    reply: "type[Reply] | None" = None
    """What answers it; only commands have one."""


@dataclass(eq=False, kw_only=True)
class BadMessageClass(CallerError):
    """An event, a command or a reply is declared in a way that cannot work."""

    message_class: str
    """The class, with its module."""
    problems: Problems
    """Everything that is wrong with its declaration."""

    code: ClassVar[str] = "PEN-E15"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "{message_class} cannot be declared so."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Change the class statement."


@dataclass(eq=False, kw_only=True)
class BadKey(CallerError):
    """A value cannot key a record."""

    topic: str
    """Where the record was to be written."""
    reason: str
    """What is wrong, without the value."""

    code: ClassVar[str] = "PEN-E17"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A record for {topic} cannot be keyed: {reason}."
    why: ClassVar[str] = "The key decides the partition, and with it the order."
    remedy: ClassVar[str] = "Give a str, an int, a UUID or bytes."


class Reply(Record, abstract=True):
    """What a service answers to a command. It travels to whoever asked, so it has no topic."""

    @classmethod
    def __penstock_declare__(cls, *, namespace: str | None, **keywords: Any) -> Declaration:
        """Refuse to derive from a concrete reply."""
        if problems := Problems(_base_problems(cls)):
            raise BadMessageClass(message_class=class_name(cls), problems=problems)
        return super().__penstock_declare__(namespace=namespace, **keywords)


class Event(Record, abstract=True):
    """Something that has happened.

    Class keywords: `topic=` a name or a `Topic`; `key=` the field whose value keys the record;
    `namespace=` in place of the topic's first segment; `abstract=True` for a base.
    """

    @classmethod
    def __penstock_declare__(
        cls,
        *,
        namespace: str | None,
        topic: str | Topic | None = None,
        key: str | None = None,
        **keywords: Any,
    ) -> Declaration:
        """Take the event's own keywords."""
        checked = _checked_topic(cls, topic, key)
        namespace = namespace or domain_of(checked.name)
        inherited = super().__penstock_declare__(namespace=namespace, **keywords)
        return _declaration(inherited, checked, key, None)


class Command(Record, abstract=True):
    """Something that one service is asked to do.

    Class keywords: as for `Event`, and `reply=` the class that answers it.
    """

    @classmethod
    def __penstock_declare__(
        cls,
        *,
        namespace: str | None,
        topic: str | Topic | None = None,
        key: str | None = None,
        reply: type[Reply] | None = None,
        **keywords: Any,
    ) -> Declaration:
        """Take the command's own keywords."""
        checked = _checked_topic(cls, topic, key, *_reply_problems(reply))
        namespace = namespace or domain_of(checked.name)
        inherited = super().__penstock_declare__(namespace=namespace, **keywords)
        return _declaration(inherited, checked, key, reply)


Message: TypeAlias = Event | Command
"""What is published to a topic of its own."""


def message_declaration_of(message_type: type[Message]) -> MessageDeclaration:
    """Return what is known about a concrete event or command.

    Raises:
        AbstractRecord: the class is a base.
    """
    declaration = declaration_of(message_type)
    assert isinstance(declaration, MessageDeclaration)
    return declaration


def key_bytes(key: Key, topic: str) -> bytes:
    """Return the bytes that key a record.

    Args:
        key: the value.
        topic: for the error.

    Raises:
        BadKey: it is no key.
    """
    encode = _ENCODERS.get(type(key))
    if encode is None:
        raise BadKey(topic=topic, reason=f"a {type(key).__name__} is no key")
    try:
        return encode(key)
    except UnicodeEncodeError:
        raise BadKey(topic=topic, reason="it holds half a character (a lone surrogate)") from None


def key_reader(message_type: type[Message]) -> Callable[[Message], bytes | None]:
    """Return the function that takes the key out of a message, compiled for its class.

    Raises:
        AbstractRecord: the class is a base.
    """
    declaration = message_declaration_of(message_type)
    if declaration.key is None:
        return _no_key
    read: Callable[[Message], Key] = attrgetter(declaration.key)
    encode = _ENCODERS[_plain(message_type.model_fields[declaration.key].annotation)]
    return lambda message: encode(read(message))


def _no_key(message: Message) -> None:
    """Take nothing: the class names no key."""
    del message


def _declaration(
    inherited: Declaration, topic: Topic, key: str | None, reply: type[Reply] | None
) -> MessageDeclaration:
    attributes = {"topic": topic.name}
    if key is not None:
        info = inherited.record_type.model_fields[key]
        attributes["key"] = wire_name(key, info) or key
    if reply is not None:
        attributes["reply"] = declaration_of(reply).full_name
    if topic.compatibility != DEFAULT_COMPATIBILITY:
        attributes["compatibility"] = topic.compatibility
    return MessageDeclaration(
        record_type=inherited.record_type,
        full_name=inherited.full_name,
        attributes=attributes,
        topic=topic,
        key=key,
        reply=reply,
    )


def _checked_topic(
    message_type: type[Record], topic: str | Topic | None, key: str | None, *found: str
) -> Topic:
    """Return the topic of a class, having refused everything that is wrong with its statement."""
    problems = [*_base_problems(message_type), *found]
    if isinstance(topic, str | Topic):
        topic = topic if isinstance(topic, Topic) else Topic(check_declared_topic(topic))
        check_declared_topic(topic.name)
        problems.extend(_key_problems(message_type, topic, key))
    else:
        problems.append("Its topic= must be a name or a Topic; a base says abstract=True.")
    if problems:
        raise BadMessageClass(message_class=class_name(message_type), problems=Problems(problems))
    assert isinstance(topic, Topic)
    return topic


def _base_problems(message_type: type[Record]) -> Iterator[str]:
    for base in declared_bases(message_type):
        yield f"It derives from {class_name(base)}, which is concrete and therefore final."


def _reply_problems(reply: object) -> Iterator[str]:
    if reply is None:
        return
    if not (isinstance(reply, type) and issubclass(reply, Reply)):
        yield "Its reply= must be a class derived from Reply."
    elif "__penstock__" not in vars(reply):
        yield f"Its reply {class_name(reply)} is abstract."


def _key_problems(message_type: type[Record], topic: Topic, key: str | None) -> Iterator[str]:
    if key is None:
        if topic.cleanup == "compact":
            yield f"It has no key=, and {topic.name} is compacted: Kafka keeps no record without."
    elif key not in message_type.model_fields:
        yield f"It has no field {key!a}, which key= names."
    elif _plain(message_type.model_fields[key].annotation) not in _ENCODERS:
        yield (
            f"Its field {key} cannot be the key: a key is a str, an int, a UUID or bytes, and "
            "never optional."
        )


def _plain(annotation: Any) -> Any:
    """Return the type under `Annotated`, `NewType` and `type` aliases."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if isinstance(annotation, NewType):
        return _plain(annotation.__supertype__)
    if isinstance(annotation, TypeAliasType):
        return _plain(annotation.__value__)
    return annotation
