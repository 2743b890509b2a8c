"""A TCP proxy in which questions and answers can be held up: so a race is played in one order.

It lives in the test's own loop, knows no protocol, and takes what comes in one read for one
question; its clients ask little, and one thing at a time on a connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import final

from penstock.infra.processes.loopback_port import LOOPBACK

__all__ = ["Hold", "ReplyGate", "reply_gate"]

_CHUNK_BYTES = 64 * 1024


@final
class Hold:
    """What is held up, from its first until `release`."""

    def __init__(self, is_meant: Callable[[bytes], bool]) -> None:
        """Say what."""
        self._is_meant = is_meant
        self._may_go = asyncio.Event()
        self.came = asyncio.Event()
        """Set when something is held up."""

    def release(self) -> None:
        """Let it go, and all that comes later."""
        self._may_go.set()

    async def passing(self, data: bytes) -> None:
        """Wait, if this is meant."""
        if self._is_meant(data):
            self.came.set()
            await self._may_go.wait()


@final
class ReplyGate:
    """The proxy."""

    def __init__(self, host: str, port: int) -> None:
        """Say where the server is."""
        self._upstream = (host, port)
        self.address = ""
        self.questions: list[Hold] = []
        self.answers: list[Hold] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between a client and the server until either has gone."""
        there, back = await asyncio.open_connection(*self._upstream)
        ways = [
            asyncio.create_task(self._carry(reader, back, self.questions)),
            asyncio.create_task(self._carry(there, writer, self.answers)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.transport.abort()
            back.transport.abort()
            await asyncio.gather(*ways)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, holds: list[Hold]
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                for hold in holds:
                    await hold.passing(data)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def reply_gate(host: str, port: int) -> AsyncIterator[ReplyGate]:
    """Stand before a server.

    Args:
        host: of the server.
        port: of the server.
    """
    gate = ReplyGate(host, port)
    async with await asyncio.start_server(gate.serve, LOOPBACK, 0) as server:
        gate.address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        yield gate
