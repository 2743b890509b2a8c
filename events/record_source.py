"""Where a subscriber's records come from: a part of the log, or a share of a group.

    begin -> take -> finish -> take -> ... -> more -> take ...

Whoever handles a record holds it in hand from `take` to `finish`, or puts it back. Of one partition
there is one in hand at a time.

    RangeSource    range_source.py    a part of the log, for this reader alone
    GroupSource    group_source.py    what a group gives it, with committed offsets
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from penstock.events.log import LogRecord, Partition

__all__ = ["GroupStatistics", "RecordSource", "SourceStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatistics:
    """A membership of a group in numbers."""

    partitions: int
    """Partitions that it has now and reads."""
    rebalances: int
    """How often partitions were taken from it, be it to be given back at once."""
    commits: int
    """Offsets committed."""
    commits_failed: int
    """Commits that were refused or got no answer; each is tried again while it is a member."""
    repeats: int
    """Partitions that were let go while something of them was finished and not committed, or in
    hand and not finished: whoever has them next handles it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatistics:
    """What is on its way, in numbers."""

    waiting: int
    """Records in memory that nobody has taken yet."""
    waiting_bytes: int
    """Bytes of their keys, values and headers."""
    group: GroupStatistics | None
    """The membership, where it reads in a group."""


class RecordSource(Protocol):
    """Records, to be taken and finished one by one."""

    async def begin(self) -> None:
        """Find out where to begin; done once, by `more` at the latest.

        Raises:
            PositionOutside: an offset was named that the log does not reach.
            WorldError: no answer in time.
        """
        ...

    def take(self) -> LogRecord | None:
        """Take the next record of any partition into the hand; None where none is there."""
        ...

    def take_of(self, partition: Partition) -> LogRecord | None:
        """Take the next record of one partition into the hand; None where none is there."""
        ...

    def waiting(self) -> Iterable[Partition]:
        """The partitions of which something can be taken now."""
        ...

    def finish(self, record: LogRecord) -> None:
        """Lay a record aside, as done."""
        ...

    def put_back(self, record: LogRecord) -> None:
        """Let a record wait again that was taken and not handled; it is taken next."""
        ...

    async def more(self) -> bool:
        """Wait until there may be more to take.

        Returns:
            False where nothing more will come.

        Raises:
            PositionLost: the log no longer holds what is to be read.
            TopicMissing: a topic was deleted.
            WorldError: reading cannot go on.
        """
        ...

    async def commit(self) -> None:
        """Commit what is finished, where offsets are committed at all.

        Raises:
            WorldError: it was not committed, or nobody knows.
        """
        ...

    def stop(self) -> None:
        """Give nothing more, and let `more` return False, soon also where it waits."""
        ...

    async def close(self) -> None:
        """Let go of everything, in bounded time."""
        ...

    def statistics(self) -> SourceStatistics:
        """Return what is on its way."""
        ...
