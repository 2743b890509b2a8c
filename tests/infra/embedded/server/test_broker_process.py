import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.broker_process import READY
from penstock.infra.embedded.wire.api_key import ApiKey
from tests.infra.embedded.server.raw_client import answer_of, encoded, request_bytes
from tests.infra.embedded.server.requests_by_hand import (
    FETCH,
    METADATA,
    PRODUCE,
    fetch,
    fetched,
    metadata,
    produce,
)

_LIMIT_S = 30.0
_HEAVY = ("pydantic", "typer", "rich", "structlog", "aiokafka", "redis", "hypothesis", "kio.serial",
          "kio.schema.index", "argparse", "json.tool")  # fmt: skip


@contextmanager
def _process(*arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock.infra.embedded", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _ready(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(READY + " 127.0.0.1:")
    host, port = line.split()[-1].split(":")
    return host, int(port)


def _serves(address: tuple[str, int]) -> bool:
    with socket.create_connection(address, timeout=_LIMIT_S) as connection:
        connection.sendall(request_bytes(18, 0))
        return len(connection.recv(100)) > 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero_whoever_is_connected(number: signal.Signals) -> None:
    """It has said meanwhile what it is, and what it is not."""
    with _process() as process:
        address = _ready(process)
        with socket.create_connection(address):
            assert _serves(address)
            process.send_signal(number)
            _, errors = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 0
    assert "not a production store" in errors
    assert "in memory" in errors


def test_what_it_is_stands_in_its_log_once_it_is_ready(tmp_path: Path) -> None:
    """Owners look into the log as soon as it says so, and not a moment later."""
    with subprocess.Popen(
        [sys.executable, "-m", "penstock.infra.embedded", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(2)]
        process.kill()
    assert f"records are kept in {tmp_path / 'data'}" in told[0]
    assert told[1].startswith(READY)


def test_the_end_of_the_leash_is_its_end() -> None:
    """Nobody signals it: the other end of a pipe is closed, as by the death of its owner."""
    ours, its = os.pipe()
    with _process("--leash", str(ours), pass_fds=(ours,)) as process:
        os.close(ours)
        assert _serves(_ready(process))
        os.close(its)
        assert process.wait(_LIMIT_S) == 0


def _ask(address: tuple[str, int], key: ApiKey, version: int, request: Any) -> Any:
    with socket.create_connection(address, timeout=_LIMIT_S) as connection:
        connection.sendall(encoded(key, version, request))
        with connection.makefile("rb") as answers:
            length = int.from_bytes(answers.read(4), "big")
            return answer_of(key, version, answers.read(length))


@pytest.mark.parametrize("more", [(), ("--fsync",)], ids=["cached", "fsync"])
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path, more: tuple[str, ...]) -> None:
    """The operating system has it, or the disk."""
    with _process("--data", str(tmp_path / "data"), *more) as process:
        address = _ready(process)
        _ask(address, ApiKey.METADATA, METADATA, metadata("t"))
        answer = _ask(address, ApiKey.PRODUCE, PRODUCE, produce("t", b"kept"))
        assert answer.responses[0].partition_responses[0].error_code is ErrorCode.none
        process.kill()
    with _process("--data", str(tmp_path / "data"), *more) as process:
        answer = _ask(_ready(process), ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=0))
        assert b"kept" in fetched(answer).records


def test_it_keeps_no_more_in_memory_than_it_is_told() -> None:
    """One mebibyte has room for one of these records."""
    with _process("--memory", "1") as process:
        address = _ready(process)
        _ask(address, ApiKey.METADATA, METADATA, metadata("t"))
        errors = []
        for _ in range(2):
            answer = _ask(address, ApiKey.PRODUCE, PRODUCE, produce("t", bytes(700_000)))
            errors.append(answer.responses[0].partition_responses[0].error_code)
    assert errors == [ErrorCode.none, ErrorCode.kafka_storage_error]


def test_what_it_does_not_understand_ends_it_with_a_sentence() -> None:
    """Named as it was typed, with the exit code for wrong usage."""
    with _process("--prot", "9092") as process:
        out, errors = process.communicate(timeout=_LIMIT_S)
    assert (process.returncode, out) == (2, "")
    assert "PEN-I129" in errors
    assert "--prot" in errors


def test_a_configuration_that_is_not_allowed_ends_it_with_a_sentence() -> None:
    """And without a traceback."""
    with _process("--config", "num.partitions=none") as process:
        _, errors = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 3
    assert "num.partitions" in errors
    assert "Traceback" not in errors


def test_a_taken_port_ends_it_with_a_sentence() -> None:
    """With the exit code for what the world refuses."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        _process("--port", str(taken.getsockname()[1])) as process,
    ):
        _, errors = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 5
    assert "PEN-I130" in errors


def test_it_loads_nothing_that_a_broker_does_not_need() -> None:
    """It has 300 ms from its start to the first acknowledged record."""
    code = (
        "import sys\n"
        "from penstock.infra.embedded.lean_start import leave_out\n"
        "leave_out()\n"
        "import penstock.infra.embedded.server.broker_process\n"
        "print(*(name for name, module in sys.modules.items() if module is not None))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not loaded & set(_HEAVY)
    assert not [name for name in loaded if name.startswith("kio.schema.") and ".v" in name]
    rooms = {".".join(name.split(".")[:3]) for name in loaded if name.startswith("penstock.")}
    assert rooms <= {
        "penstock.schemas", "penstock.schemas.errors", "penstock.infra", "penstock.infra.embedded"
    }  # fmt: skip


def test_the_bare_checksum_is_that_of_the_package() -> None:
    """The shortcut around the package's own start must not change what it computes."""
    code = (
        "from penstock.infra.embedded.lean_start import leave_out\n"
        "leave_out()\n"
        "from crc32c import crc32c\n"
        "print(crc32c(b'123456789'))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == 0xE3069283
