"""Schemas read from files: what an orchestrator knows of events and commands, without their Python.

What may stand in them is for texts.py to judge.

Law: a file that is named twice, or by itself and by its folder, is one file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_files.texts import MOST_BYTES, BadSchemaFiles, SchemaTexts
from penstock.schemas.errors import CallerError
from penstock.schemas.schema import AvroSchema

__all__ = ["BadSchemaFiles", "NoSchemaFiles", "read_schemas"]

_SUFFIX: Final = ".avsc"


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
    texts = SchemaTexts()
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        _take(file, texts)
    return texts.schemas()


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


def _take(file: Path, texts: SchemaTexts) -> None:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        texts.tell(str(file), f"{_system(error)}.")
    else:
        texts.take(str(file), content)


def _system(error: OSError) -> str:
    return f"The operating system says: {error.strerror}"


def _shown(path: Path) -> str:
    return excerpt(str(path), 200)
