"""What commands do when all is well, as far as no broker is needed for it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from penstock.infra.progress_store import progress_path, write_progress
from penstock.schemas.schema import AvroSchema
from penstock.workers.progress import Process, ProgressReport
from tests.infra.cli.shop import Shop


def test_version_lists_what_is_installed(shop: Shop) -> None:
    """For people, and for programs."""
    done = shop.run("version")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].split() == ["NAME", "VERSION"]
    rows = json.loads(shop.run("version", "-o", "json").stdout)
    assert [row["name"] for row in rows] == [
        "penstock",
        "aiokafka",
        "fastavro",
        "pydantic",
        "python",
    ]


def test_schemas_are_exported_without_any_settings(shop: Shop) -> None:
    """A build has no environment; the second run changes nothing."""
    done = shop.run("schema", "export", "schemas", variables={"PENSTOCK_KAFKA": ""})
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (shop.folder / "schemas").iterdir())
    assert files == [
        "shop.OrderPlaced.avsc",
        "shop.Trap.avsc",
        "stock.ReserveStock.avsc",
        "stock.StockReserved.avsc",
    ]
    text = (shop.folder / "schemas" / "shop.OrderPlaced.avsc").read_text("utf-8")
    assert AvroSchema.parse(text).document["topic"] == "shop.orders"
    rows = json.loads(shop.run("schema", "export", "schemas", "-o", "json").stdout)
    assert {row["state"] for row in rows} == {"unchanged"}


def test_a_project_is_found_from_a_folder_within(shop: Shop) -> None:
    """Modules are imported from the project's folder, not from where the command was started."""
    inner = shop.folder / "docs"
    inner.mkdir()
    done = subprocess.run(
        shop.command("schema", "export", str(shop.folder / "out")),
        cwd=inner,
        env=shop.environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_group_alone_asks_for_help(shop: Shop) -> None:
    """`penstock` and `penstock run` say what there is."""
    for arguments in ((), ("run",), ("topic",)):
        done = shop.run(*arguments)
        assert done.returncode == 2
        assert "Commands:" in done.stdout + done.stderr


def test_output_never_has_colours_or_boxes(shop: Shop) -> None:
    """Whatever the environment says about terminals."""
    done = shop.run("version", variables={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


# --- health ----------------------------------------------------------------------------------


@pytest.fixture
def healthy_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The progress file of a process that has just written it: this one."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shop.folder))
    process = Process(
        pid=os.getpid(), app="shop", worker="totals", group="shop.totals", version="0"
    )
    path = progress_path(process)
    write_progress(path, report(process))
    return path


def report(process: Process) -> ProgressReport:
    """Return a report of now."""
    return ProgressReport(
        process=process,
        written_at="2026-01-01T00:00:00+00:00",
        written_s=time.monotonic(),
        polled_s=time.monotonic() + 100.0,
        late_s=0.0,
        stopping_since_s=None,
        partitions=(),
    )


def test_a_healthy_worker_is_one_line_and_exit_0(shop: Shop, healthy_file: Path) -> None:
    """Found by itself, by its worker, by its file, and by the variable that names the file."""
    assert healthy_file.exists()
    ways: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
        ((), {}),
        (("--worker", "totals"), {}),
        (("--file", str(healthy_file)), {}),
        ((), {"PENSTOCK_PROGRESS_FILE": str(healthy_file)}),
    )
    for arguments, variables in ways:
        write_progress(healthy_file, report(_this_process()))
        done = shop.run("health", *arguments, variables=variables)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"healthy: shop.totals ({os.getpid()}): ")
        assert len(done.stdout.splitlines()) == 1


def _this_process() -> Process:
    return Process(pid=os.getpid(), app="shop", worker="totals", group="shop.totals", version="0")


def test_the_worst_worker_decides(shop: Shop, healthy_file: Path) -> None:
    """A killed process beside a healthy one; each has its line, and JSON says the same."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone = Process(pid=ended.pid, app="shop", worker="stock", group="shop.stock", version="0")
    write_progress(progress_path(gone), report(gone))
    write_progress(healthy_file, report(_this_process()))
    done = shop.run("health")
    assert done.returncode == 8
    first, second = done.stdout.splitlines()
    assert first.startswith(f"unhealthy: shop.stock ({ended.pid}): process {ended.pid} is gone")
    assert second.startswith("healthy: ")
    rows = json.loads(shop.run("health", "-o", "json").stdout)
    assert [row["healthy"] for row in rows] == [False, True]


# --- ends ------------------------------------------------------------------------------------


def test_closed_streams_change_nothing(shop: Shop) -> None:
    """A command whose stdout was closed ends as it would have."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *shop.command("version")],
        cwd=shop.folder,
        env=shop.environment(),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""


def test_ctrl_c_is_130_without_a_word(shop: Shop) -> None:
    """A module of the user that takes its time is interrupted like anything else."""
    shop.write(
        "users_shop/orders.py",
        "import time\nprint('importing', flush=True)\ntime.sleep(60)\n",
    )
    with subprocess.Popen(
        shop.command("schema", "export", "out"),
        cwd=shop.folder,
        env=shop.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told == b""


@pytest.mark.parametrize("arguments", [("version",), ("--help",)])
def test_a_closed_pipe_is_141_without_a_word(shop: Shop, arguments: tuple[str, ...]) -> None:
    """`penstock ... | head` is no error of anybody, and never exit 1 (formats.md F25)."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            shop.command(*arguments),
            cwd=shop.folder,
            env=shop.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [("version",), ("schema", "list", "-o", "json")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_told(
    shop: Shop, arguments: tuple[str, ...], unbuffered: str
) -> None:
    """It is no bug; a script must not take half an output for the whole."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            shop.command(*arguments),
            cwd=shop.folder,
            env={**shop.environment(), "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr.startswith("penstock: PEN-I170 The output could not be written: No space")
    assert len(done.stderr.splitlines()) == 1


def test_an_error_is_told_though_stdout_is_closed(shop: Shop) -> None:
    """The pipe is somebody else's affair; nothing complains about it at the end."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            shop.command("schema", "show", "Nothing"),
            cwd=shop.folder,
            env=shop.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 7
    assert done.stderr.startswith("penstock: PEN-I185 ")
    assert len(done.stderr.splitlines()) == 1
