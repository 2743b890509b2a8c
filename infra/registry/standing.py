"""What a process that registers knows of its own entry, and when it asks next.

    told | answer      then
    no   | registered  told; next heartbeat
    yes  | renewed     next heartbeat
    yes  | gone        not told: registers at once
    any  | none        as it was; asks again in a second, later as often as by heartbeats

A process is told when the registry has said that it knows exactly this of it. Whatever changes,
its own status included, is told by registering; so what a process says of itself wins over what the
registry remembers.

Law: a state of silence is noted when it begins and when it ends, never in between.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from penstock.infra.registry.directory import Outcome
from penstock.infra.registry.instance import Instance
from penstock.infra.registry.lease_times import LEASE_S, next_heartbeat_s, retry_s

__all__ = ["NEVER_S", "Note", "Standing", "after_answer", "after_silence"]

NEVER_S: Final = float("-inf")


class Note(Enum):
    """What is worth a word."""

    LISTED = auto()
    """The registry has the entry for the first time."""
    LOST = auto()
    """The registry had forgotten it."""
    SILENT = auto()
    """The registry does not answer any more."""
    HEARD = auto()
    """It answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a process stands with the registry."""

    told: Instance | None = None
    """What the registry has confirmed; None where that is nothing, or was lost."""
    ever_told: bool = False
    """Whether it ever confirmed anything."""
    failures: int = 0
    """Calls without an answer since the last that had one."""
    due_s: float = NEVER_S
    """When to ask next if nothing changes, in monotonic seconds."""
    listed_until_s: float = NEVER_S
    """Until then the entry is there unless the registry lost it, in monotonic seconds."""

    def registers(self, instance: Instance) -> bool:
        """Say whether this must be told by registering; else a heartbeat will do."""
        return self.told != instance

    def asks_at_s(self, instance: Instance) -> float:
        """Say when to ask next: at once where there is news, unless the registry is silent."""
        return NEVER_S if self.registers(instance) and not self.failures else self.due_s


def after_answer(
    before: Standing, asked: Instance, outcome: Outcome, *, sent_s: float, draw: float
) -> tuple[Standing, tuple[Note, ...]]:
    """Take an answer in.

    Args:
        before: how it stood.
        asked: what was registered, or the heartbeat spoke of.
        outcome: the answer.
        sent_s: when the question was sent, in monotonic seconds. The lease began later, so that
            `listed_until_s` is on the safe side.
        draw: a random number in [0, 1).

    Returns:
        How it stands, and what is worth a word.
    """
    heard = (Note.HEARD,) if before.failures else ()
    if outcome is Outcome.GONE:
        lost = replace(before, told=None, failures=0, due_s=NEVER_S, listed_until_s=NEVER_S)
        return lost, (*heard, Note.LOST)
    after = Standing(
        told=asked,
        ever_told=True,
        due_s=next_heartbeat_s(sent_s, draw),
        listed_until_s=sent_s + LEASE_S,
    )
    return after, heard if before.ever_told else (*heard, Note.LISTED)


def after_silence(
    before: Standing, *, now_s: float, draw: float
) -> tuple[Standing, tuple[Note, ...]]:
    """Take in that no answer came, or none that could be used.

    Args:
        before: how it stood.
        now_s: monotonic seconds.
        draw: a random number in [0, 1).

    Returns:
        How it stands, and what is worth a word.
    """
    failures = before.failures + 1
    after = replace(before, failures=failures, due_s=now_s + retry_s(failures, draw))
    return after, () if before.failures else (Note.SILENT,)
