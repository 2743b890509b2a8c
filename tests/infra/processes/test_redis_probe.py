import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.processes.redis_probe import answers, wait_until_answers
from penstock.infra.redis.address import RedisAddress

Serve = Callable[[bytes], RedisAddress]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers each connection with these bytes and closes."""
    listeners: list[socket.socket] = []

    def accept(listener: socket.socket, reply: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):  # who asks may have gone at its limit
                connection.recv(100)
                for piece in (reply[:3], reply[3:]):
                    connection.sendall(piece)

    def start(reply: bytes) -> RedisAddress:
        listeners.append(socket.create_server((LOOPBACK, 0)))
        threading.Thread(target=accept, args=(listeners[-1], reply), daemon=True).start()
        return RedisAddress(host=LOOPBACK, port=listeners[-1].getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("reply", [b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n"])
def test_a_redis_answers(serve: Serve, reply: bytes) -> None:
    """With a pong, or by asking for a password; in however many pieces."""
    assert answers(serve(reply), timeout_s=5)


@pytest.mark.parametrize(
    "reply",
    [b"", b"+PO", b"-LOADING Redis is loading the dataset in memory\r\n", b"HTTP/1.1 400 Bad\r\n"],
    ids=["nothing", "a piece", "not yet", "another protocol"],
)
def test_anything_else_is_no_answer(serve: Serve, reply: bytes) -> None:
    """Silence, half a word, one that loads its data, and another protocol."""
    assert not answers(serve(reply), timeout_s=5)


def test_a_plain_server_is_no_tls_server(serve: Serve) -> None:
    """Whoever says rediss:// means it."""
    plain = serve(b"+PONG\r\n")
    assert not answers(RedisAddress(host=plain.host, port=plain.port, tls=True), timeout_s=5)


def test_a_silent_server_costs_the_limit_only() -> None:
    """One that listens and says nothing, as a paused Redis does, is no answer either."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        address = RedisAddress(host=LOOPBACK, port=listener.getsockname()[1])
        assert not answers(address, timeout_s=0.05)


def test_the_wait_ends_with_the_process(serve: Serve) -> None:
    """Nobody waits for a server whose process has ended."""
    assert not wait_until_answers(serve(b""), timeout_s=60, alive=lambda: False)


def test_the_wait_ends_at_its_limit(serve: Serve) -> None:
    """A server that never gets ready does not hold up its starter."""
    assert not wait_until_answers(serve(b"-LOADING\r\n"), timeout_s=0.1)
