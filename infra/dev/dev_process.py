"""One process of a session: started, heard line by line, and ended.

What it writes comes through a named pipe, which only it and the session know, and which is removed
as soon as both have opened it.

Laws:
1. A line is told as soon as it is whole; one that does not end is told in pieces.
2. It cannot outlive the session (owned_process.py), and its end is waited for within a limit.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, final

from penstock.infra.processes.owned_process import OwnedProcess

__all__ = ["DevProcess"]

_LOOK_S: Final = 0.05
"""Between two looks whether it has ended."""
_READ_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 16 * 1024
"""Longest line that is waited for in whole."""
_REST_S: Final = 0.5
"""How long the rest of its output is waited for: a child of its own may hold the pipe for ever."""


@final
class DevProcess:
    """A running command."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        take: Callable[[str], None],
    ) -> None:
        """Start a command; needs a running event loop.

        Args:
            command: program and arguments.
            folder: where it works.
            environment: all of its variables.
            take: told each line that it writes, without its end.

        Raises:
            OSError: it could not be started.
        """
        self._take = take
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._silent = asyncio.Event()
        with tempfile.TemporaryDirectory(prefix="penstock-dev-") as place:
            pipe = Path(place) / "output"
            os.mkfifo(pipe)
            self._reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            try:
                self._process = OwnedProcess(
                    command, output=pipe, folder=folder, environment=environment
                )
            except OSError:
                os.close(self._reading)
                raise
        self._loop.add_reader(self._reading, self._read)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait until it has ended and all that it wrote is told.

        Returns:
            Its exit code; negative for the number of the signal that killed it.
        """
        while self._process.running:  # noqa: ASYNC110 - no event tells that a child has ended
            await asyncio.sleep(_LOOK_S)
        try:
            async with asyncio.timeout(_REST_S):
                await self._silent.wait()
        except TimeoutError:
            self._close()  # somebody else holds the pipe: what comes now is of nobody here
        code = self._process.wait(timeout_s=_REST_S)
        assert code is not None, "it has ended"
        return code

    async def stop(self, *, limit_s: float) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not within the limit."""
        self._process.ask_to_end()
        deadline_s = self._loop.time() + limit_s
        while self._process.running:
            if self._loop.time() > deadline_s:
                self._process.kill()
            await asyncio.sleep(_LOOK_S)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()

    def _read(self) -> None:
        try:
            data = os.read(self._reading, _READ_BYTES)
        except BlockingIOError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > _PIECE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        if not data:
            self._close()
            lines = [line for line in lines if line]
        for line in lines:
            self._take(line.decode(errors="replace"))

    def _close(self) -> None:
        if not self._silent.is_set():
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            self._silent.set()
