"""The set-up on a strange machine: which Python is taken, and what is said where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.repository.tree import ROOT, files

CHOOSER = ROOT / ".ci" / "python"


def machine(folder: Path, **pythons: str) -> dict[str, str]:
    """Make a machine whose PATH holds only these programs; return its environment.

    Args:
        folder: Becomes the whole PATH.
        pythons: The text of a shell script for each program, by name; dots written as underscores.
    """
    for name, text in pythons.items():
        program = folder / name.replace("_", ".")
        program.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        program.chmod(0o755)
    return {"PATH": str(folder)}


def choose(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run .ci/python on such a machine."""
    return subprocess.run(
        [shutil.which("sh") or "/bin/sh", CHOOSER],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


OLD = "exit 1"
"""Answers the question for its version as an old Python does."""
GOOD = 'case "$*" in *_base_executable*) echo "$0";; esac'
"""Is new enough and has venv."""
BARE = 'case "$*" in *_base_executable*) echo "$0";; *) exit 1;; esac'
"""Is new enough and lacks ensurepip."""


def test_the_newest_tested_python_is_taken(tmp_path: Path) -> None:
    """Newer goes before older, and what the tests run on before what is newer still."""
    environment = machine(tmp_path, python3=OLD, python3_11=GOOD, python3_12=GOOD, python3_14=GOOD)
    assert choose(environment).stdout == f"{tmp_path}/python3.12\n"


def test_a_python_without_venv_is_passed_over(tmp_path: Path) -> None:
    """One that cannot make an environment does not stand in the way of one that can."""
    environment = machine(tmp_path, python3_13=BARE, python3_11=GOOD)
    assert choose(environment).stdout == f"{tmp_path}/python3.11\n"


def test_with_uv_no_venv_is_needed(tmp_path: Path) -> None:
    """With it environments are made without the help of Debian's python3-venv."""
    environment = machine(tmp_path, python3_13=BARE, uv="exit 0")
    assert choose(environment).stdout == f"{tmp_path}/python3.13\n"


def test_the_callers_choice_holds(tmp_path: Path) -> None:
    """PYTHON=... is taken as it is, spaces and all; inside an environment its base is meant."""
    program = tmp_path / "my python"
    program.symlink_to(sys.executable)
    environment = {"PATH": str(tmp_path), "PYTHON": str(program)}
    chosen = Path(choose(environment).stdout.strip())
    assert chosen.resolve() == Path(sys.executable).resolve()


@pytest.mark.parametrize(
    ("python", "told"),
    [(OLD, "No Python 3.11 or newer found"), (BARE, "apt-get install python3-venv")],
)
def test_one_clear_line_where_there_is_none(tmp_path: Path, python: str, told: str) -> None:
    """A machine that cannot is told what to do in one line, without a traceback."""
    run = choose(machine(tmp_path, python3=python))
    assert run.returncode == 1
    assert run.stdout == ""
    assert told in run.stderr
    assert run.stderr.count("\n") == 1


def test_scripts_are_executable_and_parse() -> None:
    """Everything in .ci can be started, and its shell understands it."""
    for script in files(ROOT / ".ci"):
        assert os.access(script, os.X_OK), script
        subprocess.run(["bash", "-n", script], check=True, timeout=10)


def test_workflows_are_yaml_with_bounded_jobs() -> None:
    """Every workflow parses, and no job of it can run for ever."""
    for path in files(ROOT / ".github" / "workflows"):
        workflow = YAML(typ="safe").load(path.read_text("utf-8"))
        assert all("timeout-minutes" in job for job in workflow["jobs"].values()), path
