"""Where the broker keeps what must survive it: a port with two sides, memory and disk.

The broker appends to the stores and to the journal as it goes; an answer leaves only when what was
written before it is as safe as the storage promises.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, final
from uuid import UUID

if TYPE_CHECKING:
    from penstock.infra.embedded.journal_entry import JournalEntry
    from penstock.infra.embedded.log.segment_store import PartitionStore

__all__ = ["MemoryStorage", "Storage"]


class Storage(Protocol):
    """What the server asks of a storage."""

    def entries(self) -> Iterable["JournalEntry"]:
        """Return what was kept before, in order. Called once, before all else."""
        ...

    def store(self, topic_id: UUID, partition: int) -> "PartitionStore":
        """Open the store of one partition, with what it holds."""
        ...

    def keep(self, entry: "JournalEntry") -> None:
        """Append to the journal."""
        ...

    def attach(self, snapshot: Callable[[], Iterable["JournalEntry"]]) -> None:
        """Learn how to write the journal anew, in few entries. Called once, when the broker stands.

        Args:
            snapshot: says all that the journal was given.
        """
        ...

    @property
    def unsynced(self) -> bool:
        """True while something was written that an answer has to wait for."""
        ...

    async def sync(self) -> None:
        """Make all that was written so far as safe as promised.

        Several callers share one effort; one that is cancelled does not end that of the others.

        Raises:
            OSError: it cannot be kept; no answer may leave any more.
        """
        ...

    @property
    def in_memory(self) -> bool:
        """True where records take up memory, of which there must be a limit."""
        ...

    @property
    def place(self) -> str:
        """Where it keeps things, for people: the absolute path of a folder, or `memory`."""
        ...

    def room(self) -> tuple[int, int]:
        """Say how much room there is.

        Returns:
            The size of what it lies on and what of that is free, in bytes; -1 where nobody knows.

        Raises:
            OSError: the place cannot be looked at.
        """
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


@final
class MemoryStorage:
    """Keeps nothing beyond the life of the process."""

    def entries(self) -> Iterable["JournalEntry"]:
        """There was nothing before."""
        return ()

    def store(self, topic_id: UUID, partition: int) -> "PartitionStore":
        """Make an empty store."""
        from penstock.infra.embedded.log.segment_store import (  # noqa: PLC0415 - see the top
            MemoryStore,
        )

        del topic_id, partition
        return MemoryStore()

    def keep(self, entry: "JournalEntry") -> None:
        """Let it go."""

    def attach(self, snapshot: Callable[[], Iterable["JournalEntry"]]) -> None:
        """There is no journal."""

    @property
    def unsynced(self) -> bool:
        """Memory is as safe as it promises at once."""
        return False

    async def sync(self) -> None:
        """Do nothing."""

    @property
    def in_memory(self) -> bool:
        """They do."""
        return True

    @property
    def place(self) -> str:
        """Return what stands where Apache Kafka names a folder."""
        return "memory"

    def room(self) -> tuple[int, int]:
        """Say that nobody knows."""
        return -1, -1

    def close(self) -> None:
        """Do nothing."""
