"""A cache between real processes: one load for all, and no load lost with who is killed."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.infra.processes.owned_process import OwnedProcess
from tests.integration.cache_stand import redis_client
from tests.repository.tree import ROOT

pytestmark = pytest.mark.timeout(120)

WAIT_S = 60
Unique = Callable[[str], str]


class Processes:
    """Processes of one app, see cache_process.py."""

    def __init__(self, redis: str, app: str, folder: Path, closing: ExitStack) -> None:
        """Begin with none."""
        self._environment = {
            **os.environ,
            "PENSTOCK_APP": app,
            "PENSTOCK_KAFKA": "localhost:9092",
            "PENSTOCK_REDIS": redis,
        }
        self._closing = closing
        self.log = folder / "log"
        self.members: list[OwnedProcess] = []
        self.app = app
        self.redis = closing.enter_context(redis_client(redis))

    def start(
        self, role: str, count: int, *, callers: int, load_s: float, load_timeout_s: float
    ) -> None:
        """Start some more, and wait until they are ready."""
        arguments = (role, str(callers), str(load_s), str(load_timeout_s))
        for _ in range(count):
            command = [sys.executable, "-m", "tests.integration.cache_process", *arguments]
            process = OwnedProcess(
                command, output=self.log, folder=ROOT, environment=self._environment
            )
            self._closing.callback(process.kill)
            self.members.append(process)
        for _ in range(count):
            self.said("ready")

    def go(self, role: str, count: int) -> None:
        """Let so many of a role begin."""
        self.redis.rpush(f"{self.app}:go:{role}", *["go"] * count)

    def said(self, where: str) -> bytes:
        """Wait for the next that one of them says."""
        told = self.redis.blpop([f"{self.app}:{where}"], WAIT_S)
        assert told is not None, self.log.read_text("utf-8")
        return bytes(told[1])

    def end(self) -> dict[str, Any]:
        """Wait for what came of one of them."""
        told: dict[str, Any] = json.loads(self.said("ends"))
        return told

    @property
    def loads(self) -> int:
        """How many times the origin was asked."""
        return int(self.redis.get(f"{self.app}:loads") or 0)


@contextmanager
def processes(redis: str, unique: Unique, folder: Path) -> Iterator[Processes]:
    """Processes that end with the block."""
    with ExitStack() as closing:
        yield Processes(redis, unique("shop"), folder, closing)


def test_two_hundred_callers_in_four_processes_cause_one_load(
    redis: str, unique: Unique, tmp_path: Path
) -> None:
    """A cold key, a loader of 200 ms: the origin is asked exactly once."""
    with processes(redis, unique, tmp_path) as shop:
        shop.start("till", 4, callers=50, load_s=0.2, load_timeout_s=10)
        shop.go("till", 4)
        ends = [shop.end() for _ in range(4)]
        assert [end["values"] for end in ends] == [["lamp 1"]] * 4
        assert [end["count"] for end in ends] == [50] * 4
        assert sorted(end["loads"] for end in ends) == [0, 0, 0, 1]
        assert shop.loads == 1


def test_after_the_kill_of_who_loads_one_other_loads(
    redis: str, unique: Unique, tmp_path: Path
) -> None:
    """Its lock ends with its lease, and of those who waited for it one takes over for all."""
    with processes(redis, unique, tmp_path) as shop:
        shop.start("first", 1, callers=1, load_s=30, load_timeout_s=2)
        shop.start("later", 2, callers=20, load_s=0.1, load_timeout_s=2)
        shop.go("first", 1)
        while not shop.loads:
            continue
        shop.members[0].kill()
        lock = f"penstock:{shop.app}:cache-lock:prices:lamp"
        # Nobody waits for longer than a lease, 4.5 s here: who comes when part of it has gone has
        # that much patience left for the load of whoever takes over.
        while shop.redis.pttl(lock) > 3_000:
            continue
        assert shop.redis.exists(lock)
        shop.go("later", 2)
        ends = [shop.end() for _ in range(2)]
        assert [end["values"] for end in ends] == [["lamp 2"]] * 2
        assert shop.loads == 2
