"""A Redis server that a test owns: what it can do, whether it is a process or a container.

`local_redis.LocalRedis` and `redis_container.RedisContainer` are the two kinds. A test that is
handed a `RedisServer` may do all of this to it; a test that is handed a URL may not, and may not
empty or configure what is there.
"""

from penstock.infra.testing.owned_server import OwnedServer, Vessel

__all__ = ["RedisServer"]


class RedisServer(OwnedServer):
    """One server and its port, from `start` to `close`. It is empty whenever it starts."""

    def __init__(self, vessel: Vessel, *, url: str) -> None:
        """Run nothing yet.

        Args:
            vessel: what it runs in.
            url: `redis://host:port` for clients, with the password where it is given one.
        """
        super().__init__(vessel)
        self._url = url

    @property
    def url(self) -> str:
        """`redis://host:port` for clients, with the password where it was given one."""
        return self._url
