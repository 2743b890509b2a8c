"""Which files of a project count when they change.

    *.py                          code
    *.yaml *.yml *.avsc *.lua     sagas, schemas, scripts
    pyproject.toml                the project itself

A file is named by its place in the project: its path from there, with slashes.

Law: this file compares names and opens nothing.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["counts", "is_project_file"]

_PROJECT: Final = "pyproject.toml"
_SUFFIXES: Final = (".py", ".yaml", ".yml", ".avsc", ".lua")
_FOREIGN: Final = frozenset(
    {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"}
)
"""Folders of other tools. Those that begin with a dot, such as .venv and .git, are others', too."""


def counts(place: str, *, others: Iterable[str] = ()) -> bool:
    """Whether a change of this file may concern a process.

    Args:
        place: where the file is in the project.
        others: places of folders that are no code, such as that of the broker's data.
    """
    if any(place == each or place.startswith(f"{each}/") for each in others):
        return False
    *folders, name = place.split("/")
    if any(part.startswith(".") or part in _FOREIGN for part in folders):
        return False
    # Editors write beside a file and put that in its place: .#x.py, x.py~, 4913
    return not name.startswith(".") and (name.endswith(_SUFFIXES) or place == _PROJECT)


def is_project_file(place: str) -> bool:
    """Whether it is the file that describes the project, which concerns every process."""
    return place == _PROJECT
