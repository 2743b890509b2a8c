"""A stand-in for Redis as a process, for machines that have none: `python -m ... --port N`.

What it answers is fakeredis' work; the server around it is ours. fakeredis brings a TCP server too,
and that one does not do: it closes a connection after each error, so that a script, which is asked
for by its digest first, never comes to run, and it cuts answers that do not fit into the kernel's
buffer. Neither does its Lua know `redis.sha1hex`.

    bytes of a client -> fakeredis' socket: parse, run -> its answers -> RESP -> the client

What it is not: it keeps nothing, evicts nothing, limits no memory but that of one command, knows no
password, and answers in a tenth of Redis' pace. Where the two differ otherwise, Redis is right.

Laws:
1. It listens on loopback only, and ends when it is told to, or with its owner.
2. An error is an answer: the connection goes on.
3. It knows nothing of penstock; the scripts that it runs come from clients.
4. What a client sends is held until it is a whole command, up to a limit; then it is let go.
"""

import argparse
import hashlib
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from queue import Empty
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import FrameType
from typing import Any, Final, final

from fakeredis import FakeRedisConnection, FakeServer

__all__ = ["LONGEST_COMMAND", "StandIn", "encoded", "main"]

LONGEST_COMMAND: Final = 64 * 1024 * 1024
"""Bytes of one command. Redis takes 512 MiB in one value; here each of them is copied again with
each piece that comes after it, and takes a second at this limit."""

_HOST: Final = "127.0.0.1"
_READ_BYTES: Final = 64 * 1024
_LOOK_S: Final = 0.1
"""Between two looks for what comes unasked, as messages of a channel do, and for the end."""
_SEND_LIMIT_S: Final = 30.0
"""How long a client may not take its answer before it is let go."""
_STATUSES: Final = frozenset({b"OK", b"PONG", b"QUEUED"})
"""Redis says these as status; fakeredis no longer knows the difference when it hands them out."""
_NO_SUCH_KIND: Final = "an answer of a kind that Redis does not have"
_RESP3: Final = 3


def encoded(answer: object, protocol: int = 2) -> bytes:
    """Write an answer of fakeredis in RESP, the protocol of Redis.

    Args:
        answer: None, a number, bytes, an error, or a list, set or mapping of these.
        protocol: 2, or 3 where the client has asked for that (HELLO 3).

    Raises:
        TypeError: it is anything else.
    """
    match answer:
        case Mapping():
            parts = [part for pair in answer.items() for part in pair]
            if protocol < _RESP3:
                return _many(b"*", len(parts), parts, protocol)
            return _many(b"%", len(answer), parts, protocol)
        case AbstractSet():
            return _many(b"*" if protocol < _RESP3 else b"~", len(answer), answer, protocol)
        case list() | tuple():
            return _many(b"*", len(answer), answer, protocol)
        case _:
            return _one(answer) if protocol < _RESP3 else _one_in_resp3(answer)


def _many(sign: bytes, count: int, parts: Iterable[object], protocol: int) -> bytes:
    return b"%s%d\r\n" % (sign, count) + b"".join(encoded(part, protocol) for part in parts)


def _one(answer: object) -> bytes:
    match answer:
        case None:
            return b"$-1\r\n"
        case Exception():
            return b"-" + _error_text(answer).encode(errors="replace") + b"\r\n"
        case bool() | int():
            return b":%d\r\n" % answer
        case bytes() if answer in _STATUSES:
            return b"+" + answer + b"\r\n"
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(answer), answer)
        case str() | float():
            return _one(str(answer).encode())
        case _:
            raise TypeError(_NO_SUCH_KIND)


def _one_in_resp3(answer: object) -> bytes:
    match answer:
        case None:
            return b"_\r\n"
        case bool():
            return b"#t\r\n" if answer else b"#f\r\n"
        case float():
            return f",{answer!r}\r\n".encode()
        case _:
            return _one(answer)


def _error_text(error: Exception) -> str:
    """The line that Redis would send: its code, and its words, without line ends.

    redis-py, by which fakeredis makes its errors, has taken known codes off the text.
    """
    text = " ".join(str(error.args[0] if error.args else type(error).__name__).split())
    code = getattr(error, "status_code", None)
    if code and not text.startswith(f"{code} "):
        return f"{code} {text}"
    first = text.partition(" ")[0]
    return text if first.isupper() and first.isalpha() else f"ERR {text}"


