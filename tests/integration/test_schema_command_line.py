"""`penstock schema ...` against the schemas topic and a registry, as its users type it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)  # a dozen processes each, on whatever machine

PENSTOCK = str(Path(sys.executable).parent / "penstock")
LIMIT_S = 60.0

MODULE = """
from penstock.events import Event, Topic

ORDERS = Topic("{orders}", partitions=1, compatibility="FULL_TRANSITIVE")


class Placed(Event, topic=ORDERS, key="order_id"):
    order_id: str
    {field}


class Lost(Event, topic=ORDERS, key="order_id"):
    order_id: str
"""


class Project:
    """A user's folder with two events on one topic."""

    def __init__(self, folder: Path, kafka: str, unique: Callable[[str], str]) -> None:
        """Write the folder."""
        self.folder = folder
        self.namespace = unique("shop").replace("-", "_")
        self.orders = f"{self.namespace}.orders"
        (folder / "pyproject.toml").write_text(
            f'[tool.penstock]\napp = "{unique("app")}"\nmodules = ["shop_events"]\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
        self.environment = {**kept, "PENSTOCK_KAFKA": kafka}
        self.write("count: int = 0")

    def write(self, field: str) -> None:
        """Give the event another field."""
        text = MODULE.format(orders=self.orders, field=field)
        (self.folder / "shop_events.py").write_text(text)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        return subprocess.run(
            [PENSTOCK, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def json(self, *words: str, code: int = 0) -> Any:
        """What a command says to programs."""
        answer = self.run(*words, "-o", "json")
        assert answer.returncode == code, answer.stderr
        return json.loads(answer.stdout)

    def publish(self, *names: str) -> None:
        """Publish an event of each type; that registers their schemas."""
        for name in names:
            done = self.run("publish", f"{self.namespace}.{name}", '{"order_id": "o-1"}')
            assert done.returncode == 0, done.stderr

    def states(self, against: str, code: int) -> dict[str, str]:
        """The verdicts of a check."""
        report = self.json("schema", "check", "--against", against, code=code)
        return {each["type"].rpartition(".")[2]: each["state"] for each in report["types"]}


@pytest.fixture
def project(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> Project:
    """A project whose events have been published in two versions."""
    made = Project(tmp_path, kafka, unique)
    assert made.run("topic", "apply").returncode == 0
    made.publish("Placed", "Lost")
    made.write("count: int = 0\n    note: str = ''")
    made.publish("Placed")
    return made


@pytest.fixture
def registry(project: Project) -> Iterator[None]:
    """The registry that we serve over the topic, named in the project's environment."""
    serving = subprocess.Popen(
        [PENSTOCK, "registry", "serve", "--port", "0"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        project.environment["PENSTOCK_SCHEMA_REGISTRY"] = serving.stdout.readline().split()[-1]
        yield
    finally:
        serving.terminate()
        serving.communicate(timeout=LIMIT_S)


def test_the_topic_is_listed_and_shown(project: Project) -> None:
    """With all versions, whoever has published them; and an old one by its fingerprint."""
    rows = {each["type"]: each for each in project.json("schema", "list", "--from", "topic")}
    placed, lost = f"{project.namespace}.Placed", f"{project.namespace}.Lost"
    assert (rows[placed]["versions"], rows[lost]["versions"]) == (2, 1)
    assert rows[placed]["topic"] == project.orders
    shown = project.json("schema", "show", placed, "--from", "topic")
    assert [each["version"] for each in shown["versions"]] == [1, 3]
    assert {each["subject"] for each in shown["versions"]} == {f"{project.orders}-value"}
    old = shown["versions"][0]["fingerprint"]
    then = project.json("schema", "show", old, "--from", "topic")
    assert [each["name"] for each in then["schema"]["fields"]] == ["order_id", "count"]
    told = project.json("schema", "diff", old, shown["fingerprint"], "--from", "topic")
    assert [each["text"] for each in told["changes"]] == ['added with the default ""']


def test_a_check_against_the_topic_says_what_publishing_would(project: Project) -> None:
    """By the level of the topic, against all versions; nothing is written by it."""
    assert project.states("topic", 0) == {"Placed": "unchanged", "Lost": "unchanged"}
    project.write("count: int = 0\n    text: str")
    assert project.states("topic", 4) == {"Placed": "incompatible", "Lost": "unchanged"}
    told = project.run("schema", "check", "--against", "topic").stdout
    assert "all that version 1 wrote" in told
    assert "all that version 3 wrote" in told
    refused = project.run(
        "publish", f"{project.namespace}.Placed", '{"order_id": "o-1", "text": "x"}'
    )
    assert refused.returncode == 4, refused.stderr
    project.write("count: int = 0\n    text: str = ''")
    assert project.states("topic", 0) == {"Placed": "compatible", "Lost": "unchanged"}
    rows = {each["type"]: each for each in project.json("schema", "list", "--from", "topic")}
    assert rows[f"{project.namespace}.Placed"]["versions"] == 2


def test_a_check_against_a_registry_says_the_same(project: Project, registry: None) -> None:
    """Over HTTP, from the registry that we serve."""
    del registry
    assert project.states("registry", 0) == {"Placed": "unchanged", "Lost": "unchanged"}
    project.write("count: int = 0\n    text: str")
    assert project.states("registry", 4) == {"Placed": "incompatible", "Lost": "unchanged"}
    rows = {each["type"]: each for each in project.json("schema", "list", "--from", "registry")}
    assert rows[f"{project.namespace}.Placed"]["versions"] == 2
    shown = project.json("schema", "show", f"{project.namespace}.Placed", "--from", "registry")
    assert [each["version"] for each in shown["versions"]] == [1, 3]
