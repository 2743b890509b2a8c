"""Changes of one service, as they come.

    look -> what is different from the last list -> yield it -> wait for an event, the end of the
    first lease, or ten seconds -> look ...

Events only wake. What is yielded comes from comparing lists, so an event that was lost, or a Redis
that lost them all, is made up for at the next look; and an instance that falls silent, of which no
event tells, is missed when its lease ends.

Laws:
1. It does not end by itself, and raises nothing: while the registry is away, nothing changes, and
   that is told.
2. It never looks more often than its pace, whatever happens.
3. What the reader has not yet taken is bounded: no look is taken before all is yielded.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Self, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.registry.changes import Change, changes_between
from penstock.infra.registry.directory import Directory
from penstock.infra.registry.lease_times import retry_s
from penstock.infra.registry.lookout import Lookout
from penstock.infra.registry.pace import Pace
from penstock.infra.registry.view import View
from penstock.schemas.errors import WorldError

__all__ = ["LOOK_AGAIN_S", "Watch", "WatchStatistics"]

LOOK_AGAIN_S: Final = 10.0
"""Longest time between two looks, in seconds, before jitter."""
_JITTER: Final = 1 / 16
"""Share by which a wait is lengthened at most, so that watchers do not look in step (Consul)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatistics:
    """A watch in numbers."""

    looks: int
    """How often it looked."""
    changes: int
    """How much it has yielded."""
    known: int
    """Instances that it knows now."""
    age_s: float
    """Seconds since the oldest part of its list was known to be true."""
    stale: bool
    """Whether the registry is away, or has just lost what it knew."""


@final
class Watch:
    """An endless iterator over changes; the first are those who are there already."""

    def __init__(
        self,
        directory: Directory,
        service: str,
        *,
        clock: Clock,
        entropy: Entropy,
        alarm: RaiseAlarm,
    ) -> None:
        """Look at nothing yet.

        Args:
            directory: where entries are kept.
            service: whose changes.
            clock: the time.
            entropy: keeps many watchers apart.
            alarm: told of silence and of what cannot be read.
        """
        self._directory = directory
        self._service = service
        self._clock = clock
        self._entropy = entropy
        self._alarm = alarm
        self._lookout = Lookout(directory, clock=clock, alarm=alarm)
        self._view = View()
        self._pace = Pace()
        self._pending: deque[Change] = deque()
        self._looks = self._changes = 0
        self._failures = 0
        self._deaf = 0

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Change:
        """Return the next change, as soon as there is one."""
        while not self._pending:
            if self._looks:
                await self._wait()
            await self._look()
        self._changes += 1
        return self._pending.popleft()

    def statistics(self) -> WatchStatistics:
        """Return where it stands."""
        found = self._view.discovery(self._service, self._clock.monotonic())
        return WatchStatistics(
            looks=self._looks,
            changes=self._changes,
            known=len(self._view.listed()),
            age_s=found.age_s,
            stale=found.stale,
        )

    async def _look(self) -> None:
        now_s = self._clock.monotonic()
        self._pace, wait_s = self._pace.taken(now_s)
        if wait_s > 0:
            await self._clock.sleep_until(now_s + wait_s)
        listed = self._view.listed()
        answer = await self._lookout.look(self._service)
        self._view = self._lookout.taken(self._service, self._view, answer)
        self._pending.extend(changes_between(listed, self._view.listed()))
        self._looks += 1

    async def _wait(self) -> None:
        """Wait for a reason to look again."""
        if self._view.silent_since_s is None:
            if await self._was_woken():
                self._failures = self._deaf = 0
                return
            self._deaf += 1
        else:
            self._deaf = 0
        self._failures += 1
        wait_s = retry_s(self._failures, self._entropy.random())
        await self._clock.sleep_until(self._clock.monotonic() + wait_s)

    async def _was_woken(self) -> bool:
        """Wait for an event or the end of a lease.

        Returns:
            False where that cannot be waited for.
        """
        now_s, end_s = self._clock.monotonic(), self._view.next_end_s()
        wait_s = LOOK_AGAIN_S if end_s is None else max(0.0, min(LOOK_AGAIN_S, end_s - now_s))
        wait_s *= 1.0 + _JITTER * self._entropy.random()
        try:
            await self._directory.wait(self._service, event=self._view.event, wait_s=wait_s)
        except WorldError as error:
            self._tell_deaf(error)
            return False
        return True

    def _tell_deaf(self, error: WorldError) -> None:
        # Once is Redis going away, as the next look will find; twice, with a look that was answered
        # in between, is another matter.
        if self._deaf == 1:
            text = (
                f"Events of {self._service} cannot be waited for: {error} It is looked at every "
                "few seconds instead."
            )
            self._alarm(
                Alarm(name="registry-watch-deaf", text=text, facts={"service": self._service})
            )
