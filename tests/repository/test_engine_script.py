""".ci/docker on a machine that has no way to an engine."""

import shutil
import subprocess
from pathlib import Path

from tests.repository.tree import ROOT

SCRIPT = ROOT / ".ci" / "docker"
TOOLS = ("bash", "dirname", "timeout", "sh")


def run_without_docker(machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command behind the script, where there is neither a client nor a daemon."""
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (machine / tool).symlink_to(found)
    return subprocess.run(
        [machine / "bash", SCRIPT, "sh", "-c", "echo it ran; exit 7"],
        env={"PATH": str(machine), "HOME": str(machine), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_at_home_the_command_runs_without_an_engine(tmp_path: Path) -> None:
    """One line says so; the command's output and exit code are its own."""
    run = run_without_docker(tmp_path)
    assert (run.returncode, run.stdout) == (7, "it ran\n")
    assert run.stderr.count("\n") == 1
    assert "No Docker engine answers" in run.stderr


def test_in_continuous_integration_that_is_a_failure(tmp_path: Path) -> None:
    """Tests that nobody runs would look like tests that pass."""
    run = run_without_docker(tmp_path, CI="true")
    assert (run.returncode, run.stdout) == (1, "")
    assert "No Docker engine answers" in run.stderr
