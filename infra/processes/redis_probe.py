"""The question whether a Redis serves clients, asked in fourteen bytes.

PING is written as clients write it, an array of one word: fakeredis does not know the shorter form
that people type. A server that wants a password first (NOAUTH) serves clients too; one that still
loads its data (LOADING) does not yet.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Final

from penstock.infra.processes.answer_wait import wait_for_answer
from penstock.infra.redis.address import RedisAddress

__all__ = ["answers", "wait_until_answers"]

_QUESTION: Final = b"*1\r\n$4\r\nPING\r\n"
_ANSWERS: Final = (b"+PONG\r\n", b"-NOAUTH")

_PAUSE_S: Final = 0.01
"""Between two questions; a server takes a twentieth of a second to start."""


def answers(address: RedisAddress, *, timeout_s: float) -> bool:
    """Ask once.

    Args:
        address: of the server; who we are to it makes no difference.
        timeout_s: limit for connecting, and for each wait for bytes after that.

    Returns:
        True where a Redis answered; False for silence, refusal or nonsense.
    """
    try:
        with socket.create_connection((address.host, address.port), timeout_s) as plain:
            if not address.tls:
                return _pongs(plain)
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=address.host) as connection:
                return _pongs(connection)
    except OSError:
        return False


def wait_until_answers(
    address: RedisAddress, *, timeout_s: float, alive: Callable[[], bool] = lambda: True
) -> bool:
    """Ask again and again.

    Args:
        address: of the server.
        timeout_s: limit for all of it.
        alive: looked at between two questions; False ends the wait.

    Returns:
        True as soon as a Redis answered, False at the limit or when it is no longer alive.
    """
    return wait_for_answer(
        lambda left_s: answers(address, timeout_s=left_s),
        timeout_s=timeout_s,
        pause_s=_PAUSE_S,
        alive=alive,
    )


def _pongs(connection: socket.socket) -> bool:
    connection.sendall(_QUESTION)
    received = b""
    while not received.startswith(_ANSWERS):
        more = connection.recv(max(map(len, _ANSWERS)))
        received += more
        if not more or not any(answer.startswith(received) for answer in _ANSWERS):
            return received.startswith(_ANSWERS)
    return True
