"""Where a Redis is: its URL taken apart.

Own code, because redis-py takes its options from a URL too: repetitions, time limits, and whether
certificates are checked would then be somebody's to change by an address.

Laws:
1. Only what stands in the dataclass can be said; anything else in a URL is an error.
2. No part of a URL is repeated in an error, and no password in a repr.
3. This file connects to nothing and resolves no name.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from penstock.infra.redis.errors import BadRedisUrl

__all__ = ["RedisAddress", "parse_redis_url"]

_TLS_BY_SCHEME: Final = {"redis": False, "rediss": True}
_PORT: Final = 6379
_MOST_DIGITS: Final = 4
"""Of the number of a database; servers have 16 by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """A server, one of its databases, and who we are to it."""

    host: str
    """A name or an IP address, without brackets."""
    port: int = _PORT
    """1 to 65 535."""
    database: int = 0
    """Its number, 0 or more."""
    username: str | None = None
    """None for the default user."""
    password: str | None = field(default=None, repr=False)
    """None where none is asked for."""
    tls: bool = False
    """True checks the server's certificate against the authorities of the system."""

    @property
    def shown(self) -> str:
        """`host:port`, for errors."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_redis_url(url: str) -> RedisAddress:
    """Take a URL apart.

    Args:
        url: `redis://user:password@host:port/number`, or `rediss://` for TLS; all but the host may
            be left out. In user and password, `%40` and the like stand for characters.

    Returns:
        What it says.

    Raises:
        BadRedisUrl: it says something else, or nothing usable.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadRedisUrl(problem="its host or its port cannot be read") from None
    if parts.scheme not in _TLS_BY_SCHEME:
        raise BadRedisUrl(problem="it begins with neither redis:// nor rediss://")
    if not parts.hostname:
        raise BadRedisUrl(problem="it names no host")
    if port == 0:
        raise BadRedisUrl(problem="its port is 0")
    if "?" in url or "#" in url:
        raise BadRedisUrl(problem="it has options behind ? or #; in a password, write %3F or %23")
    return RedisAddress(
        host=parts.hostname,
        port=_PORT if port is None else port,
        database=_database(parts),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=_TLS_BY_SCHEME[parts.scheme],
    )


def _database(parts: SplitResult) -> int:
    number = parts.path.removeprefix("/")
    if not number:
        return 0
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise BadRedisUrl(problem="behind its host there is no number of a database")
    return int(number)
