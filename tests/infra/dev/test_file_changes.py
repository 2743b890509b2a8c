"""Which files count when they change."""

import pytest

from penstock.infra.dev.file_changes import counts, is_project_file


@pytest.mark.parametrize(
    "place",
    ["a.py", "shop/deep/er/a.py", "order.saga.yaml", "x.yml", "schemas/a.avsc", "pyproject.toml"],
)
def test_code_sagas_and_schemas_count(place: str) -> None:
    """In whatever folder of the project."""
    assert counts(place)


@pytest.mark.parametrize(
    "place",
    [
        ".venv/lib/a.py",
        "venv/lib/a.py",
        "shop/__pycache__/a.py",
        ".git/a.yaml",
        "shop/.#a.py",
        "a.py~",
        "4913",
        "ledgers/stock.sqlite3",
        "orders.jsonl",
        "poetry.toml",
        "vendored/pyproject.toml",
        "build/lib/a.py",
        "data/deep/a.py",
        "data",
        ".",
        "",
    ],
)
def test_what_others_write_does_not(place: str) -> None:
    """Environments, caches, editors' own files, data of the broker and of services."""
    assert not counts(place, others=["data"])


def test_a_folder_of_data_is_not_all_that_begin_with_its_name() -> None:
    """Names are compared as a whole."""
    assert counts("database/a.py", others=["data"])


def test_the_project_file_is_that_of_its_folder() -> None:
    """One further down is another's."""
    assert is_project_file("pyproject.toml")
    assert not is_project_file("vendored/pyproject.toml")
