"""The locks: pins with hashes for every supported Python, fit for plain pip, tied to no index."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.repository.tree import PYPROJECT, ROOT

RUNTIME: Final = "requirements.lock"
DEVELOPMENT: Final = "requirements-dev.lock"
PYTHONS: Final = ("3.11", "3.12", "3.13")
HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")

SHIPPED: Final[list[str]] = PYPROJECT["project"]["dependencies"]
OPTIONAL: Final[Mapping[str, list[str]]] = PYPROJECT["project"]["optional-dependencies"]
DECLARED: Final = {
    RUNTIME: SHIPPED,
    DEVELOPMENT: [
        *SHIPPED,
        *(line for lines in OPTIONAL.values() for line in lines),
        *PYPROJECT["dependency-groups"]["dev"],
        *PYPROJECT["build-system"]["requires"],
    ],
}


def entries(lock: str) -> Iterator[str]:
    """Yield each pin of a lock with its hashes, on one line."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE)
    return (line for line in text.replace("\\\n", " ").splitlines() if line.strip())


def pins(lock: str, python: str) -> dict[str, str]:
    """Return the versions that a lock gives a Python on Linux, by normalised name."""
    found = {}
    for entry in entries(lock):
        pin = Requirement(HASH.sub("", entry).strip())
        if holds_for(pin, python):
            found[normalised(pin.name)] = str(pin.specifier).removeprefix("==")
    return found


def holds_for(wanted: Requirement, python: str) -> bool:
    """Say whether a requirement's marker, if any, holds for a Python on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
    }
    return wanted.marker is None or wanted.marker.evaluate(environment)


def normalised(name: str) -> str:
    """Return a project's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_locks_name_no_index(lock: str) -> None:
    """An address would send everybody to the index of whoever made the lock."""
    text = (ROOT / lock).read_text("utf-8")
    assert not re.findall(r"://|^\s*-\S*(?:index|find-links|host)\S*", text, re.MULTILINE)


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_every_pin_has_a_hash(lock: str) -> None:
    """Each line pins one version exactly and carries at least one hash; pip refuses others."""
    bare = [
        entry
        for entry in entries(lock)
        if not HASH.search(entry) or not re.match(r"[\w.-]+==[\w.]+\s", entry)
    ]
    assert not bare


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_locks_satisfy_what_is_declared(lock: str, python: str) -> None:
    """Each dependency in pyproject.toml is pinned to a version that it allows; else `make lock`."""
    versions = pins(lock, python)
    for line in DECLARED[lock]:
        wanted = Requirement(line)
        if not holds_for(wanted, python):
            continue
        version = versions.get(normalised(wanted.name))
        assert version is not None, f"{wanted.name} is not in {lock}: run `make lock`"
        assert wanted.specifier.contains(version), f"{line} is pinned to {version}: run `make lock`"


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_tested_is_what_is_shipped(python: str) -> None:
    """The development lock holds every pin of the runtime lock, at the same version."""
    assert pins(RUNTIME, python).items() <= pins(DEVELOPMENT, python).items()
