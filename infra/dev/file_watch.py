"""Files of a project, seen to change.

Which of them count is decided in file_changes.py; the operating system is asked by the package
watchfiles, which looks again and again where the system cannot tell.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

from penstock.infra.dev.file_changes import counts
from penstock.schemas.errors import CallerError

__all__ = ["WatchingUnavailable", "changes_of", "check_watching"]

_TOGETHER_MS: Final = 500
"""Changes that follow each other so closely are one: editors and checkouts write many files."""
_QUIET_MS: Final = 100


@dataclass(eq=False, kw_only=True)
class WatchingUnavailable(CallerError):
    """Nothing can tell that files change."""

    code: ClassVar[str] = "PEN-I146"
    what: ClassVar[str] = "Files cannot be watched, which --reload needs."
    why: ClassVar[str] = "The package watchfiles is not installed."
    remedy: ClassVar[str] = "Run: pip install 'penstock[dev]'; or leave --reload out."


def check_watching() -> None:
    """See that files can be watched.

    Raises:
        WatchingUnavailable: they cannot.
    """
    if find_spec("watchfiles") is None:
        raise WatchingUnavailable


async def changes_of(
    folder: Path, *, others: Iterable[Path] = ()
) -> AsyncIterator[frozenset[Path]]:
    """Yield files that have changed, come or gone, a moment after the last of them.

    Args:
        folder: the project's, absolute and without links in it.
        others: folders in it that are no code.
    """
    from watchfiles import awatch  # noqa: PLC0415 - an optional extra

    foreign = [_place(each, folder) for each in others if each != folder]
    async for changes in awatch(
        folder,
        watch_filter=lambda _, path: counts(_place(Path(path), folder), others=foreign),
        debounce=_TOGETHER_MS,
        step=_QUIET_MS,
        ignore_permission_denied=True,
    ):
        yield frozenset(Path(path) for _, path in changes)


def _place(path: Path, folder: Path) -> str:
    """Return where a path is in a folder; nowhere is an empty text."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""
