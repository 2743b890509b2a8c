"""Requests over real sockets of this machine: what is sent, and what broken answers become."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.schema_registry.exchange import NoAnswer, RegistryResponse
from penstock.infra.schema_registry.http_exchange import HttpExchange
from penstock.infra.schema_registry.registry_request import RegistryRequest, schema_by_id
from tests.infra.tls_files import CERTIFICATE, KEY, write

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LIMIT = 10_000


def exchange(
    *,
    username: str | None = None,
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = 30.0,
) -> HttpExchange:
    """One with small limits."""
    return HttpExchange(
        username=username,
        password=password,
        tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout_s=timeout_s,
        connections=2,
        answer_bytes=LIMIT,
    )


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of this machine; yields its port. Its connections end with it."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handler(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        async with server:
            yield server.sockets[0].getsockname()[1]
    finally:
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


def saying(answer: bytes, seen: list[bytes] | None = None) -> Handler:
    """Answer each connection's first request with these bytes, and end it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(answer)
        writer.close()

    return handle


def asked(
    handler: Handler, request: RegistryRequest | None = None, *, sender: HttpExchange | None = None
) -> RegistryResponse:
    """What one request brings."""

    async def scenario() -> RegistryResponse:
        async with listening(handler) as port:
            client = sender or exchange()
            try:
                return await client.send(
                    f"http://127.0.0.1:{port}/base", request or schema_by_id(7)
                )
            finally:
                await client.close()

    return asyncio.run(scenario())


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_what_is_sent() -> None:
    """The base path, the media types, no compression, and credentials where there are some."""
    seen: list[bytes] = []
    found = asked(saying(GOOD, seen), sender=exchange(username="alice", password="pass:word"))  # noqa: S106 - of nobody
    assert found == RegistryResponse(status=200, body=b"{}")
    (head,) = seen
    assert head.startswith(b"GET /base/schemas/ids/7 HTTP/1.1\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
    assert fields[b"accept"].startswith(b"application/vnd.schemaregistry.v1+json")
    assert fields[b"accept-encoding"] == b"identity"
    assert fields[b"authorization"].startswith(b"basic ")
    assert b"cookie" not in fields


def test_without_a_user_nothing_is_proven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the environment is not looked at: no .netrc, no proxy."""
    netrc = write(tmp_path, ".netrc", "machine 127.0.0.1 login alice password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    seen: list[bytes] = []
    asked(saying(GOOD, seen))
    assert b"authorization" not in seen[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", id="half of it"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1) + b" " * (LIMIT + 1),
            id="too long",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"400\r\n" + b" " * 1_024 + b"\r\n" for _ in range(20))
            + b"0\r\n\r\n",
            id="too long in parts",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            id="compressed",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, id="headers without end"),
        pytest.param(b"HTTP/1.1 2x0 OK\r\n\r\n", id="no status"),
    ],
)
def test_what_is_no_whole_answer(answer: bytes) -> None:
    """Cut off, too long, packed, another protocol."""
    with pytest.raises(NoAnswer) as none:
        asked(saying(answer))
    assert str(none.value)


def test_nobody_there() -> None:
    """The reason says so."""

    async def scenario(address: str) -> None:
        client = exchange()
        with pytest.raises(NoAnswer, match="ConnectError"):
            await client.send(f"http://{address}", schema_by_id(7))
        await client.close()

    with LoopbackPort() as port:
        asyncio.run(scenario(port.address))


def test_one_that_never_answers() -> None:
    """The exchange gives up by itself."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with pytest.raises(NoAnswer, match="ReadTimeout"):
        asked(silent, sender=exchange(timeout_s=0.5))  # long enough to connect in, at any rate


def test_a_redirection_is_an_answer_and_is_not_followed() -> None:
    """It would take the password elsewhere."""
    seen: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    assert asked(saying(moved, seen)).status == 302
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"7", 7.0),
        (b"0", 0.0),
        (b"Fri, 31 Dec 2027 23:59:59 GMT", None),
        (b"-1", None),
        (b"9" * 400, None),
        (b"1.5", None),
    ],
)
def test_retry_after(value: bytes, expected: float | None) -> None:
    """In seconds; dates are rare, and a wrong clock would make them hours."""
    answer = b"HTTP/1.1 503 X\r\nRetry-After: " + value + b"\r\nContent-Length: 0\r\n\r\n"
    assert asked(saying(answer)).retry_after_s == expected


def test_certificates_are_checked(tmp_path: Path) -> None:
    """By the authorities that were given, and by the name."""
    ca = write(tmp_path, "ca.pem", CERTIFICATE)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(ca, write(tmp_path, "key.pem", KEY))
    trusting = ssl.create_default_context(cafile=ca)

    async def scenario() -> None:
        async with listening(saying(GOOD), own) as port:
            for tls, host, good in (
                (trusting, "127.0.0.1", False),
                (ssl.create_default_context(), "localhost", False),
                (trusting, "localhost", True),  # last: the loop turns, and the others' ends come
            ):
                client = exchange(tls=tls)
                if good:
                    answer = await client.send(f"https://{host}:{port}", schema_by_id(7))
                    assert answer.status == 200
                else:
                    with pytest.raises(NoAnswer, match="certificate"):
                        await client.send(f"https://{host}:{port}", schema_by_id(7))
                await client.close()

    asyncio.run(scenario())
