"""Schemas as files, for those who have no Python of ours: one `<full name>.avsc` for each type.

The orchestrator of sagas reads them in place of the user's modules, and other languages make their
classes from them. They belong into version control, where a change of a schema is seen in review.

Laws:
1. The same types give the same bytes in the same files: reading a file back gives a schema equal to
   the class's own.
2. A schema that nobody exports any more would be believed for ever: such files are refused, not
   left and not removed. Files of other kinds are left alone.
3. What an export would change can be told without one: `export_faults` is empty if and only if an
   export would be allowed and change nothing.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = [
    "ExportFault",
    "ExportRefused",
    "Exported",
    "FaultKind",
    "export_faults",
    "export_schemas",
    "file_text",
    "holds_export",
]

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


class FaultKind(StrEnum):
    """How a file differs from what an export would write. Programs may compare the words."""

    MISSING = "missing"
    """A type has no file."""
    STALE = "stale"
    """The file is not what its type says now."""
    LEFT_OVER = "left-over"
    """No type has the file any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFault:
    """One file that an export would write, or refuse."""

    path: Path
    """Its path, whether it is there or not."""
    kind: FaultKind
    """What is wrong with it."""


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
        _refuse_others(folder, schemas)
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


def holds_export(types: Iterable[type[Record]], folder: Path) -> bool:
    """Tell whether types were exported to a folder: whether it has the file of one of them."""
    return any((folder / f"{declaration_of(each).full_name}{_SUFFIX}").is_file() for each in types)


def export_faults(types: Iterable[type[Record]], folder: Path) -> tuple[ExportFault, ...]:
    """Tell what an export would change; nothing is written.

    Args:
        types: as for `export_schemas`.
        folder: where to they were exported.

    Returns:
        A fault for each file that is not as it should be, in the order of their names.

    Raises:
        ExportRefused: the folder cannot be read.
    """
    schemas = {declaration_of(each).full_name: declaration_of(each).schema for each in types}
    texts = {f"{name}{_SUFFIX}": file_text(schema) for name, schema in schemas.items()}
    try:
        found = dict.fromkeys(_others(folder, schemas), FaultKind.LEFT_OVER)
        for name, text in texts.items():
            path = folder / name
            if not path.exists():
                found[name] = FaultKind.MISSING
            elif not path.is_file() or path.read_bytes() != text.encode():
                found[name] = FaultKind.STALE
    except OSError as error:
        raise ExportRefused(
            folder=excerpt(str(folder), 200),
            reason=f"The operating system says: {error.strerror}",
            cure="Give a folder that this user may read",
        ) from error
    return tuple(ExportFault(path=folder / name, kind=found[name]) for name in sorted(found))


def _others(folder: Path, ours: Iterable[str]) -> list[str]:
    """Return the names of schema files that are not of these types."""
    names = {f"{name}{_SUFFIX}" for name in ours}
    return sorted(path.name for path in folder.glob(f"*{_SUFFIX}") if path.name not in names)


def _refuse_others(folder: Path, ours: Iterable[str]) -> None:
    others = _others(folder, ours)
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
