"""Redis as a cache sees it: there with an answer, or not there at all.

When to leave it alone stands in rest.py, what to say in notices.py; where values and locks lie, in
place.py. What happens here in one step in Redis stands in the Lua scripts beside.

Laws:
1. A read never fails because of Redis: no answer is no value. It costs at most one time limit, and
   then nothing until the rest is over.
2. A change is always tried, and whoever asked for it is told if it may not have happened.
3. Waiting for a free connection is no failure of Redis: a line is stood in before the time of a
   call begins, and left as soon as a rest begins.
4. Each change of state is logged once, at the moment it is noticed.
5. A lock that may be ours, after a call without an answer, is let go of as soon as Redis answers.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha1
from typing import Any, Final, Literal, final

from penstock.events.clock import Clock
from penstock.infra.cache.errors import CacheChangeFailed, CachedValueUnreadable
from penstock.infra.cache.limits import CacheLimits
from penstock.infra.cache.notices import Notices
from penstock.infra.cache.place import Place
from penstock.infra.cache.rest import Rest
from penstock.infra.cache.statistics import Tally
from penstock.infra.redis.errors import (
    RedisRefused,
    RedisStoreClosed,
    RedisUnreachable,
    ValueTooLarge,
)
from penstock.infra.redis.script import Script, load_script
from penstock.infra.redis.store import RedisStore
from penstock.schemas.errors import PenstockError

__all__ = ["CALLS_AT_A_TIME", "Held", "RestingStore", "Taking"]

CALLS_AT_A_TIME: Final = 32
"""Calls to Redis that one cache has under way, each on a connection: one process can keep fewer
busy."""

_PACKAGE: Final = "penstock.infra.cache"
_TAKE: Final = load_script(_PACKAGE, "take.lua")
_KEEP: Final = load_script(_PACKAGE, "keep.lua")
_RELEASE: Final = load_script(_PACKAGE, "release.lua")
_PUT: Final = load_script(_PACKAGE, "put.lua")
_MS: Final = 1000
_LOST_LIMIT: Final = 1000
"""Locks that are remembered, in case that they are ours; others end by themselves."""
_WRONG_TYPE: Final = "WRONGTYPE"

_log = logging.getLogger("penstock.cache")


_NO_ANSWER: Final = (RedisUnreachable, RedisStoreClosed)
"""What a call ends with that was not answered; the second where the cache was closed meanwhile."""


class Taking(Enum):
    """How an attempt to take a lock ended, besides finding a value or a holder."""

    TAKEN = auto()
    """It is ours."""
    AWAY = auto()
    """Nobody knows: Redis is away, or takes no writes."""


class _Silence(Enum):
    """Why there is no answer to what was tried."""

    AWAY = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Held:
    """The lock is somebody else's."""

    left_s: float
    """For how long more at most."""


