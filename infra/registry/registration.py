"""One process and its entry: it registers, says each three seconds that it lives, and leaves.

    register -> heartbeat -> heartbeat -> ...   gone? register   no answer? again, a little later
                                                drain? register, as draining
    end of the block -> the question under way is awaited -> leave

What an answer means is decided by standing.py.

Laws:
1. Nothing that the registry does or fails to do is raised: whoever is in the block works on. It is
   told when it begins and when it is over.
2. Questions follow each other, so that no old one can overtake the last, which is to leave.
3. The block ends within two seconds after its body; an entry that could not be removed by then ends
   with its lease.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.identity import Entropy
from penstock.infra.registry.directory import Directory, Outcome
from penstock.infra.registry.instance import Instance, Status
from penstock.infra.registry.lease_times import LEASE_S
from penstock.infra.registry.standing import (
    NEVER_S,
    Note,
    Standing,
    after_answer,
    after_silence,
)
from penstock.schemas.errors import WorldError

__all__ = ["LEAVE_S", "Registration", "RegistrationStatistics"]

LEAVE_S: Final = 2.0
"""Longest time to leave, in seconds: for a question under way, and the last one."""

_log = logging.getLogger("penstock.registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationStatistics:
    """A registration in numbers."""

    instance: Instance
    """What the process says of itself now."""
    listed: bool
    """Whether its entry is there, as far as that can be known: the last confirmed lease runs."""
    registered: int
    """Answers to a registration: the first, each after a loss, each change."""
    renewed: int
    """Heartbeats that renewed the lease."""
    lost: int
    """Heartbeats that were told that the entry is gone."""
    unanswered: int
    """Questions without an answer, or without one that could be used."""
    lag_s: float
    """By how much the last heartbeat was late, in seconds."""


@final
class Registration:
    """The entry of one process, while `Registry.register` is in its block."""

    def __init__(
        self,
        directory: Directory,
        instance: Instance,
        *,
        clock: Clock,
        entropy: Entropy,
        alarm: RaiseAlarm,
    ) -> None:
        """Say nothing yet.

        Args:
            directory: where entries are kept.
            instance: what to say.
            clock: the time.
            entropy: keeps heartbeats of many processes apart.
            alarm: told of loss and silence.
        """
        self._directory = directory
        self._instance = instance
        self._clock = clock
        self._entropy = entropy
        self._alarm = alarm
        self._standing = Standing()
        self._leaving = False
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._registered = self._renewed = self._lost = self._unanswered = 0
        self._lag_s = 0.0

    @property
    def instance(self) -> Instance:
        """What the process says of itself now."""
        return self._instance

    def drain(self) -> None:
        """Say that no new work is taken any more; told at once, without waiting here.

        May be called from a signal handler, and again.
        """
        self._instance = replace(self._instance, status=Status.DRAINING)
        self._news.set()

    def statistics(self) -> RegistrationStatistics:
        """Return where it stands."""
        return RegistrationStatistics(
            instance=self._instance,
            listed=self._clock.monotonic() < self._standing.listed_until_s,
            registered=self._registered,
            renewed=self._renewed,
            lost=self._lost,
            unanswered=self._unanswered,
            lag_s=self._lag_s,
        )

    def start(self) -> None:
        """Begin; `Registry.register` does."""
        self._task = asyncio.create_task(self._run(), name=f"heartbeats of {self._instance.id}")
        self._task.add_done_callback(self._ended)

    async def leave(self) -> None:
        """End, within two seconds; the end of the block does this, and a second time is nothing."""
        assert self._task is not None, "start() comes first"
        if self._leaving:
            return
        self._leaving = True
        self._news.set()
        try:
            await before(self._clock, self._clock.monotonic() + LEAVE_S, self._leave(self._task))
        except TimeoutError:
            self._tell_stays("there was no time to remove it")
        except WorldError as error:
            self._tell_stays(str(error))
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    # --- the loop ----------------------------------------------------------------------------

    async def _run(self) -> None:
        while await self._is_due():
            await self._ask()

    async def _is_due(self) -> bool:
        """Wait until there is something to ask.

        Returns:
            False where there is not, because the process leaves.
        """
        while not self._leaving:
            self._news.clear()
            due_s = self._standing.asks_at_s(self._instance)
            if self._clock.monotonic() >= due_s:
                return True
            try:
                await before(self._clock, due_s, self._news.wait())
            except TimeoutError:
                return True
        return False

    async def _ask(self) -> None:
        asked, sent_s, draw = self._instance, self._clock.monotonic(), self._entropy.random()
        registers = self._standing.registers(asked)
        if not registers and self._standing.due_s > NEVER_S:
            self._lag_s = max(0.0, sent_s - self._standing.due_s)
        ask = self._directory.register if registers else self._directory.heartbeat
        try:
            outcome = await ask(asked)
        except WorldError as error:
            self._unanswered += 1
            self._standing, notes = after_silence(
                self._standing, now_s=self._clock.monotonic(), draw=draw
            )
            self._tell(notes, str(error))
            return
        self._count(outcome, registers=registers)
        self._standing, notes = after_answer(
            self._standing, asked, outcome, sent_s=sent_s, draw=draw
        )
        self._tell(notes, "")

    async def _leave(self, task: "asyncio.Task[None]") -> None:
        await asyncio.wait({task})
        if await self._directory.leave(self._instance):
            _log.info("%s left the registry", self._instance.id)

    # --- words and numbers -------------------------------------------------------------------

    def _count(self, outcome: Outcome, *, registers: bool) -> None:
        self._registered += registers
        self._renewed += not registers and outcome is Outcome.RENEWED
        self._lost += outcome is Outcome.GONE

    def _tell(self, notes: tuple[Note, ...], error: str) -> None:
        for note in notes:
            if note is Note.LISTED:
                _log.info("%s is registered", self._instance.id)
            elif note is Note.HEARD:
                _log.info("the registry answers %s again", self._instance.id)
            elif note is Note.LOST:
                self._raise_alarm(
                    "registry-entry-lost",
                    "The registry had forgotten this process: it stood still for longer than a "
                    "lease, or Redis lost its memory. It registers again at once.",
                )
            else:
                self._raise_alarm(
                    "registry-silent",
                    f"The registry does not answer: {error} This process works on and registers as "
                    f"soon as it can; after {LEASE_S:.0f} s of silence others do not see it.",
                )

    def _tell_stays(self, reason: str) -> None:
        _log.info(
            "the entry of %s stays until its lease ends, %.0f s at most: %s",
            self._instance.id,
            LEASE_S,
            reason,
        )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """See that a mistake of ours does not stop the heartbeats without a word."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error("heartbeats ended in a way that nobody foresaw", exc_info=error)
        self._raise_alarm(
            "registry-heartbeats-ended",
            f"This process works on and says no more that it lives: {type(error).__name__}. "
            "Restart it, and please report this.",
        )

    def _raise_alarm(self, name: str, text: str) -> None:
        facts = {"service": self._instance.service, "instance": self._instance.id}
        self._alarm(Alarm(name=name, text=text, facts=facts))
