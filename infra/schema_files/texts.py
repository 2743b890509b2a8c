"""Schemas in texts that have names: what files hold, wherever the files lie.

A folder on the disk, a commit of git: both give bytes with a name, and here they become schemas by
full name. Whoever wrote them, each holds one record as Avro's JSON, with the attributes `topic`,
`key` and `reply` where it travels (formats F5). What a file's name says does not count.

Laws:
1. All texts are judged, and one error names everything that is wrong with any.
2. One name is one content: of two different schemas neither silently wins.
3. This file opens nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.limits import MAX_SCHEMA_LENGTH
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError, SchemaTooLarge

__all__ = ["MOST_BYTES", "BadSchemaFiles", "SchemaTexts"]

MOST_BYTES: Final = 4 * MAX_SCHEMA_LENGTH
"""What the longest legal schema may take in UTF-8; no more of a file need ever be read."""
_SHOWN: Final = 20
"""Problems in a message at most."""


@dataclass(eq=False, kw_only=True)
class BadSchemaFiles(CallerError):
    """Schema files cannot be used."""

    problems: Problems
    """Everything that is wrong with them, each with the file's name."""

    code: ClassVar[str] = "PEN-I61"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The schema files cannot be used."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Mend these files, or export the schemas again."


@final
class SchemaTexts:
    """The texts that were taken so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, tuple[AvroSchema, str]] = {}
        self._problems: list[str] = []

    def take(self, name: str, content: bytes) -> None:
        """Judge one text.

        Args:
            name: what people call it.
            content: all of it, or its first `MOST_BYTES` + 1 bytes.
        """
        try:
            schema = _schema(content)
        except UnicodeDecodeError:
            self.tell(name, "It is not written in UTF-8.")
        except SchemaError as error:
            self.tell(name, str(error))
        else:
            known, first = self._found.setdefault(schema.full_name, (schema, name))
            if known != schema:
                self.tell(
                    name, f"{excerpt(first, 200)} holds another content for {schema.full_name}."
                )

    def tell(self, name: str, problem: str) -> None:
        """Keep what is wrong with a text that could not even be read, as a sentence."""
        self._problems.append(f"{excerpt(name, 200)}: {problem}")

    def schemas(self) -> Mapping[str, AvroSchema]:
        """Return what was taken by full name, in the order of the names.

        Raises:
            BadSchemaFiles: something is wrong with a text.
        """
        if self._problems:
            more = len(self._problems) - _SHOWN
            told = self._problems[:_SHOWN] + ([f"And {more} more."] if more > 0 else [])
            raise BadSchemaFiles(problems=Problems(told))
        return {name: schema for name, (schema, _) in sorted(self._found.items())}


def _schema(content: bytes) -> AvroSchema:
    if len(content) > MOST_BYTES:
        raise SchemaTooLarge(pointer="", limit=MAX_SCHEMA_LENGTH, unit="characters")
    return AvroSchema.parse(content.decode("utf-8-sig"))
