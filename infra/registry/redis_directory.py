"""Entries in Redis: leases by its clock, one script for each step.

    penstock:<app>:registry:{<service>}:leases    ZSET    id -> end of the lease, in ms
    penstock:<app>:registry:{<service>}:entries   HASH    id -> instance_codec's JSON
    penstock:<app>:registry:{<service>}:state     HASH    epoch; last sweep; whether whole
    penstock:<app>:registry:{<service>}:events    STREAM  wakes those who wait; about 1 000 kept
    penstock:<app>:registry:services              ZSET    service -> end of its lease, in ms

The braces keep the keys of a service in one slot of a cluster; the list of services is in another,
so it is written by a call of its own, at each heartbeat.

Laws:
1. An instance ends by its own score, never by the life of a key that it shares with others: that
   only clears away what nobody says anything about any more.
2. Nothing is ever searched for by pattern, and an answer has a bound whatever stands in the keys.
3. A key of a wrong type is deleted by the next heartbeat, and that is told. Readers change nothing.
4. No clock but the server's is compared with a lease.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.infra.plain_text import excerpt
from penstock.infra.redis.keys import redis_key
from penstock.infra.redis.line import RedisReply
from penstock.infra.redis.script import load_script
from penstock.infra.redis.store import RedisStore
from penstock.infra.registry.directory import (
    LISTED_LIMIT,
    Lease,
    Outcome,
    RegistryDamaged,
    Snapshot,
)
from penstock.infra.registry.instance import ID_LIMIT, SERVICE_LIMIT, Instance, is_service
from penstock.infra.registry.instance_codec import (
    ENTRY_LIMIT_BYTES,
    InstanceUnreadable,
    decode_instance,
    encode_instance,
    unreadable,
)
from penstock.infra.registry.lease_times import KEPT_S, LEASE_S, REMOVED_S, REMOVED_SHARE

__all__ = ["RedisDirectory", "RedisDirectoryStatistics"]

_SERVICES_LIMIT: Final = 1_000
_LEASE_MS: Final = round(LEASE_S * 1000)
_REMOVED_MS: Final = round(REMOVED_S * 1000)
_KEPT_MS: Final = round(KEPT_S * 1000)
_PACKAGE: Final = "penstock.infra.registry"
_LEASES: Final = load_script(_PACKAGE, "leases.lua")
_LOOK: Final = load_script(_PACKAGE, "look.lua")
_ANNOUNCE: Final = load_script(_PACKAGE, "announce.lua")
_SERVICES: Final = load_script(_PACKAGE, "services.lua")


def _server_clock() -> int:
    """Return what tells a script to ask the server."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisDirectoryStatistics:
    """What was found in Redis that does not belong there."""

    mended: int
    """Steps that deleted a key of a wrong type."""
    unreadable: int
    """Entries that could not be read, counted at each look."""
    strange_names: int
    """Names of services that are none, counted at each look."""


