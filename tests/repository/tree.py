"""The repository as its own tests see it: rooms, modules, texts and settings, read from the disk.

Nothing here imports the product and nothing asks git: a copy without `.git` is judged alike. What
a build, a tool or an editor leaves behind is not part of the repository.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = [
    "HOUSE",
    "INNER_ROOMS",
    "PYPROJECT",
    "ROOMS",
    "ROOT",
    "Module",
    "contract",
    "documents",
    "files",
    "modules",
    "python_files",
]

ROOT: Final = Path(__file__).resolve().parents[2]
PYPROJECT: Final[Mapping[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HOUSE: Final[Mapping[str, Any]] = PYPROJECT["tool"]["house"]

INNER_ROOMS: Final = ("schemas", "events", "workers", "sagas")
"""The rooms whose modules are cores unless they are declared to be shells."""
ROOMS: Final = (*INNER_ROOMS, "infra")

_LEFT_BEHIND: Final = ("__pycache__", "build", "dist", "typings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python module of a room."""

    name: str
    """Dotted, as it is imported: `penstock.events.log`."""
    path: Path
    """Absolute."""

    @property
    def is_package(self) -> bool:
        """True for the `__init__` of a folder."""
        return self.path.name == "__init__.py"

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text("utf-8"), str(self.path))


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Yield every file of the repository under a folder, in a fixed order.

    Args:
        folder: Where to begin; absolute.

    Yields:
        Absolute paths. Links are not followed; hidden folders but `.ci` and `.github` are left out.
    """
    for entry in sorted(folder.iterdir()):
        if _is_left_behind(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from files(entry)
        else:
            yield entry


def _is_left_behind(name: str) -> bool:
    hidden = name.startswith(".") and name not in {".ci", ".github"}
    return hidden or name in _LEFT_BEHIND or name.endswith(".egg-info")


def python_files() -> Iterator[Path]:
    """Yield every Python file of the repository: rooms, tests, examples and benchmarks."""
    return (path for path in files() if path.suffix == ".py")


def documents() -> Iterator[Path]:
    """Yield every Markdown file of the repository."""
    return (path for path in files() if path.suffix == ".md")


def modules(*rooms: str) -> Iterator[Module]:
    """Yield the modules of some rooms, packages included.

    Args:
        rooms: Names of folders at the root.
    """
    for room in rooms:
        for path in files(ROOT / room):
            if path.suffix == ".py":
                parts = path.relative_to(ROOT).with_suffix("").parts
                dotted = parts[:-1] if parts[-1] == "__init__" else parts
                yield Module(name=".".join(("penstock", *dotted)), path=path)


def contract(identifier: str) -> Mapping[str, Any]:
    """Return the import contract of that id.

    Args:
        identifier: The contract's `id` in pyproject.toml.

    Raises:
        LookupError: There is no such contract.
    """
    contracts: list[Mapping[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]
    for candidate in contracts:
        if candidate.get("id") == identifier:
            return candidate
    raise LookupError(identifier)
