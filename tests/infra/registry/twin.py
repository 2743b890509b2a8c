"""The dumb twin: a directory in memory, written from the laws alone and not from the scripts.

`test_registry_directory.py` of the integration tests holds the one in Redis to it, step by step; so
tests of the shells may use it in its place, with time turned by hand.

Law: it is simple rather than fast, and what it does at one call happens at one moment.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.infra.redis.errors import RedisRefused, RedisUnreachable
from penstock.infra.registry.directory import LISTED_LIMIT, Lease, Outcome, Snapshot
from penstock.infra.registry.instance import Instance
from penstock.infra.registry.instance_codec import (
    ENTRY_LIMIT_BYTES,
    InstanceUnreadable,
    decode_instance,
    encode_instance,
    unreadable,
)

__all__ = ["ServiceTwin", "TwinDirectory"]

LEASE_MS: Final = 9_000
REMOVED_MS: Final = 30_000
SWEEP_MS: Final = 3_000


@dataclass
class ServiceTwin:
    """What is kept of one service."""

    ends_ms: dict[str, float] = field(default_factory=dict)
    """Ends of leases by id."""
    entries: dict[str, bytes] = field(default_factory=dict)
    """What instances say, by id."""
    epoch: str = ""
    """Which of the lives of this service it is."""
    swept_ms: int | None = None
    """When it was last swept."""
    events: int = 0
    """How many there were."""


class TwinDirectory:
    """Fulfils directory.Directory."""

    def __init__(self, now_ms: Callable[[], int], clock: Clock | None = None) -> None:
        """Begin empty.

        Args:
            now_ms: the time of leases.
            clock: for `wait`.
        """
        self._now_ms = now_ms
        self._clock = clock
        self._epochs = 0
        self._happened: dict[str, asyncio.Event] = {}
        self._announced: dict[str, int] = {}
        self.kept: dict[str, ServiceTwin] = {}
        """All services by name."""
        self.away = False
        """Whether questions get no answer."""
        self.deaf = False
        """Whether `wait` is refused, as to a user without that right."""
        self.mistaken = False
        """Whether it raises what no directory may raise."""
        self.answers_after_s = 0.0
        """How long an answer takes, by the clock."""
        self.calls: list[str] = []
        """What it was asked, in order, answered or not."""

    # --- what befalls it ---------------------------------------------------------------------

    def forget_everything(self) -> None:
        """FLUSHALL."""
        self.kept.clear()
        self._announced.clear()

    def stranger(self, service: str) -> ServiceTwin:
        """Return a service as a stranger finds it, who begins no epoch."""
        return self.kept.setdefault(service, ServiceTwin())

    # --- the port ----------------------------------------------------------------------------

    async def register(self, instance: Instance) -> Outcome:
        """See directory.Directory."""
        await self._asked("register")
        kept, now_ms, entry = self._of(instance.service), self._now_ms(), encode_instance(instance)
        ran = kept.ends_ms.get(instance.id, 0) > now_ms
        same = kept.entries.get(instance.id) == entry
        kept.ends_ms[instance.id] = now_ms + LEASE_MS
        kept.entries[instance.id] = entry
        outcome = Outcome.JOINED
        if ran:
            outcome = Outcome.RENEWED if same else Outcome.CHANGED
        if outcome is not Outcome.RENEWED:
            self._tell(instance.service)
        self._sweep(kept)
        self._announced[instance.service] = now_ms + LEASE_MS
        return outcome

    async def heartbeat(self, instance: Instance) -> Outcome:
        """See directory.Directory."""
        await self._asked("heartbeat")
        kept, now_ms = self._of(instance.service), self._now_ms()
        outcome = Outcome.GONE
        if kept.ends_ms.get(instance.id, 0) > now_ms and kept.entries.get(
            instance.id
        ) == encode_instance(instance):
            kept.ends_ms[instance.id] = now_ms + LEASE_MS
            self._announced[instance.service] = now_ms + LEASE_MS
            outcome = Outcome.RENEWED
        self._sweep(kept)
        return outcome

    async def leave(self, instance: Instance) -> bool:
        """See directory.Directory."""
        await self._asked("leave")
        kept = self._of(instance.service)
        was_there = kept.ends_ms.pop(instance.id, None) is not None
        kept.entries.pop(instance.id, None)
        if was_there:
            self._tell(instance.service)
        self._sweep(kept)
        return was_there

    async def look(self, service: str) -> Snapshot:
        """See directory.Directory."""
        await self._asked("look")
        kept, now_ms = self.kept.get(service, ServiceTwin()), self._now_ms()
        running = sorted(
            (end_ms, name.encode(), name)
            for name, end_ms in kept.ends_ms.items()
            if end_ms > now_ms
        )
        leases, strange = list[Lease](), list[InstanceUnreadable]()
        for end_ms, _, name in running[:LISTED_LIMIT]:
            try:
                instance = self._read(service, name, kept.entries.get(name, b""))
            except InstanceUnreadable as error:
                strange.append(error)
            else:
                left_ms = math.ceil(min(end_ms - now_ms, LEASE_MS))
                leases.append(Lease(instance=instance, left_s=left_ms / 1000))
        return Snapshot(
            epoch=kept.epoch,
            event=str(kept.events),
            leases=tuple(sorted(leases, key=lambda lease: lease.instance.id)),
            unreadable=tuple(strange),
            left_out=len(running[LISTED_LIMIT:]),
        )

    async def wait(self, service: str, *, event: str, wait_s: float) -> None:
        """See directory.Directory."""
        assert self._clock is not None, "a twin without a clock cannot wait"
        self._refuse_if_away()
        if self.deaf:
            raise RedisRefused(address="twin:1", kind="NOPERM", reason="NOPERM no rights")
        happened = self._happened.setdefault(service, asyncio.Event())
        happened.clear()
        if str(self.kept.get(service, ServiceTwin()).events) != event:
            return
        try:
            await before(self._clock, self._clock.monotonic() + wait_s, happened.wait())
        except TimeoutError:
            return

    async def services(self) -> tuple[str, ...]:
        """See directory.Directory."""
        await self._asked("services")
        now_ms = self._now_ms()
        return tuple(sorted(name for name, end in self._announced.items() if end > now_ms))

    # --- within ------------------------------------------------------------------------------

    async def _asked(self, what: str) -> None:
        self.calls.append(what)
        if self.answers_after_s:
            assert self._clock is not None, "a twin without a clock cannot be slow"
            await self._clock.sleep_until(self._clock.monotonic() + self.answers_after_s)
        if self.mistaken:
            raise TypeError
        self._refuse_if_away()

    def _refuse_if_away(self) -> None:
        if self.away:
            raise RedisUnreachable(address="twin:1", reason="it is away", may_have_happened=False)

    def _of(self, service: str) -> ServiceTwin:
        kept = self.stranger(service)
        if not kept.epoch:
            self._epochs += 1
            kept.epoch = str(self._epochs)
        return kept

    def _tell(self, service: str) -> None:
        self.kept[service].events += 1
        self._happened.setdefault(service, asyncio.Event()).set()

    def _sweep(self, kept: ServiceTwin) -> None:
        now_ms = self._now_ms()
        if kept.swept_ms is not None and 0 <= now_ms - kept.swept_ms < SWEEP_MS:
            return
        kept.swept_ms = now_ms
        for name, end_ms in kept.ends_ms.items():
            kept.ends_ms[name] = min(end_ms, now_ms + LEASE_MS)
        silent = sorted(
            (end_ms, name.encode(), name)
            for name, end_ms in kept.ends_ms.items()
            if end_ms <= now_ms - (REMOVED_MS - LEASE_MS)
        )
        for _, _, name in silent[: max(1, len(kept.ends_ms) * 15 // 100)]:
            del kept.ends_ms[name]
            kept.entries.pop(name, None)

    @staticmethod
    def _read(service: str, name: str, entry: bytes) -> Instance:
        if not entry:
            raise unreadable(service, name, "there is nothing under its id")
        if len(entry) > ENTRY_LIMIT_BYTES:
            raise unreadable(service, name, f"it has {len(entry)} bytes")
        return decode_instance(service, name, entry)