@final
class RedisDirectory:
    """Fulfils directory.Directory."""

    def __init__(
        self,
        store: RedisStore,
        app: str,
        *,
        alarm: RaiseAlarm,
        now_ms: Callable[[], int] = _server_clock,
    ) -> None:
        """Stand over a store.

        Args:
            store: of Redis.
            app: the app's name.
            alarm: told of what does not belong into the keys.
            now_ms: the time that leases run by, where that is not the server's: only for tests and
                simulations, which turn it by hand. It comes to scripts as an argument.
        """
        self._store = store
        self._app = app
        self._alarm = alarm
        self._now_ms = now_ms
        self._services_key = redis_key(app, "registry", "services")
        self._mended = 0
        self._unreadable = 0
        self._strange_names = 0

    async def register(self, instance: Instance) -> Outcome:
        """See directory.Directory."""
        return await self._said("register", instance)

    async def heartbeat(self, instance: Instance) -> Outcome:
        """See directory.Directory."""
        return await self._said("heartbeat", instance)

    async def leave(self, instance: Instance) -> bool:
        """See directory.Directory."""
        return await self._step("leave", instance) == "left"

    async def look(self, service: str) -> Snapshot:
        """See directory.Directory.

        Raises:
            RedisUnreachable: no answer.
            RedisRefused: the server answered with an error.
            RegistryDamaged: a key is of a wrong type.
        """
        reply = await self._store.run(
            _LOOK,
            keys=self._keys(service),
            arguments=(self._now_ms(), _LEASE_MS, LISTED_LIMIT, ENTRY_LIMIT_BYTES, ID_LIMIT),
        )
        damaged, epoch, event, left_out, listed = _list(reply)
        if damaged:
            raise RegistryDamaged(key=_text(damaged))
        leases, strange = _read(service, _list(listed))
        self._unreadable += len(strange)
        return Snapshot(
            epoch=_text(epoch),
            event=_text(event),
            leases=leases,
            unreadable=strange,
            left_out=_number(left_out),
        )

    async def wait(self, service: str, *, event: str, wait_s: float) -> None:
        """See directory.Directory."""
        events = self._keys(service)[-1]
        await self._store.read_stream(events, after=event, wait_s=wait_s, count=1)

    async def services(self) -> tuple[str, ...]:
        """See directory.Directory.

        Raises:
            RedisUnreachable: no answer.
            RedisRefused: the server answered with an error.
            RegistryDamaged: the key is of a wrong type.
        """
        reply = await self._store.run(
            _SERVICES,
            keys=[self._services_key],
            arguments=(self._now_ms(), _SERVICES_LIMIT, SERVICE_LIMIT),
        )
        damaged, listed = _list(reply)
        if damaged:
            raise RegistryDamaged(key=_text(damaged))
        names = [_text(name) for name in _list(listed)]
        services = tuple(sorted(filter(is_service, names)))
        if len(services) < len(names):
            self._tell_names([name for name in names if not is_service(name)])
        return services

    def statistics(self) -> RedisDirectoryStatistics:
        """Return what was found that does not belong there."""
        return RedisDirectoryStatistics(
            mended=self._mended, unreadable=self._unreadable, strange_names=self._strange_names
        )

    def _keys(self, service: str) -> list[str]:
        """Return the keys of a service, in the order in which scripts take them."""
        return [
            redis_key(self._app, "registry", f"{{{service}}}", part)
            for part in ("leases", "entries", "state", "events")
        ]

    async def _said(self, verb: str, instance: Instance) -> Outcome:
        outcome = Outcome(await self._step(verb, instance))
        if outcome is not Outcome.GONE:
            await self._announce(instance.service)
        return outcome

    async def _step(self, verb: str, instance: Instance) -> str:
        reply = await self._store.run(
            _LEASES,
            keys=self._keys(instance.service),
            arguments=(
                verb,
                instance.id,
                encode_instance(instance),
                self._now_ms(),
                _LEASE_MS,
                _REMOVED_MS,
                _KEPT_MS,
                str(REMOVED_SHARE),
            ),
        )
        outcome, mended = _list(reply)
        self._count_mended(_number(mended), instance.service)
        return _text(outcome)

    async def _announce(self, service: str) -> None:
        mended = await self._store.run(
            _ANNOUNCE,
            keys=[self._services_key],
            arguments=(service, self._now_ms(), _LEASE_MS, _KEPT_MS),
        )
        self._count_mended(_number(mended), service)

    def _count_mended(self, mended: int, service: str) -> None:
        if not mended:
            return
        self._mended += 1
        text = (
            "A key of the registry was of a wrong type and was deleted. What it held comes back "
            "with the heartbeats of the others; see who else writes to this Redis."
        )
        self._alarm(Alarm(name="registry-mended", text=text, facts={"service": service}))

    def _tell_names(self, strange: list[str]) -> None:
        self._strange_names += len(strange)
        text = "The registry's list of services holds names that no service has; they are left out."
        facts: dict[str, str | int] = {"count": len(strange), "first": excerpt(strange[0])}
        self._alarm(Alarm(name="registry-names-unreadable", text=text, facts=facts))


def _read(
    service: str, listed: list[RedisReply]
) -> tuple[tuple[Lease, ...], tuple[InstanceUnreadable, ...]]:
    """Read the entries of a snapshot: those that can be, and an error for each other."""
    leases, strange = list[Lease](), list[InstanceUnreadable]()
    for name, left_ms, entry in zip(listed[::3], listed[1::3], listed[2::3], strict=True):
        try:
            instance = _instance(service, _text(name), entry)
        except InstanceUnreadable as error:
            strange.append(error)
        else:
            leases.append(Lease(instance=instance, left_s=_number(left_ms) / 1000))
    leases.sort(key=lambda lease: lease.instance.id)
    return tuple(leases), tuple(strange)


def _instance(service: str, name: str, entry: RedisReply) -> Instance:
    if isinstance(entry, bytes):
        return decode_instance(service, name, entry)
    reason = f"it has {entry} bytes" if entry else "there is nothing under its id"
    raise unreadable(service, name, reason)


# The shapes of replies are those of our own scripts, so another one is a mistake of ours.


def _list(reply: RedisReply) -> list[RedisReply]:
    assert isinstance(reply, list)
    return reply


def _text(reply: RedisReply) -> str:
    assert isinstance(reply, bytes)
    return reply.decode(errors="backslashreplace")


def _number(reply: RedisReply) -> int:
    assert isinstance(reply, int)
    return reply
