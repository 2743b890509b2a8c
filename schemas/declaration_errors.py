"""What can be wrong with a class that is to become Avro. Met when the class is defined.

These are the author's to mend, so they are `CallerError`s; their exit code is that of schemas.
Codes PEN-A20 to PEN-A39.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, ExitCode

__all__ = [
    "AbstractRecord",
    "DeclarationError",
    "IllegalMoney",
    "IllegalRecordName",
    "IllegalWord",
    "NameConflict",
    "NamespaceMissing",
    "RecordRulesChanged",
    "UnknownKeyword",
    "UnmappableField",
    "UnresolvedAnnotation",
    "UnsafeShape",
    "UnusableDefault",
]


@dataclass(eq=False, kw_only=True)
class DeclarationError(CallerError):
    """A class cannot be mapped to Avro as it is written."""

    record: str
    """The class, with its module."""

    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA


@dataclass(eq=False, kw_only=True)
class UnmappableField(DeclarationError):
    """A field's annotation has no faithful Avro type."""

    field: str
    """The field."""
    annotation: str
    """Its annotation, or the part of it that is meant."""
    problem: str
    """Why it cannot be mapped."""
    instead: str
    """What to write instead."""

    code: ClassVar[str] = "PEN-A20"
    what: ClassVar[str] = "{record}.{field} is annotated {annotation}."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "Use {instead}."


@dataclass(eq=False, kw_only=True)
class NamespaceMissing(DeclarationError):
    """A class has no namespace, so its Avro name would not be unique."""

    code: ClassVar[str] = "PEN-A21"
    what: ClassVar[str] = "{record} has no namespace."
    why: ClassVar[str] = "Its full Avro name is how other services find its schema."
    remedy: ClassVar[str] = (
        'Write class X(..., namespace="shop") or set __namespace__ = "shop" in its module.'
    )


@dataclass(eq=False, kw_only=True)
class IllegalRecordName(DeclarationError):
    """A class, its namespace, or a member of its enums bears a name that Avro forbids."""

    name: str
    """The name, escaped."""
    kind: str
    """What bears it."""

    code: ClassVar[str] = "PEN-A22"
    what: ClassVar[str] = "{record} uses {name} as the name of a {kind}."
    why: ClassVar[str] = (
        "Avro's names are ASCII letters, digits and underscores and begin with no digit."
    )
    remedy: ClassVar[str] = "Rename it; a namespace that the topic gives is replaced by namespace=."


@dataclass(eq=False, kw_only=True)
class NameConflict(DeclarationError):
    """Two different types of one schema have the same full name."""

    name: str
    """The full name."""

    code: ClassVar[str] = "PEN-A23"
    what: ClassVar[str] = "{record} uses two different types named {name}."
    why: ClassVar[str] = "Inside a schema a name stands for one type."
    remedy: ClassVar[str] = "Rename one of them, or give it another namespace."


@dataclass(eq=False, kw_only=True)
class RecordRulesChanged(DeclarationError):
    """A class sets model_config against the laws of records."""

    setting: str
    """The setting and the value that it must keep."""

    code: ClassVar[str] = "PEN-A24"
    what: ClassVar[str] = "{record} changes a setting that records rely on: {setting} must stay."
    why: ClassVar[str] = "A record that can change, coerce or carry unknown fields would lose data."
    remedy: ClassVar[str] = "Remove it from model_config and from the class keywords."


@dataclass(eq=False, kw_only=True)
class UnknownKeyword(DeclarationError):
    """A class statement has a keyword that its base does not know."""

    keyword: str
    """The keyword."""

    code: ClassVar[str] = "PEN-A25"
    what: ClassVar[str] = "{record} is declared with the unknown keyword {keyword}=."
    why: ClassVar[str] = "Its base would ignore it."
    remedy: ClassVar[str] = "Remove it, or derive from the base that knows it."


@dataclass(eq=False, kw_only=True)
class UnresolvedAnnotation(DeclarationError):
    """A class mentions a type by a name that still means nothing when the schema is needed."""

    name: str
    """The name that was not found."""

    code: ClassVar[str] = "PEN-A26"
    what: ClassVar[str] = "{record} mentions {name}, which is not defined."
    why: ClassVar[str] = "Its schema is needed now."
    remedy: ClassVar[str] = (
        "Define it in the same module, or call model_rebuild() where it is known."
    )


@dataclass(eq=False, kw_only=True)
class AbstractRecord(DeclarationError):
    """A base class without a schema is used where a schema is needed."""

    code: ClassVar[str] = "PEN-A27"
    what: ClassVar[str] = "{record} is abstract."
    why: ClassVar[str] = "Abstract records have no name on the wire and no schema."
    remedy: ClassVar[str] = "Use a class derived from it."


@dataclass(eq=False, kw_only=True)
class UnusableDefault(DeclarationError):
    """The default of a field is not a value of its type."""

    field: str
    """The field."""
    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-A28"
    what: ClassVar[str] = "{record}.{field} has a default that Avro cannot carry: {problem}."
    why: ClassVar[str] = "Readers of older events take the default from the schema."
    remedy: ClassVar[str] = (
        "Give a default of the field's own type, or a default_factory, which no schema shows."
    )


@dataclass(eq=False, kw_only=True)
class IllegalMoney(CallerError):
    """`money()` is called with impossible digits, or stands at something else than a Decimal."""

    problem: str
    """What is wrong."""

    code: ClassVar[str] = "PEN-A29"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "money() is used wrongly: {problem}."
    why: ClassVar[str] = "It says how many digits a Decimal has on the wire."
    remedy: ClassVar[str] = (
        "Write Annotated[Decimal, money(12, 2)] for 12 digits, two of them after the point."
    )


@dataclass(eq=False, kw_only=True)
class UnsafeShape(DeclarationError):
    """A class maps to a schema that readers would have to refuse."""

    problem: str
    """What the lint says about the schema."""

    code: ClassVar[str] = "PEN-A30"
    what: ClassVar[str] = "{record} makes a schema that readers refuse."
    why: ClassVar[str] = "{problem}"
    remedy: ClassVar[str] = "Change the fields; an item needs at least one field with content."


@dataclass(eq=False, kw_only=True)
class IllegalWord(CallerError):
    """A word about Avro, such as `aliases()` or `fixed()`, says something impossible."""

    word: str
    """The word."""
    problem: str
    """What is wrong."""

    code: ClassVar[str] = "PEN-A31"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "{word} is used wrongly: {problem}."
    why: ClassVar[str] = "It says what Python's types do not, so it must be legal in Avro."
    remedy: ClassVar[str] = "See its docstring for what it takes."
