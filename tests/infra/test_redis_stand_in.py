"""The stand-in for Redis: what it writes, and that an error ends no connection."""

import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from redis.exceptions import NoScriptError, ResponseError

from penstock.infra.redis_stand_in import StandIn, encoded


@pytest.mark.parametrize(
    ("answer", "old", "new"),
    [
        (None, b"$-1\r\n", b"_\r\n"),
        (b"OK", b"+OK\r\n", b"+OK\r\n"),
        (b"a\r\n\xff", b"$4\r\na\r\n\xff\r\n", b"$4\r\na\r\n\xff\r\n"),
        (b"", b"$0\r\n\r\n", b"$0\r\n\r\n"),
        (7, b":7\r\n", b":7\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
        ([7, [None]], b"*2\r\n:7\r\n*1\r\n$-1\r\n", b"*2\r\n:7\r\n*1\r\n_\r\n"),
        ({b"a": 1}, b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        ({b"a"}, b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        (ResponseError("no such\r\nthing"), b"-ERR no such thing\r\n", b"-ERR no such thing\r\n"),
        (ResponseError("WRONGTYPE x"), b"-WRONGTYPE x\r\n", b"-WRONGTYPE x\r\n"),
    ],
)  # fmt: skip
def test_answers_in_both_protocols(answer: object, old: bytes, new: bytes) -> None:
    """As Redis writes them, each in one piece; an error is one line."""
    assert encoded(answer) == old
    assert encoded(answer, 3) == new


def test_the_code_of_an_error_comes_back() -> None:
    """redis-py takes known codes off the text and keeps them apart."""
    error = NoScriptError("No matching script.")
    error.status_code = "NOSCRIPT"
    assert encoded(error) == b"-NOSCRIPT No matching script.\r\n"


def test_what_redis_cannot_say_is_a_bug() -> None:
    """And no answer that a client would misread."""
    with pytest.raises(TypeError):
        encoded(object())


@contextmanager
def connected(server: StandIn) -> Iterator[socket.socket]:
    """A connection to a stand-in, which serves until the end of the block."""
    with server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        with closing(socket.create_connection(server.server_address[:2], 10)) as peer:  # type: ignore[arg-type] # an IPv4 address
            yield peer
        server.end()
        serving.join(10)
        assert not serving.is_alive()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """A connection to a stand-in."""
    with connected(StandIn(0)) as peer:
        yield peer


def ask(peer: socket.socket, *words: bytes) -> bytes:
    """Ask one question, and return the beginning of its answer."""
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    peer.sendall(b"*%d\r\n%s" % (len(words), parts))
    return peer.recv(1024)


def test_an_error_is_an_answer(peer: socket.socket) -> None:
    """The connection goes on: a script is asked for by its digest, and then given in full."""
    assert ask(peer, b"EVALSHA", b"0" * 40, b"0").startswith(b"-NOSCRIPT ")
    assert ask(peer, b"EVAL", b"return redis.sha1hex('a')", b"0") == (
        b"$40\r\n86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\r\n"
    )
    assert ask(peer, b"NONSENSE").startswith(b"-ERR unknown command")
    assert ask(peer, b"PING") == b"+PONG\r\n"


def test_a_connection_may_have_any_descriptor() -> None:
    """Also one beyond 1024, where `select` ends: a process may hold many other things open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
        while (number := os.open(os.devnull, os.O_RDONLY)) < 1024:
            held.callback(os.close, number)
        held.callback(os.close, number)
        peer = held.enter_context(connected(StandIn(0)))
        assert peer.fileno() > number
        assert ask(peer, b"PING") == b"+PONG\r\n"


def test_what_is_no_redis_protocol_ends_the_connection(peer: socket.socket) -> None:
    """After an error: nothing behind it could be told apart."""
    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert peer.recv(1024).startswith(b"-")
    assert peer.recv(1024) == b""


def test_a_command_that_is_too_big_ends_the_connection() -> None:
    """It is not held any longer; commands that are not count one by one."""
    with connected(StandIn(0, longest_command=1_000)) as peer:
        for _ in range(10):
            assert ask(peer, b"SET", b"k", b"x" * 900) == b"+OK\r\n"
        peer.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n")
        peer.sendall(b"x" * 1_001)
        assert peer.recv(1024) == b"-ERR Protocol error: too big command\r\n"
        assert peer.recv(1024) == b""
