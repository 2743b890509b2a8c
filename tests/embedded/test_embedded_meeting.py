"""`PENSTOCK_KAFKA=embedded`: real processes of a project meet on one broker."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from penstock.infra.embedded_meeting import MeetingBusy, join_or_host
from penstock.infra.settings import Settings
from penstock.infra.testing import kafka_probe
from tests.infra.cli.shop import Shop
from tests.infra.environment import only

LIMIT_S: Final = 60.0
EMBEDDED: Final = {"PENSTOCK_KAFKA": "embedded"}
MEETS: Final = """
import sys
from penstock.infra.settings import load_settings
print(load_settings().connection().bootstrap, flush=True)
sys.stdin.read()
"""
HOSTS: Final = "an embedded broker at {address}, in memory; it ends with this process"

Meet = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project on the embedded broker; its folder is the run-time folder, too."""
    return Shop.made_in(tmp_path, "embedded")


@pytest.fixture
def meet(shop: Shop) -> Iterator[Meet]:
    """Start a process that asks for the broker, says where it is, and stays."""
    with ExitStack() as processes:

        def start() -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", MEETS],
                cwd=shop.folder,
                env=shop.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.callback(_end, process)
            return process

        yield start


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=LIMIT_S)


def said(process: subprocess.Popen[str]) -> str:
    """Return the address that it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> str:
    """Let it end, and return its complaints."""
    _, complaints = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, complaints
    return complaints


def wait_until_silent(address: str) -> None:
    """Wait until nobody answers there."""
    deadline = time.monotonic() + LIMIT_S
    while kafka_probe.answers(address, timeout_s=1.0):
        assert time.monotonic() < deadline


def test_those_that_come_at_once_share_one_broker(meet: Meet) -> None:
    """One of them hosts it and says so; the others join without a word."""
    processes = [meet() for _ in range(4)]
    addresses = [said(process) for process in processes]
    assert len(set(addresses)) == 1
    assert kafka_probe.answers(addresses[0], timeout_s=LIMIT_S)
    complaints = [ended(process) for process in processes]
    hosts = [each for each in complaints if each]
    assert hosts == [HOSTS.format(address=addresses[0]) + "\n"]


def test_the_broker_ends_with_its_host_and_the_next_one_hosts(meet: Meet) -> None:
    """Kill -9 of the host: what it left in its files is of the past."""
    host = meet()
    address = said(host)
    guest = meet()
    assert said(guest) == address
    host.send_signal(signal.SIGKILL)
    wait_until_silent(address)
    other = meet()
    second = said(other)
    assert kafka_probe.answers(second, timeout_s=LIMIT_S)
    assert HOSTS.format(address=second) in ended(other)
    assert ended(guest) == ""


def test_a_guest_that_ends_takes_nothing_along(meet: Meet) -> None:
    """Only the host's end ends the broker."""
    host, guest = meet(), None
    address = said(host)
    guest = meet()
    said(guest)
    guest.send_signal(signal.SIGKILL)
    guest.wait(LIMIT_S)
    assert kafka_probe.answers(address, timeout_s=LIMIT_S)


def test_projects_do_not_share(meet: Meet, shop: Shop, tmp_path: Path) -> None:
    """Each folder has a broker of its own."""
    address = said(meet())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Shop.made_in(elsewhere, "embedded")
    done = other.run("topic", "plan", variables={"XDG_RUNTIME_DIR": str(shop.folder)})
    assert done.returncode == 0, done.stderr
    assert "an embedded broker at" in done.stderr
    assert address not in done.stderr


def test_commands_and_workers_use_the_broker(meet: Meet, shop: Shop) -> None:
    """Topics are made, an event is published, and a worker handles it; nobody gives an address."""
    said(meet())
    applied = shop.run("topic", "apply")
    assert (applied.returncode, applied.stderr) == (0, ""), applied
    published = shop.run("publish", "shop.OrderPlaced", '{"order_id": "o-1", "total": 19.99}')
    assert (published.returncode, published.stderr) == (0, ""), published
    worker = subprocess.Popen(
        shop.command("run", "worker", "users_shop.orders:worker"),
        cwd=shop.folder,
        env=shop.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + LIMIT_S
        while "4 of 4; records waiting: 0" not in (health := shop.run("health")).stdout:
            assert worker.poll() is None
            assert time.monotonic() < deadline, health
    finally:
        worker.terminate()
        _, complaints = worker.communicate(timeout=LIMIT_S)
    assert worker.returncode == 0, complaints


def test_a_command_that_is_alone_hosts_for_itself(shop: Shop) -> None:
    """Its answer on stdout is what it would be on any broker; stderr says what is peculiar."""
    done = shop.run("topic", "plan", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert {row["action"] for row in json.loads(done.stdout)} == {"create"}
    assert "it ends with this process" in done.stderr


def test_one_process_meets_itself(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each connection of the process that hosts leads to the one broker."""
    only(monkeypatch, APP="shop", KAFKA="embedded")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shop.folder))
    monkeypatch.chdir(shop.folder)
    settings = Settings()
    meeting = join_or_host(shop.folder)
    assert meeting.hosted is not None
    try:
        connections = [settings.connection() for _ in range(2)]
        assert {each.bootstrap for each in connections} == {meeting.bootstrap}
        assert {each.security_protocol for each in connections} == {"PLAINTEXT"}
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    finally:
        meeting.hosted.stop()


def test_whoever_waits_for_a_host_that_hangs_gives_up(
    meet: Meet, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker lives and nobody knows where: that is told within the limit."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shop.folder))
    said(meet())
    (life,) = (shop.folder / "penstock").glob("broker-*-life")
    life.write_bytes(b"{")
    with pytest.raises(MeetingBusy, match=r"broker-\w+\.log"):
        join_or_host(shop.folder, limit_s=0.1)
