"""The command line of sagas on a real Kafka, as operators type it: what it prints, how it exits.

The orchestrator and the services are processes of their own. What the services answer is decided by
the words in an order's number: see MODULE.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from penstock.infra.cli.datum_json import BadData
from penstock.infra.cli.saga_requests import RequestRefused
from penstock.infra.sagas.address import UnknownSaga, UnknownSagaKey
from penstock.infra.sagas.operations import NoAnswer
from penstock.infra.sagas.reading import NoVersion
from penstock.schemas.errors import PenstockError

pytestmark = pytest.mark.timeout(240)

PENSTOCK: Final = str(Path(sys.executable).parent / "penstock")
LIMIT_S: Final = 60.0

MODULE: Final = """
from decimal import Decimal
from typing import Annotated

from penstock.events import Command, Event, Record, Reply, Topic, money
from penstock.workers import Delivery, Failed, Refused, Worker

__namespace__ = "desk"

PLACED = Topic("{placed}", partitions=2)
COMMANDS = Topic("{commands}", partitions=2)
TURNED = Topic("{turned}", partitions=2)


class Placed(Event, topic=PLACED, key="order_id"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class TurnedBack(Event, topic=TURNED, key="order_id"):
    order_id: str
    step: str
    code: str


class Reserve(Command, topic=COMMANDS, key="order_id"):
    order_id: str


class Release(Command, topic=COMMANDS, key="order_id"):
    order_id: str


class Charged(Reply):
    charge: str
    fee: Annotated[Decimal, money(12, 2)]


class Charge(Command, topic=COMMANDS, key="order_id", reply=Charged):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class Note(Command, topic=COMMANDS, key="order_id"):
    order_id: str
    charge: str


services = Worker("services")


@services.command(Reserve)
async def reserve(command: Reserve, delivery: Delivery) -> None:
    if "none-left" in command.order_id:
        raise Refused("none_left", "the shelf is\\nempty")


@services.command(Release, undoes=Reserve)
async def release(command: Release, delivery: Delivery) -> None:
    if "stuck" in command.order_id:
        raise Refused("shelf_gone")


@services.command(Charge)
async def charge(command: Charge, delivery: Delivery) -> Charged:
    if "stuck" in command.order_id:
        raise Refused("no_funds")
    if "broken" in command.order_id:
        raise Failed("bank_down", "no such bank", retryable=False)
    return Charged(charge="c-1", fee=Decimal("0.10"))


@services.command(Note)
async def note(command: Note, delivery: Delivery) -> None:
    pass
"""
SAGA: Final = """
saga: order
version: 1
input: desk.Placed
key: $.input.order_id
deadline: 5m
steps:
  - name: reserve
    call: desk.Reserve
    with: {order_id: $.input.order_id}
    undo: {call: desk.Release, with: {order_id: $.input.order_id}}
  - name: charge
    call: desk.Charge
    with: {order_id: $.input.order_id, total: $.input.total}
    pivot: true
  - name: note
    call: desk.Note
    with: {order_id: $.input.order_id, charge: $.steps.charge.charge}
compensated:
  emit: desk.TurnedBack
  with: {order_id: $.input.order_id, step: $.failure.step, code: $.failure.code}
"""

Done = subprocess.CompletedProcess[str]


class Desk:
    """A user's folder with a saga and its services, and the command line run in it."""

    def __init__(self, folder: Path, kafka: str, unique: Callable[[str], str]) -> None:
        """Write the folder, and make its topics."""
        self.folder = folder
        names = {each: unique(f"desk.{each}") for each in ("placed", "commands", "turned")}
        (folder / "desk.py").write_text(MODULE.format(**names))
        (folder / "order.saga.yaml").write_text(SAGA)
        (folder / "pyproject.toml").write_text(
            f'[tool.penstock]\napp = "{unique("app")}"\nmodules = ["desk"]\n'
            'sagas = ["order.saga.yaml"]\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
        self.environment = {
            **kept,
            "PENSTOCK_KAFKA": kafka,
            "PENSTOCK_SESSION_TIMEOUT_S": "6",
            "PENSTOCK_SAGA_PARTITIONS": "2",
        }
        applied = self.run("topic", "apply")
        assert applied.returncode == 0, applied.stderr

    def run(self, *words: str) -> Done:
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

    def json(self, *words: str) -> Any:
        """What a command that goes well prints as JSON."""
        done = self.run(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, key: str) -> str:
        """Start an order; return the answer."""
        answer = self.json("saga", "start", "order", order(key))["answer"]
        assert isinstance(answer, str)
        return answer

    def reaches(self, key: str, phase: str) -> Any:
        """Wait until an order stands there; return all about it."""
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            shown = self.json("saga", "show", f"order/{key}")
            if shown["phase"] == phase:
                return shown
            assert time.monotonic() < deadline_s, shown

    @contextmanager
    def running(self, *words: str) -> Iterator[None]:
        """Run a process in the background; it drains at the end."""
        with subprocess.Popen(
            [PENSTOCK, "run", *words],
            cwd=self.folder,
            env={**self.environment, "PENSTOCK_PROGRESS_FILE": "off"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                output, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, output


def order(key: str, total: str = "19.99") -> str:
    """The input of an order."""
    return json.dumps({"order_id": key, "total": total})


def assert_refused(done: Done, error: type[PenstockError], exit_code: int, *parts: str) -> None:
    """One line with the error's code and these words."""
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"penstock: {error.code} "), done.stderr
    for part in parts:
        assert part in done.stderr
    assert done.stdout == ""


@pytest.fixture
def desk(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> Desk:
    """A project of its own, on the shared Kafka."""
    return Desk(tmp_path, kafka, unique)


def test_a_saga_is_started_shown_and_listed(desk: Desk) -> None:
    """From nothing deployed to COMPLETED; answers and exit codes on the way."""
    assert_refused(desk.run("saga", "start", "order", order("o-1")), NoVersion, 7, "run saga")
    assert desk.run("saga", "list").stdout == "No saga is remembered.\n"
    with desk.running("saga"), desk.running("worker", "desk:services"):
        _wait_until_deployed(desk)
        assert desk.start("o-1") == "ACCEPTED"
        assert desk.start("o-1") == "ALREADY"
        assert_refused(
            desk.run("saga", "start", "order", order("o-1", "20.00")), RequestRefused, 7, "CONFLICT"
        )
        assert_refused(
            desk.run("saga", "start", "order", '{"order_id": "o-2"}'), BadData, 7, "total"
        )
        shown = desk.reaches("o-1", "COMPLETED")
        assert [step["status"] for step in shown["steps"]] == ["DONE"] * 3
        assert shown["announced"] is None
        assert desk.start("none-left") == "ACCEPTED"
        assert desk.reaches("none-left", "COMPENSATED")["announced"] == "PUBLISHED"
        too_late = desk.run("saga", "cancel", "o-1", "--reason", "too late")
        assert_refused(too_late, RequestRefused, 7, "TOO_LATE", "it has ended")
        never = desk.run("saga", "cancel", "order/o-9", "--reason", "never was")
        assert_refused(never, UnknownSagaKey, 7, "There is no saga order/o-9")
    # What there is can be looked at whether an orchestrator runs or not.
    text = desk.run("saga", "show", "none-left").stdout
    assert text.startswith("order/none-left is COMPENSATED\n")
    assert r"reserve: refused (none_left: the shelf is\nempty)" in text
    assert "  announced   desk.TurnedBack\n" in text
    assert "the saga says so: desk.TurnedBack" in text
    rows = desk.json("saga", "list")
    assert [(row["id"], row["phase"]) for row in rows] == [
        ("order/o-1", "COMPLETED"),
        ("order/none-left", "COMPENSATED"),
    ]
    assert desk.json("saga", "list", "order", "--phase", "completed") == rows[:1]
    assert_refused(desk.run("saga", "show", "ordr/o-1"), UnknownSaga, 7, "Did you mean order?")
    assert_refused(desk.run("saga", "show", "o-9"), UnknownSagaKey, 7)


def test_an_operator_decides_about_parked_sagas(desk: Desk) -> None:
    """A stuck undo and a broken pivot; what is not possible is refused with what is."""
    with desk.running("saga"), desk.running("worker", "desk:services"):
        _wait_until_deployed(desk)
        desk.start("stuck")
        desk.start("broken")
        parked = desk.reaches("stuck", "PARKED")["parked"]
        assert (parked["step"], parked["direction"]) == ("reserve", "undo")
        assert parked["possible"] == ["retry", "skip", "mark-undone"]
        why = ("--reason", "looked it up", "--actor", "ann")
        wrong = desk.run("saga", "mark-done", "stuck", "reserve", *why)
        assert_refused(wrong, RequestRefused, 7, "NOT_POSSIBLE", "retry, skip, mark-undone")
        assert desk.json("saga", "retry", "stuck", "reserve", *why)["answer"] == "ACCEPTED"
        desk.reaches("stuck", "PARKED")
        done = desk.run("saga", "mark-undone", "stuck", "reserve", *why)
        assert done.stdout.startswith("order/stuck: mark-undone reserve accepted; it is "), done
        shown = desk.reaches("stuck", "COMPENSATED")
        acts = [each for each in shown["history"] if each["kind"] == "OPERATED"]
        assert [act["text"] for act in acts] == ["ann: looked it up"] * 3

        assert desk.reaches("broken", "PARKED")["parked"]["code"] == "not_retryable"
        missing = desk.run("saga", "mark-done", "broken", "charge", *why)
        assert_refused(missing, RequestRefused, 7, "desk.Charged")
        unfit = desk.run("saga", "mark-done", "broken", "charge", *why, "--data", '{"fee": "x"}')
        assert_refused(unfit, BadData, 7, "charge: it is missing", "fee: ")
        data = ("--data", '{"charge": "c-7", "fee": "0.25"}')
        answer = desk.json("saga", "mark-done", "broken", "charge", *why, *data)
        assert answer["answer"] == "ACCEPTED"
        desk.reaches("broken", "COMPLETED")


def test_a_request_without_an_orchestrator_waits_in_the_inbox(desk: Desk) -> None:
    """Exit 5 in bounded time; it is taken when one runs."""
    with desk.running("saga"):
        _wait_until_deployed(desk)
    begun_s = time.monotonic()
    done = desk.run("saga", "start", "order", order("o-1"), "--timeout", "2")
    assert_refused(done, NoAnswer, 5, "within 2 s", "stands in the inbox")
    assert time.monotonic() - begun_s < 20.0
    assert_refused(desk.run("saga", "show", "o-1"), UnknownSagaKey, 7)
    with desk.running("saga"):
        deadline_s = time.monotonic() + LIMIT_S
        while not (rows := desk.json("saga", "list")):
            assert time.monotonic() < deadline_s
        assert [(row["id"], row["step"]) for row in rows] == [("order/o-1", "reserve")]


def _wait_until_deployed(desk: Desk) -> None:
    """Wait until the orchestrator answers; a cancel of nothing changes nothing."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        done = desk.run("saga", "cancel", "order/nobody", "--reason", "are you there?")
        if done.returncode == 7:
            return
        assert time.monotonic() < deadline_s, done.stderr
