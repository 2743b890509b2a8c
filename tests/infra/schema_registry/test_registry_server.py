"""The server over real sockets: what is not HTTP, what is too much, and its end."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from penstock.infra.clock import SystemClock
from penstock.infra.schema_registry.registry_app import RegistryApp
from penstock.infra.schema_registry.registry_errors import RegistryNotServed
from penstock.infra.schema_registry.registry_server import (
    IDLE_S,
    RegistryServer,
    is_loopback,
    listening,
)
from penstock.infra.schema_registry.registry_service import RegistryService
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra.schema_registry.test_compatibility_question import Version
from tests.infra.schema_registry.texts import schema


class OneSchema:
    """A catalogue with one schema; fulfils RegisteredSchemas."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """There is one."""
        return schema() if fingerprint == schema().fingerprint else None

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """There is id 1."""
        return schema() if schema_id == 1 else None

    def subjects(self) -> tuple[str, ...]:
        """One."""
        return ("a",)

    def versions(self, subject: str) -> tuple[Version, ...]:
        """One."""
        return (Version(1, schema()),) if subject == "a" else ()

    def level_of(self, subject: str) -> Level:
        """Whatever the subject."""
        return Level.NONE if subject else Level.FULL

    def level_for(self, subject: str, schema: AvroSchema) -> Level:  # noqa: ARG002 - the port's
        """As for any schema."""
        return self.level_of(subject)

    async def refresh(self) -> None:
        """Nothing comes."""

    async def register(self, subject: str, schema: AvroSchema) -> Version:  # noqa: ARG002 - the port's
        """A mistake of ours."""
        raise KeyError(subject)

    async def set_level(self, subject: str, level: Level | None) -> None:  # noqa: ARG002 - the port's
        """A mistake of ours."""
        raise KeyError(subject)


def served(
    scenario: Callable[[int, RegistryServer], Awaitable[None]], *, idle_s: int = IDLE_S
) -> RegistryService:
    """Serve on a free port while a scenario plays, and end."""

    async def run() -> RegistryService:
        clock = SystemClock()
        service = RegistryService(OneSchema(), clock)
        with listening("127.0.0.1", 0) as opened:
            app = RegistryApp(service, clock, local=True)
            server = RegistryServer(app, opened, grace_s=1, idle_s=idle_s)
            serving = asyncio.ensure_future(server.serve())
            try:
                await scenario(opened.getsockname()[1], server)
            finally:
                server.stop()
                await serving
        await service.close()
        return service

    return asyncio.run(run())


async def said(port: int, request: bytes) -> bytes:
    """All that is answered to some bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionError:  # what was not read any more: reset, or behind the end a broken pipe
        return b""
    finally:
        writer.close()
        await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})


LASTING = b"GET /subjects HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""A request whose connection stays open."""


def get(target: bytes, *more: bytes) -> bytes:
    """A request of its own connection."""
    head = (b"GET " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *more)
    return b"\r\n".join(head) + b"\r\n\r\n"


def test_a_call_over_a_socket() -> None:
    """As any client makes it; HEAD has no body."""

    async def scenario(port: int, _: RegistryServer) -> None:
        answer = await said(port, get(b"/schemas/ids/1"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: application/vnd.schemaregistry.v1+json" in answer
        assert b"server:" not in answer
        head = await said(port, get(b"/schemas/ids/1").replace(b"GET", b"HEAD"))
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.endswith(b"\r\n\r\n")

    served(scenario)


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(get(b"/", b"X: " + b"y" * 3_000_000), id="a long header"),
        pytest.param(get(b"/" + b"a" * 3_000_000), id="a long path"),
        pytest.param(get(b"/", *[b"X%d: y" % each for each in range(300_000)]), id="many headers"),
        pytest.param(get(b"/subjects", b"Content-Length: -1"), id="a wrong length"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, id="TLS"),
    ],
)
def test_what_is_no_request_is_refused(request_bytes: bytes) -> None:
    """And the next client is served all the same."""

    async def scenario(port: int, _: RegistryServer) -> None:
        answer = await said(port, request_bytes)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")) or answer == b""
        assert (await said(port, get(b"/subjects"))).endswith(b'["a"]')

    served(scenario)


def test_what_nobody_foresaw_is_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the API's form, the log all of it."""
    body = b'{"schema":"{\\"type\\":\\"record\\",\\"name\\":\\"A\\",\\"fields\\":[]}"}'
    head = b"POST /subjects/secret/versions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    request = head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def scenario(port: int, _: RegistryServer) -> None:
        answer = await said(port, request + body)
        assert answer.startswith(b"HTTP/1.1 500")
        assert answer.endswith(b'{"error_code":500,"message":"Internal Server Error"}')

    served(scenario)
    assert "KeyError" in caplog.text


def test_the_end_does_not_wait_for_a_client_that_says_nothing() -> None:
    """Half a header, half a body, an idle connection: all are cut off within the grace."""
    half_body = b"POST /subjects/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    ended: list[bytes] = []

    async def scenario(port: int, server: RegistryServer) -> None:
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for (_, writer), sent in zip(connections, (b"GET / HT", half_body, b""), strict=True):
            writer.write(sent)
        assert (await said(port, get(b"/subjects"))).endswith(b'["a"]')
        server.stop()
        for reader, writer in connections:
            ended.append(await reader.read())
            writer.close()
            await writer.wait_closed()

    served(scenario)
    assert len(ended) == 3


@pytest.mark.parametrize(
    "sent",
    [b"", LASTING[:30], LASTING, LASTING + LASTING[:30], LASTING + LASTING],
    ids=["nothing", "half of the headers", "one request", "and half of another", "two requests"],
)
def test_a_connection_that_goes_silent_is_closed(sent: bytes) -> None:
    """However many are opened, those of others find a place again."""

    async def scenario(port: int, _: RegistryServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()  # to its end, which the server makes
        assert answer.count(b"200 OK") == sent.count(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    served(scenario, idle_s=1)


def test_headers_that_dribble_in_are_cut_off() -> None:
    """Each byte in time, and the whole never."""

    async def scenario(port: int, _: RegistryServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ended = asyncio.ensure_future(reader.read())
        writer.write(b"GET /subjects HTTP/1.1\r\nX: ")
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait({ended}, timeout=0.05)
        with suppress(ConnectionError):  # a byte that came behind the end
            assert ended.result() == b""
        writer.close()

    served(scenario, idle_s=1)


def test_a_port_that_is_taken() -> None:
    """Told with the address, before anything else is begun."""
    with listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(RegistryNotServed, match=str(port)), listening("127.0.0.1", port):
            pytest.fail("two listen on one port")


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host", "x" * 300, "192.0.2.1", ""])
def test_hosts_that_are_none_of_this_machine(host: str) -> None:
    """Told as such; an empty one is no wish for all addresses."""
    with pytest.raises(RegistryNotServed), listening(host, 0):
        pytest.fail("that is no address of this machine")


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104 - the point
)
def test_what_is_loopback(address: str, local: bool) -> None:
    """All others are warned of."""
    assert is_loopback(address) is local


def test_version_six() -> None:
    """Where the machine has it."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with listening("::1", 0) as opened:
            assert is_loopback(opened.getsockname()[0])
    except RegistryNotServed:
        pytest.skip("no IPv6 here")
