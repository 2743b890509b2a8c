"""The tour leads to what is there: each name that it links is defined in the file it leads to."""

import ast
import re
from pathlib import Path
from typing import Final

from tests.repository.tree import ROOT

TOUR: Final = ROOT / "docs" / "tour.md"
NAMED_LINK: Final = re.compile(r"\[`([^`]+)`\]\(([^)\s#]+)\)")
FEWEST: Final = 30
"""A tour with fewer names would not be one; and a pattern that finds none would find no mistake."""


def defined_in(path: Path) -> set[str]:
    """Return what a module defines at its top, and `Class.method` for what its classes do."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {
                f"{node.name}.{each.name}" for each in node.body if isinstance(each, functions)
            }
        if isinstance(node, ast.Assign):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_each_name_is_defined_where_its_link_leads() -> None:
    """Whoever renames or moves something is told that the tour speaks of it."""
    links = NAMED_LINK.findall(TOUR.read_text("utf-8"))
    assert len(links) >= FEWEST
    lost = [
        f"{name} is not in {target}"
        for name, target in links
        if target.endswith(".py") and name not in defined_in((TOUR.parent / target).resolve())
    ]
    assert not lost, "\n".join(lost)


def test_each_name_has_a_module() -> None:
    """A name in code leads to Python; everything else is linked by its title."""
    links = NAMED_LINK.findall(TOUR.read_text("utf-8"))
    strange = [
        f"{name}: {target}" for name, target in links if not target.endswith((".py", ".lua"))
    ]
    assert not strange, "\n".join(strange)
