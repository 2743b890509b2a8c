"""A process of an app that uses a cache; tests start several of them, and kill some.

    python -m tests.integration.cache_process ROLE CALLERS LOAD_S LOAD_TIMEOUT_S

It says "ready" to the list `<app>:ready` in Redis, waits for a word in `<app>:go:<role>`, and then
asks for one price, so many times at once. Each load is counted in `<app>:loads`. What came of it is
said in JSON to `<app>:ends`.
"""

import asyncio
import json
import os
import sys

from penstock.infra.cache import Cache, CacheLimits
from tests.integration.cache_stand import redis_client

WAIT_S = 60
ROLE, CALLERS = sys.argv[1], int(sys.argv[2])
LOAD_S, LOAD_TIMEOUT_S = float(sys.argv[3]), float(sys.argv[4])
APP, REDIS = os.environ["PENSTOCK_APP"], os.environ["PENSTOCK_REDIS"]

redis = redis_client(REDIS)
prices = Cache(
    "prices",
    ttl_s=60,
    limits=CacheLimits(load_timeout_s=LOAD_TIMEOUT_S, call_timeout_s=1.0),
)


@prices.cached(key="{sku}")
async def price_of(sku: str) -> str:
    """Ask the owner of all prices, who takes his time."""
    number = await asyncio.to_thread(redis.incr, f"{APP}:loads")
    await asyncio.sleep(LOAD_S)
    return f"{sku} {number}"


async def main() -> None:
    """See above."""
    async with prices.open():
        redis.rpush(f"{APP}:ready", os.getpid())
        await asyncio.to_thread(redis.blpop, [f"{APP}:go:{ROLE}"], WAIT_S)
        values = await asyncio.gather(*(price_of("lamp") for _ in range(CALLERS)))
        told = prices.statistics()
        ends = {"values": sorted(set(values)), "count": len(values), "loads": told.loads}
        redis.rpush(f"{APP}:ends", json.dumps(ends))


if __name__ == "__main__":
    asyncio.run(main())
