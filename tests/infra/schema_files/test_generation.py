"""A package of classes on the disk: all of it, or nothing of somebody else's is touched."""

from pathlib import Path

import pytest

from penstock.infra.schema_files.generation import ClassesNotWritten, write_package

FILES = {"shop/orders.py": "größe = 1\n", "__init__.py": '"""All."""\n'}


def test_folders_are_made_and_texts_are_utf_8(tmp_path: Path) -> None:
    """Nothing else is left lying about."""
    written = write_package(FILES, tmp_path / "new" / "made", overwrite=False)
    assert [each.path.name for each in written] == ["__init__.py", "orders.py"]
    assert all(each.changed for each in written)
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {each.path for each in written}
    assert (tmp_path / "new/made/shop/orders.py").read_bytes() == "größe = 1\n".encode()


def test_what_is_right_is_not_touched(tmp_path: Path) -> None:
    """Builds look at times."""
    write_package(FILES, tmp_path, overwrite=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.py")}
    assert not any(each.changed for each in write_package(FILES, tmp_path, overwrite=True))
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.py")}


def test_another_content_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """It may be somebody's work; --force is how to say that it is not."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.py").write_text("mine = 1\n", "utf-8")
    with pytest.raises(ClassesNotWritten, match=r"shop/orders\.py would be replaced.*--force"):
        write_package(FILES, tmp_path, overwrite=False)
    assert not (tmp_path / "__init__.py").exists()
    assert (tmp_path / "shop" / "orders.py").read_text("utf-8") == "mine = 1\n"
    written = write_package(FILES, tmp_path, overwrite=True)
    assert [each.changed for each in written] == [True, True]
    assert (tmp_path / "shop" / "orders.py").read_text("utf-8") == FILES["shop/orders.py"]


def test_a_folder_that_is_none_says_why(tmp_path: Path) -> None:
    """The reason is the operating system's."""
    (tmp_path / "made").touch()
    with pytest.raises(ClassesNotWritten, match="The operating system says"):
        write_package(FILES, tmp_path / "made", overwrite=False)
    (tmp_path / "folder" / "__init__.py").mkdir(parents=True)
    with pytest.raises(ClassesNotWritten):
        write_package(FILES, tmp_path / "folder", overwrite=True)
