"""A process that registers, and does nothing else until SIGTERM; for tests that kill and freeze it.

Arguments: the URL of Redis, the app, the service.
"""

import asyncio
import logging
import signal
import sys

from penstock.events.alarm import Alarm
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.redis.opening import open_redis
from penstock.infra.registry.redis_directory import RedisDirectory
from penstock.infra.registry.registry import Registry
from penstock.infra.registry.this_process import this_process

_log = logging.getLogger("registering")


def log_alarm(alarm: Alarm) -> None:
    """Write an alarm where the test finds it."""
    _log.warning("alarm %s %s", alarm.name, alarm.text)


async def register(url: str, app: str, service: str) -> None:
    """Be there until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    clock, entropy = SystemClock(), SystemEntropy()
    async with open_redis(url) as store:
        directory = RedisDirectory(store, app, alarm=log_alarm)
        registry = Registry(directory, clock=clock, entropy=entropy, alarm=log_alarm)
        async with registry.register(this_process(service, clock=clock, entropy=entropy)):
            await stopping.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(register(*sys.argv[1:]))
