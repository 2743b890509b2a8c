"""Schemas read from files: what an orchestrator knows of events and commands, without their Python.

Whoever wrote the files (`penstock schema export`, a hand, another language's tool), each holds one
record as Avro's JSON, with the attributes `topic`, `key` and `reply` where it travels (formats F5).
What a file's name says does not count.

Laws:
1. All files are judged, and one error names everything that is wrong with any.
2. One name is one content: of two different schemas neither silently wins.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, final

from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.limits import MAX_SCHEMA_LENGTH
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError, SchemaTooLarge

__all__ = ["BadSchemaFiles", "NoSchemaFiles", "read_schemas"]

_SUFFIX: Final = ".avsc"
_MOST_BYTES: Final = 4 * MAX_SCHEMA_LENGTH
"""What the longest legal schema may take in UTF-8; no more of a file is ever read."""
_SHOWN: Final = 20
"""Problems in a message at most."""


@dataclass(eq=False, kw_only=True)
class NoSchemaFiles(CallerError):
    """A path that should lead to schemas leads to none."""

    path: str
    """The path."""
    reason: str
    """What is there instead, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I60"
    what: ClassVar[str] = "No schemas can be read from {path}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = (
        "Name a *.avsc file or a folder of them; penstock schema export writes one."
    )


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


def read_schemas(paths: Iterable[Path]) -> Mapping[str, AvroSchema]:
    """Read schemas.

    Args:
        paths: files, whatever their suffix, and folders, in which every `*.avsc` counts, in folders
            inside of them too.

    Returns:
        The schemas by full name, in the order of their names.

    Raises:
        NoSchemaFiles: a path does not exist, or a folder holds no schema.
        BadSchemaFiles: a file is no schema of one record, or two differ that have one name.
    """
    reading = _Reading()
    # A file that is named twice, or by itself and by its folder, is one file.
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        reading.take(file)
    return reading.schemas()


def _files(path: Path) -> Iterator[Path]:
    try:
        if not path.is_dir():
            if not path.exists():
                raise NoSchemaFiles(path=_shown(path), reason="There is no such file or folder")
            yield path.resolve()
            return
        found = sorted(file for file in path.rglob(f"*{_SUFFIX}") if file.is_file())
    except OSError as error:
        raise NoSchemaFiles(path=_shown(path), reason=_system(error)) from error
    if not found:
        raise NoSchemaFiles(path=_shown(path), reason=f"The folder holds no *{_SUFFIX} file")
    yield from (file.resolve() for file in found)


@final
class _Reading:
    """The files that were read so far."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[AvroSchema, Path]] = {}
        self._problems: list[str] = []

    def take(self, file: Path) -> None:
        """Read one file."""
        try:
            schema = AvroSchema.parse(_text(file))
        except OSError as error:
            self._tell(file, f"{_system(error)}.")
        except UnicodeDecodeError:
            self._tell(file, "It is not written in UTF-8.")
        except SchemaError as error:
            self._tell(file, str(error))
        else:
            known, first = self._found.setdefault(schema.full_name, (schema, file))
            if known != schema:
                self._tell(
                    file,
                    f"{excerpt(str(first), 200)} holds another content for {schema.full_name}.",
                )

    def _tell(self, file: Path, problem: str) -> None:
        self._problems.append(f"{excerpt(str(file), 200)}: {problem}")

    def schemas(self) -> Mapping[str, AvroSchema]:
        """Return what was read, or refuse the files with all of their problems."""
        if self._problems:
            more = len(self._problems) - _SHOWN
            told = self._problems[:_SHOWN] + ([f"And {more} more."] if more > 0 else [])
            raise BadSchemaFiles(problems=Problems(told))
        return {name: schema for name, (schema, _) in sorted(self._found.items())}


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise SchemaTooLarge(pointer="", limit=MAX_SCHEMA_LENGTH, unit="characters")
    return content.decode("utf-8-sig")


def _system(error: OSError) -> str:
    return f"The operating system says: {error.strerror}"


def _shown(path: Path) -> str:
    return excerpt(str(path), 200)
