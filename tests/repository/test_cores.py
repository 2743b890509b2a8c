"""Cores take values and return values: no I/O, no clock, no randomness, no coroutines."""

import ast
from pathlib import Path

from tests.repository.purity import imported_names, impurities
from tests.repository.tree import HOUSE, INNER_ROOMS, ROOMS, Module, contract, modules

CORES = frozenset(contract("cores")["source_modules"])
SHELLS = frozenset(HOUSE["shells"])
INNER = {module.name: module for module in modules(*INNER_ROOMS) if not module.is_package}
HINT = "`python -m tests.repository.purity` prints both lists"


def test_every_inner_module_is_a_core_or_a_declared_shell() -> None:
    """A module of the inner rooms is listed once: in the contract of cores, or among the shells."""
    unlisted = sorted(INNER.keys() - CORES - SHELLS)
    assert not unlisted, f"in neither list; {HINT}"
    twice = sorted(CORES & SHELLS)
    assert not twice, "in both lists"


def test_lists_name_modules_that_exist() -> None:
    """What is listed is on the disk; infra may list cores too, but its shells go without saying."""
    everywhere = {module.name for module in modules(*ROOMS)}
    lost = sorted((CORES - everywhere) | (SHELLS - INNER.keys()))
    assert not lost, f"listed, and not on the disk or not of these rooms; {HINT}"


def test_cores_hold_nothing_impure() -> None:
    """What needs no import is forbidden to cores too: coroutines, files, the clock, random ids."""
    found = [
        line for module in modules(*ROOMS) if module.name in CORES for line in impurities(module)
    ]
    assert not found, "\n".join(found)


def test_shells_do_io() -> None:
    """A pure module does not hide among the shells, where its purity would not be held."""
    idle = [name for name in sorted(SHELLS & INNER.keys()) if not any(impurities(INNER[name]))]
    assert not idle, f"pure, so list them as cores; {HINT}"


def test_cores_import_leaf_modules() -> None:
    """A core imports a module, never a package's `__init__`, which may draw in a shell."""
    packages = {module.name for module in modules(*ROOMS) if module.is_package}
    everything = {module.name for module in modules(*ROOMS)}
    found = [
        f"{module.name}:{line} imports {name} from a package"
        for module in modules(*ROOMS)
        if module.name in CORES
        for name, line in imported_names(module.tree)
        if name in packages or (name.rpartition(".")[0] in packages and name not in everything)
    ]
    assert not found, "\n".join(found)


def test_package_faces_only_pass_names_on() -> None:
    """The `__init__` of an inner room defines nothing: what stands there is in no list."""
    faces = [module for module in modules(*INNER_ROOMS) if module.is_package]
    found = [line for face in faces for line in _definitions(face)]
    assert not found, "\n".join(found)


def _definitions(face: Module) -> list[str]:
    passing_on = {"__getattr__", "__dir__"}  # the hooks of lazy imports
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        f"{face.path}:{node.lineno}: {node.name}"
        for node in face.tree.body
        if isinstance(node, kinds) and node.name not in passing_on
    ]


def test_impurities_are_found(tmp_path: Path) -> None:
    """The search itself sees each kind of impurity, and lets the signatures of a port pass."""
    path = tmp_path / "planted.py"
    path.write_text(PLANTED, "utf-8")
    lines = list(impurities(Module(name="penstock.planted", path=path)))
    numbers = sorted(int(line.removeprefix(f"{path}:").partition(":")[0]) for line in lines)
    marked = [number for number, text in enumerate(PLANTED.splitlines(), 1) if "IMPURE" in text]
    assert numbers == marked, "\n".join(lines)


PLANTED = """
import datetime
import os.path  # IMPURE
import uuid
from typing import TYPE_CHECKING, Protocol
if TYPE_CHECKING:
    from asyncio import Task  # IMPURE

class Port(Protocol):
    async def read(self) -> bytes:
        'Say what it does.'
        ...
    async def idle(self) -> None:  # IMPURE
        return self.read()

def decide():
    import time  # IMPURE
    open("file")  # IMPURE
    uuid.uuid4()  # IMPURE
    datetime.datetime.now()  # IMPURE
    datetime.date.today()  # IMPURE
    uuid.uuid5(uuid.NAMESPACE_URL, "name")
    datetime.datetime.fromtimestamp(0, datetime.UTC)
"""
