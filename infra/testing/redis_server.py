"""A Redis server that a test owns: what it can do, whether it is a process or a container.

`local_redis.LocalRedis` and `redis_container.RedisContainer` are the two kinds. A test that is
handed a `RedisServer` may do all of this to it; a test that is handed a URL may not, and may not
empty or configure what is there.
"""

from abc import abstractmethod

from penstock.infra.testing.owned_server import OwnedServer

__all__ = ["RedisServer"]


class RedisServer(OwnedServer):
    """One server and its port, from `start` to `close`. It is empty whenever it starts."""

    @property
    @abstractmethod
    def url(self) -> str:
        """`redis://host:port` for clients, with the password where it was given one."""
