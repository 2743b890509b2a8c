"""Where clients come in: one listening socket, and those that are on their way in.

By hand, and not by asyncio's server, which loses whoever comes as it closes: a connection that the
kernel has handed over and that has no transport yet is neither refused nor served, and stays open
until the garbage collector comes.

Laws:
1. What was accepted gets its protocol, whatever happens meanwhile; `wait_in` waits for that.
2. Where the system has no descriptor left, clients wait in line, and it is tried again.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final, final

__all__ = ["Doorway"]

_log = logging.getLogger("penstock.embedded")

_AT_ONCE: Final = 100
"""Connections that are taken in one turn of the loop; then those that are there have theirs."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What passes when somebody closes something (accept(2)); the kernel tells of it again at once."""
_RETRY_S: Final = 1.0
"""As long as asyncio's server waits then."""


@final
class Doorway:
    """Takes connections on one socket, from its making until `close`."""

    def __init__(self, bound: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from the loop's next turn on.

        Args:
            bound: listens, does not block, and is this one's from now on.
            make: makes the protocol of each connection.
        """
        self._bound = bound
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._watch()

    def close(self) -> None:
        """Take nobody any more; who waits in line is reset by the kernel."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._bound)
        self._bound.close()

    async def wait_in(self) -> None:
        """Wait until all that were accepted have their protocols: two turns of the loop."""
        if self._coming:
            await asyncio.wait(self._coming)

    def _watch(self) -> None:
        self._loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # nobody is there any more; the next one calls us again
            except OSError as failure:
                if failure.errno not in _EXHAUSTED:
                    raise
                _log.warning("clients have to wait: %s", failure)
                self._loop.remove_reader(self._bound)
                self._retry = self._loop.call_later(_RETRY_S, self._watch)
                return
            connection.setblocking(False)
            self._let_in(connection)

    def _let_in(self, connection: socket.socket) -> None:
        task = self._loop.create_task(self._give_protocol(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _give_protocol(self, connection: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._make, connection)
