"""The rules of import, run as `make check` runs them, and one of them read from the text again."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.repository.purity import imported_names
from tests.repository.tree import ROOMS, ROOT, modules

ADAPTER = "penstock.infra.kafka"


@pytest.mark.timeout(60)
def test_import_contracts_hold() -> None:
    """Rooms look one way, have no cycles inside, cores stay pure, aiokafka has one importer."""
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [program, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_the_kafka_adapter_imports_aiokafka() -> None:
    """The contract sees what can be imported; this sees the text of every module of every room."""
    found = [
        f"{module.path}:{line}: {name}"
        for module in modules(*ROOMS, "examples")
        if not f"{module.name}.".startswith(f"{ADAPTER}.")
        for name, line in imported_names(module.tree)
        if name.split(".")[0] == "aiokafka"
    ]
    assert not found, "\n".join(found)


def test_no_room_offers_a_name_that_one_of_its_modules_has() -> None:
    """Once such a module is loaded, `from room import name` gives the module instead."""
    for room in ROOMS:
        offered = getattr(import_module(f"penstock.{room}"), "__all__", [])
        own = {module.name.rpartition(".")[2] for module in modules(room)}
        assert not own.intersection(offered), room
