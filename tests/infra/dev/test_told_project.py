"""What a project consists of, as a process tells it that imports the user's code."""

import asyncio
import os
from pathlib import Path

import pytest

from penstock.infra.dev.process_plan import FoundProject, plan_of
from penstock.infra.dev.told_project import ProjectUnreadable, list_project
from penstock.infra.progress_store import is_alive

TYPES = """
from penstock.events import Event, Topic
__namespace__ = "shop"
class Placed(Event, topic=Topic("shop.placed"), key="order"):
    order: str
"""
WORKER = """
from penstock.workers import Worker
from shop.types import Placed
worker = Worker("{name}")
@worker.on(Placed)
async def see(event: Placed) -> None:
    ...
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of two workers, whose modules print what they like."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "types.py").write_text(TYPES)
    (package / "one.py").write_text("print('{', flush=True)\n" + WORKER.format(name="one"))
    (package / "two.py").write_text(
        "from shop.one import worker as first\n" + WORKER.format(name="two")
    )
    modules = '"shop.types", "shop.one", "shop.two"'
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.penstock]\napp = "shop"\nmodules = [{modules}]\n'
    )
    return tmp_path


def environment() -> dict[str, str]:
    """All variables of the listing."""
    outer = {name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")}
    return {**outer, "PENSTOCK_KAFKA": "127.0.0.1:1"}


def listed(folder: Path) -> FoundProject:
    """List it."""
    return asyncio.run(list_project(folder, environment()))


def files_of(found: FoundProject, folder: Path) -> dict[str, list[str]]:
    """Return the files of each process, by their names."""
    return {
        name: sorted(Path(file).relative_to(folder.resolve()).name for file in process.files)
        for name, process in plan_of(found).items()
    }


def test_workers_with_the_files_that_they_are_made_of(shop: Path) -> None:
    """Each from the module that made it; with an event to try it, and a digest of its topics."""
    found = listed(shop)
    assert found.problems == ()
    assert {name: each.arguments[-1] for name, each in plan_of(found).items()} == {
        "one": "shop.one:worker",
        "two": "shop.two:worker",
    }
    assert files_of(found, shop) == {
        "one": ["__init__.py", "one.py", "types.py"],
        "two": ["__init__.py", "one.py", "two.py", "types.py"],
    }
    assert found.example == """shop.Placed '{"order": "order-1"}'"""
    assert found.topics == listed(shop).topics


def test_another_topic_changes_the_digest(shop: Path) -> None:
    """A handler that is edited does not."""
    before = listed(shop).topics
    one, types = shop / "shop" / "one.py", shop / "shop" / "types.py"
    one.write_text(one.read_text().replace("...", "print(event)"))
    assert listed(shop).topics == before
    types.write_text(TYPES.replace('"shop.placed"', '"shop.placed", partitions=3'))
    assert listed(shop).topics not in (before, None)


MISTAKES = {
    "def broken(:": "SyntaxError",
    "1 / 0": "ZeroDivisionError",
    "import nowhere": "nowhere",
    "raise SystemExit(1)": "SystemExit",
    "import os; os._exit(0)": "ended the process",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "ended the process",
}


def test_a_mistake_hides_nothing_but_its_module(shop: Path) -> None:
    """Whatever it is: the others are known, and the file of the mistake is, where it can be."""
    names = [f"shop.broken{number}" for number, _ in enumerate(MISTAKES)]
    for name, mistake in zip(names, MISTAKES, strict=True):
        (shop / f"{name.replace('.', '/')}.py").write_text(f"{mistake}\n")
    project = shop / "pyproject.toml"
    listing = "".join(f', "{name}"' for name in names)
    project.write_text(project.read_text().replace('"shop.two"', f'"shop.two"{listing}'))
    found = listed(shop)
    assert list(plan_of(found)) == ["one", "two"]
    assert found.topics is None
    problems = {module.name: module for module in found.modules if module.problem}
    assert list(problems) == names
    for name, told in zip(names, MISTAKES.values(), strict=True):
        assert told in str(problems[name].problem)
    for name in names[:4]:
        assert str(shop.resolve() / f"{name.replace('.', '/')}.py") in problems[name].files


def test_two_workers_of_one_name_are_told(shop: Path) -> None:
    """They would be one consumer group."""
    (shop / "shop" / "two.py").write_text(WORKER.format(name="one"))
    assert "PEN-I7" in listed(shop).problems[0]


def test_a_broken_project_file_is_an_error(shop: Path) -> None:
    """Nothing is known then, and not: that there is nothing."""
    (shop / "pyproject.toml").write_text("[tool.penstock\n")
    with pytest.raises(ProjectUnreadable) as unreadable:
        listed(shop)
    assert "PEN-I3" in str(unreadable.value)


def test_broken_sagas_are_told_and_their_files_known(shop: Path) -> None:
    """So that a change of them is seen."""
    (shop / "order.saga.yaml").write_text("saga: [\n")
    project = shop / "pyproject.toml"
    project.write_text(f'{project.read_text()}sagas = ["order.saga.yaml"]\n')
    found = listed(shop)
    assert found.saga_problem is not None
    names = {Path(file).name for file in found.saga_files}
    assert names == {"order.saga.yaml", "__init__.py", "one.py", "two.py", "types.py"}


def test_an_import_that_hangs_ends_with_whoever_waits_for_it(shop: Path) -> None:
    """Ctrl-C in the middle of a listing is not held up by the user's code."""
    pids = shop / "pids"
    (shop / "shop" / "types.py").write_text(
        f"import os, pathlib, time\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getppid()}} {{os.getpid()}} ')\n"
        f"time.sleep(1000)\n"
    )

    async def scenario() -> None:
        async with asyncio.timeout(20):
            listing = asyncio.create_task(list_project(shop, environment()))
            while not pids.exists() or not pids.read_text().endswith(" "):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
            listing.cancel()
            await asyncio.wait({listing})
            while any(is_alive(int(pid)) for pid in pids.read_text().split()):  # noqa: ASYNC110 - these end by themselves
                await asyncio.sleep(0.02)

    asyncio.run(scenario())
