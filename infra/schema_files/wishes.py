"""What is to be made of schemas from files: events, commands, replies, or plain records.

    topic and reply          a Command
    topic alone              an Event
    named by a command       a Reply
    none of these            a Record

A command without a reply has the schema of an event, and becomes one unless the caller knows. How
many partitions a topic has stands in no schema: a class says the topic's name, or a Topic where its
compatibility is not the default.

Law: the classes can be defined. What their bases would refuse is told here, for all schemas at
once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.events.names import IllegalName, NameTooLong, check_declared_topic
from penstock.events.problems import Problems
from penstock.events.topic import DEFAULT_COMPATIBILITY
from penstock.infra.plain_text import excerpt
from penstock.infra.schema_files.roles import SchemaKind, SchemaRole, roles_of
from penstock.schemas.class_source import ClassBase, ClassNamed, ClassWish, FieldNamed, ValueMade
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.schema import AvroSchema
from penstock.schemas.source_wish import RECORD, KeywordValue
from penstock.schemas.type_tree import AvroType, FixedType, PrimitiveType

__all__ = ["UnusableRoles", "wishes_for"]

_EVENTS: Final = "penstock.events"
_BASES: Final[Mapping[SchemaKind, ClassBase]] = {
    SchemaKind.EVENT: ClassBase(module=_EVENTS, name="Event"),
    SchemaKind.COMMAND: ClassBase(module=_EVENTS, name="Command"),
    SchemaKind.REPLY: ClassBase(module=_EVENTS, name="Reply"),
    SchemaKind.RECORD: RECORD,
}
_TOPIC: Final = ClassBase(module=_EVENTS, name="Topic")
_KEYS: Final = frozenset({"string", "int", "long", "bytes"})
_SHOWN: Final = 20
"""Problems in a message at most."""


@dataclass(eq=False, kw_only=True)
class UnusableRoles(CallerError):
    """Schemas say about their topics, keys or replies what no class can say."""

    problems: Problems
    """Everything that is wrong, each with the type's name."""

    code: ClassVar[str] = "PEN-I191"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "No classes were made of the schemas."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = (
        'Mend "topic", "key", "reply" and "compatibility" in the files, and give the file of each '
        "reply too."
    )


def wishes_for(
    schemas: Mapping[str, AvroSchema], commands: Collection[str] = ()
) -> tuple[ClassWish, ...]:
    """Return what is to be made of schemas.

    Args:
        schemas: by full name; replies of commands among them.
        commands: full names of those that are commands though they name no reply.

    Returns:
        A wish for each, in the order of the names.

    Raises:
        UnusableRoles: what they say about topic, key, reply or compatibility cannot be said by a
            class, or contradicts itself.
    """
    roles = roles_of(schemas, commands)
    problems = [
        f"{excerpt(name, 200)}: {problem}"
        for name in sorted(schemas)
        for problem in _problems(schemas[name], roles[name], roles)
    ]
    problems += [
        f"{excerpt(name, 200)}: It is said to be a command, and {_no_command(name, roles)}."
        for name in sorted(commands)
        if name not in roles or roles[name].topic is None
    ]
    problems += _contradictions(roles)
    if problems:
        more = [f"And {len(problems) - _SHOWN} more."] if len(problems) > _SHOWN else []
        raise UnusableRoles(problems=Problems([*problems[:_SHOWN], *more]))
    return tuple(_wish(schemas[name], roles[name]) for name in sorted(schemas))


def _wish(schema: AvroSchema, role: SchemaRole) -> ClassWish:
    keywords: dict[str, KeywordValue] = {}
    if role.topic is not None:
        keywords["topic"] = role.topic
        if role.level != DEFAULT_COMPATIBILITY:
            keywords["topic"] = ValueMade(
                base=_TOPIC, argument=role.topic, keywords={"compatibility": str(role.level)}
            )
        if role.key is not None:
            keywords["key"] = FieldNamed(name=role.key)
        if role.reply is not None:
            keywords["reply"] = ClassNamed(full_name=role.reply)
    return ClassWish(schema=schema, base=_BASES[role.kind], keywords=keywords)


def _problems(
    schema: AvroSchema, role: SchemaRole, roles: Mapping[str, SchemaRole]
) -> Iterator[str]:
    yield from role.problems
    if role.topic is None:
        for name in ("key", "reply"):
            if getattr(role, name) is not None:
                yield f'It has a "{name}", and no "topic".'
        return
    try:
        check_declared_topic(role.topic)
    except (IllegalName, NameTooLong) as error:
        yield error.message
    if role.key is not None:
        yield from _key_problems(schema, role.key)
    if role.reply is not None:
        yield from _reply_problems(role.reply, roles)


def _no_command(name: str, roles: Mapping[str, SchemaRole]) -> str:
    return 'its schema has no "topic"' if name in roles else "there is no schema of that name"


def _key_problems(schema: AvroSchema, key: str) -> Iterator[str]:
    found = {each.name: each.type for each in schema.root.fields}.get(key)
    if found is None:
        yield f"It has no field {excerpt(key)!a}, which its key names."
    elif not _can_key(found):
        yield f"Its field {key} cannot be the key: a key is text, a number, a uuid or bytes."


def _reply_problems(reply: str, roles: Mapping[str, SchemaRole]) -> Iterator[str]:
    if reply not in roles:
        yield f"Its reply {excerpt(reply, 200)} is not among the schemas that were given."
    elif roles[reply].topic is not None:
        yield f'Its reply {excerpt(reply, 200)} has a "topic", so it is no reply.'


def _can_key(avro_type: AvroType) -> bool:
    match avro_type:
        case PrimitiveType(name=name, logical=None):
            return name in _KEYS
        case PrimitiveType(logical=logical):
            return logical is not None and logical.name == "uuid"
        case FixedType(logical=logical):
            return logical is None or logical.name == "uuid"
        case _:
            return False


def _contradictions(roles: Mapping[str, SchemaRole]) -> Iterable[str]:
    """One topic has one level, in all of its types."""
    first: dict[str, str] = {}
    for name in sorted(roles):
        role = roles[name]
        if role.topic is None:
            continue
        known = first.setdefault(role.topic, name)
        if roles[known].level != role.level:
            yield (
                f"{excerpt(name, 200)}: The topic {excerpt(role.topic, 200)} is {role.level} here "
                f"and {roles[known].level} in {excerpt(known, 200)}."
            )
