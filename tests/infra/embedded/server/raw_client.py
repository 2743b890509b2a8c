"""A client that speaks bytes: requests are written by hand, and answers come in order.

It lives in the broker's own loop, so that a test sees what happens between two turns of it. The one
of the conformance suite blocks, and is a witness of its own: it reads and writes by kio.
"""

import asyncio
import struct
from types import TracebackType
from typing import Any, Self

from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.message_reader import read_message
from penstock.infra.embedded.wire.message_types import answer_module, request_module, request_type
from penstock.infra.embedded.wire.message_writer import write_message

LIMIT_S = 10.0


class Closed(Exception):
    """The broker has closed the connection."""


def frame(body: bytes) -> bytes:
    """Put the length before a message."""
    return struct.pack(">i", len(body)) + body


def request_bytes(
    key: int, version: int, body: bytes = b"", *, flexible: bool = False, number: int = 7
) -> bytes:
    """Write a request with its length and header."""
    header = struct.pack(">hhih", key, version, number, 3) + b"abc" + (b"\0" if flexible else b"")
    return frame(header + body)


def encoded(key: int, version: int, request: Any, *, number: int = 7) -> bytes:
    """Write a request that kio describes."""
    pieces: list[bytes] = []
    write_message(request, pieces)
    flexible = request_type(key, version).__flexible__
    return request_bytes(key, version, b"".join(pieces), flexible=flexible, number=number)


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take an open connection."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, broker: EmbeddedBroker) -> Self:
        """Connect to a broker."""
        return cls(*await asyncio.open_connection(*broker.address, limit=2**16))

    async def __aenter__(self) -> Self:
        """Be connected already."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it."""
        self._writer.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def receive(self) -> bytes:
        """Wait for the next answer, without its length."""
        try:
            async with asyncio.timeout(LIMIT_S):
                length = int.from_bytes(await self._reader.readexactly(4), "big")
                return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed from None

    @property
    def has_mail(self) -> bool:
        """Whether anything has come that was not yet received."""
        return bool(self._reader._buffer)  # type: ignore[attr-defined] # a reader does not tell

    async def ask_bytes(self, data: bytes) -> bytes:
        """Send bytes and wait for an answer."""
        self.send(data)
        return await self.receive()

    async def is_closed(self) -> bool:
        """Wait until the broker closes the connection, or answers."""
        try:
            await self.receive()
        except Closed:
            return True
        return False

    async def ask(self, key: ApiKey, version: int, request: Any) -> Any:
        """Send a request of kio and wait for its answer."""
        return answer_of(key, version, await self.ask_bytes(encoded(key, version, request)))


def answer_of(key: ApiKey, version: int, data: bytes) -> Any:
    """Read an answer."""
    module = answer_module(key, version)
    name = request_type(key, version).__name__.removesuffix("Request") + "Response"
    kind = getattr(module, name)
    start = 4 + (1 if kind.__flexible__ and key != ApiKey.API_VERSIONS else 0)
    answer, end = read_message(kind, data, start)
    assert end == len(data)
    return answer


def struct_of(key: ApiKey, version: int, name: str) -> Any:
    """Find a struct of a request."""
    return getattr(request_module(key, version), name)
