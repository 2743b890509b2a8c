import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.infra.testing import docker_engine
from tests.infra.testing.engine_stand_in import EngineStandIn


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineStandIn]:
    """An engine that has the image ours:1."""
    with EngineStandIn(tmp_path / "engine.sock", image="ours:1") as engine:
        yield engine


def test_no_socket(tmp_path: Path) -> None:
    """Without an engine's socket the reason names the place."""
    reason = docker_engine.obstacle("ours:1", {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert reason == f"no Docker engine answers at {tmp_path}/none.sock"


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.0 503 Starting\r\n\r\n", b"220 mail\r\n"])
def test_no_engine(tmp_path: Path, reply: bytes) -> None:
    """Something that listens and is no engine, or one that is not ready, is none."""

    class Stranger(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(reply)

    path = tmp_path / "engine.sock"
    with socketserver.UnixStreamServer(str(path), Stranger) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        reason = docker_engine.obstacle("ours:1", {"DOCKER_HOST": f"unix://{path}"})
    assert reason == f"no Docker engine answers at {path}"


def test_an_engine_elsewhere() -> None:
    """An engine on another machine publishes ports there, where loopback is not ours."""
    reason = docker_engine.obstacle("ours:1", {"DOCKER_HOST": "tcp://build:2375"})
    assert reason == "DOCKER_HOST=tcp://build:2375 is no local socket"


def test_the_usual_socket() -> None:
    """Where DOCKER_HOST is not set, the engine is where Docker puts it."""
    assert docker_engine.socket_path({}) == Path("/var/run/docker.sock")


def test_an_engine_that_has_the_image(engine: EngineStandIn) -> None:
    """Nothing stands in the way."""
    assert docker_engine.obstacle("ours:1", {"DOCKER_HOST": engine.docker_host}) is None


def test_an_image_that_cannot_be_had(engine: EngineStandIn) -> None:
    """An engine alone is no way to a server: the reason names the image and what failed."""
    reason = docker_engine.obstacle("theirs:1", {"DOCKER_HOST": engine.docker_host})
    assert reason is not None
    assert reason.startswith("the image theirs:1 cannot be had")
    assert "registry out of reach" in reason
