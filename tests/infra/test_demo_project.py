"""The demo's project is one that a user could go on with."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.infra.demo_project import PACKAGE, Cast, copy_example, is_of_the_example
from penstock.infra.project import find_project
from penstock.infra.settings import Settings

NOWHERE = Settings(app="shop", kafka="127.0.0.1:1")


def test_the_copy_stands_alone(tmp_path: Path) -> None:
    """It names no module of the packaged example."""
    copy_example(tmp_path)
    texts = {path: path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()}
    assert not [path for path, text in texts.items() if "penstock.examples" in text]
    project = find_project(tmp_path)
    assert f"{PACKAGE}.stock" in project.modules
    assert all(path.is_file() for path in project.sagas)
    assert all(path.is_dir() for path in project.schemas)
    assert not (tmp_path / "compose.yaml").exists(), "its image is built in a checkout of penstock"


@pytest.mark.parametrize(
    "place",
    [
        ".hypothesis/unicode_data/charmap.json.gz",
        ".penstock/notes.py",
        "ledgers/stock.db",
        "__pycache__/stock.cpython-311.pyc",
        "compose.yaml",
    ],
)
def test_what_was_left_in_the_example_s_folder_is_not_copied(place: str) -> None:
    """README has people run it there."""
    assert not is_of_the_example(Path(place))
    assert is_of_the_example(Path("schemas/shop.OrderPlaced.avsc"))


def test_the_copy_is_a_project(tmp_path: Path) -> None:
    """Its modules can be imported from its folder, and its schemas are those of its own types."""
    copy_example(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "penstock.infra.cli", "schema", "export", "schemas"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "payments.ChargeCard" in done.stdout
    assert "written" not in done.stdout


def test_a_process_is_told_where_kafka_is_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the caller has set for penstock or the example is not the demo's."""
    monkeypatch.setenv("PENSTOCK_REPLICATION", "nonsense")
    monkeypatch.setenv("ORDERS_LEDGERS", "/elsewhere")
    copy_example(tmp_path)
    cast = Cast(tmp_path, NOWHERE)
    assert "Usage: penstock" in (cast.finish("help", "--help", timeout_s=30.0) or "")
    assert cast.finish("topics", "topic", "plan", timeout_s=60.0) is None
    assert "PENSTOCK_REPLICATION" not in cast.log_tails()
    assert "127.0.0.1:1" in cast.log_tails()


def test_processes_that_end_are_named(tmp_path: Path) -> None:
    """In the demo each runs until it is stopped."""
    copy_example(tmp_path)
    cast = Cast(tmp_path, NOWHERE)
    process = cast.start("version", "version")
    assert process.wait(timeout_s=30.0) == 0
    assert list(cast.dead()) == ["version"]
    assert not cast.ready()


def test_a_process_that_has_no_partition_is_not_ready(tmp_path: Path) -> None:
    """Nor is one whose predecessor left a report behind."""
    copy_example(tmp_path)
    cast = Cast(tmp_path, NOWHERE)
    left = tmp_path / "progress" / "stock.json"
    left.write_text("{}")
    process = cast.start("stock", "version")
    assert not left.exists()
    assert not cast.ready()
    process.kill()
    assert [log.name for log in (tmp_path / "logs").iterdir()] == ["stock.log"]
