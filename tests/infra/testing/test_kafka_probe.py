import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.testing.kafka_probe import (
    BadAddress,
    answers,
    split_address,
    wait_until_answers,
)

Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers each connection with these bytes and closes; say its address."""
    listeners: list[socket.socket] = []

    def accept(listener: socket.socket, reply: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):  # who asks may have gone at its limit
                connection.recv(100)
                connection.sendall(reply)

    def start(reply: bytes) -> str:
        listeners.append(socket.create_server((LOOPBACK, 0)))
        threading.Thread(target=accept, args=(listeners[-1], reply), daemon=True).start()
        return f"{LOOPBACK}:{listeners[-1].getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def metadata(brokers: int, correlation: int = 1) -> bytes:
    """Build the beginning of an answer, as much as is looked at and a little more."""
    return struct.pack(">iii", 20, correlation, brokers) + b"rest"


def test_a_kafka_that_names_a_broker_answers(serve: Serve) -> None:
    """That is what a client needs first."""
    assert answers(serve(metadata(brokers=1)), timeout_s=5)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\x00",
        metadata(brokers=0),
        metadata(1, correlation=7),
        b"HTTP/1.1 400 Bad\r\n\r\n",
    ],
    ids=["nothing", "a piece", "no brokers yet", "another answer", "another protocol"],
)
def test_anything_else_is_no_answer(serve: Serve, reply: bytes) -> None:
    """Silence, half a word and another protocol are not taken for a Kafka."""
    assert not answers(serve(reply), timeout_s=5)


def test_a_silent_server_costs_the_limit_only() -> None:
    """One that listens and says nothing, as a paused Kafka does, is no answer either."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        assert not answers(f"{LOOPBACK}:{listener.getsockname()[1]}", timeout_s=0.05)


def test_the_wait_ends_with_the_process(serve: Serve) -> None:
    """Nobody waits for a server whose process has ended."""
    assert not wait_until_answers(serve(b""), timeout_s=60, alive=lambda: False)


def test_the_wait_ends_at_its_limit(serve: Serve) -> None:
    """A server that never gets ready does not hold up its starter."""
    assert not wait_until_answers(serve(metadata(brokers=0)), timeout_s=0.1)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:9092", ("127.0.0.1", 9092)),
        ("kafka:1,other:2", ("kafka", 1)),
        ("[::1]:9092", ("::1", 9092)),
    ],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    """`host:port`, the first of several, and IPv6 in brackets."""
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", "kafka", ":9092", "kafka:", "kafka:x", "kafka:-1"])
def test_bad_addresses(address: str) -> None:
    """What is no address is the caller's mistake, and told as it was given."""
    with pytest.raises(BadAddress) as caught:
        split_address(address)
    assert caught.value.address == address
