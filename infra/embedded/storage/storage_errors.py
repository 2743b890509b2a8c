"""Why a data folder cannot be used. All of them are told before the broker serves anybody."""

from dataclasses import dataclass
from typing import ClassVar, final

from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "FileDamaged",
    "FolderForeign",
    "FolderInUse",
    "FolderOfNewerVersion",
    "FolderUnusable",
    "JournalMissing",
]


@final
@dataclass(eq=False, kw_only=True)
class FolderInUse(WorldError):
    """Another broker has the folder."""

    code: ClassVar[str] = "PEN-I132"
    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The data folder {folder} is in use by process {process}."
    why: ClassVar[str] = "Two brokers that write to the same files destroy them."
    remedy: ClassVar[str] = "Stop that broker, or start this one on another folder."

    folder: str
    """The folder."""
    process: str
    """Its process id; "unknown" where it did not say."""


@final
@dataclass(eq=False, kw_only=True)
class FolderOfNewerVersion(WorldError):
    """A newer penstock has written the folder."""

    code: ClassVar[str] = "PEN-I133"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The data folder {folder} has format {found}; this version knows formats up to {known}."
    )
    why: ClassVar[str] = "What a newer version wrote could be misread."
    remedy: ClassVar[str] = "Start the version that wrote it, or use another folder."

    folder: str
    """The folder."""
    found: int
    """Its format."""
    known: int
    """The newest format known here."""


@final
@dataclass(eq=False, kw_only=True)
class FileDamaged(WorldError):
    """A file has broken bytes that no crash explains."""

    code: ClassVar[str] = "PEN-I134"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{file} is damaged at position {position}: {reason}."
    why: ClassVar[str] = (
        "A crash damages only the end of the newest file; this is something else, and whatever "
        "follows it would be lost."
    )
    remedy: ClassVar[str] = (
        "Restore the folder from a copy. Or give up what follows: move the file's folder away, and "
        "the partition begins empty; for the journal, move the whole data folder away."
    )

    file: str
    """The file."""
    position: int
    """Where, in bytes from its beginning."""
    reason: str
    """What is wrong there."""


@final
@dataclass(eq=False, kw_only=True)
class FolderUnusable(WorldError):
    """The folder cannot be made, read or written."""

    code: ClassVar[str] = "PEN-I135"
    exit_code: ClassVar[ExitCode] = ExitCode.PERMISSION
    what: ClassVar[str] = "The data folder {folder} cannot be used: {reason}."
    why: ClassVar[str] = "The broker keeps its records and its journal there."
    remedy: ClassVar[str] = "Make it a folder that you may write to, or name another one."

    folder: str
    """The folder."""
    reason: str
    """What the system says."""


@final
@dataclass(eq=False, kw_only=True)
class FolderForeign(WorldError):
    """The folder holds somebody else's files."""

    code: ClassVar[str] = "PEN-I136"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION
    what: ClassVar[str] = "The folder {folder} is no data folder of a broker: it holds {example!r}."
    why: ClassVar[str] = "A broker that is started in the wrong place must not mix in its files."
    remedy: ClassVar[str] = "Name a new or an empty folder."

    folder: str
    """The folder."""
    example: str
    """One of its files."""


@final
@dataclass(eq=False, kw_only=True)
class JournalMissing(WorldError):
    """The journal is gone, or is that of another folder."""

    code: ClassVar[str] = "PEN-I137"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The journal in {folder} is of cluster {found!r}, where the folder is of {expected!r}."
    )
    why: ClassVar[str] = "Without its own journal nobody knows which topics the files belong to."
    remedy: ClassVar[str] = "Restore the file `journal` from a copy, or use another folder."

    folder: str
    """The folder."""
    found: str
    """The cluster's id in the journal; empty where it has none."""
    expected: str
    """The cluster's id in `meta`."""
