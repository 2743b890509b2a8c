"""A Redis server that a test owns: what it can do, whether it is a process or a container.

`local_redis.LocalRedis` and `redis_container.RedisContainer` are the two kinds. A test that is
handed a `RedisServer` may do all of this to it; a test that is handed a URL may not, and may not
empty or configure what is there.
"""

from typing import Protocol, Self

__all__ = ["RedisServer"]


class RedisServer(Protocol):
    """One server and its port, from `start` to `close`. Its data is gone whenever it ends."""

    @property
    def url(self) -> str:
        """`redis://host:port` for clients, with the password where it was given one."""
        ...

    def start(self) -> None:
        """Start it, the first time or again, empty, and wait until it serves clients."""
        ...

    def stop(self) -> None:
        """Shut it down in order, in bounded time; the port is kept."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL; the port is kept."""
        ...

    def restart(self) -> None:
        """Shut it down where it runs, and start it on the same port, empty."""
        ...

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        ...

    def resume(self) -> None:
        """Let it go on after `pause`."""
        ...

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        ...

    def close(self) -> None:
        """Kill it and give back everything: its port, its folder, its container."""
        ...

    def __enter__(self) -> Self:
        """Start it."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...
