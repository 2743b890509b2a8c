"""A server that answers what a test says, whatever it is asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from penstock.infra.processes.loopback_port import LOOPBACK

__all__ = ["SILENCE", "Script", "scripted_server"]

SILENCE = b""
"""An answer that never comes."""

_CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class Script:
    """What is answered, and what was asked."""

    answers: list[bytes]
    """In turn, over all connections; the last one is given again and again."""
    asked: list[bytes] = field(default_factory=list)
    """All that came in, a piece for each read; tests ask little enough for one read."""
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first question."""
    connections: int = 0
    """How many were opened."""
    url: str = ""
    """Of the server."""

    def next_answer(self) -> bytes:
        """Take the answer whose turn it is."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def scripted_server(answers: Sequence[bytes]) -> AsyncIterator[Script]:
    """Listen, in the test's own loop."""
    script = Script(list(answers))
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script.connections += 1
        task = asyncio.current_task()
        assert task is not None
        talks[task] = writer
        try:
            while asked := await reader.read(_CHUNK_BYTES):
                script.asked.append(asked)
                script.was_asked.set()
                writer.write(script.next_answer())
                await writer.drain()
        except ConnectionError:
            return  # the client has dropped it, as some of these tests want
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, LOOPBACK, 0)
    async with server:
        script.url = f"redis://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield script
        finally:
            for writer in talks.values():
                writer.transport.abort()
            await asyncio.gather(*talks)
