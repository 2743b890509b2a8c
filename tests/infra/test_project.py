"""A project is found as other tools find it, and its table is judged as a whole."""

from pathlib import Path

import pytest

from penstock.infra.project import BadProject, Project, find_project


def project_of(folder: Path, text: str) -> Project:
    """Write a pyproject.toml and read it."""
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return find_project(folder)


def problems_of(folder: Path, text: str) -> str:
    """Return what is said about a pyproject.toml."""
    with pytest.raises(BadProject) as caught:
        project_of(folder, text)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_the_table_is_read(tmp_path: Path) -> None:
    """Names as they are, files as absolute paths."""
    text = (
        '[tool.penstock]\napp = "shop"\nmodules = ["shop.orders", "stock"]\n'
        'sagas = ["order.saga.yaml"]\nschemas = ["schemas"]\n'
    )
    assert project_of(tmp_path, text) == Project(
        folder=tmp_path,
        app="shop",
        modules=("shop.orders", "stock"),
        sagas=(tmp_path / "order.saga.yaml",),
        schemas=(tmp_path / "schemas",),
    )


def test_it_is_looked_for_upward(tmp_path: Path) -> None:
    """From a folder within the project, past a pyproject.toml that is for other tools only."""
    inner = tmp_path / "services" / "stock"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.penstock]\napp = "shop"\n', "utf-8")
    (inner / "pyproject.toml").write_text("[tool.ruff]\n", "utf-8")
    assert find_project(inner).folder == tmp_path


def test_the_nearest_table_counts(tmp_path: Path) -> None:
    """A service within a repository has its own."""
    inner = tmp_path / "stock"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.penstock]\napp = "all"\n', "utf-8")
    assert project_of(inner, '[tool.penstock]\napp = "stock"\n').app == "stock"


def test_without_a_table_the_project_is_empty(tmp_path: Path) -> None:
    """The environment can say all that a worker needs."""
    assert find_project(tmp_path) == Project()


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """One error for the whole table, with a proposal for a misspelt key."""
    text = problems_of(
        tmp_path,
        '[tool.penstock]\napp = "My Shop"\nmodule = ["x"]\nmodules = ["a/b.py", "x", "x"]\n'
        'sagas = "order.yaml"\nschemas = [1]\n',
    )
    for part in (
        "app is 'My Shop'; the rule: ",
        "unknown key 'module'; did you mean modules?",
        "modules has 'a/b.py', which is no module",
        "modules has 'x' more than once",
        "sagas is not a list of strings",
        "schemas is not a list of strings",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[tool.penstock\n", "It is no TOML"),
        (b"\xff\xfe", "not written in UTF-8"),
        (b"[tool]\npenstock = 3\n", "It is no table"),
        (b"[tool.penstock]\napp = 3\n", "app is not a string"),
        (b'[tool.penstock]\nsagas = [""]\n', "is no path"),
    ],
)
def test_a_broken_file_says_why(tmp_path: Path, content: bytes, part: str) -> None:
    """TOML, encoding and types."""
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(BadProject) as caught:
        find_project(tmp_path)
    assert part in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    """Some editors write both."""
    (tmp_path / "pyproject.toml").write_bytes(b'\xef\xbb\xbf[tool.penstock]\r\napp = "shop"\r\n')
    assert find_project(tmp_path).app == "shop"
