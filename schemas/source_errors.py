"""Why no source of classes is made of a schema, or of a wish.

The schema's own faults are those of schema_errors.py; here stands what is legal in Avro and has no
faithful class. Codes PEN-A70 and PEN-A71.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["IllegalSourceWish", "NoFaithfulClass"]


@dataclass(eq=False, kw_only=True)
class NoFaithfulClass(CallerError):
    """A schema says something that no class says."""

    place: str
    """The type, and the field in it where it is one's."""
    problem: str
    """What it says."""
    instead: str
    """What to write into the schema instead."""

    code: ClassVar[str] = "PEN-A70"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "{place} has no faithful class: {problem}."
    why: ClassVar[str] = "The class would have another schema, and others would read other values."
    remedy: ClassVar[str] = "Write {instead}, or work with dictionaries (datum_decoder_of)."


@dataclass(eq=False, kw_only=True)
class IllegalSourceWish(CallerError):
    """A package, a base or a keyword that is to be written into the source is impossible."""

    problem: str
    """What is wrong."""

    code: ClassVar[str] = "PEN-A71"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "The source of classes cannot be written: {problem}."
    why: ClassVar[str] = "What is asked for would be no Python, or not what the schema says."
    remedy: ClassVar[str] = "Ask for names that Python allows, and for fields and types in reach."
