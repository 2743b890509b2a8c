"""A server and a client that know frames and nothing else, for tests of the proxy between them."""

import socket
import struct
import threading
from collections.abc import Iterable
from typing import Self, final

from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.testing.kafka_frame import FrameSplitter, request_head

__all__ = ["EchoServer", "FramedClient", "answer_frame", "request_frame"]

_LIMIT_S = 10.0
_HEAD_BYTES = 12


def request_frame(api_key: int, correlation: int, body: bytes = b"") -> bytes:
    """Build a request with its length."""
    return struct.pack(">ihhi", 8 + len(body), api_key, 0, correlation) + body


def answer_frame(correlation: int, body: bytes = b"") -> bytes:
    """Build an answer with its length."""
    return struct.pack(">ii", 4 + len(body), correlation) + body


@final
class EchoServer:
    """Answers each request with its own body, and keeps what came in."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self._listener = socket.create_server((LOOPBACK, 0))
        self._changed = threading.Condition()
        self._streams: list[bytearray] = []
        self._ended: set[int] = set()
        self._connections: list[socket.socket] = []
        self.mute = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self._listener.getsockname()[1]}"

    @property
    def streams(self) -> list[bytes]:
        """All bytes received so far, by connection, in the order of their opening."""
        with self._changed:
            return [bytes(stream) for stream in self._streams]

    def wait_received(self, *streams: bytes) -> None:
        """Wait until exactly these bytes have come in over these connections."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._streams == list(streams), _LIMIT_S)
        assert came, self.streams

    def wait_ended(self, connection: int = 0) -> None:
        """Wait until the other side has closed or reset a connection."""
        with self._changed:
            assert self._changed.wait_for(lambda: connection in self._ended, _LIMIT_S)

    def close_connections(self) -> None:
        """Close all connections, as a server does that ends."""
        for connection in self._connections:
            connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and close what is open."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(_LIMIT_S)  # one that it has just accepted is closed here, too
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed by __exit__
            with self._changed:
                number = len(self._streams)
                self._streams.append(bytearray())
                self._connections.append(connection)
            threading.Thread(target=self._serve, args=(number, connection), daemon=True).start()

    def _serve(self, number: int, connection: socket.socket) -> None:
        splitter = FrameSplitter(limit_bytes=2**30)
        while data := _received(connection):
            with self._changed:  # before the answer, by which a test may know that it came
                self._streams[number] += data
                self._changed.notify_all()
            if not self.mute:
                _answer(connection, splitter.feed(data))
        with self._changed:
            self._ended.add(number)
            self._changed.notify_all()


def _answer(connection: socket.socket, requests: Iterable[bytes]) -> None:
    for frame in requests:
        answer = answer_frame(request_head(frame).correlation_id, frame[_HEAD_BYTES:])
        try:
            connection.sendall(answer)
        except OSError:
            return  # the other side has gone; reading will say so too


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""  # reset, or closed by __exit__


@final
class FramedClient:
    """Sends requests and reads answers, one connection long."""

    def __init__(self, address: str) -> None:
        """Connect."""
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)), _LIMIT_S)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Read so many bytes, or fewer when the connection is closed before.

        Raises:
            ConnectionResetError: it was reset.
            TimeoutError: nothing comes.
        """
        received = b""
        while len(received) < size and (data := self._socket.recv(size - len(received))):
            received += data
        return received

    def read_answer(self) -> bytes:
        """Read one frame with its length."""
        length = self.read(4)
        return length + self.read(*struct.unpack(">i", length))

    def is_silent(self, *, for_s: float) -> bool:
        """Say whether nothing comes for a while, the connection staying open."""
        self._socket.settimeout(for_s)
        try:
            self._socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(_LIMIT_S)
        return False

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()
