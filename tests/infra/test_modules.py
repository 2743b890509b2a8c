"""The user's modules are imported, and what goes wrong in them is told by their own line."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from penstock.infra.modules import (
    ModuleRaised,
    UnknownModule,
    WorkerNamedTwice,
    WorkerNotFound,
    counters_of,
    import_modules,
    load_worker,
    workers_of,
)
from penstock.infra.project import Project
from penstock.schemas.errors import PenstockError
from penstock.workers.counters import Counters
from penstock.workers.worker import Worker

_numbers = count()


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """A package of the user that no other test has seen; what it puts into Python is taken out."""
    folder = tmp_path / f"users_shop_{next(_numbers)}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    path, modules = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(package: Path, text: str, name: str = "stock") -> str:
    """Write a module and return its dotted name."""
    (package / f"{name}.py").write_text(text, "utf-8")
    return f"{package.name}.{name}"


def project(package: Path) -> Project:
    """Return the project that the package belongs to."""
    return Project(folder=package.parent)


WORKERS = """
from penstock.workers.counters import Counters
from penstock.workers.worker import Worker
worker = Worker("stock")
second = Worker("second")
number = 3
"""


def test_a_worker_is_found_by_module_and_name(package: Path) -> None:
    """`MODULE:NAME`, from the project's folder, wherever the command was started."""
    name = write(package, WORKERS)
    assert load_worker(f"{name}:worker", project(package)).name == "stock"


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("", "name of the worker is missing"),
        (":", "name of the worker is missing"),
        (":worke", "It has no worke"),
        (":worker.nothing", "It has no worker.nothing"),
        (":number", "number is a int, and no Worker object"),
        (":Worker", "Worker is a class, and no Worker object"),
    ],
)
def test_what_is_no_worker_lists_those_that_are(
    package: Path, attribute: str, problem: str
) -> None:
    """The remedy can be copied."""
    name = write(package, WORKERS)
    with pytest.raises(WorkerNotFound) as caught:
        load_worker(f"{name}{attribute}", project(package))
    assert problem in str(caught.value)
    assert f"Say {name}:worker or {name}:second." in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("{package}.stok", "Did you mean {package}.stock?"),
        ("{package}.quite_other", "The package {package} has no such module."),
        ("no_such_package_of_ours.stock", "It was looked for in"),
        ("{package}/stock.py", "not by its file"),
        ("", "named as in an import"),
        ("..stock", "named as in an import"),
    ],
)
def test_a_missing_module_says_what_was_looked_for(package: Path, name: str, hint: str) -> None:
    """With a proposal where one is close."""
    write(package, "")
    with pytest.raises(UnknownModule) as caught:
        import_modules([name.format(package=package.name)], project(package))
    assert hint.format(package=package.name) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        ("x = 1\nraise ValueError('not today')\n", "ValueError: not today", 2),
        ("import json\n\njson.loads('{')\n", "JSONDecodeError: ", 3),
        ("import a_package_that_is_not_there\n", "ModuleNotFoundError: ", 1),
        ("x = (\n", "SyntaxError: ", 1),
        ("import sys\nsys.exit('no')\n", "SystemExit: no", 2),
        ("raise ValueError('a\\nb\\x1b[2J')\n", r"ValueError: a\nb\x1b[2J", 1),
    ],
)
def test_what_a_module_raises_is_told_by_its_own_line(
    package: Path, text: str, error: str, line: int
) -> None:
    """Type, text and place of the user's error; never a line of the standard library or of ours."""
    name = write(package, text)
    with pytest.raises(ModuleRaised) as caught:
        import_modules([name], project(package))
    assert error in str(caught.value)
    assert f"stock.py:{line}." in str(caught.value)


def test_a_refused_declaration_keeps_its_code_and_gains_its_place(package: Path) -> None:
    """An error of ours is not wrapped: its code is what scripts know."""
    name = write(
        package,
        "from penstock.events.event import Event\n\n\n"
        "class Bad(Event, topic='nodots'):\n    a: str\n",
    )
    with pytest.raises(PenstockError) as caught:
        import_modules([name], project(package))
    assert not isinstance(caught.value, ModuleRaised)
    (note,) = caught.value.__notes__
    assert "stock.py:4," in note


def test_workers_are_found_once_in_the_order_of_their_names() -> None:
    """A worker that another module imports is the same one."""
    first, second = ModuleType("first"), ModuleType("second")
    one, two = Worker("one"), Worker("two")
    first.__dict__.update(b=two, a=one)
    second.__dict__.update(a=one)
    assert workers_of([first, second]) == (one, two)


def test_two_workers_of_one_name_are_refused() -> None:
    """They would be one consumer group."""
    first, second = ModuleType("first"), ModuleType("second")
    first.__dict__.update(a=Worker("one"))
    second.__dict__.update(b=Worker("one"))
    with pytest.raises(WorkerNamedTwice, match="Both first:a and second:b"):
        workers_of([first, second])


def test_counters_are_found_once_by_their_names() -> None:
    """Two modules may declare one set, each in its own way, while it is being changed."""
    first, second = ModuleType("first"), ModuleType("second")
    visits, shelf = Counters("visits"), Counters("shelf")
    first.__dict__.update(b=visits, a=shelf, c=1)
    second.__dict__.update(a=visits, b=Counters("shelf", decrements=True))
    assert [each.name for each in counters_of([first, second])] == ["shelf", "visits"]
