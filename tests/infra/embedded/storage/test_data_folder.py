"""Whose folder it is."""

import os
from pathlib import Path

import pytest

from penstock.infra.embedded.storage.data_folder import FORMAT, DataFolder
from penstock.infra.embedded.storage.storage_errors import (
    FileDamaged,
    FolderForeign,
    FolderInUse,
    FolderOfNewerVersion,
    FolderUnusable,
)


def test_a_folder_is_made_and_found_again(tmp_path: Path) -> None:
    """With the cluster's id once it is known."""
    folder = DataFolder(tmp_path / "deep" / "data")
    assert folder.cluster_id == ""
    folder.keep_cluster_id("abc")
    folder.close()
    again = DataFolder(tmp_path / "deep" / "data")
    assert again.cluster_id == "abc"
    again.close()


def test_two_brokers_never_share_a_folder(tmp_path: Path) -> None:
    """The second is told who has it, and what to do; when the first is gone it is free."""
    first = DataFolder(tmp_path)
    with pytest.raises(FolderInUse, match=f"PEN-I132.*process {os.getpid()}") as refused:
        DataFolder(tmp_path)
    assert "another folder" in str(refused.value)
    first.close()
    DataFolder(tmp_path).close()


def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """And stays as it is, free for who can read it."""
    DataFolder(tmp_path).close()
    meta = b'{"format": 9, "cluster_id": "", "more": true}\n'
    (tmp_path / "meta").write_bytes(meta)
    for _ in range(2):
        with pytest.raises(FolderOfNewerVersion, match=f"format 9.*up to {FORMAT}"):
            DataFolder(tmp_path)
    assert (tmp_path / "meta").read_bytes() == meta


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    """Nothing of the broker's is mixed in, except for the lock."""
    (tmp_path / "thesis.txt").write_text("…", encoding="utf-8")
    with pytest.raises(FolderForeign, match=r"'thesis\.txt'"):
        DataFolder(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"thesis.txt", "lock"}


def test_a_start_that_was_killed_at_once_left_nothing_in_the_way(tmp_path: Path) -> None:
    """A lock, and half a `meta`."""
    (tmp_path / "lock").write_bytes(b"1\n")
    (tmp_path / "meta.new").write_bytes(b'{"for')
    DataFolder(tmp_path).close()
    assert not (tmp_path / "meta.new").exists()


@pytest.mark.parametrize(
    "meta", [b"", b"nonsense", b"[]", b"{}", b'{"format":"1","cluster_id":""}']
)
def test_a_meta_that_cannot_be_read_is_refused(tmp_path: Path, meta: bytes) -> None:
    """It takes its place as a whole, so no crash makes half of one."""
    DataFolder(tmp_path).close()
    (tmp_path / "meta").write_bytes(meta)
    with pytest.raises(FileDamaged, match="meta"):
        DataFolder(tmp_path)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Here a file is in the way; the system's own words are told."""
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(FolderUnusable, match=r"PEN-I135.*file"):
            DataFolder(path)
