import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from testcontainers.core.config import testcontainers_config

from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.testing.kafka_container import KafkaContainer, container_environment
from penstock.infra.testing.kafka_probe import split_address
from tests.infra.testing.engine_stand_in import EngineStandIn

IMAGE = "ours:1"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineStandIn]:
    """An engine that has the image, and the one that testcontainers finds."""
    with EngineStandIn(tmp_path / "engine.sock", image=IMAGE) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.docker_host)
        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
        yield engine


class Metadata(socketserver.BaseRequestHandler):
    """Says what a Kafka says that has one broker."""

    def handle(self) -> None:
        """Answer one request."""
        self.request.recv(100)
        self.request.sendall(bytes([0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1]))


class Server(socketserver.ThreadingTCPServer):
    """Listens where a port is kept for it."""

    allow_reuse_address = True


@contextmanager
def answering(address: str) -> Iterator[None]:
    """Let something answer at the published port as a Kafka does."""
    with Server(split_address(address), Metadata) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


def environment(proxy: str | None = None, **config: str) -> dict[str, str]:
    """Build the environment of a container published at port 5555."""
    return container_environment(
        published="127.0.0.1:5555", proxy=proxy, heap_mib=300, config=config
    )


def test_clients_are_sent_to_the_published_port() -> None:
    """Inside all interfaces are listened on; outside, loopback is advertised."""
    built = environment()
    assert "PLAINTEXT://0.0.0.0:9092" in built["KAFKA_LISTENERS"].split(",")
    assert "PLAINTEXT://127.0.0.1:5555" in built["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_the_server_reaches_itself_inside() -> None:
    """Over a listener whose advertised port is one outside it could not verify transactions."""
    built = environment()
    assert built["KAFKA_INTER_BROKER_LISTENER_NAME"] == "INTERNAL"
    assert "INTERNAL://127.0.0.1:9094" in built["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_clients_of_a_proxy_are_sent_to_the_proxy() -> None:
    """The PROXIED listener is there only where a proxy is."""
    assert "PROXIED" not in environment()["KAFKA_LISTENERS"]
    built = environment(proxy="127.0.0.1:7777")
    assert "PROXIED://0.0.0.0:9095" in built["KAFKA_LISTENERS"].split(",")
    assert "PROXIED://127.0.0.1:7777" in built["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_settings() -> None:
    """The settings for tests, wishes and the heap are in the image's own form."""
    built = environment(**{"num.partitions": "3"})
    assert built["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert built["KAFKA_NUM_PARTITIONS"] == "3"
    assert built["KAFKA_HEAP_OPTS"] == "-Xmx300m"
    assert built["CLUSTER_ID"]


def test_what_the_engine_is_asked_for(engine: EngineStandIn) -> None:
    """Ports are published on loopback only, and are those that are advertised."""
    container = KafkaContainer(image=IMAGE, proxy="127.0.0.1:7777")
    with answering(container.bootstrap), container:
        asked = engine.created
    assert asked["Image"] == IMAGE
    assert f"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://{container.bootstrap}," in "\n".join(
        asked["Env"]
    )
    published = {
        inside: [f"{outside['HostIp']}:{outside['HostPort']}" for outside in bindings]
        for inside, bindings in asked["HostConfig"]["PortBindings"].items()
    }
    assert published == {
        "9092/tcp": [container.bootstrap],
        "9095/tcp": [container.proxied_upstream],
    }


def test_one_container_from_start_to_close(engine: EngineStandIn) -> None:
    """A container is created once, whatever is done to it, and removed at the end."""
    container = KafkaContainer(image=IMAGE)
    with answering(container.bootstrap), container:
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
    container = KafkaContainer(image=IMAGE, start_timeout_s=0.1)
    with pytest.raises(ServerDidNotStart, match="the last line"), container:
        pass
    assert engine.done == ["create", "start", "removed"]
