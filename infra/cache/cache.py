"""A cache, as its user declares it: once, at module level, like a worker.

    prices = Cache("prices", ttl_s=300)

    @prices.cached(key="{sku}")
    async def price_of(sku: str) -> Decimal: ...

    worker = Worker("payments", lifespan=[prices.open])

It is shared by all processes of the app that use a cache of this name, and it is only there for
speed: Redis may be away, or lose everything, and each read still gets what the loader says.

Laws:
1. A mistake in a declaration is refused where it stands, at import.
2. A read never fails because of Redis. A change says so if it may not have happened.
3. What a function returned is kept by its type, and read by that function alone; what is set under
   a key by hand is one of a few plain types, and read by hand.
"""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, ParamSpec, TypeVar, cast, final

from penstock.infra.cache.cached_function import CachedFunction
from penstock.infra.cache.errors import BadCache, CacheNotOpen
from penstock.infra.cache.lifetime import checked_ttl_s
from penstock.infra.cache.limits import CacheLimits, checked_limits
from penstock.infra.cache.open_cache import ABSENT, OpenCache
from penstock.infra.cache.place import Places, checked_name
from penstock.infra.cache.plain_values import plain_format
from penstock.infra.cache.resting_store import CALLS_AT_A_TIME, RestingStore
from penstock.infra.cache.statistics import CacheStatistics, Tally
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.settings import Settings, load_settings

__all__ = ["Cache"]

_Parameters = ParamSpec("_Parameters")
_ResultT = TypeVar("_ResultT")
_DefaultT = TypeVar("_DefaultT")

_USUAL: Final = CacheLimits()

_log = logging.getLogger("penstock.cache")


