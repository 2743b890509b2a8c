"""Schemas come from files as they were exported; what is wrong with any of them is told at once."""

import json
from pathlib import Path

import pytest

from penstock.infra.schema_files.export import export_schemas
from penstock.infra.schema_files.reading import BadSchemaFiles, NoSchemaFiles, read_schemas
from penstock.schemas.limits import MAX_SCHEMA_LENGTH
from tests.sagas.order_language import SCHEMAS, TYPES


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder of good files."""
    folder = tmp_path / "schemas"
    export_schemas(TYPES, folder)
    return folder


def schema(name: str, *fields: str) -> str:
    """Return the JSON of a record of strings."""
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "shop",
            "fields": [{"name": field, "type": "string"} for field in fields],
        }
    )


def test_exported_schemas_read_back_equal(exported: Path) -> None:
    """By full name, in its order."""
    found = read_schemas([exported])
    assert found == SCHEMAS
    assert list(found) == sorted(found)


def test_files_and_folders_may_be_mixed(exported: Path, tmp_path: Path) -> None:
    """A file counts whatever its suffix; a folder with all folders inside of it."""
    inner = tmp_path / "more" / "deep" / "a.avsc"
    inner.parent.mkdir(parents=True)
    inner.write_text(schema("Inner", "x"), "utf-8")
    (tmp_path / "more" / "notes.txt").write_text("no schema", "utf-8")
    single = tmp_path / "single.json"
    single.write_text(schema("Single", "x"), "utf-8-sig")
    found = read_schemas([tmp_path / "more", single, exported])
    assert found.keys() == SCHEMAS.keys() | {"shop.Inner", "shop.Single"}


def test_a_file_that_is_named_twice_is_one_file(exported: Path) -> None:
    """By itself and by its folder."""
    again = exported / "shop.Note.avsc"
    assert read_schemas([exported, again, again]) == SCHEMAS


def test_one_content_may_lie_in_two_files(exported: Path, tmp_path: Path) -> None:
    """Copies do no harm while they are copies."""
    copy = tmp_path / "copy.avsc"
    copy.write_bytes((exported / "shop.Note.avsc").read_bytes())
    assert read_schemas([exported, copy]) == SCHEMAS


def test_two_contents_of_one_name_are_refused(tmp_path: Path) -> None:
    """Also where only a default differs: neither may win in silence."""
    first, second = tmp_path / "a.avsc", tmp_path / "b.avsc"
    first.write_text(schema("Note", "x"), "utf-8")
    second.write_text(schema("Note", "x", "y"), "utf-8")
    with pytest.raises(BadSchemaFiles) as caught:
        read_schemas([tmp_path])
    assert str(second) in str(caught.value)
    assert str(first) in str(caught.value)
    assert "another content for shop.Note" in str(caught.value)
    assert caught.value.exit_code == 4


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """With the file of each, and the schema's own error code."""
    contents = {
        "array.avsc": b"[]",
        "broken.avsc": b"{",
        "encoded.avsc": b'{"type": "record", "name": "\xff"}',
        "enum.avsc": b'{"type": "enum", "name": "E", "symbols": ["A"]}',
        "large.avsc": b" " * (4 * MAX_SCHEMA_LENGTH + 1),
        "nested.avsc": b"[" * 100_000,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSchemaFiles) as caught:
        read_schemas([tmp_path])
    assert len(caught.value.problems) == len(contents)
    for name, problem in zip(sorted(contents), caught.value.problems, strict=True):
        assert problem.startswith(f"{tmp_path / name}: ")
    assert "array.avsc: PEN-A1" in str(caught.value)
    assert "encoded.avsc: It is not written in UTF-8." in str(caught.value)
    assert "large.avsc: PEN-A10" in str(caught.value)


def test_of_many_problems_some_are_told(tmp_path: Path) -> None:
    """And how many more there are."""
    for number in range(30):
        (tmp_path / f"{number:02}.avsc").write_text("{", "utf-8")
    with pytest.raises(BadSchemaFiles) as caught:
        read_schemas([tmp_path])
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "And 10 more."


def test_a_path_that_leads_to_nothing_is_told(tmp_path: Path) -> None:
    """A missing one, and a folder without schemas: both are slips."""
    with pytest.raises(NoSchemaFiles, match="There is no such file or folder") as caught:
        read_schemas([tmp_path / "missing"])
    assert caught.value.exit_code == 3
    with pytest.raises(NoSchemaFiles, match=r"holds no \*\.avsc file"):
        read_schemas([tmp_path])
