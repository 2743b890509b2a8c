"""The rooms stand at the root and are imported as `penstock.<room>`; this holds the parts together.

Why it is built like that: docs/decisions/0001-rooms-at-the-root.md.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.repository.tree import PYPROJECT, ROOMS, ROOT, files

SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]
LINKS = ROOT / "typings" / "penstock"


def packages_on_disk() -> Iterator[str]:
    """Yield the dotted name of every folder that holds an `__init__.py`."""
    for folder in FOLDERS.values():
        for path in files(ROOT / folder):
            if path.name == "__init__.py":
                yield ".".join(("penstock", *path.parent.relative_to(ROOT).parts))


def test_every_package_is_listed() -> None:
    """An unlisted package imports in the checkout and is missing from the wheel."""
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_on_disk())


def test_python_files_live_in_packages() -> None:
    """A module in a folder without `__init__.py` is missing from the wheel too."""
    astray = [
        path
        for folder in FOLDERS.values()
        for path in files(ROOT / folder)
        if path.suffix == ".py" and not (path.parent / "__init__.py").exists()
    ]
    assert not astray


def test_rooms_are_mapped_by_name() -> None:
    """Each folder is mapped under its own name, and every room is mapped."""
    assert {name: f"penstock.{folder}" for name, folder in FOLDERS.items()} == {
        name: name for name in FOLDERS
    }
    assert {f"penstock.{room}" for room in ROOMS} <= FOLDERS.keys()


def test_penstock_itself_is_no_folder() -> None:
    """A folder of that name in the checkout would hide the rooms from every import."""
    assert not (ROOT / "penstock").exists()


def test_type_checkers_see_every_mapped_folder() -> None:
    """typings/penstock holds one relative link for each mapped folder, and nothing else."""
    links = {path.name: path for path in LINKS.iterdir()}
    assert sorted(links) == sorted(FOLDERS.values())
    for name, path in links.items():
        assert path.is_symlink()
        assert path.readlink() == Path("..", "..", name)


def test_rooms_are_typed() -> None:
    """A namespace has no single place for py.typed: each room has its own."""
    assert not [room for room in ROOMS if not (ROOT / room / "py.typed").is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, because a build writes beside its sources."""
    source = tmp_path_factory.mktemp("source")
    for folder in FOLDERS.values():
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "import sys, setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"
    target = tmp_path_factory.mktemp("wheel")
    run = subprocess.run(
        [sys.executable, "-c", build, target],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.mark.timeout(120)
def test_the_wheel_holds_the_mapped_folders_and_nothing_else(wheel: Path) -> None:
    """Every file of a mapped folder is in the wheel under penstock/: data too, tests not."""
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    standing = {
        f"penstock/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS.values()
        for path in files(ROOT / folder)
    }
    assert sorted(packed) == sorted(standing)


@pytest.mark.timeout(120)
def test_the_wheel_brings_the_licence_and_the_command(wheel: Path) -> None:
    """The licence is in the wheel, and `penstock` is a command after installing it."""
    archive = ZipFile(wheel)
    (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert b"penstock = penstock.infra.cli:main" in archive.read(entry_points)
