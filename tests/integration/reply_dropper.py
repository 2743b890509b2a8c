"""A TCP proxy that loses one answer: the effect is there, and who asked for it does not know.

It lives in the test's own loop, knows no protocol, and takes for an answer whatever the server
sends after it was told to lose the next.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal, final

from penstock.infra.processes.loopback_port import LOOPBACK

__all__ = ["ReplyDropper", "reply_dropper"]

_CHUNK_BYTES = 64 * 1024


@final
class ReplyDropper:
    """The proxy."""

    def __init__(self, host: str, port: int) -> None:
        """Say where the server is."""
        self._upstream = (host, port)
        self._then: Literal["cut", "silence"] | None = None
        self.address = ""
        self.lost: list[bytes] = []

    def lose_next(self, then: Literal["cut", "silence"]) -> None:
        """Lose the next answer.

        Args:
            then: `cut` ends the client's connection; `silence` leaves it open for ever.
        """
        self._then = then

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between a client and the server until either has gone."""
        there, back = await asyncio.open_connection(*self._upstream)
        ways = [
            asyncio.create_task(self._requests(reader, back)),
            asyncio.create_task(self._answers(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.transport.abort()
            back.transport.abort()
            await asyncio.gather(*ways)  # each ends now, as its streams have

    async def _requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # a side that resets has gone as one that closes
            while data := await reader.read(_CHUNK_BYTES):
                server.write(data)
                await server.drain()

    async def _answers(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                then, self._then = self._then, None
                if then is None:
                    client.write(data)
                    await client.drain()
                    continue
                self.lost.append(data)
                if then == "cut":
                    return


@asynccontextmanager
async def reply_dropper(
    host: str, port: int, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ReplyDropper]:
    """Stand before a server.

    Args:
        host: of the server.
        port: of the server.
        tls: speak TLS to clients, with this certificate; the server is always spoken to in plain.
    """
    dropper = ReplyDropper(host, port)
    server = await asyncio.start_server(dropper.serve, LOOPBACK, 0, ssl=tls)
    async with server:
        dropper.address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        yield dropper
