"""Schemas as files, for those who have no Python of ours: one `<full name>.avsc` for each type.

The orchestrator of sagas reads them in place of the user's modules, and other languages make their
classes from them. They belong into version control, where a change of a schema is seen in review.

Laws:
1. The same types give the same bytes in the same files: reading a file back gives a schema equal to
   the class's own.
2. A schema that nobody exports any more would be believed for ever: such files are refused, not
   left and not removed. Files of other kinds are left alone.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["ExportRefused", "Exported", "export_schemas", "file_text"]

_SUFFIX: Final = ".avsc"
_SHOWN: Final = 5
"""Names in a message at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One file of an export."""

    full_name: str
    """The type."""
    path: Path
    """Its file."""
    changed: bool
    """Whether the file is new or has another content now."""


@dataclass(eq=False, kw_only=True)
class ExportRefused(CallerError):
    """A folder cannot take an export."""

    folder: str
    """The folder."""
    reason: str
    """What is wrong with it, as a sentence without its end."""
    cure: str
    """What to do, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I12"
    what: ClassVar[str] = "Schemas were not exported to {folder}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = "{cure}."


def export_schemas(types: Iterable[type[Record]], folder: Path) -> tuple[Exported, ...]:
    """Write the schemas of types to a folder, which is made if there is none.

    Args:
        types: concrete records; events, commands and replies.
        folder: where to.

    Returns:
        The files, in the order of their types' names; those that were right are not touched.

    Raises:
        ExportRefused: the folder holds other schemas, or cannot be written to.
    """
    schemas = {declaration_of(each).full_name: declaration_of(each).schema for each in types}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_others(folder, {f"{name}{_SUFFIX}" for name in schemas})
        return tuple(
            Exported(
                full_name=name,
                path=folder / f"{name}{_SUFFIX}",
                changed=_write(folder / f"{name}{_SUFFIX}", file_text(schema)),
            )
            for name, schema in sorted(schemas.items())
        )
    except OSError as error:
        raise ExportRefused(
            folder=excerpt(str(folder), 200),
            reason=f"The operating system says: {error.strerror}",
            cure="Give a folder that this user may write to",
        ) from error


def file_text(schema: AvroSchema) -> str:
    """Return a schema as its file holds it: the full JSON in its own order, for people to read."""
    return json.dumps(schema.document, indent=2, ensure_ascii=False) + "\n"


def _refuse_others(folder: Path, ours: set[str]) -> None:
    others = sorted(path.name for path in folder.glob(f"*{_SUFFIX}") if path.name not in ours)
    if others:
        named = ", ".join(excerpt(name, 100) for name in others[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise ExportRefused(
            folder=excerpt(str(folder), 200),
            reason=f"It holds {named}{more}, which no type of this project has",
            cure="Remove what is no longer used, or give a folder of its own",
        )


def _write(path: Path, text: str) -> bool:
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
    return True
