"""A cache while it is open: how a value is found, or loaded once for all who ask for it.

    read ──found──────────────────────────────────────────────▶ hit: one round trip, nothing else
      └─none─▶ load under way in this process? ──yes──▶ wait for it
                 └─no─▶ in a task of its own:
                          take the lock, looking once more ──found──▶ another process was first
                            ├─held──▶ pause, look again; after the lease go on without it
                            └─taken─▶ call the loader ──▶ keep it, if the lock is still ours

Who decides: patience.py how long to pause, lifetime.py how long to keep, rest.py whether Redis is
called at all, value_format.py what can be read. The scripts take and let go of locks.

Laws:
1. A hit takes no lock, makes no task and asks Redis once.
2. What a loader raises is never kept, and reaches all who wait for it.
3. Whatever Redis does, a read ends with a value of the loader or with its error: after one call's
   time limit, the lease of another's lock and the loader's own limit at most.
4. Who has lost its lock gives its value to those who waited, and keeps it nowhere: it may be older
   than what others have set or loaded meanwhile.
5. Once a value is set or deleted, nobody joins a load of this process that began before that.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, final

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.cache.errors import CachedValueUnreadable, LoadNotFinished, NotCacheable
from penstock.infra.cache.flights import Flights
from penstock.infra.cache.lifetime import kept_ms
from penstock.infra.cache.limits import CacheLimits
from penstock.infra.cache.loaded import Loaded, is_changeable
from penstock.infra.cache.notices import Notices
from penstock.infra.cache.patience import pause_s
from penstock.infra.cache.place import Place, Places
from penstock.infra.cache.resting_store import Held, RestingStore, Taking
from penstock.infra.cache.statistics import Tally
from penstock.infra.cache.value_format import ValueFormat
from penstock.workers.time_limit import LimitMet, within

__all__ = ["ABSENT", "Load", "OpenCache"]

Load = Callable[[], Coroutine[Any, Any, Any]]
"""Calls a loader."""

ABSENT: Final = object()
"""In place of a value, which may be None."""

_TOKEN_BYTES: Final = 16

_log = logging.getLogger("penstock.cache")


@final
class OpenCache:
    """Finds, loads, sets and deletes values."""

    def __init__(
        self,
        *,
        name: str,
        places: Places,
        store: RestingStore | None,
        clock: Clock,
        entropy: Entropy,
        limits: CacheLimits,
        tally: Tally,
    ) -> None:
        """Begin with no load under way.

        Args:
            name: of the cache.
            places: its keys in Redis.
            store: Redis; None where there is none, and nothing is kept.
            clock: the time.
            entropy: chance, and tokens of locks.
            limits: of the cache.
            tally: its counts.
        """
        self._name = name
        self._places = places
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._tally = tally
        self._notices = Notices()
        self._marks: set[bytes] = set()
        self._flights: Flights[Loaded] = Flights(
            cache=name, abandoned=limits.abandoned_loads, unseen=self._unseen
        )

    @property
    def resting(self) -> bool:
        """Whether Redis is left alone."""
        return self._store is not None and self._store.resting

    @property
    def loading(self) -> int:
        """Loads under way."""
        return self._flights.loading

    @property
    def waiting(self) -> int:
        """Callers that wait for one."""
        return self._flights.waiting

    async def fetch(self, key: str, form: ValueFormat, load: Load, ttl_s: float) -> Any:
        """Find a value, or load it.

        Args:
            key: within the cache.
            form: of the value.
            load: calls the loader, if it comes to that.
            ttl_s: for how long to keep what was loaded, at most.

        Raises:
            LoadNotFinished: the loader did not end in time, or the cache was closed.
            Exception: what the loader raised.
        """
        name = (form.mark, key)
        flight = self._flights.current(name)
        unreadable: bytes | None = None
        if flight is None:
            if self._store is not None:
                value, unreadable = await self._look(self._places.value(key), form)
                if value is not ABSENT:
                    self._tally.hits += 1
                    return value
            flight = self._flights.current(name)  # others may have begun one meanwhile
        self._tally.misses += 1
        if flight is None:
            self._marks.add(form.mark)
            place = self._places.place(key)
            flight = self._flights.begin(name, self._load(place, form, load, ttl_s, unreadable))
        else:
            self._tally.shared += 1
        loaded = await self._flights.wait(flight)
        return loaded.own(form, self._places.value(key))

    async def find(self, key: str, form: ValueFormat) -> Any:
        """Find a value; ABSENT where there is none."""
        value: Any = ABSENT
        if self._store is not None:
            value, _ = await self._look(self._places.value(key), form)
        if value is ABSENT:
            self._tally.misses += 1
        else:
            self._tally.hits += 1
        return value

    async def put(self, key: str, form: ValueFormat, value: Any, ttl_s: float) -> None:
        """Set a value.

        Raises:
            NotCacheable: it would not come back the same, or is too long.
            CacheChangeFailed: nobody knows whether it happened.
        """
        place = self._places.place(key)
        frame = form.encode(value, place.value)
        with self._parting(key):
            if self._store is not None:
                await self._store.put(place, frame, kept_ms(ttl_s, self._entropy.random()))
        self._tally.sets += 1

    async def drop(self, key: str) -> None:
        """Delete a value.

        Raises:
            CacheChangeFailed: nobody knows whether it happened.
        """
        with self._parting(key):
            if self._store is not None:
                await self._store.drop(self._places.place(key))
        self._tally.deletes += 1

    async def close(self) -> None:
        """End all loads."""
        late = await self._flights.close(2 * self._limits.call_timeout_s + 1.0)
        if self._store is not None:
            self._store.close()
        if late:
            _log.warning(
                "%d loads of the cache %s did not end when they were cancelled",
                late,
                self._name,
                extra={"cache": self._name},
            )

    @contextmanager
    def _parting(self, key: str) -> Iterator[None]:
        """Let nobody join the loads of a key that were begun before its change was over."""
        self._part(key)  # before: the change may take a while
        try:
            yield
        finally:
            # And after: a load that began meanwhile may have found the old value in Redis, and not
            # have heard of it yet.
            self._part(key)

    def _part(self, key: str) -> None:
        for mark in self._marks:
            self._flights.part((mark, key))

    async def _look(self, key: str, form: ValueFormat) -> tuple[Any, bytes | None]:
        """Return a value or ABSENT, and bytes that cannot be read."""
        assert self._store is not None
        frame: bytes | None = None
        try:
            frame = await self._store.read(key)
            return (ABSENT, None) if frame is None else (form.decode(frame, key), None)
        except CachedValueUnreadable as error:
            self._store.note(error)
            return ABSENT, frame

    async def _load(
        self, place: Place, form: ValueFormat, load: Load, ttl_s: float, unreadable: bytes | None
    ) -> Loaded:
        """Load a value, unless another process has; runs in a task of its own."""
        token: bytes | None = None
        kept = False
        try:
            if self._store is not None:
                # Before it is taken: who is cancelled meanwhile does not know whether it was.
                token = self._entropy.random_bytes(_TOKEN_BYTES)
                found = await self._take(self._store, place, form, token, unreadable)
                if found is not Taking.TAKEN:
                    token = None
                if isinstance(found, Loaded):
                    self._tally.found_late += 1
                    return found
            value = await self._call(load)
            # Without a lock the bytes are only for copies, which not all values need.
            needed = token is not None or is_changeable(value)
            frame = self._encode(form, value, place) if needed else None
            if self._store is not None and token is not None and frame is not None:
                ttl_ms = kept_ms(ttl_s, self._entropy.random())
                kept = await self._store.keep(place, token, frame, ttl_ms)
                token = None  # gone with the value
            self._tally.not_kept += not kept
            return Loaded(value, frame)
        finally:
            if self._store is not None and token is not None:
                await self._store.release(place, token)

    async def _take(
        self,
        store: RestingStore,
        place: Place,
        form: ValueFormat,
        token: bytes,
        unreadable: bytes | None,
    ) -> Loaded | Taking:
        """Return a value, or TAKEN; AWAY where it is to be loaded without a lock."""
        lease_s = self._limits.lease_s
        patience_ends_s = self._clock.monotonic() + lease_s
        looks, waited = 0, False
        while True:
            longest_s = lease_s
            answer = await store.take(place, token, lease_s, unreadable=unreadable)
            match answer:
                case Taking():
                    return answer
                case bytes():
                    try:
                        return Loaded(form.decode(answer, place.value), answer)
                    except CachedValueUnreadable as error:
                        store.note(error)
                        unreadable = answer
                case Held(left_s):
                    self._tally.lock_waits += not waited
                    waited, longest_s = True, left_s
            now_s = self._clock.monotonic()
            if now_s >= patience_ends_s:
                return Taking.AWAY
            # Not beyond the end of the lease: by then the lock is free.
            pause = min(pause_s(looks, self._entropy.random()), longest_s)
            await self._clock.sleep_until(now_s + pause)
            looks += 1

    async def _call(self, load: Load) -> Any:
        """Call the loader, for so long as it may take."""
        self._tally.loads += 1
        begun_s, loaded = self._clock.monotonic(), False
        try:
            value = await within(self._limits.load_timeout_s, load())
            loaded = True
        except LimitMet:
            raise self._not_finished(
                f"The loader took longer than {self._limits.load_timeout_s:g} s"
            ) from None
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._not_finished("What the loader waited for was cancelled") from error
        finally:
            self._tally.load_s += self._clock.monotonic() - begun_s
            self._tally.load_failures += not loaded
        return value

    def _encode(self, form: ValueFormat, value: Any, place: Place) -> bytes | None:
        try:
            return form.encode(value, place.value)
        except NotCacheable as error:
            if self._store is not None:
                self._store.note(error)
            return None

    def _unseen(self, error: BaseException) -> None:
        kind = type(error).__name__
        held_back = self._notices.due("unseen", self._clock.monotonic())
        if held_back is not None:
            _log.warning(
                "A load of the cache %s that nobody waits for any more failed: %s",
                self._name,
                kind,
                extra={"cache": self._name, "repeats_held_back": held_back},
            )

    def _not_finished(self, reason: str) -> LoadNotFinished:
        return LoadNotFinished(cache=self._name, reason=reason)
