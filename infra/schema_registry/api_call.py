"""The calls of the REST API that we answer, as values; how they are read stands in call_reading.py.

Law: what a call holds has been judged: a number is in its range, a schema is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

__all__ = [
    "LATEST",
    "ApiCall",
    "CheckCompatibility",
    "ListSchemas",
    "ListSubjects",
    "ListTypes",
    "ListVersions",
    "LookUp",
    "Page",
    "ReadLevel",
    "ReadMode",
    "ReadSchema",
    "ReadVersion",
    "Register",
    "Root",
    "SetLevel",
    "SubjectsOfId",
    "VersionsOfId",
]

LATEST: Final = 0
"""Stands for the latest version, which clients call `latest` or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    offset: int = 0
    """So many are passed over."""
    limit: int | None = None
    """So many at most; None for all."""

    def of(self, found: Sequence[Any]) -> Sequence[Any]:
        """Return this part of a list."""
        end = None if self.limit is None else self.offset + self.limit
        return found[self.offset : end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """GET /."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTypes:
    """GET /schemas/types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSchemas:
    """GET /schemas."""

    prefix: str
    """What subjects begin with."""
    latest_only: bool
    """Only the latest version of each."""
    page: Page = Page()
    """Which of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSchema:
    """GET /schemas/ids/{id} and /schemas/ids/{id}/schema."""

    id: int
    """The id."""
    raw: bool
    """The schema itself, and not an object with its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectsOfId:
    """GET /schemas/ids/{id}/subjects."""

    id: int
    """The id."""
    page: Page = Page()
    """Which of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsOfId:
    """GET /schemas/ids/{id}/versions."""

    id: int
    """The id."""
    page: Page = Page()
    """Which of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSubjects:
    """GET /subjects."""

    prefix: str
    """What they begin with."""
    page: Page = Page()
    """Which of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersions:
    """GET /subjects/{subject}/versions."""

    subject: str
    """The subject."""
    page: Page = Page()
    """Which of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVersion:
    """GET /subjects/{subject}/versions/{version}, with /schema or /referencedby behind it."""

    subject: str
    """The subject."""
    version: int
    """A number from 1, or LATEST."""
    part: str
    """"" for all, "schema" for the schema itself, "referencedby" for ids that refer to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """POST /subjects/{subject}/versions."""

    subject: str
    """The subject."""
    schema: AvroSchema
    """The schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """POST /subjects/{subject}."""

    subject: str
    """The subject."""
    schema: AvroSchema
    """The schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCompatibility:
    """POST /compatibility/subjects/{subject}/versions, or one of them."""

    subject: str
    """The subject."""
    version: int | None
    """The version to compare with; None for those that the level names."""
    schema: AvroSchema
    """The candidate."""
    verbose: bool
    """Whether to say why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLevel:
    """GET /config and /config/{subject}."""

    subject: str | None
    """The subject; None for the level of those that have none of their own."""
    or_default: bool
    """Whether the level of all stands in for a subject that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLevel:
    """PUT /config and /config/{subject}."""

    subject: str | None
    """The subject; None for all that have none of their own."""
    level: Level
    """The level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMode:
    """GET /mode and /mode/{subject}."""

    subject: str | None
    """The subject; None for all."""
    or_default: bool
    """Whether the mode of all stands in for the subject's."""


ApiCall = (
    Root
    | ListTypes
    | ListSchemas
    | ReadSchema
    | SubjectsOfId
    | VersionsOfId
    | ListSubjects
    | ListVersions
    | ReadVersion
    | Register
    | LookUp
    | CheckCompatibility
    | ReadLevel
    | SetLevel
    | ReadMode
)
