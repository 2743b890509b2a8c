"""A storage whose writes reach the disk when the test says so; nothing else of it is peculiar."""

import asyncio

from penstock.infra.embedded.server.storage_port import MemoryStorage

__all__ = ["SlowDisk"]


class SlowDisk:
    """Fulfils storage_port.Storage; tests give it a `keep` or a `sync` that fails."""

    def __init__(self) -> None:
        """Begin with nothing written, and with a disk that takes its time."""
        self._memory = MemoryStorage()
        self.written = asyncio.Event()
        """Set: the disk has what it was given."""
        self.unsynced = False
        self.entries = self._memory.entries
        self.store = self._memory.store
        self.attach = self._memory.attach
        self.place = self._memory.place
        self.room = self._memory.room
        self.in_memory = True

    def keep(self, entry: object) -> None:
        """Take an entry that has to reach the disk."""
        del entry
        self.unsynced = True

    async def sync(self) -> None:
        """Wait for the disk."""
        await self.written.wait()
        self.unsynced = False

    def close(self) -> None:
        """Keep nothing open."""