@final
class _Client(BaseRequestHandler):
    """One client, from its connecting to its end."""

    def handle(self) -> None:
        """Take in what it asks, and answer."""
        peer: socket.socket = self.request
        stand_in = self.server
        assert isinstance(stand_in, StandIn), "nobody else has such clients"
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(_SEND_LIMIT_S)
        connection = FakeRedisConnection(server=stand_in.data, protocol=2)
        inner = connection.get_socket()
        held = _HeldBytes(inner)
        # Not `select.select`: that knows no descriptor from 1024 on.
        selector = selectors.DefaultSelector()
        try:
            selector.register(peer, selectors.EVENT_READ)
            while not stand_in.ending.is_set():
                if selector.select(_LOOK_S):
                    asked = peer.recv(_READ_BYTES)
                    if not asked or not self._run(inner.sendall, asked):
                        return
                    if held.after(asked) > stand_in.longest_command:
                        peer.sendall(b"-ERR Protocol error: too big command\r\n")
                        return
                self._answer(inner)
        except OSError:
            return  # the client is gone, or takes nothing any more
        finally:
            selector.close()
            connection.disconnect()  # type: ignore[no-untyped-call] # fakeredis' lack

    def _run(self, take: Callable[[bytes], object], asked: bytes) -> bool:
        """Run what is complete; False where it is no RESP, and nothing after it can be read."""
        try:
            take(asked)
        except (ValueError, StopIteration):
            self.request.sendall(b"-ERR Protocol error\r\n")
            return False
        except Exception as error:  # noqa: BLE001 - fakeredis' SimpleError has no better base
            self.request.sendall(encoded(error))
            return False
        return True

    def _answer(self, inner: Any) -> None:
        parts, answers = [], inner.responses
        while answers is not None:
            try:
                answer = answers.get_nowait()
            except Empty:
                break
            parts.append(encoded(answer, inner._client_info.protocol_version))  # noqa: SLF001 - as fakeredis' own server
        if parts:
            self.request.sendall(b"".join(parts))


@final
class _HeldBytes:
    """How much fakeredis holds of a client: what came after the last command that was whole."""

    def __init__(self, inner: Any) -> None:
        """Listen to a socket of fakeredis."""
        self._held = 0
        self._is_whole = False
        self._process = inner._process_command  # noqa: SLF001 - no other way
        inner._process_command = self._take  # noqa: SLF001 - as well

    def after(self, asked: bytes) -> int:
        """Return how much it may be, after a piece that it was given."""
        # What is left of a piece that has completed a command is a part of that piece.
        self._held = len(asked) if self._is_whole else self._held + len(asked)
        self._is_whole = False
        return self._held

    def _take(self, fields: list[bytes]) -> None:
        self._is_whole = True
        self._process(fields)


@final
class StandIn(ThreadingTCPServer):
    """The server: one thread for each connection, one set of data."""

    allow_reuse_address = True
    request_queue_size = 128  # with its usual five, a pool that connects at once waits a second
    daemon_threads = True

    def __init__(self, port: int, *, longest_command: int = LONGEST_COMMAND) -> None:
        """Listen on a port of loopback, and prepare Lua.

        Args:
            port: 0 for any.
            longest_command: bytes of one command; whoever sends more is let go.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((_HOST, port), _Client)
        self.data = FakeServer(server_type="redis", version=(7, 0))
        self.longest_command = longest_command
        self.ending = threading.Event()
        self._teach_lua()

    def _teach_lua(self) -> None:
        """Give scripts what fakeredis' Lua lacks."""
        connection = FakeRedisConnection(server=self.data, protocol=2)
        # Its Lua is made when the first script runs.
        connection.get_socket().sendall(b"*3\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n")
        connection.disconnect()  # type: ignore[no-untyped-call] # fakeredis' lack
        lua: Any = self.data
        lua._lua_runtime.globals()[b"redis"][b"sha1hex"] = _sha1hex  # noqa: SLF001 - no other way

    def end(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End soon: to be called from anywhere, a signal handler included."""
        self.ending.set()
        # `shutdown` waits for the loop that a signal handler stands in.
        threading.Thread(target=self.shutdown, daemon=True).start()


def _sha1hex(value: object) -> bytes:
    text = value if isinstance(value, bytes) else str(value).encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        arguments: `--port N`.

    Returns:
        The exit code, 0.
    """
    parser = argparse.ArgumentParser(prog="penstock-redis-stand-in")
    parser.add_argument("--port", type=int, default=0)
    with StandIn(parser.parse_args(arguments).port) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.end)
        server.serve_forever(poll_interval=_LOOK_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
