"""A store of Redis for as long as a block lasts."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from penstock.infra.redis.address import parse_redis_url
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.store import RedisStore

__all__ = ["open_redis"]

_USUAL: Final = RedisLimits()


@asynccontextmanager
async def open_redis(url: str, limits: RedisLimits = _USUAL) -> AsyncIterator[RedisStore]:
    """Open a store, and close its connections at the end of the block.

    Redis may be away: nothing is connected to before the first call.

    Args:
        url: `redis://user:password@host:port/number`, or `rediss://` for TLS.
        limits: of this store.

    Yields:
        The store.

    Raises:
        BadRedisUrl: the URL says no such thing.
    """
    address = parse_redis_url(url)
    from penstock.infra.redis.connection import (  # noqa: PLC0415 - redis-py takes 0.2 s to import
        RedisConnection,
    )

    # Once, because the authorities of the system take tens of milliseconds to read.
    tls = ssl.create_default_context() if address.tls else None

    store = RedisStore(
        lambda: RedisConnection.open(address, tls), limits=limits, address=address.shown
    )
    try:
        yield store
    finally:
        await store.close()
