"""Where a reader stands in one partition, and what it has fetched and not given out yet.

Law: this is a core. The position is the offset after what was given out; it moves past markers and
aborted records as soon as nothing that was fetched lies before them.
"""

from collections.abc import Sequence
from typing import final

from penstock.infra.memory.committed_records import CommittedRecords
from penstock.infra.memory.memory_record import MemoryRecord

__all__ = ["PartitionCursor"]


@final
class PartitionCursor:
    """A place in a partition."""

    __slots__ = ("_fetched", "_given", "_next_offset", "answer", "end", "is_paused", "position")

    def __init__(self) -> None:
        """Stand nowhere."""
        self.position: int | None = None
        """The offset that will be read next; None while it is not known."""
        self.is_paused = False
        """Whether nothing is to be fetched or given out."""
        self.end: int | None = None
        """Where committed readers must stop, by the last answer."""
        self.answer = 0
        """The number of that answer."""
        self._fetched: Sequence[MemoryRecord] = ()
        self._given = 0
        self._next_offset = 0

    def seek(self, offset: int) -> None:
        """Go to an offset; what was fetched is thrown away."""
        self.position = offset
        self._fetched, self._given = (), 0

    @property
    def is_hungry(self) -> bool:
        """Whether something is to be fetched for it."""
        return not self.is_paused and self.position is not None and not self._fetched

    def put(self, asked_offset: int, read: CommittedRecords) -> bool:
        """Take what was fetched.

        Args:
            asked_offset: what was asked for.
            read: what came.

        Returns:
            Whether it has moved on or has something to give now. What was asked for before the
            position was set anew is thrown away.
        """
        if self.position != asked_offset or self._fetched:
            return False
        self._fetched, self._given, self._next_offset = read.records, 0, read.next_offset
        if not self._fetched:
            self.position = read.next_offset
        return read.next_offset > asked_offset

    def take(self, most: int) -> list[MemoryRecord]:
        """Give records out.

        Args:
            most: how many at most.
        """
        if self.is_paused or not self._fetched:
            return []
        taken = list(self._fetched[self._given : self._given + most])
        self._given += len(taken)
        if self._given == len(self._fetched):
            self.position, self._fetched, self._given = self._next_offset, (), 0
        elif taken:
            self.position = taken[-1].offset + 1
        return taken
