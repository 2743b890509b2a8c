"""Saga files: bytes on a disk become the text that sagas/language/check.py judges.

Laws:
1. What comes out is text of a legal size; what it means is not asked here.
2. The same saga is the same text on every machine: a checkout that turned line ends into CR LF, and
   an editor that put a byte order mark in front, change nothing. Else one version would have two
   digests, and the second could not be deployed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.infra.plain_text import excerpt
from penstock.sagas.language.yaml_tree import MAX_BYTES
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["SagaFileNotText", "SagaFileUnreadable", "read_saga_file"]


@dataclass(eq=False, kw_only=True)
class SagaFileUnreadable(CallerError):
    """A saga file cannot be read."""

    path: str
    """The file."""
    reason: str
    """Why, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I62"
    what: ClassVar[str] = "The saga file {path} cannot be read."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = "Name a file of YAML that this user may read."


@dataclass(eq=False, kw_only=True)
class SagaFileNotText(CallerError):
    """A saga file is not written in UTF-8."""

    path: str
    """The file."""
    line: int
    """The line of the first byte that is wrong."""

    code: ClassVar[str] = "PEN-I63"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The saga file {path} is not written in UTF-8 (line {line})."
    why: ClassVar[str] = "Read in another encoding its names would mean something else."
    remedy: ClassVar[str] = "Save it as UTF-8."


def read_saga_file(path: Path) -> str:
    """Read a saga file.

    Args:
        path: the file.

    Returns:
        Its text, with line feeds as line ends and without a byte order mark.

    Raises:
        SagaFileUnreadable: it is missing, no file, not readable, or larger than a saga may be.
        SagaFileNotText: it is not UTF-8.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise SagaFileUnreadable(
            path=_shown(path), reason=f"The operating system says: {error.strerror}"
        ) from error
    if len(content) > MAX_BYTES:
        reason = f"It is larger than {MAX_BYTES // 1024} KiB, and no saga is"
        raise SagaFileUnreadable(path=_shown(path), reason=reason)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SagaFileNotText(path=_shown(path), line=line) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _shown(path: Path) -> str:
    return excerpt(str(path), 200)
