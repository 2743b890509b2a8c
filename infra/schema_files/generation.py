"""Classes made of schema files, as a package on the disk.

What is written is decided by schemas/class_source.py, what is made of which schema by
wishes.py; here files are written.

Laws:
1. Either all files are as they should be, or none was touched that somebody else has written: a
   file with another content is refused before anything is written, unless that is meant.
2. A file that is right already is not touched.
3. Nothing is ever removed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError

__all__ = ["ClassesNotWritten", "WrittenFile", "write_package"]

_SHOWN: Final = 5
"""Names in a message at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """One file of a package."""

    path: Path
    """Where it is."""
    changed: bool
    """Whether it is new or has another content now."""


@dataclass(eq=False, kw_only=True)
class ClassesNotWritten(CallerError):
    """A folder cannot take a package of classes."""

    folder: str
    """The folder."""
    reason: str
    """What is in the way, as a sentence without its end."""
    cure: str
    """What to do, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I190"
    what: ClassVar[str] = "No classes were written to {folder}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = "{cure}."


def write_package(
    files: Mapping[str, str], folder: Path, *, overwrite: bool
) -> tuple[WrittenFile, ...]:
    """Write the files of a package.

    Args:
        files: their texts, by their paths from the folder on, with `/` between folders.
        folder: the package's own; made if there is none.
        overwrite: whether files with another content are to be replaced.

    Returns:
        The files, in the order of their paths.

    Raises:
        ClassesNotWritten: a file has another content, or the folder cannot be written to.
    """
    try:
        contents = {folder / path: files[path].encode() for path in sorted(files)}
        states = {path: _state(path, content) for path, content in contents.items()}
        others = [path for path, state in states.items() if state is False]
        if others and not overwrite:
            raise _refused(folder, others)
        for path, state in states.items():
            if state is not True:
                _write(path, contents[path])
    except OSError as error:
        raise ClassesNotWritten(
            folder=excerpt(str(folder), 200),
            reason=f"The operating system says: {error.strerror}",
            cure="Give a folder that this user may write to",
        ) from error
    return tuple(
        WrittenFile(path=path, changed=state is not True) for path, state in states.items()
    )


def _state(path: Path, content: bytes) -> bool | None:
    """Tell whether a file has a content already; None where there is no file."""
    if not path.exists():
        return None
    return path.is_file() and path.read_bytes() == content


def _refused(folder: Path, others: list[Path]) -> ClassesNotWritten:
    named = ", ".join(excerpt(str(path.relative_to(folder)), 100) for path in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return ClassesNotWritten(
        folder=excerpt(str(folder), 200),
        reason=f"{named}{more} would be replaced, and may hold somebody's work",
        cure="Say --force if that is meant, or give a folder of its own",
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
