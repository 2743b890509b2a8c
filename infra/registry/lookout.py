"""Looks at services, and says what it sees amiss: once when it begins.

What an answer is worth is decided by view.py.
"""

import logging
from dataclasses import dataclass
from typing import final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.infra.registry.directory import Directory, Snapshot
from penstock.infra.registry.view import View, after_look, after_silence
from penstock.schemas.errors import WorldError

__all__ = ["Answer", "Lookout", "LookoutStatistics"]

_log = logging.getLogger("penstock.registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one question."""

    asked_s: float
    """When it was asked, in monotonic seconds."""
    found: Snapshot | WorldError
    """What is known, or why nothing was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookoutStatistics:
    """Looks in numbers."""

    answered: int
    """Questions that were answered."""
    unanswered: int
    """Questions that were not, or not with anything that can be used."""
    unreadable: int
    """Entries that could not be read, counted at each look."""


@final
class Lookout:
    """Looks at services for one reader or several."""

    def __init__(self, directory: Directory, *, clock: Clock, alarm: RaiseAlarm) -> None:
        """Look at nothing yet.

        Args:
            directory: where entries are kept.
            clock: the time.
            alarm: told of silence and of what cannot be read.
        """
        self._directory = directory
        self._clock = clock
        self._alarm = alarm
        self._answered = self._unanswered = self._unreadable = 0

    async def look(self, service: str) -> Answer:
        """Ask once."""
        asked_s = self._clock.monotonic()
        try:
            found = await self._directory.look(service)
        except WorldError as error:
            self._unanswered += 1
            return Answer(asked_s=asked_s, found=error)
        self._answered += 1
        self._unreadable += len(found.unreadable)
        return Answer(asked_s=asked_s, found=found)

    def taken(self, service: str, known: View, answer: Answer) -> View:
        """Take an answer in, and tell what is new about it and amiss.

        Args:
            service: its name.
            known: what was known when the answer came.
            answer: the answer.

        Returns:
            What is known now.
        """
        if isinstance(answer.found, WorldError):
            now_s = self._clock.monotonic()
            after = after_silence(known, asked_s=answer.asked_s, now_s=now_s)
            if known.silent_since_s is None and after.silent_since_s is not None:
                self._tell_silence(service, known, answer.found)
            return after
        after = after_look(known, answer.found, asked_s=answer.asked_s)
        if known.silent_since_s is not None and after.silent_since_s is None:
            _log.info("the registry answers about %s again", service)
        self._tell_unreadable(service, known, after)
        return after

    def statistics(self) -> LookoutStatistics:
        """Return what has been asked so far."""
        return LookoutStatistics(
            answered=self._answered, unanswered=self._unanswered, unreadable=self._unreadable
        )

    def _tell_silence(self, service: str, known: View, error: WorldError) -> None:
        text = (
            f"The registry cannot be asked about {service}: {error} The last good list is served "
            "and says that it is stale."
        )
        facts: dict[str, str | int] = {"service": service, "instances": len(known.listed())}
        self._alarm(Alarm(name="registry-list-stale", text=text, facts=facts))

    def _tell_unreadable(self, service: str, known: View, after: View) -> None:
        told = {each.instance for each in known.unreadable}
        new = [each for each in after.unreadable if each.instance not in told]
        if new:
            text = f"{len(new)} entries of the registry are left out. The first: {new[0]}"
            facts: dict[str, str | int] = {"service": service, "count": len(new)}
            self._alarm(Alarm(name="registry-entries-unreadable", text=text, facts=facts))
