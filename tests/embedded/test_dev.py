"""`penstock dev` as a person uses it: a project, its processes, mistakes, and the end.

Needs neither Java nor Docker: the broker is the embedded one.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

import pytest

from penstock.infra.demo_project import PACKAGE, copy_example
from penstock.infra.embedded_meeting import join_or_host
from penstock.infra.progress_store import is_alive

LIMIT_S: Final = 60.0
"""Longest wait for anything; seconds are usual."""
PENSTOCK: Final = (sys.executable, "-P", "-m", "penstock.infra.cli")
ALL: Final = 8
"""Processes of a session of the example: five workers, its saga, a broker and a Redis."""
GOOD_ORDER: Final = 1
"""Line of the example's orders that is served, whatever else happens."""

pytestmark = pytest.mark.timeout(300)


@final
class Dev:
    """A session in a folder of its own."""

    def __init__(self, project: Path, runtime: Path, *options: str) -> None:
        """Start it."""
        self.project = project
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")},
            "XDG_RUNTIME_DIR": str(runtime),
            "PENSTOCK_KAFKA": "embedded",
            "COLUMNS": "80",
        }
        self.log = runtime / "dev.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PENSTOCK, "dev", *options],
                cwd=project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return the log so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, *, after: int = 0) -> int:
        """Wait until something stands in the log, and return where it ends.

        Args:
            text: a regular expression.
            after: characters of the log that are passed over.
        """
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            log = self.said()
            if found := re.compile(text, re.MULTILINE).search(log, after):
                return found.end()
            assert self.process.poll() is None, f"it has ended:\n{log}"
            time.sleep(0.05)
        message = f"waited in vain for {text!r}:\n{self.said()}"
        raise AssertionError(message)

    def penstock(self, *arguments: str) -> str:
        """Run a command in another terminal."""
        done = self.elsewhere(*arguments)
        assert done.returncode == 0, done.stderr + self.said()
        return done.stdout

    def elsewhere(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in another terminal, whatever comes of it."""
        return subprocess.run(
            [*PENSTOCK, *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def children(self) -> dict[str, int]:
        """Return its processes by the end of their command lines: `run saga`, and so on."""
        listed = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args=", "-ww"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        pairs = (line.split(maxsplit=1) for line in listed.splitlines())
        return {args.partition("penstock.infra.cli ")[2] or args: int(pid) for pid, args in pairs}

    def end(self) -> int:
        """Press Ctrl-C, and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, as a user would have it."""
    folder = tmp_path / "project"
    folder.mkdir()
    copy_example(folder)
    return folder


@contextmanager
def running(project: Path, *options: str) -> Iterator[Dev]:
    """Run a session, and leave nothing of it, whatever the test found."""
    runtime = project.parent / "runtime"
    runtime.mkdir(exist_ok=True)
    dev = Dev(project, runtime, *options)
    try:
        yield dev
    finally:
        dev.process.kill()
        dev.process.wait(LIMIT_S)


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def test_a_day_with_dev(project: Path) -> None:
    """An order through all services; an edit; a mistake and its mending; a kill; Ctrl-C."""
    stock = project / PACKAGE / "stock.py"
    with running(project, "--reload") as dev:
        dev.wait_for(r"^dev +\| Kafka +127\.0\.0\.1:\d+ ")
        dev.wait_for(r"^dev +\| Redis +redis://127\.0\.0\.1:\d+ ")
        dev.wait_for(r"^dev +\| Topics are as declared; [1-9]\d* were made")
        dev.wait_for(r"^dev +\| started totals, stock, payments, shipping, reporting, sagas; files")
        dev.wait_for(r"^dev +\|   PENSTOCK_KAFKA=embedded penstock publish shop\.OrderPlaced '")

        # An order, by the command that a person would type, ends its saga.
        orders = (project / "orders.jsonl").read_text().splitlines()
        dev.penstock("publish", "shop.OrderPlaced", orders[GOOD_ORDER - 1])
        eventually(
            lambda: (
                re.search("COMPLETED|COMPENSATED", dev.penstock("saga", "list", "order"))
                is not None
            ),
            "the saga's end",
        )

        # An edit restarts the processes that are made of that file, and no others.
        before = dev.children()
        dev.wait_for(r"^stock +\|.* worker stock started")
        place = len(dev.said())
        stock.write_text(f"{stock.read_text()}\nprint('edited', flush=True)\n")
        place = dev.wait_for(r"^dev +\| changed: shop/stock\.py", after=place)
        place = dev.wait_for(r"^dev +\| restarting stock$", after=place)
        place = dev.wait_for(r"^stock +\| edited", after=place)
        place = dev.wait_for(r"^stock +\|.* worker stock started", after=place)
        after = dev.children()
        changed = {name for name in before if before[name] != after.get(name)}
        assert changed == {"run worker shop.stock:worker"}

        # A mistake is told with its line, and everything goes on as it was.
        good = stock.read_text()
        stock.write_text(f"{good}def broken(:\n")
        line = len(good.splitlines()) + 1
        place = dev.wait_for(rf"^dev +\| PEN-I5 .*SyntaxError.*stock\.py:{line}", after=place)
        place = dev.wait_for(r"^dev +\| nothing is restarted", after=place)
        assert dev.children() == after
        stock.write_text(good)
        place = dev.wait_for(r"^dev +\| restarting stock$", after=place)
        place = dev.wait_for(r"^stock +\|.* worker stock started", after=place)

        # A process that was killed comes back.
        victim = "run worker shop.payments:worker"
        os.kill(dev.children()[victim], signal.SIGKILL)
        place = dev.wait_for(r"^dev +\| payments was killed by SIGKILL: it starts", after=place)
        place = dev.wait_for(r"^payments +\|.* worker payments started", after=place)

        children = dev.children()
        assert len(children) == ALL
        assert dev.end() == 0
        assert dev.said().splitlines()[-1] == "dev       | all has ended"
        assert not [pid for pid in children.values() if is_alive(pid)]


def test_a_worker_that_fails_at_its_start_waits_for_a_change(project: Path) -> None:
    """What does not mend itself is not tried again and again; a new topic is made on the way."""
    stock, events = (project / PACKAGE / name for name in ("stock.py", "events.py"))
    good = stock.read_text()
    stock.write_text(f"{good}\nimport os\nif 'run' in __import__('sys').argv: os._exit(3)\n")
    with running(project, "--reload") as dev:
        place = dev.wait_for(r"^dev +\| stock ended with 3 \(configuration\): it waits")
        dev.wait_for(r"^dev +\| next, in another terminal")
        assert "run worker shop.stock:worker" not in dev.children()
        events.write_text(
            f"{events.read_text()}\n\n"
            "class Late(Event, topic=Topic('shop.late'), key='order_id'):\n"
            "    order_id: str\n"
        )
        stock.write_text(good)
        place = dev.wait_for(r"^dev +\| Topics are as declared; 1 were made", after=place)
        place = dev.wait_for(r"^dev +\| restarting .*stock", after=place)
        dev.wait_for(r"^stock +\|.* worker stock started", after=place)
        assert dev.end() == 0


def test_nothing_is_left_when_it_is_killed(project: Path) -> None:
    """Kill -9 of the session: broker, Redis, workers and sagas go with it."""
    with running(project) as dev:
        dev.wait_for(r"^dev +\| next, in another terminal")
        eventually(lambda: len(dev.children()) == ALL, "all processes")
        children = dev.children()
        dev.process.kill()
        eventually(lambda: not any(map(is_alive, children.values())), "the end of all")


def test_a_second_signal_kills(project: Path) -> None:
    """Who does not want to wait for drains need not: 130, and nothing is left."""
    slow = project / PACKAGE / "stock.py"
    slow.write_text(
        f"{slow.read_text()}\nimport signal, sys, time\n"
        "if 'run' in sys.argv:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print('hanging', flush=True)\n"
        "    time.sleep(1000)\n"
    )
    with running(project) as dev:
        dev.wait_for(r"^stock +\| hanging")
        children = dev.children()
        dev.process.send_signal(signal.SIGINT)
        dev.wait_for(r"^dev +\| stopping; once more")
        assert dev.end() == 130
        assert not [pid for pid in children.values() if is_alive(pid)]


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    """At once, and before anything is started."""
    (tmp_path / "empty").mkdir()
    with running(tmp_path / "empty") as dev:
        assert dev.process.wait(LIMIT_S) == 3
        assert dev.said().startswith("penstock: PEN-I147 There is no project")


def test_a_second_session_of_a_project_is_refused(project: Path) -> None:
    """It would run each worker twice; the first one goes on, and its end makes room."""
    with running(project) as dev:
        dev.wait_for(r"^dev +\| Kafka ")
        for options in ((), ("--port", "0"), ("--data", "records")):
            second = dev.elsewhere("dev", *options)
            assert second.returncode == 3, second.stdout
            assert second.stderr.startswith("penstock: PEN-I142 This project runs already")
            assert f"process {dev.process.pid}." in second.stderr
        dev.wait_for(r"^dev +\| next, in another terminal")
        dev.process.kill()
        dev.process.wait(LIMIT_S)
    with running(project) as dev:
        dev.wait_for(r"^dev +\| next, in another terminal")
        assert dev.end() == 0


def test_a_broker_that_is_there_is_used_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wishes for another port or folder is told whose it is."""
    runtime = project.parent / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    meeting = join_or_host(project)
    assert meeting.hosted is not None
    try:
        with running(project, "--data", "records") as dev:
            assert dev.process.wait(LIMIT_S) == 3
            assert (
                f"PEN-I148 The project has an embedded broker already, at {meeting.bootstrap}"
                in (dev.said())
            )
            assert f"End process {os.getpid()}," in dev.said()
        with running(project) as dev:
            dev.wait_for(rf"^dev +\| Kafka +{meeting.bootstrap} +\(an embedded broker that ran")
            dev.wait_for(r"^dev +\| next, in another terminal")
            assert dev.end() == 0
        assert meeting.hosted.statistics().running
    finally:
        meeting.hosted.stop()


def test_redis_comes_back_and_without_its_broker_a_session_ends(project: Path) -> None:
    """Redis keeps nothing anyway; what the broker held in memory is gone."""
    with running(project) as dev:
        dev.wait_for(r"^dev +\| next, in another terminal")
        eventually(lambda: len(dev.children()) == ALL, "all processes")
        children = dev.children()
        (redis,) = (name for name in children if "redis" in name)
        (broker,) = (name for name in children if "penstock.infra.embedded " in name)
        os.kill(children[redis], signal.SIGKILL)
        dev.wait_for(r"^dev +\| Redis has ended, and starts again, empty")
        eventually(lambda: dev.children().get(redis, children[redis]) != children[redis], "Redis")
        children = dev.children()
        os.kill(children[broker], signal.SIGKILL)
        assert dev.process.wait(LIMIT_S) == 5
        assert "penstock: PEN-I149 The embedded broker has ended" in dev.said()
        assert not [pid for pid in children.values() if is_alive(pid)]


def test_records_are_kept_in_a_folder(project: Path) -> None:
    """With --data the next session goes on where the last one ended."""
    with running(project, "--data", "records") as dev:
        dev.wait_for(r"^dev +\| next, in another terminal")
        order = (project / "orders.jsonl").read_text().splitlines()[GOOD_ORDER - 1]
        dev.penstock("publish", "shop.OrderPlaced", order)
        eventually(lambda: "order/" in dev.penstock("saga", "list", "order"), "the saga")
        assert dev.end() == 0
    with running(project, "--data", "records") as dev:
        dev.wait_for(r"^dev +\| Topics are as declared; 0 were made")
        assert "order/" in dev.penstock("saga", "list", "order")
        assert dev.end() == 0