@final
class RestingStore:
    """A Redis that is left alone where it does not answer."""

    def __init__(
        self, store: RedisStore, *, cache: str, clock: Clock, limits: CacheLimits, tally: Tally
    ) -> None:
        """Stand before a store.

        Args:
            store: with a connection for each of `CALLS_AT_A_TIME`.
            cache: name, for logs and errors.
            clock: the time.
            limits: of the cache.
            tally: counts errors and rests.
        """
        self._store = store
        self._cache = cache
        self._clock = clock
        self._limits = limits
        self._tally = tally
        self._line = asyncio.Semaphore(CALLS_AT_A_TIME)
        self._notices = Notices()
        self._lost: dict[tuple[str, bytes], None] = {}
        self._closed = False
        self._away_since_s = 0.0
        self._rest = Rest(
            first_s=limits.rest_s,
            longest_s=limits.longest_rest_s,
            try_s=2 * limits.call_timeout_s,
        )

    @property
    def resting(self) -> bool:
        """Whether Redis is left alone."""
        return self._rest.resting

    async def read(self, key: str) -> bytes | None:
        """Read a value in one round trip.

        Args:
            key: in Redis.

        Returns:
            Its bytes; None where there are none, or Redis is away.

        Raises:
            CachedValueUnreadable: there is something that no cache has written.
        """
        async with self._line:
            ticket = self._ticket()
            if ticket is None:
                return None
            try:
                value = await self._store.get(key, limit_bytes=self._limits.value_bytes)
            except _NO_ANSWER as error:
                self._failed(ticket, error)
                return None
            except RedisRefused as error:
                if error.kind != _WRONG_TYPE:
                    self._failed(ticket, error)
                    return None
                self._answered(ticket)
                raise self._unreadable("it is no text but another type of Redis") from error
            except ValueTooLarge as error:
                self._answered(ticket)
                raise self._unreadable(f"it is longer than {error.limit_bytes} bytes") from error
            if self._rest.resting:
                self._answered(ticket)
            if self._lost:
                await self._settle()
            return value

    async def take(
        self, place: Place, token: bytes, lease_s: float, *, unreadable: bytes | None
    ) -> bytes | Held | Taking:
        """Look for a value once more, and else take the lock for loading it.

        Args:
            place: of the value.
            token: random; who has it has the lock.
            lease_s: after which the lock ends by itself.
            unreadable: a value that is as good as none.

        Returns:
            The bytes of a value, who has the lock, or that nobody knows.
        """
        known = "" if unreadable is None else sha1(unreadable, usedforsecurity=False).hexdigest()
        arguments = (token, int(lease_s * _MS), self._limits.value_bytes, known)
        reply = await self._try_to(
            "take a lock", lambda: self._run(_TAKE, place, *arguments), place, token, held=False
        )
        match reply:
            case _Silence():
                return Taking.AWAY
            case bytes():
                return reply
            case 0:
                return Taking.TAKEN
            case _:
                return Held(reply / _MS)

    async def keep(self, place: Place, token: bytes, frame: bytes, ttl_ms: int) -> bool:
        """Keep a loaded value, and let go of the lock, if the lock is still ours.

        Returns:
            True if it was kept, as far as is known.
        """
        reply = await self._try_to(
            "keep a value",
            lambda: self._run(_KEEP, place, token, frame, ttl_ms),
            place,
            token,
            held=True,
        )
        if reply is _Silence.REFUSED:
            await self.release(place, token)  # a full Redis keeps nothing, but lets locks go
        return bool(reply == 1)

    async def release(self, place: Place, token: bytes) -> None:
        """Let go of the lock if it is still ours; where Redis is away, when it is back."""
        await self._try_to(
            "let go of a lock", lambda: self._let_go(place.lock, token), place, token, held=True
        )

    async def put(self, place: Place, frame: bytes, ttl_ms: int) -> None:
        """Set a value, and take the lock from whoever loads it.

        Raises:
            CacheChangeFailed: nobody knows whether it happened.
        """
        await self._change("set", lambda: self._run(_PUT, place, frame, ttl_ms))

    async def drop(self, place: Place) -> None:
        """Delete a value, and take the lock from whoever loads it.

        Raises:
            CacheChangeFailed: nobody knows whether it happened.
        """
        await self._change("delete", lambda: self._store.delete(place.value, place.lock))

    def close(self) -> None:
        """Be away from now on, for those who come too late."""
        self._closed = True

    def note(self, error: PenstockError) -> None:
        """Count an error with a value, and log it unless one of its kind was just logged."""
        self._tally.errors += 1
        self._say(type(error).__name__, str(error))

    def _run(
        self, script: Script, place: Place, *arguments: str | bytes | int
    ) -> Coroutine[Any, Any, Any]:
        return self._store.run(script, keys=(place.value, place.lock), arguments=arguments)

    def _let_go(self, lock: str, token: bytes) -> Coroutine[Any, Any, Any]:
        return self._store.run(_RELEASE, keys=(lock,), arguments=(token,))

    async def _try_to(
        self,
        purpose: str,
        call: Callable[[], Coroutine[Any, Any, Any]],
        place: Place,
        token: bytes,
        *,
        held: bool,
    ) -> Any:
        """Do something with a lock, where Redis may be called.

        Args:
            purpose: what, in words.
            call: does it.
            place: of the lock.
            token: of the lock.
            held: whether the lock is held if nothing is done.

        Returns:
            The answer, or a _Silence.
        """
        async with self._line:
            ticket = self._ticket()
            if ticket is None:
                self._lose(place.lock, token, held)
                return _Silence.AWAY
            try:
                reply = await call()
            except _NO_ANSWER as error:
                self._failed(ticket, error)
                self._lose(place.lock, token, held or _may_have_happened(error))
                return _Silence.AWAY
            except RedisRefused as error:
                # It may be full, or a replica, and be read all the same: that is no reason to rest.
                self._answered(ticket)
                self._refused(purpose, error)
                return _Silence.REFUSED
            self._answered(ticket)
            await self._settle()
            return reply

    def _lose(self, lock: str, token: bytes, held: bool) -> None:
        """Remember a lock that may be ours, although nobody uses it.

        Left alone, it would let all who miss this value wait until its lease ends: also after an
        outage in which Redis was only frozen, and then did what had been asked before.
        """
        if held:
            self._lost[lock, token] = None
            if len(self._lost) > _LOST_LIMIT:
                del self._lost[next(iter(self._lost))]

    async def _settle(self) -> None:
        """Let go of locks that were lost, as Redis answers again."""
        while self._lost:
            (lock, token), _ = self._lost.popitem()
            ticket = self._rest.ticket
            try:
                await self._let_go(lock, token)
            except _NO_ANSWER as error:
                self._lose(lock, token, held=True)
                self._failed(ticket, error)
                return
            except asyncio.CancelledError:
                self._lose(lock, token, held=True)  # whoever reads next goes on
                raise
            except RedisRefused as error:
                self._refused("let go of a lock", error)

    async def _change(
        self, change: Literal["set", "delete"], call: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        """Make a call whether Redis rests or not, and say if it may not have happened."""
        async with self._line:
            allowed = self._ticket()
            ticket = self._rest.ticket if allowed is None else allowed
            try:
                await call()
            except _NO_ANSWER as error:
                if allowed is None:
                    self._tally.errors += 1
                else:
                    self._failed(allowed, error)
                raise self._change_failed(change, error) from error
            except RedisRefused as error:
                self._tally.errors += 1
                raise self._change_failed(change, error) from error
            self._answered(ticket)
            await self._settle()

    def _ticket(self) -> int | None:
        rest = self._rest
        if self._closed:
            return None
        return rest.take_ticket(self._clock.monotonic()) if rest.resting else rest.ticket

    def _failed(self, ticket: int, error: PenstockError) -> None:
        if self._closed:
            return  # the connections were cut by ourselves
        self._tally.errors += 1
        now_s, had_rested = self._clock.monotonic(), self._rest.resting
        if self._rest.failed(ticket, now_s) is None:
            return
        self._tally.rests += 1
        if not had_rested:
            self._away_since_s = now_s
            _log.warning(
                "The cache %s does without Redis for now, and loads each value: %s",
                self._cache,
                self._told(error),
                extra={"cache": self._cache},
            )

    def _answered(self, ticket: int) -> None:
        if self._rest.answered(ticket):
            _log.info(
                "The cache %s has Redis again, after %.1f s",
                self._cache,
                self._clock.monotonic() - self._away_since_s,
                extra={"cache": self._cache},
            )

    def _refused(self, purpose: str, error: RedisRefused) -> None:
        self._tally.errors += 1
        self._say("refused", f"Redis did not {purpose} of the cache {self._cache}: {error}")

    def _say(self, kind: str, text: str) -> None:
        held_back = self._notices.due(kind, self._clock.monotonic())
        if held_back is not None:
            extra = {"cache": self._cache, "repeats_held_back": held_back}
            _log.warning("%s", text, extra=extra)

    def _unreadable(self, problem: str) -> CachedValueUnreadable:
        return CachedValueUnreadable(cache=self._cache, problem=problem)

    def _change_failed(self, change: str, error: PenstockError) -> CacheChangeFailed:
        return CacheChangeFailed(
            cache=self._cache,
            change=change,
            reason=self._told(error),
            may_have_happened=_may_have_happened(error),
        )

    def _told(self, error: PenstockError) -> str:
        match error:
            case RedisUnreachable() | RedisRefused():
                return f"Redis at {error.address}: {error.reason}"
            case _:
                return str(error)


def _may_have_happened(error: PenstockError) -> bool:
    """Whether a call that failed may have had its effect, or may have it yet."""
    return isinstance(error, RedisUnreachable) and error.may_have_happened
