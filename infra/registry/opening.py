"""How a program comes to its registry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from penstock.events.alarm import RaiseAlarm
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.logs import log_alarm
from penstock.infra.redis.opening import open_redis
from penstock.infra.registry.redis_directory import RedisDirectory
from penstock.infra.registry.registry import Registry
from penstock.infra.settings import Settings
from penstock.schemas.errors import CallerError

__all__ = ["NoRegistry", "open_registry"]


@dataclass(eq=False, kw_only=True)
class NoRegistry(CallerError):
    """The settings name no Redis."""

    app: str
    """Whose registry was to be opened."""

    code: ClassVar[str] = "PEN-I83"
    what: ClassVar[str] = "There is no registry of {app}: PENSTOCK_REDIS is not set."
    why: ClassVar[str] = "The registry is kept in Redis."
    remedy: ClassVar[str] = (
        "Set PENSTOCK_REDIS to redis://host:port/number, here and for the processes that register."
    )


@asynccontextmanager
async def open_registry(
    settings: Settings, *, alarm: RaiseAlarm = log_alarm
) -> AsyncIterator[Registry]:
    """Open an app's registry; Redis may be away.

    Args:
        settings: As read from the environment.
        alarm: told of loss, silence and what cannot be read.

    Raises:
        NoRegistry: the settings name no Redis.
    """
    if settings.redis is None:
        raise NoRegistry(app=settings.app)
    async with open_redis(settings.redis.get_secret_value()) as store:
        directory = RedisDirectory(store, settings.app, alarm=alarm)
        yield Registry(directory, clock=SystemClock(), entropy=SystemEntropy(), alarm=alarm)
