"""All groups, and what every part of the coordinator shares: deadlines, answers, memory, journal.

Laws:
1. A group that holds offsets is in the table.
2. What was kept last of a group can be said again at any time: `stored` is it.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, final

from penstock.infra.embedded.deadlines import Deadlines
from penstock.infra.embedded.groups.answer_box import AnswerBox
from penstock.infra.embedded.groups.classic_group import ClassicGroup
from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_entry import GroupEntry, GroupRemoved, GroupStored
from penstock.infra.embedded.groups.group_state import GroupEvent
from penstock.infra.embedded.groups.memory_gauge import GROUP_WEIGHT, MemoryGauge

__all__ = ["GroupTable", "Timer", "TimerKind"]


class TimerKind(StrEnum):
    """What can become due."""

    SESSION = "session"
    """A member was silent for too long, or a new one waited for too long."""
    INITIAL_DELAY = "initial delay"
    """A step of the initial rebalance delay is over."""
    JOIN = "join"
    """The rebalance timeout is over and not all have joined."""
    SYNC = "sync"
    """The rebalance timeout is over and not all have synced."""
    OFFSETS = "offsets"
    """It is time to look for expired offsets."""


class Timer(NamedTuple):
    """Names one deadline."""

    kind: TimerKind
    """What becomes due."""
    group: str = ""
    """In which group."""
    member: str = ""
    """For which member."""


@final
class GroupTable:
    """The groups, by id."""

    def __init__(self, *, config: GroupConfig, keep: Callable[[GroupEntry], None]) -> None:
        """Begin without groups.

        Args:
            config: settings; may be replaced later.
            keep: takes what must outlive the process.
        """
        self.config = config
        self.keep = keep
        self.groups: dict[str, ClassicGroup] = {}
        self.stored: dict[str, GroupStored] = {}
        """What was kept last of each group; groups that only hold offsets have none."""
        self.deadlines: Deadlines[Timer] = Deadlines()
        self.answers = AnswerBox()
        self.gauge = MemoryGauge(config.max_held_bytes)

    def find(self, group_id: str) -> ClassicGroup | None:
        """Find a group.

        Args:
            group_id: its id.

        Returns:
            The group; None where there is none.
        """
        return self.groups.get(group_id)

    def is_full_for_group(self, group_id: str) -> bool:
        """Say whether there is no memory for one more group.

        Args:
            group_id: the new group's id.
        """
        return self.gauge.refuses(GROUP_WEIGHT + len(group_id))

    def create(self, group_id: str, now_ms: int) -> ClassicGroup:
        """Make an empty group; there must be none of that id.

        Args:
            group_id: its id.
            now_ms: since then it is empty.
        """
        group = ClassicGroup(group_id, gauge=self.gauge, now_ms=now_ms)
        self.groups[group_id] = group
        return group

    def store(self, group: ClassicGroup, assignments: Mapping[str, bytes]) -> None:
        """Keep what a group is from now on.

        Args:
            group: the group.
            assignments: by member id.
        """
        entry = group.entry(assignments)
        self.keep(entry)
        self.stored[group.group_id] = entry

    def remove(self, group: ClassicGroup, now_ms: int) -> None:
        """Take an empty group out for good.

        Args:
            group: the group.
            now_ms: when.
        """
        self.keep(GroupRemoved(group=group.group_id))
        group.happen(GroupEvent.REMOVED, now_ms)
        self._take_out(group)

    def replay(self, entry: GroupStored | GroupRemoved, now_ms: int) -> None:
        """Do again what was kept; deadlines are set when all is replayed.

        Args:
            entry: what was kept.
            now_ms: what counts as now.
        """
        former = self.groups.get(entry.group)
        if former is not None:
            self._take_out(former)
        if isinstance(entry, GroupStored):
            self.create(entry.group, now_ms).restore(entry)
            self.stored[entry.group] = entry

    def _take_out(self, group: ClassicGroup) -> None:
        for member_id in [*group.members, *group.pending_joins]:
            self.deadlines.cancel(Timer(TimerKind.SESSION, group.group_id, member_id))
        group.release()
        del self.groups[group.group_id]
        self.stored.pop(group.group_id, None)
