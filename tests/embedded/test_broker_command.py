"""`penstock broker`: the embedded broker, alone, until it is stopped."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from penstock.infra.testing import kafka_probe
from tests.infra.cli.shop import Shop

LIMIT_S: Final = 60.0

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command with these arguments; it ends with the test."""
    shop = Shop(folder=tmp_path, kafka="nowhere:1")
    with ExitStack() as processes:

        def run(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                Shop.command("broker", *arguments),
                cwd=shop.folder,
                env=shop.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.callback(process.communicate, timeout=LIMIT_S)
            processes.callback(process.kill)
            return process

        yield run


def address_of(process: subprocess.Popen[str]) -> str:
    """Return where it says that it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("penstock-broker ready "), process.stderr
    return line.rpartition(" ")[2].strip()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_stop(start: Start, end: signal.Signals) -> None:
    """Then it ends with 0. It says what it is, and needs no settings of an app."""
    process = start("--port", "0", "--config", "num.partitions=3")
    assert kafka_probe.answers(address_of(process), timeout_s=LIMIT_S)
    process.send_signal(end)
    _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, told
    assert "one node, for development and tests, not a production store" in told


def test_the_command_becomes_the_broker(start: Start) -> None:
    """There is no second process, and nothing of the command line in the one that there is."""
    process = start("--port", "0")
    address_of(process)
    command = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
    assert "penstock.infra.embedded" in command
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "pydantic" not in maps


def test_a_folder_belongs_to_one_broker_at_a_time(start: Start, tmp_path: Path) -> None:
    """It is made where there is none. What it keeps: tests/infra/embedded/server."""
    folder = tmp_path / "records"
    process = start("--port", "0", "--data", str(folder), "--fsync")
    address_of(process)
    other = start("--port", "0", "--data", str(folder))
    _, told = other.communicate(timeout=LIMIT_S)
    assert other.returncode not in {0, 1}, told
    assert str(folder) in told
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_told(start: Start) -> None:
    """In one line, with the exit code for what cannot be reached."""
    port = address_of(start("--port", "0")).rpartition(":")[2]
    other = start("--port", port)
    _, told = other.communicate(timeout=LIMIT_S)
    assert other.returncode == 5
    assert told.startswith("PEN-I130")
    assert len(told.splitlines()) == 1
