"""A server that a test owns and may do anything to: what Kafka's and Redis' have in common.

It runs in a vessel, which is a process of ours (server_process.py) or a container
(owned_container.py). Whatever is done to the vessel is the same for every server; how it is started
and when it serves is not.
"""

from abc import ABC, abstractmethod
from typing import Protocol, Self

__all__ = ["OwnedServer", "Vessel"]


class Vessel(Protocol):
    """What a server runs in."""

    def stop(self) -> None:
        """Ask it to end, and end it by force where it has not within its limit."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL, paused or not."""
        ...

    def pause(self) -> None:
        """Freeze it."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...

    def log_tail(self, lines: int) -> str:
        """Return the last lines of its log."""
        ...


class OwnedServer(ABC):
    """One server, from `start` to `close`. Ports are kept while it is down.

    Where it runs as a process, whatever needs it to run raises WrongServerState when it does not.
    """

    def __init__(self, vessel: Vessel) -> None:
        """Run nothing yet.

        Args:
            vessel: what it runs in.
        """
        self._vessel = vessel

    @abstractmethod
    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients.

        Raises:
            ServerDidNotStart: it ended, or did not answer within the limit.
        """

    @abstractmethod
    def close(self) -> None:
        """Kill it and give back everything: ports, folders, containers. Twice is fine."""

    def stop(self) -> None:
        """Shut it down in order, in bounded time."""
        self._vessel.stop()

    def kill(self) -> None:
        """End it with SIGKILL, paused or not."""
        self._vessel.kill()

    def restart(self) -> None:
        """Shut it down where it runs, and start it again.

        Raises:
            ServerDidNotStart: as for `start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._vessel.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._vessel.resume()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its log; empty before the first start.

        Args:
            lines: how many at most.
        """
        return self._vessel.log_tail(lines)

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
