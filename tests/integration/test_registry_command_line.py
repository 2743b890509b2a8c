"""`penstock registry` on a real Redis, and a real worker that it shows."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.redis.keys import redis_key
from penstock.infra.registry.instance_codec import encode_instance
from tests.infra.cli.shop import Shop
from tests.infra.registry.instances import an_instance
from tests.integration.test_command_line import PENSTOCK, Project

LIMIT_S = 60.0

IMPORTS = "import asyncio\nfrom pathlib import Path\n"
TABLE = "    table = delivery.state(Count)\n"
WAITS = """
    Path("begun").touch()
    while not Path("go").exists():
        await asyncio.sleep(0.01)
"""


class Board:
    """A registry whose entries are written by hand, and the command line on it."""

    def __init__(self, shop: Shop, redis: str, app: str) -> None:
        """Begin empty."""
        self.shop = shop
        self.app = app
        self.variables = {"PENSTOCK_REDIS": redis, "PENSTOCK_APP": app}
        self.client = Redis.from_url(redis)

    def put(self, service: str, name: str, entry: bytes | None = None) -> None:
        """Write an entry; of an instance where none is given."""
        if entry is None:
            entry = encode_instance(an_instance(service=service, id=name))
        self.client.hset(self._key(service, "entries"), name, entry)
        self.client.zadd(self._key(service, "leases"), {name: 1e15})
        self.client.zadd(redis_key(self.app, "registry", "services"), {service: 1e15})

    def spoil(self, service: str) -> None:
        """Put a text where its leases belong."""
        self.client.set(self._key(service, "leases"), "text")
        self.client.zadd(redis_key(self.app, "registry", "services"), {service: 1e15})

    def clear(self) -> None:
        """Remove everything."""
        for key in self.client.scan_iter(f"penstock:{self.app}:*"):
            self.client.delete(key)
        self.client.close()

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `penstock registry ...`."""
        return self.shop.run("registry", *words, variables=self.variables)

    def _key(self, service: str, part: str) -> str:
        return redis_key(self.app, "registry", f"{{{service}}}", part)


@pytest.fixture
def board(redis: str, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Board]:
    """A registry of its own on the shared Redis; no broker answers."""
    with LoopbackPort() as port:
        board = Board(Shop.made_in(tmp_path, port.address), redis, unique("app"))
        yield board
        board.clear()


def test_an_empty_registry(board: Board) -> None:
    """It says so, in words and in JSON."""
    assert board.run("list").stdout == "No instance is registered.\n"
    assert board.run("list", "orders").stdout == "No orders is registered.\n"
    done = board.run("list", "-o", "json")
    assert (json.loads(done.stdout), done.returncode) == ([], 0)


def test_all_services_or_one(board: Board) -> None:
    """In the order of names; the started time is one that people read."""
    board.put("orders", "b")
    board.put("orders", "a")
    board.put("saga-order", "s")
    done = board.run("list")
    assert done.returncode == 0, done.stderr
    head, *lines = (line.split() for line in done.stdout.splitlines())
    assert head == ["SERVICE", "INSTANCE", "STATUS", "HOST", "PID", "STARTED", "VERSION"]
    assert [line[:3] for line in lines] == [
        ["orders", "a", "up"],
        ["orders", "b", "up"],
        ["saga-order", "s", "up"],
    ]
    rows = json.loads(board.run("list", "saga-order", "-o", "json").stdout)
    assert rows == [
        {
            "service": "saga-order",
            "instance": "s",
            "status": "up",
            "host": "host",
            "pid": 7,
            "started": "2023-11-14T22:13:20.000Z",
            "version": "1.0",
        }
    ]


def test_what_cannot_be_read_is_told_and_hides_nobody(board: Board) -> None:
    """One line for each problem, and exit code 7."""
    board.put("orders", "good")
    board.put("orders", "garbage", b"\xff")
    board.put("orders", "bomb", b"[" * 1_000_000)
    board.put("payments", "fine")
    board.spoil("stock")
    done = board.run("list", "-o", "json")
    assert done.returncode == 7
    assert [row["instance"] for row in json.loads(done.stdout)] == ["good", "fine"]
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["PEN-I82", "PEN-I81", "PEN-I81"]
    assert "{stock}:leases" in lines[0]
    assert board.run("list", "stock").returncode == 7


def test_watching_until_ctrl_c(board: Board) -> None:
    """One JSON object a line, as soon as it is so; exit code 130."""
    board.put("orders", "a")
    watching = subprocess.Popen(
        board.shop.command("registry", "watch", "orders", "-o", "json"),
        cwd=board.shop.folder,
        env=board.shop.environment(board.variables),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        joined = json.loads(watching.stdout.readline())
        assert (joined["change"], joined["instance"]) == ("joined", "a")
        board.client.zrem(redis_key(board.app, "registry", "{orders}", "leases"), "a")
        events = redis_key(board.app, "registry", "{orders}", "events")
        board.client.xadd(events, {"what": "left"})
        left = json.loads(watching.stdout.readline())
        assert (left["change"], left["instance"]) == ("left", "a")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(LIMIT_S) == 130
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()


def test_a_worker_registers_drains_and_leaves(
    kafka: str, redis: str, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    """`penstock run worker`, as `penstock registry` shows it, without a word of configuration.

    Its handler holds the drain open: one that is over at once may be missed by whoever watches.
    """
    project = Project(tmp_path, kafka, unique)
    module = tmp_path / "shop_events.py"
    module.write_text(IMPORTS + module.read_text().replace(TABLE, WAITS + TABLE))
    project.environment["PENSTOCK_REDIS"] = redis
    assert project.run("topic", "apply").returncode == 0
    event = '{"order_id": "o-1", "total": "1.00"}'
    assert project.run("publish", "shop.Placed", event).returncode == 0
    watching = subprocess.Popen(
        [PENSTOCK, "registry", "watch", "counts", "-o", "json"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    worker = project.start_worker()
    try:
        assert watching.stdout is not None
        joined = json.loads(watching.stdout.readline())
        assert (joined["change"], joined["status"]) == ("joined", "up")
        assert joined["pid"] == worker.pid
        listed = json.loads(project.run("registry", "list", "-o", "json").stdout)
        assert [(row["service"], row["pid"]) for row in listed] == [("counts", worker.pid)]
        assert project.healthy_within(30.0).returncode == 0
        deadline_s = time.monotonic() + LIMIT_S
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        worker.terminate()
        changed = json.loads(watching.stdout.readline())
        assert (changed["change"], changed["status"]) == ("changed", "draining")
        (tmp_path / "go").touch()
        left = json.loads(watching.stdout.readline())
        assert (left["change"], left["instance"]) == ("left", joined["instance"])
        assert worker.wait(LIMIT_S) == 0
        assert json.loads(project.run("registry", "list", "counts", "-o", "json").stdout) == []
    finally:
        for process in (watching, worker):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
