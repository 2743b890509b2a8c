"""What can be wrong with an Avro schema that came from outside.

Every leaf names the place by a JSON pointer (RFC 6901) into the schema and quotes names only in
their escaped form. Codes PEN-A1 to PEN-A19.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "DuplicateName",
    "IllegalDecimal",
    "IllegalDefault",
    "IllegalName",
    "IllegalSize",
    "IllegalUnion",
    "NotASchema",
    "RecursiveSchema",
    "SchemaError",
    "SchemaPartIllegal",
    "SchemaPartMissing",
    "SchemaTooDeep",
    "SchemaTooLarge",
    "UnknownType",
    "WeightlessItems",
]


@dataclass(eq=False, kw_only=True)
class SchemaError(WorldError):
    """A schema is not one that can be worked with safely."""

    pointer: str
    """JSON pointer to the place in the schema; empty for the whole."""

    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA


@dataclass(eq=False, kw_only=True)
class NotASchema(SchemaError):
    """The text is not a JSON document that describes a record."""

    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-A1"
    what: ClassVar[str] = "The text is no Avro schema of a record: {problem}."
    why: ClassVar[str] = "Events, commands, replies and states are records."
    remedy: ClassVar[str] = 'Give a JSON object with "type": "record", "name" and "fields".'


@dataclass(eq=False, kw_only=True)
class SchemaPartMissing(SchemaError):
    """A type lacks a part that Avro demands."""

    part: str
    """The missing attribute."""

    code: ClassVar[str] = "PEN-A2"
    what: ClassVar[str] = 'The schema lacks "{part}" at "{pointer}".'
    why: ClassVar[str] = "Without it the bytes have no meaning."
    remedy: ClassVar[str] = "Add it."


@dataclass(eq=False, kw_only=True)
class SchemaPartIllegal(SchemaError):
    """A part of the schema has another JSON type than Avro demands."""

    expected: str
    """What Avro demands there."""

    code: ClassVar[str] = "PEN-A3"
    what: ClassVar[str] = 'The schema has something else than {expected} at "{pointer}".'
    why: ClassVar[str] = "The Avro specification demands it."
    remedy: ClassVar[str] = "Write {expected}."


@dataclass(eq=False, kw_only=True)
class UnknownType(SchemaError):
    """A type is neither Avro's own nor defined earlier in the schema."""

    name: str
    """The name, escaped."""

    code: ClassVar[str] = "PEN-A4"
    what: ClassVar[str] = 'The schema names an unknown type {name} at "{pointer}".'
    why: ClassVar[str] = "It is not one of Avro's types, and nothing above defines it."
    remedy: ClassVar[str] = "Define it at its first mention, or write its full name."


@dataclass(eq=False, kw_only=True)
class IllegalName(SchemaError):
    """A name breaks Avro's rule for names."""

    name: str
    """The name, escaped."""

    code: ClassVar[str] = "PEN-A5"
    what: ClassVar[str] = 'The schema has an illegal name {name} at "{pointer}".'
    why: ClassVar[str] = (
        "Names are at most 249 ASCII letters, digits and underscores and begin with no digit."
    )
    remedy: ClassVar[str] = "Rename it."


@dataclass(eq=False, kw_only=True)
class DuplicateName(SchemaError):
    """A name is given twice where it must be unique."""

    name: str
    """The name, escaped."""
    kind: str
    """What bears it: field, type, symbol or attribute."""

    code: ClassVar[str] = "PEN-A6"
    what: ClassVar[str] = 'The schema has a second {kind} {name} at "{pointer}".'
    why: ClassVar[str] = "One of the two would silently win."
    remedy: ClassVar[str] = "Rename or remove one of them; mention a defined type by its name."


@dataclass(eq=False, kw_only=True)
class IllegalUnion(SchemaError):
    """A union has no branches, a union inside, or two branches that bytes cannot tell apart."""

    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-A7"
    what: ClassVar[str] = 'The schema has an illegal union at "{pointer}": {problem}.'
    why: ClassVar[str] = "The Avro specification forbids it."
    remedy: ClassVar[str] = "Give each branch a type of its own."


@dataclass(eq=False, kw_only=True)
class RecursiveSchema(SchemaError):
    """A type contains itself."""

    name: str
    """The type, escaped."""

    code: ClassVar[str] = "PEN-A8"
    what: ClassVar[str] = 'The type {name} contains itself at "{pointer}".'
    why: ClassVar[str] = "A small message could then nest without end and exhaust the stack."
    remedy: ClassVar[str] = "Send a flat list whose items name their parent."


@dataclass(eq=False, kw_only=True)
class SchemaTooDeep(SchemaError):
    """A schema nests deeper than the limit."""

    limit: int
    """The limit, in levels."""

    code: ClassVar[str] = "PEN-A9"
    what: ClassVar[str] = 'The schema nests deeper than {limit} levels at "{pointer}".'
    why: ClassVar[str] = "Depth costs stack in every reader."
    remedy: ClassVar[str] = "Flatten it."


@dataclass(eq=False, kw_only=True)
class SchemaTooLarge(SchemaError):
    """A schema is larger than the limit, as text or when every name is written out."""

    limit: int
    """The limit."""
    unit: str
    """What is counted."""

    code: ClassVar[str] = "PEN-A10"
    what: ClassVar[str] = 'The schema has more than {limit} {unit} at "{pointer}".'
    why: ClassVar[str] = "A few bytes of message could then cost any amount of work."
    remedy: ClassVar[str] = "Split it into several records."


@dataclass(eq=False, kw_only=True)
class WeightlessItems(SchemaError):
    """The items of an array or map take no bytes, or hold too much that takes none."""

    limit: int
    """Parts without bytes that an item may hold."""

    code: ClassVar[str] = "PEN-A11"
    what: ClassVar[str] = (
        'The items at "{pointer}" take no bytes, or hold more than {limit} parts that take none.'
    )
    why: ClassVar[str] = "Five bytes of message could then claim any number of items."
    remedy: ClassVar[str] = "Give the items a field with content, or send a count."


@dataclass(eq=False, kw_only=True)
class IllegalSize(SchemaError):
    """A fixed type has an absurd size."""

    limit: int
    """Largest legal size in bytes."""

    code: ClassVar[str] = "PEN-A12"
    what: ClassVar[str] = 'The schema has a fixed type of illegal size at "{pointer}".'
    why: ClassVar[str] = "A size is a whole number from 1 to {limit}."
    remedy: ClassVar[str] = 'Use "bytes" for data of other sizes.'


@dataclass(eq=False, kw_only=True)
class IllegalDefault(SchemaError):
    """A default is not a value of its type."""

    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-A13"
    what: ClassVar[str] = 'The schema has an illegal default at "{pointer}": {problem}.'
    why: ClassVar[str] = "Readers would take it for a value of the field."
    remedy: ClassVar[str] = "Write a default of the field's type; a union's is of its first branch."


@dataclass(eq=False, kw_only=True)
class IllegalDecimal(SchemaError):
    """A decimal has impossible digits."""

    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-A14"
    what: ClassVar[str] = 'The schema has an illegal decimal at "{pointer}": {problem}.'
    why: ClassVar[str] = "Read as plain bytes, which Avro would allow, an amount loses its meaning."
    remedy: ClassVar[str] = "Write precision > 0 and 0 <= scale <= precision."
