import socket

import pytest

from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort


def test_a_server_may_listen_on_it_again_and_again() -> None:
    """While it is reserved its owner's server listens, goes and listens again."""
    with LoopbackPort() as port:
        for _ in range(2):
            with (
                socket.create_server((LOOPBACK, port.number)),
                socket.create_connection((LOOPBACK, port.number), 5),
            ):
                pass


def test_nobody_answers_while_it_is_only_reserved() -> None:
    """A client is refused, as by a server that is down."""
    with LoopbackPort() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port.number), 5)


def test_strangers_cannot_take_it() -> None:
    """A socket that did not ask to share is not given the port."""
    with (
        LoopbackPort() as port,
        socket.socket() as stranger,
        pytest.raises(OSError, match="in use"),
    ):
        stranger.bind((LOOPBACK, port.number))


def test_ports_differ() -> None:
    """Two reservations at one time are never alike."""
    ports = [LoopbackPort() for _ in range(50)]
    assert len({port.number for port in ports}) == 50
    for port in ports:
        port.close()


def test_a_closed_one_is_free() -> None:
    """After `close` anybody may have it; closing twice is fine."""
    port = LoopbackPort()
    port.close()
    port.close()
    with socket.socket() as stranger:
        stranger.bind((LOOPBACK, port.number))
