"""A TCP port on loopback that stays ours while nobody listens on it.

A server that is killed and started again must come back on its old port, and in between nobody
else may take it: neither another server, nor a client whose outgoing connection happens to get
that number, nor, oddest, a client that connects to itself because source and target agree.

On Linux a socket that is bound but does not listen keeps a port away from all of these, and a
server that sets SO_REUSEADDR (asyncio and the JVM do) may still listen on it (socket(7)).
Elsewhere the number is only chosen, not kept.
"""

import socket
import sys
from typing import Self, final

__all__ = ["LOOPBACK", "LoopbackPort"]

LOOPBACK = "127.0.0.1"
"""The only host that a server of ours listens on, unless it is told another."""


@final
class LoopbackPort:
    """A port number, and on Linux the reservation of it until `close`."""

    def __init__(self) -> None:
        """Choose a free port and reserve it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind((LOOPBACK, 0))
        self.number: int = self._socket.getsockname()[1]
        # Only after binding: a socket that says so before may be given a port that is shared.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            self._socket.close()

    @property
    def address(self) -> str:
        """`127.0.0.1:<number>`, as clients want it."""
        return f"{LOOPBACK}:{self.number}"

    def close(self) -> None:
        """Give the port back. Closing twice is fine."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the port itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the port back."""
        self.close()
