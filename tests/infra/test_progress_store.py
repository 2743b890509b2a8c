"""Reports come back from the disk as they were, and nothing else comes back as a report."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.progress_store import (
    ProgressFileUnusable,
    ProgressUnreadable,
    find_progress,
    is_alive,
    progress_folder,
    progress_path,
    read_progress,
    remove_left_behind,
    write_progress,
)
from penstock.workers.partition_life import Phase
from penstock.workers.progress import (
    PartitionProgress,
    PartitionStanding,
    Process,
    ProgressReport,
)

SECONDS = st.floats(-1e9, 1e9)
COUNTS = st.integers(0, 2**62)
REPORTS = st.builds(
    ProgressReport,
    process=st.builds(
        Process,
        pid=st.integers(1, 2**31 - 1),
        app=st.text(),
        worker=st.text(),
        group=st.text(),
        version=st.text(),
    ),
    written_at=st.text(),
    written_s=SECONDS,
    polled_s=SECONDS,
    late_s=SECONDS,
    stopping_since_s=st.none() | SECONDS,
    partitions=st.lists(
        st.builds(
            PartitionProgress,
            standing=st.builds(
                PartitionStanding,
                topic=st.text(),
                partition=COUNTS,
                phase=st.sampled_from(Phase),
                phase_since_s=SECONDS,
                position=st.none() | COUNTS,
                lag=st.none() | COUNTS,
                records=COUNTS,
                entries=COUNTS,
                doubts=COUNTS,
            ),
            progress_since_s=SECONDS,
            grown_s=SECONDS,
        ),
        max_size=3,
    ).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def process(pid: int) -> Process:
    """Return a process of the worker shop.stock."""
    return Process(pid=pid, app="shop", worker="stock", group="shop.stock", version="0")


def report(pid: int) -> ProgressReport:
    """Return an empty report."""
    return ProgressReport(
        process=process(pid),
        written_at="2026-01-01T00:00:00+00:00",
        written_s=1.0,
        polled_s=1.0,
        late_s=0.0,
        stopping_since_s=None,
        partitions=(),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run-time folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@given(written=REPORTS)
def test_a_report_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, written: ProgressReport
) -> None:
    """Whatever is in it."""
    path = tmp_path_factory.mktemp("progress") / "file.json"
    write_progress(path, written)
    assert read_progress(path) == written


@given(content=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any bytes and any JSON end in one kind of error."""
    path = tmp_path_factory.mktemp("progress") / "file.json"
    path.write_bytes(content)
    with pytest.raises(ProgressUnreadable):
        read_progress(path)


@given(cut=st.integers(0, 200), written=REPORTS)
def test_a_cut_report_is_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int, written: ProgressReport
) -> None:
    """Writing replaces the file as a whole; a disk may still do otherwise."""
    path = tmp_path_factory.mktemp("progress") / "file.json"
    write_progress(path, written)
    content = path.read_bytes()
    path.write_bytes(content[: min(cut, len(content) - 1)])
    with pytest.raises(ProgressUnreadable):
        read_progress(path)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"format": 2}, "another version"),
        ({"format": True}, "format"),
        ({"process": None}, "an object is missing"),
        ({"written_s": "1"}, "written_s"),
        ({"written_s": 1e300}, "written_s"),
        ({"partitions": {}}, "partitions"),
        ({"partitions": [3]}, "an object is missing"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    """So whoever wrote the file by other means finds it."""
    path = tmp_path / "file.json"
    write_progress(path, report(1))
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(ProgressUnreadable, match=part):
        read_progress(path)


@pytest.mark.parametrize("pid", [0, -1, 2**31, 10**30])
def test_no_other_process_can_be_meant(tmp_path: Path, pid: int) -> None:
    """A process id that the operating system reads as a group or as all is refused."""
    path = tmp_path / "file.json"
    write_progress(path, report(pid))
    with pytest.raises(ProgressUnreadable, match="pid"):
        read_progress(path)


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"a":' * 200_000, b'{"format": NaN}', b"9" * 10_000]
)
def test_hostile_files_are_refused_quickly(tmp_path: Path, content: bytes) -> None:
    """Depth, constants that are no JSON, numbers without end."""
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ProgressUnreadable):
        read_progress(path)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, a file that is not there, one without end."""
    os.mkfifo(tmp_path / "pipe")
    places = (tmp_path, tmp_path / "pipe", tmp_path / "none", Path("/dev/zero"))
    for path in places:
        with pytest.raises(ProgressUnreadable):
            read_progress(path)


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    """It is never read as a whole."""
    path = tmp_path / "file.json"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    with pytest.raises(ProgressUnreadable, match="more than"):
        read_progress(path)


def test_files_are_this_user_s_only(folder: Path) -> None:
    """Others may neither read the file nor put one in its place."""
    path = progress_path(process(1))
    write_progress(path, report(1))
    assert path == folder / "penstock" / "shop.stock.1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    """In a folder that all may write to, somebody may have prepared a link."""
    (folder / "elsewhere").mkdir()
    progress_folder().symlink_to(folder / "elsewhere")
    with pytest.raises(ProgressFileUnusable, match="somebody else"):
        progress_path(process(1))


@pytest.mark.parametrize("name", ["none/file.json", ""])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    """With the operating system's reason and the way out."""
    with pytest.raises(ProgressFileUnusable) as caught:
        write_progress(tmp_path / name, report(1))
    assert caught.value.exit_code == 3
    assert "PENSTOCK_PROGRESS_FILE" in str(caught.value)


def test_files_are_found_by_worker(folder: Path) -> None:
    """All of them, or those of one worker; never one that is being written."""
    assert find_progress() == []
    base = progress_path(process(1)).parent
    for name in ("shop.stock.1.json", "shop.stock.2.json", "shop.totals.3.json", ".x.y.1.json.new"):
        (base / name).touch()
    assert [path.name for path in find_progress("stock")] == [
        "shop.stock.1.json",
        "shop.stock.2.json",
    ]
    assert len(find_progress()) == 3
    assert base == folder / "penstock"


def test_what_killed_processes_left_is_removed(folder: Path) -> None:
    """Of the same app and worker, and of nobody who is alive."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = progress_path(process(os.getpid()))
    stay = [path, path.with_name("shop.totals.1.json"), path.with_name("shop.stock.x.json")]
    for each in (*stay, path.with_name(f"shop.stock.{ended.pid}.json")):
        each.touch()
    remove_left_behind(path)
    assert sorted(path.parent.iterdir()) == sorted(stay)
    assert path.is_relative_to(folder)


def test_the_living_are_told_from_the_dead() -> None:
    """This process, the first one, and one that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_alive(os.getpid())
    assert is_alive(1)
    assert not is_alive(ended.pid)
