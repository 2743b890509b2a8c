"""What a schema says about its records beside their shape: where they travel, how it may change.

    topic           where events and commands travel
    key             the field that keys them
    reply           what answers a command, by its full name
    compatibility   the level of their topic, where it is not the default

These are attributes of the schema's JSON (formats.md F5). Avro does not know them, and so no
fingerprint shows them.

Laws:
1. What a foreign schema says wrongly is told, never believed and never raised.
2. A schema does not say whether it is a reply; the command that names it does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from penstock.events.topic import DEFAULT_COMPATIBILITY
from penstock.infra.plain_text import excerpt
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

__all__ = ["ATTRIBUTES", "SchemaKind", "SchemaRole", "roles_of"]

ATTRIBUTES: Final = ("topic", "key", "reply", "compatibility")
"""The attributes, in the order in which they are shown."""


class SchemaKind(StrEnum):
    """What records of a schema are for. The words are stable; programs may compare them."""

    EVENT = "event"
    """It travels on a topic, and nothing answers it. A command without a reply looks the same."""
    COMMAND = "command"
    """It travels on a topic, and a reply is named."""
    REPLY = "reply"
    """A command names it."""
    RECORD = "record"
    """None of these: a state, or a record of penstock's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRole:
    """What one schema says about its records beside their shape."""

    kind: SchemaKind
    """What they are for."""
    topic: str | None = None
    """Where they travel."""
    key: str | None = None
    """The field that keys them, as it stands on the wire."""
    reply: str | None = None
    """Full name of what answers them."""
    declared: Level | None = None
    """How it declares that a new version has to fit to those before it."""
    problems: tuple[str, ...] = field(default=())
    """What it says wrongly; a sentence each."""

    @property
    def level(self) -> Level:
        """What it declares, or the default."""
        return self.declared or Level(DEFAULT_COMPATIBILITY)


def roles_of(
    schemas: Mapping[str, AvroSchema], commands: Collection[str] = ()
) -> Mapping[str, SchemaRole]:
    """Return the roles of schemas that are known together.

    Args:
        schemas: by full name; a command among them makes its reply known as one.
        commands: full names of types that are known to be commands, whether a reply is named or
            not.
    """
    said = {name: _Said.by(schema) for name, schema in schemas.items()}
    replies = {each.texts.get("reply") for each in said.values()}
    return {
        name: each.role(is_reply=name in replies, is_command=name in commands)
        for name, each in said.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The attributes of one schema, as far as they are texts."""

    texts: Mapping[str, str]
    problems: tuple[str, ...]

    @classmethod
    def by(cls, schema: AvroSchema) -> "_Said":
        """Take them out of a schema."""
        there = {name: schema.document[name] for name in ATTRIBUTES if name in schema.document}
        texts = {name: value for name, value in there.items() if isinstance(value, str)}
        problems = tuple(f'Its "{name}" is no text.' for name in there if name not in texts)
        return cls(texts=texts, problems=problems)

    def role(self, *, is_reply: bool, is_command: bool) -> SchemaRole:
        """Return the role."""
        level, problems = _level(self.texts.get("compatibility"))
        topic, reply = self.texts.get("topic"), self.texts.get("reply")
        kind = SchemaKind.REPLY if is_reply else SchemaKind.RECORD
        if topic is not None:
            kind = SchemaKind.COMMAND if is_command or reply is not None else SchemaKind.EVENT
        return SchemaRole(
            kind=kind,
            topic=topic,
            key=self.texts.get("key"),
            reply=reply,
            declared=level,
            problems=(*self.problems, *problems),
        )


def _level(text: str | None) -> tuple[Level | None, tuple[str, ...]]:
    if text is None:
        return None, ()
    if text in tuple(Level):
        return Level(text), ()
    problem = f'Its "compatibility" is {excerpt(text)!a}, none of {", ".join(Level)}.'
    return None, (problem,)
