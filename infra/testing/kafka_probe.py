"""The question whether a Kafka serves clients, asked in 18 bytes.

A port that accepts connections says little: a server listens before it can answer. So this asks
for metadata of no topic at all (Metadata v1, https://kafka.apache.org/protocol#The_Messages_Metadata)
and believes an answer that names at least one broker, which is what every client needs first.
"""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from penstock.infra.processes.answer_wait import wait_for_answer
from penstock.schemas.errors import CallerError

__all__ = ["BadAddress", "answers", "split_address", "wait_until_answers"]

_METADATA, _VERSION, _CORRELATION = 3, 1, 1
_NO_CLIENT_ID, _NO_TOPICS = -1, 0
_BODY = struct.pack(">hhihi", _METADATA, _VERSION, _CORRELATION, _NO_CLIENT_ID, _NO_TOPICS)
_REQUEST = struct.pack(">i", len(_BODY)) + _BODY

_ANSWER_BEGINS = struct.Struct(">iii")
"""Length, correlation id and the number of brokers."""

_PAUSE_S = 0.05
"""Between two questions; a server takes seconds to start."""


def split_address(address: str) -> tuple[str, int]:
    """Take `host:port` apart.

    Args:
        address: one address; of a comma-separated list, the first counts.

    Returns:
        Host and port.

    Raises:
        BadAddress: there is no host, no port, or the port is no number.
    """
    host, _, port = address.partition(",")[0].strip().rpartition(":")
    if not host or not port.isdecimal():
        raise BadAddress(address=address)
    return host.strip("[]"), int(port)


def answers(address: str, *, timeout_s: float) -> bool:
    """Ask once.

    Args:
        address: `host:port`.
        timeout_s: limit for connecting, and for each wait for bytes after that.

    Returns:
        True where a Kafka answered and named a broker; False for silence, refusal or nonsense.
    """
    try:
        with socket.create_connection(split_address(address), timeout_s) as connection:
            connection.sendall(_REQUEST)
            _, correlation, brokers = _ANSWER_BEGINS.unpack(_read_beginning(connection))
    except OSError:
        return False
    return bool(correlation == _CORRELATION and brokers > 0)


def wait_until_answers(
    address: str, *, timeout_s: float, alive: Callable[[], bool] = lambda: True
) -> bool:
    """Ask again and again.

    Args:
        address: `host:port`.
        timeout_s: limit for all of it.
        alive: looked at between two questions; False ends the wait.

    Returns:
        True as soon as a Kafka answered, False at the limit or when it is no longer alive.
    """
    return wait_for_answer(
        lambda left_s: answers(address, timeout_s=left_s),
        timeout_s=timeout_s,
        pause_s=_PAUSE_S,
        alive=alive,
    )


def _read_beginning(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < _ANSWER_BEGINS.size:
        more = connection.recv(_ANSWER_BEGINS.size - len(received))
        if not more:
            raise ConnectionError("closed inside an answer")
        received += more
    return received


@dataclass(eq=False, kw_only=True)
class BadAddress(CallerError):
    """An address is not of the form that clients take."""

    address: str
    """As it was given."""

    code: ClassVar[str] = "PEN-I51"
    what: ClassVar[str] = "{address!r} is no address of a server."
    why: ClassVar[str] = "An address is host:port."
    remedy: ClassVar[str] = "Write it so, for instance 127.0.0.1:9092."
