"""`penstock crdt` on a real Kafka: what it prints, and how it exits."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.events.log import Partition
from penstock.events.names import crdt_topic
from penstock.infra.bootstrap import connect
from penstock.infra.settings import Settings
from penstock.workers.counters import Counters, counter_partition
from penstock.workers.topics import COUNTERS_PARTITIONS
from tests.integration.test_command_line import PENSTOCK, Project, assert_one_line
from tests.integration.workbench import play, read_committed

pytestmark = pytest.mark.timeout(120)

SHELF = Counters("shelf", decrements=True)
MODULE = """
from penstock.workers.counters import Counters

shelf = Counters("shelf", decrements=True)
"""


@pytest.fixture
def project(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> Project:
    """A project that declares counters and nothing else, with its topics made."""
    made = Project(tmp_path, kafka, unique)
    (tmp_path / "shop_events.py").write_text(MODULE)
    applied = made.run("topic", "apply")
    assert applied.returncode == 0, applied.stderr
    # What is shown comes from Kafka alone: there is no module any more.
    (tmp_path / "shop_events.py").unlink()
    (tmp_path / "pyproject.toml").write_text(f'[tool.penstock]\napp = "{made.app}"\n')
    return made


def count(project: Project, slot: str, counter: str, *, up: int = 0, down: int = 0) -> None:
    """A process counts, and what it has counted is to be seen."""
    settings = Settings(app=project.app, kafka=project.environment["PENSTOCK_KAFKA"])

    async def scenario() -> None:
        async with connect(settings) as bus, bus.counting(SHELF, slot=slot) as held:
            held.increment_nowait(counter, up)
            held.decrement_nowait(counter, down)
        number = counter_partition(counter, COUNTERS_PARTITIONS)
        place = Partition(crdt_topic(settings.app, SHELF.name), number)
        await read_committed(settings.connection(), place)

    play(scenario())


def test_counters_are_shown_with_their_values(project: Project) -> None:
    """As a table and as JSON; one of them with its components."""
    assert project.run("crdt", "show", "shelf").stdout == "Nobody has counted yet.\n"
    assert json.loads(project.run("crdt", "show", "shelf", "-o", "json").stdout) == []
    count(project, "web-0", "lamp", up=7, down=2)
    count(project, "web-1", "lamp", up=3)
    count(project, "web-1", "chair/oak", up=1)
    shown = project.run("crdt", "show", "shelf")
    assert shown.returncode == 0, shown.stderr
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["COUNTER", "VALUE", "REPLICAS"],
        ["chair/oak", "1", "1"],
        ["lamp", "8", "2"],
    ]
    assert json.loads(project.run("crdt", "show", "shelf", "-o", "json").stdout) == [
        {"counter": "chair/oak", "value": 1, "replicas": 1},
        {"counter": "lamp", "value": 8, "replicas": 2},
    ]
    one = project.run("crdt", "show", "shelf", "lamp")
    assert [line.split() for line in one.stdout.splitlines()] == [
        ["COUNTER", "VALUE", "REPLICAS"],
        ["lamp", "8", "2"],
        [],
        ["REPLICA", "INCREMENTS", "DECREMENTS"],
        ["slot/web-0", "7", "2"],
        ["slot/web-1", "3", "0"],
    ]
    assert json.loads(project.run("crdt", "show", "shelf", "lamp", "-o", "json").stdout) == {
        "counter": "lamp",
        "value": 8,
        "components": [
            {"replica": "slot/web-0", "increments": 7, "decrements": 2},
            {"replica": "slot/web-1", "increments": 3, "decrements": 0},
        ],
    }


def test_what_is_not_there_is_said(project: Project) -> None:
    """An unknown set names those that there are; so does an unknown counter its set."""
    unknown = project.run("crdt", "show", "shell")
    assert_one_line(unknown, "PEN-I114", 7)
    assert "There are shelf." in unknown.stderr
    assert_one_line(project.run("crdt", "watch", "shell"), "PEN-I114", 7)
    assert_one_line(project.run("crdt", "show", "shelf", "lamp"), "PEN-I114", 7)
    assert_one_line(project.run("crdt", "show", "No Name"), "PEN-E10", 3)


def test_changes_are_watched_until_ctrl_c(project: Project) -> None:
    """A line for each, with what it was changed by; what was there before is none."""
    count(project, "web-0", "lamp", up=7)
    with watching(project) as watch:
        count(project, "web-0", "lamp", up=2, down=5)
        assert next_line(watch)[1:] == ["lamp", "4", "(-3)"]
        count(project, "web-1", "chair", up=1)
        assert next_line(watch)[1:] == ["chair", "1", "(+1)"]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(timeout=30) == 130


def test_changes_are_watched_as_json(project: Project) -> None:
    """An object on each line."""
    with watching(project, "-o", "json") as watch:
        count(project, "web-0", "lamp", up=2)
        row = json.loads(" ".join(next_line(watch)))
        assert {**row, "at": ""} == {"at": "", "counter": "lamp", "value": 2, "difference": 2}


@contextmanager
def watching(project: Project, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """`penstock crdt watch`, which has read to the end; it ends with the block."""
    # A test run in the background of a script inherits an ignored SIGINT, and would hand it on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [PENSTOCK, "crdt", "watch", "shelf", *words],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        try:
            assert watch.stderr is not None
            assert watch.stderr.readline().startswith("Watching shelf, ")
            yield watch
        finally:
            watch.kill()


def next_line(watch: "subprocess.Popen[str]") -> list[str]:
    """The words of the next line."""
    assert watch.stdout is not None
    return watch.stdout.readline().split()
