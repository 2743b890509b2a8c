"""The command line on a real Kafka, as its users type it: what it prints, and how it exits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.infra.testing.fault_proxy import FaultProxy

PENSTOCK = str(Path(sys.executable).parent / "penstock")
LIMIT_S = 60.0

MODULE = """
from decimal import Decimal
from typing import Annotated

from penstock.events import Event, Record, Topic, money
from penstock.workers import Delivery, Worker

__namespace__ = "shop"

PLACED = Topic("{orders}", partitions=2)
COUNTS = Topic("{counts}", partitions=2)


class Placed(Event, topic=PLACED, key="order_id"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class Counted(Event, topic=COUNTS, key="order_id"):
    order_id: str
    orders: int


class Count(Record):
    orders: int


counts = Worker("counts")


@counts.on(Placed, state=Count)
async def count(placed: Placed, delivery: Delivery) -> Counted:
    table = delivery.state(Count)
    before = table.get("all") or Count(orders=0)
    table.put("all", Count(orders=before.orders + 1))
    return Counted(order_id=placed.order_id, orders=before.orders + 1)
"""


class Project:
    """A user's folder with events and a worker, and the command line run in it."""

    def __init__(self, folder: Path, kafka: str, unique: Callable[[str], str]) -> None:
        """Write the folder."""
        self.folder = folder
        self.app = unique("app")
        self.orders, self.counts = f"shop.{unique('orders')}", f"shop.{unique('counts')}"
        text = MODULE.format(orders=self.orders, counts=self.counts)
        (folder / "shop_events.py").write_text(text)
        (folder / "pyproject.toml").write_text(
            f'[tool.penstock]\napp = "{self.app}"\nmodules = ["shop_events"]\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
        self.environment = {
            **kept,
            "PENSTOCK_KAFKA": kafka,
            "PENSTOCK_SESSION_TIMEOUT_S": "6",
            "PENSTOCK_PROGRESS_FILE": str(folder / "progress.json"),
        }

    def run(self, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        return subprocess.run(
            [PENSTOCK, *words],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def start_worker(self) -> "subprocess.Popen[str]":
        """`penstock run worker` in the background."""
        return subprocess.Popen(
            [PENSTOCK, "run", "worker", "shop_events:counts"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def healthy_within(self, limit_s: float) -> "subprocess.CompletedProcess[str]":
        """Ask for health until it is good, or the limit is met."""
        deadline = time.monotonic() + limit_s
        while True:
            answer = self.run("health", "--file", self.environment["PENSTOCK_PROGRESS_FILE"])
            if answer.returncode == 0 or time.monotonic() > deadline:
                return answer


@pytest.fixture
def project(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> Project:
    """A project of its own, on the shared Kafka."""
    return Project(tmp_path, kafka, unique)


@pytest.fixture
def applied(project: Project) -> Project:
    """The same, with its topics made."""
    made = project.run("topic", "apply")
    assert made.returncode == 0, made.stderr
    return project


def assert_one_line(answer: "subprocess.CompletedProcess[str]", code: str, exit_code: int) -> None:
    """One clear message with a code, the exit code, no traceback."""
    assert answer.returncode == exit_code, answer.stderr
    assert "Traceback" not in answer.stderr + answer.stdout
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith(f"penstock: {code} "), answer.stderr


def test_plan_says_what_apply_then_makes_and_a_second_plan_is_empty(project: Project) -> None:
    """Input, output, dead letters and changelog, all by their declarations."""
    planned = project.run("topic", "plan", "-o", "json")
    names = {step["topic"] for step in json.loads(planned.stdout)}
    assert {
        project.orders,
        project.counts,
        f"{project.orders}.{project.app}.counts.dlq",
        f"_penstock.{project.app}.changelog.counts.{project.orders}",
    } <= names
    assert project.run("topic", "apply").returncode == 0
    again = project.run("topic", "plan", "-o", "json")
    assert (json.loads(again.stdout), again.returncode) == ([], 0)


def test_a_worker_counts_what_is_published_and_drains_on_sigterm(applied: Project) -> None:
    """One event, a file of events, health, SIGTERM, exit 0."""
    one = applied.run("publish", "shop.Placed", '{"order_id": "o-1", "total": 19.99}')
    assert one.returncode == 0, one.stderr
    lines = "".join(f'{{"order_id": "o-{n}", "total": "1.00"}}\n' for n in range(2, 101))
    (applied.folder / "orders.jsonl").write_text(lines)
    many = applied.run("publish", "shop.Placed", "--from", "orders.jsonl")
    assert many.returncode == 0, many.stderr
    worker = applied.start_worker()
    try:
        healthy = applied.healthy_within(30.0)
        assert healthy.returncode == 0, healthy.stdout + healthy.stderr
        deadline = time.monotonic() + 30.0
        while (done := _records(applied)) < 100:
            assert time.monotonic() < deadline, f"{done} of 100"
            time.sleep(0.2)
    finally:
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=LIMIT_S)
    assert worker.returncode == 0, output
    assert "Traceback" not in output


def _records(project: Project) -> int:
    report = Path(project.environment["PENSTOCK_PROGRESS_FILE"])
    if not report.exists():
        return 0
    partitions = json.loads(report.read_text())["partitions"]
    return sum(each["standing"]["records"] for each in partitions)


def test_a_missing_topic_is_told_at_start(
    project: Project, kafka: str, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    """Nothing is created by the way, and nothing is half done."""
    neighbours = tmp_path / "neighbours"
    neighbours.mkdir()
    made = Project(neighbours, kafka, unique).run("topic", "apply")
    assert made.returncode == 0, made.stderr  # the topic of schemas, which is asked for first
    answer = project.run("run", "worker", "shop_events:counts")
    assert_one_line(answer, "PEN-E14", 3)
    assert project.orders in answer.stderr


def test_a_wrong_cleanup_policy_is_refused_at_start(applied: Project) -> None:
    """A changelog that deletes by age would lose state."""
    changelog = f"_penstock.{applied.app}.changelog.counts.{applied.orders}"
    _alter(applied, changelog, "cleanup.policy", "delete")
    answer = applied.run("run", "worker", "shop_events:counts")
    assert_one_line(answer, "PEN-E14", 3)
    assert changelog in answer.stderr


def _alter(project: Project, topic: str, entry: str, value: str) -> None:
    script = (
        "import asyncio, sys\n"
        "from penstock.infra.kafka.connection import KafkaConnection\n"
        "from penstock.infra.kafka.topics import KafkaTopics\n"
        "async def main(bootstrap, topic, entry, value):\n"
        "    topics = KafkaTopics(KafkaConnection(bootstrap=bootstrap))\n"
        "    await topics.start()\n"
        "    await topics.configure(topic, {entry: value})\n"
        "    await topics.close()\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    bootstrap = project.environment["PENSTOCK_KAFKA"]
    subprocess.run([sys.executable, "-c", script, bootstrap, topic, entry, value], check=True)


def test_an_event_that_does_not_fit_publishes_nothing(applied: Project) -> None:
    """All problems at once, exit 7; of a file nothing is published if one line is wrong."""
    answer = applied.run("publish", "shop.Placed", '{"order_id": 7, "total": "19.999", "x": 1}')
    assert answer.returncode == 7
    assert all(word in answer.stderr for word in ("order_id", "total", "x"))
    lines = '{"order_id": "o-1", "total": "1.00"}\n{"order_id": "o-2"}\n'
    (applied.folder / "orders.jsonl").write_text(lines)
    assert applied.run("publish", "shop.Placed", "--from", "orders.jsonl").returncode == 7
    event = '{"order_id": "o-3", "total": "1.00"}'
    good = applied.run("publish", "shop.Placed", event, "-o", "json")
    assert json.loads(good.stdout)["offset"] == 0, "it is the first"


def test_an_optimised_python_is_refused(applied: Project) -> None:
    """The client's guards are assertions."""
    applied.environment["PYTHONOPTIMIZE"] = "1"
    assert_one_line(applied.run("run", "worker", "shop_events:counts"), "PEN-I2", 3)


def test_two_workers_with_one_name_are_refused(applied: Project) -> None:
    """They would take each other's partitions."""
    (applied.folder / "other.py").write_text(
        'from penstock.workers import Worker\nagain = Worker("counts")\n'
    )
    text = (applied.folder / "pyproject.toml").read_text()
    text = text.replace('["shop_events"]', '["shop_events", "other"]')
    (applied.folder / "pyproject.toml").write_text(text)
    answer = applied.run("topic", "plan")
    assert answer.returncode == 3
    assert "counts" in answer.stderr


def test_a_broker_that_is_not_there_is_told_within_seconds(project: Project) -> None:
    """Exit 5, whatever the command."""
    project.environment["PENSTOCK_KAFKA"] = "127.0.0.1:1"
    for words in (
        ("run", "worker", "shop_events:counts"),
        ("topic", "plan"),
        ("publish", "shop.Placed", '{"order_id": "o", "total": "1.00"}'),
    ):
        begun = time.monotonic()
        assert_one_line(project.run(*words), "PEN-I20", 5)
        assert time.monotonic() - begun < 15.0


def test_a_worker_that_gives_up_says_why_and_exits_eight(
    fault_proxy: FaultProxy, tmp_path: Path, unique: Callable[[str], str], direct_kafka: str
) -> None:
    """Every EndTxn is cut: five doubts, then the reason."""
    project = Project(tmp_path, direct_kafka, unique)
    assert project.run("topic", "apply").returncode == 0
    project.environment["PENSTOCK_KAFKA"] = fault_proxy.address
    faults = [fault_proxy.drop_answer(26, then="cut") for _ in range(40)]
    assert faults
    answer = project.run("run", "worker", "shop_events:counts")
    assert_one_line(answer, "PEN-W21", 8)
    assert "5 doubts" in answer.stderr
