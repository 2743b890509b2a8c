"""The page that says which test shows each row: every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "acceptance_events.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]


def names_in(path: Path) -> set[str]:
    """The tests of a file, by name."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in nodes if isinstance(node, functions)}


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_every_test_that_the_page_names_is_there(path: str) -> None:
    """A test that is renamed or removed leaves no hole in the lists."""
    found = names_in(ROOT / path)
    assert {name for each, name in NAMED if each == path and name} <= found


def test_no_row_is_left_out() -> None:
    """Eleven facts, 23 kinds of bad input, ten rows of what others lack; each has its test."""
    numbered = [cells for cells in ROWS if re.fullmatch(r" B?\d+ ", cells[0])]
    facts = [str(number) for number in range(1, 12)]
    bad_input = [f"B{number}" for number in range(1, 24)]
    features = [str(number) for number in (*range(1, 8), 25, 26, 27)]
    assert [cells[0].strip() for cells in numbered] == [*facts, *bad_input, *features]
    assert all("::test_" in cells[-1] for cells in numbered)


def test_each_row_of_the_lists_has_a_test_named_for_it() -> None:
    """By its number, in the file of its list."""
    for number in range(1, 12):
        assert any(name.startswith(f"test_fact_{number:02}_") for _, name in NAMED)
    for number in range(1, 24):
        assert any(name.startswith(f"test_b{number:02}_") for _, name in NAMED)
