"""Stacks on a real engine: what waits for what, what a test may do, and that nothing stays."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.docker_client import DockerClient

from penstock.infra.testing import redis_source
from penstock.infra.testing.compose_file import read_compose
from penstock.infra.testing.compose_service import Condition, Health
from penstock.infra.testing.compose_stack import ComposeStack, ServiceNotReady, UnknownContainer
from penstock.infra.testing.container_owner import OWNER_LABEL, owner_labels, remove_left_behind
from tests.images.wanted import want_image

pytestmark = pytest.mark.timeout(180)

SERVER = """
    image: anything
    command: redis-server --protected-mode no --save ""
    volumes: [shared:/shared]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, timeout: 5s, retries: 30}
"""


@pytest.fixture(scope="module")
def image() -> str:
    """An image with a shell and a server."""
    return want_image(redis_source.image_name())


@pytest.fixture
def engine(image: str) -> Iterator[Any]:
    """The docker library's own client."""
    with closing(DockerClient().client) as engine:
        assert engine.images.get(image)
        yield engine


def stack_of(services: str, image: str, **wishes: Any) -> ComposeStack:
    """Describe a stack whose services are all made of one image."""
    file = read_compose(f"services:\n{services}\nvolumes:\n  shared:\n", {})
    return ComposeStack(file, folder=Path(), images={"anything": image}, **wishes)


def ours(engine: Any, owner: str) -> list[Any]:
    """Everything in the engine that somebody owns."""
    wanted = {"label": f"{OWNER_LABEL}={owner}"}
    return [
        *engine.containers.list(all=True, filters=wanted),
        *engine.networks.list(filters=wanted),
        *engine.volumes.list(filters=wanted),
    ]


def test_what_waits_starts_behind_what_it_waits_for(image: str, engine: Any) -> None:
    """A one-shot that needs a healthy server has found it by name; replicas are all there."""
    services = f"""
  server: {SERVER}
  once:
    image: anything
    command: redis-cli -h server set greeting hello
    depends_on: {{server: {{condition: service_healthy}}}}
  pair:
    image: anything
    command: sh -c "redis-cli -h server incr pairs && exec sleep 600"
    deploy: {{replicas: 2}}
    depends_on: {{once: {{condition: service_completed_successfully}}}}
"""
    mine = owner_labels()[OWNER_LABEL]
    before = len(ours(engine, mine))
    with stack_of(services, image) as stack:
        assert stack.containers == ("server", "once", "pair-1", "pair-2")
        assert stack.state("server").health is Health.HEALTHY
        assert stack.state("once").exit_code == 0
        code, told = stack.execute("server", "redis-cli", "get", "greeting")
        assert (code, told.strip()) == (0, "hello")
        assert stack.execute("pair-2", "hostname")[1].strip() == "pair-2"
        assert len(ours(engine, mine)) == before + 6  # four containers, a network, a volume
    assert len(ours(engine, mine)) == before


def test_what_a_test_may_do(image: str, tmp_path: Path) -> None:
    """Kills and stops are told by the exit code, and data survive both."""
    with stack_of(f"  server: {SERVER}", image) as stack:
        stack.wait_until("server", Condition.HEALTHY)
        assert stack.execute("server", "sh", "-c", "echo kept >/shared/file", user="0")[0] == 0
        stack.kill("server")
        assert stack.state("server").exit_code == 128 + signal.SIGKILL
        stack.start("server")
        stack.wait_until("server", Condition.HEALTHY)
        assert stack.stop("server") == 0
        stack.copy_out("server", "/shared/file", tmp_path)
        assert (tmp_path / "file").read_text() == "kept\n"
        assert "Ready to accept connections" in stack.log_tail("server")
        with pytest.raises(UnknownContainer, match="server"):
            stack.kill("sever")
        done = stack.statistics()
        assert (done.starts, done.kills, done.stops) == (2, 1, 1)


@pytest.mark.parametrize(
    ("first", "condition", "told"),
    [
        ("sh -c 'echo broken; exit 3'", "service_completed_successfully", "ended with 3"),
        ("sh -c 'echo broken; exec sleep 600'", "service_healthy", "health is none"),
        ("sh -c 'echo broken; exec sleep 600'", "service_completed_successfully", "runs"),
    ],
)
def test_a_start_that_fails_leaves_nothing(
    image: str, engine: Any, first: str, condition: str, told: str
) -> None:
    """The error names the container, what it does and what it said; all of it is removed."""
    services = f"""
  first: {{image: anything, command: "{first}"}}
  second: {{image: anything, depends_on: {{first: {{condition: {condition}}}}}}}
"""
    mine = owner_labels()[OWNER_LABEL]
    before = len(ours(engine, mine))
    stack = stack_of(services, image, ready_timeout_s=2.0)
    with pytest.raises(ServiceNotReady, match=told) as caught, stack:
        pass
    assert (caught.value.container, "broken" in caught.value.log_tail) == ("first", True)
    assert len(ours(engine, mine)) == before


KILLED = """
import os, sys
from pathlib import Path
from tests.integration.test_compose_stack import SERVER, stack_of
from penstock.infra.testing.container_owner import OWNER_LABEL, owner_labels
with stack_of("  server:" + SERVER, sys.argv[1]):
    print(owner_labels()[OWNER_LABEL], flush=True)
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_test_has_left_is_removed_by_the_next(image: str, engine: Any) -> None:
    """Nobody ran its clean-up; what living processes own is left alone."""
    run = subprocess.run(
        [sys.executable, "-c", KILLED, image],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    theirs = run.stdout.strip()
    assert len(ours(engine, theirs)) == 3  # a container, a network, a volume
    with stack_of(f"  server: {SERVER}", image) as stack:
        remove_left_behind(engine)
        assert not ours(engine, theirs)
        assert stack.state("server").running


def test_several_may_remove_what_is_left_behind_at_the_same_time(image: str, engine: Any) -> None:
    """What another has removed between a look and the next is no error."""
    labels = {OWNER_LABEL: owner_labels()[OWNER_LABEL].rpartition("/")[0] + "/0"}  # begun long ago
    made = threading.Event()

    def remove(_: int) -> int:
        removed = 0
        with closing(DockerClient().client) as own:
            while not made.is_set():
                removed += remove_left_behind(own)
            return removed + remove_left_behind(own)

    with ThreadPoolExecutor(3) as pool:
        counts = pool.map(remove, range(3))
        try:
            for _ in range(30):
                engine.containers.create(image, labels=labels)
        finally:
            made.set()
        assert sum(counts) >= 30
    assert not ours(engine, labels[OWNER_LABEL])