@final
class Cache:
    """A handle; what it does, it does while it is open."""

    def __init__(self, name: str, *, ttl_s: float, limits: CacheLimits = _USUAL) -> None:
        """Declare a cache.

        Args:
            name: Unique in the app; letters a-z, digits, hyphen and underscore.
            ttl_s: For how long a value is kept at most, in seconds, unless said otherwise. Up to a
                tenth is taken off by chance, so that what came together does not end together. It
                also is how old a value can get where its owner changes it and tells nobody.
            limits: Of time and size.

        Raises:
            BadCache: a name or a number makes no sense.
        """
        self.name = checked_name(name)
        self._ttl_s = checked_ttl_s(name, ttl_s)
        self._limits = checked_limits(name, limits)
        self._plain = plain_format(name, limit_bytes=limits.value_bytes)
        self._tally = Tally()
        self._opened: OpenCache | None = None
        self._in_use = False

    def __repr__(self) -> str:
        """With its name."""
        return f"Cache({self.name!r}, ttl_s={self._ttl_s:g})"

    @asynccontextmanager
    async def open(self, settings: Settings | None = None) -> AsyncIterator[None]:
        """Have the cache open for a block; a worker does it by `lifespan=[prices.open]`.

        Redis may be away: nothing is connected to before the first read. Without PENSTOCK_REDIS
        nothing is kept; a load is then shared by those who ask during it in this process, and by
        nobody else.

        Args:
            settings: As read from the environment, which is done here where none are given.

        Raises:
            BadSettings: with all problems at once.
            BadCache: it is open already.
        """
        settings = settings or load_settings(needs_kafka=False)
        if self._in_use:
            raise BadCache(
                cache=self.name,
                problem="It is open already",
                cure="Open it once in a process, around all that uses it",
            )
        self._in_use = True
        try:
            async with AsyncExitStack() as closing:
                self._opened = opened = await self._open(settings, closing)
                try:
                    yield
                finally:
                    self._opened = None
                    await opened.close()
                    _log.info("the cache %s is closed: %s", self.name, self.statistics())
        finally:
            self._in_use = False

    async def _open(self, settings: Settings, closing: AsyncExitStack) -> OpenCache:
        clock, store = SystemClock(), None
        if settings.redis is None:
            _log.warning(
                "PENSTOCK_REDIS is not set: the cache %s keeps nothing, and loads each value",
                self.name,
                extra={"cache": self.name},
            )
        else:
            limits = RedisLimits(
                call_timeout_s=self._limits.call_timeout_s, connections=CALLS_AT_A_TIME
            )
            redis = open_redis(settings.redis.get_secret_value(), limits)
            store = RestingStore(
                await closing.enter_async_context(redis),
                cache=self.name,
                clock=clock,
                limits=self._limits,
                tally=self._tally,
            )
        return OpenCache(
            name=self.name,
            places=Places(settings.app, self.name),
            store=store,
            clock=clock,
            entropy=SystemEntropy(),
            limits=self._limits,
            tally=self._tally,
        )

    def cached(
        self, *, key: str, ttl_s: float | None = None
    ) -> Callable[
        [Callable[_Parameters, Coroutine[Any, Any, _ResultT]]],
        CachedFunction[_Parameters, _ResultT],
    ]:
        """Keep what the decorated function returns, None included; what it raises is not kept.

        What it returns is kept by the type that its annotation says, in JSON by pydantic, strictly,
        and only this function reads it again: another one under the same key, or this one with
        another type, loads anew. Callers that ask during a load wait for that load, in all
        processes; none of them shares an object that can be changed.

        Args:
            key: Text with names of parameters, `"{shop}:{sku}"`; these are annotated as str, int,
                or another plain type. Whatever else the result depends on must be in it too.
            ttl_s: Instead of the cache's own.

        Raises:
            BadCache: the function and the key do not fit, or nothing says what it returns.
        """
        kept_s = self._ttl_s if ttl_s is None else checked_ttl_s(self.name, ttl_s)

        def wrap(
            function: Callable[_Parameters, Coroutine[Any, Any, _ResultT]],
        ) -> CachedFunction[_Parameters, _ResultT]:
            return CachedFunction(
                function,
                cache=self.name,
                template=key,
                ttl_s=kept_s,
                limit_bytes=self._limits.value_bytes,
                opened=self._now_open,
            )

        return wrap

    async def get_or_set(
        self,
        key: str,
        load: Callable[[], Coroutine[Any, Any, _ResultT]],
        *,
        ttl_s: float | None = None,
    ) -> _ResultT:
        """Return what is kept under a key, or load it.

        Args:
            key: Any text.
            load: An async function without arguments; what it returns is kept if it is one of the
                plain types that `set` takes, and goes to its callers in any case.
            ttl_s: Instead of the cache's own.

        Raises:
            CacheNotOpen: the cache is not open.
            LoadNotFinished: the loader did not end in time, or the cache was closed.
            Exception: what the loader raises.
        """
        kept_s = self._ttl_s if ttl_s is None else checked_ttl_s(self.name, ttl_s)
        value = await self._now_open().fetch(key, self._plain, load, kept_s)
        return cast("_ResultT", value)

    async def get(self, key: str, default: _DefaultT | None = None) -> Any | _DefaultT | None:
        """Return what was set under a key.

        Args:
            key: As it was set.
            default: Returned where nothing is kept, or Redis is away. None may have been set, too.

        Raises:
            CacheNotOpen: the cache is not open.
        """
        value = await self._now_open().find(key, self._plain)
        return default if value is ABSENT else value

    async def set(self, key: str, value: Any, *, ttl_s: float | None = None) -> None:
        """Keep a value under a key, instead of what was there.

        A load of the same key that is under way, in whatever process, is not kept any more. Like
        `delete`, it says so if it may not have happened: an old value may then be found.

        Args:
            key: Any text.
            value: None, bool, int, float, str, bytes, Decimal, datetime, UUID, or lists and dicts
                (with text as keys) of them.
            ttl_s: Instead of the cache's own.

        Raises:
            CacheNotOpen: the cache is not open.
            NotCacheable: the value is none of these, or too long.
            CacheChangeFailed: nobody knows whether it happened.
        """
        kept_s = self._ttl_s if ttl_s is None else checked_ttl_s(self.name, ttl_s)
        await self._now_open().put(key, self._plain, value, kept_s)

    async def delete(self, key: str) -> None:
        """Delete what is kept under a key, by hand or by a cached function.

        Change the owner of the value first. When this returns, nothing older is kept in Redis: a
        load under way that may have seen the old state is not kept, in whatever process it runs.
        What it brings still goes to those who wait for it. In this process, whoever asks from now
        on waits for a new one; in another process, whoever joins it there until it ends, at most
        CacheLimits.load_timeout_s, gets the old value.

        Where Redis does not answer, it is still tried, and CacheChangeFailed says that the old
        value may be found until its time to live ends. Let the error go where that must not be:
        the handler of an event is then tried again. Catch it where it may.

        Args:
            key: As it was set, or as the template of a cached function makes it.

        Raises:
            CacheNotOpen: the cache is not open.
            CacheChangeFailed: nobody knows whether it happened.
        """
        await self._now_open().drop(key)

    def statistics(self) -> CacheStatistics:
        """Return what has happened since it was declared, and what is now."""
        tally, opened = self._tally, self._opened
        return CacheStatistics(
            hits=tally.hits,
            misses=tally.misses,
            shared=tally.shared,
            loads=tally.loads,
            load_failures=tally.load_failures,
            load_s=tally.load_s,
            found_late=tally.found_late,
            lock_waits=tally.lock_waits,
            errors=tally.errors,
            not_kept=tally.not_kept,
            sets=tally.sets,
            deletes=tally.deletes,
            rests=tally.rests,
            resting=opened is not None and opened.resting,
            loading=0 if opened is None else opened.loading,
            waiting=0 if opened is None else opened.waiting,
        )

    def _now_open(self) -> OpenCache:
        if self._opened is None:
            raise CacheNotOpen(cache=self.name)
        return self._opened
