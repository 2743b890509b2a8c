import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from testcontainers.core.config import testcontainers_config

from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.testing.redis_container import RedisContainer
from tests.infra.testing.engine_stand_in import EngineStandIn

IMAGE = "ours:1"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineStandIn]:
    """An engine that has the image, and the one that testcontainers finds."""
    with EngineStandIn(tmp_path / "engine.sock", image=IMAGE) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.docker_host)
        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
        yield engine


class Pong(socketserver.BaseRequestHandler):
    """Says what a Redis says."""

    def handle(self) -> None:
        """Answer one question."""
        self.request.recv(100)
        self.request.sendall(b"+PONG\r\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens where a port is kept for it."""

    allow_reuse_address = True


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Let something answer at the published port as a Redis does."""
    address = parse_redis_url(url)
    with Server((address.host, address.port), Pong) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


def test_what_the_engine_is_asked_for(engine: EngineStandIn) -> None:
    """A Redis that keeps nothing, published on loopback only, at the port that its URL says."""
    container = RedisContainer(image=IMAGE, config={"maxmemory": "8mb"})
    with answering(container.url), container:
        asked = engine.created
    assert asked["Image"] == IMAGE
    command = " ".join(asked["Cmd"])
    assert command.startswith("redis-server --save  --appendonly no")
    assert "--maxmemory 8mb" in command
    address = parse_redis_url(container.url)
    assert asked["HostConfig"]["PortBindings"] == {
        "6379/tcp": [{"HostIp": address.host, "HostPort": str(address.port)}]
    }


def test_one_container_from_start_to_close(engine: EngineStandIn) -> None:
    """A container is created once, whatever is done to it, and removed at the end."""
    container = RedisContainer(image=IMAGE)
    with answering(container.url), container:
        container.pause()
        container.resume()
        container.kill()
        container.start()
        container.restart()
        assert container.log_tail() == "the last line\n"
    container.close()  # once more: whoever owns it may have closed it already
    assert engine.done == [
        *["create", "start", "pause", "unpause", "kill", "start", "stop", "start", "removed"]
    ]


def test_a_container_that_does_not_answer(engine: EngineStandIn) -> None:
    """The error repeats what it logged last, and the container is removed."""
    container = RedisContainer(image=IMAGE, start_timeout_s=0.1)
    with pytest.raises(ServerDidNotStart, match="the last line"), container:
        pass
    assert engine.done == ["create", "start", "removed"]
