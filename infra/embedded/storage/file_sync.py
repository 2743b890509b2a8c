"""fsync, in a thread, once for all who wait.

    written ─> noted ─> sync: one effort takes all that is noted ─> its waiters go on
                              what is written meanwhile is the next effort's

Laws:
1. Who waits goes on when everything that was written before it began to wait is on the disk.
2. After a failure nothing is promised any more: the kernel may have dropped what it could not
   write, and a second fsync would not say so. Every later write and wait is refused.
3. Without fsync nothing is noted, and nobody waits.
"""

import asyncio
import errno
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, final

__all__ = ["FileSync"]

_LIMIT_S: Final = 60.0
"""A disk that takes longer counts as failed."""


@final
class FileSync:
    """What was written and is not on the disk. Mutable; all but the fsync itself in one thread."""

    def __init__(self, *, enabled: bool) -> None:
        """Begin with nothing written.

        Args:
            enabled: False: whatever the operating system has counts as kept.
        """
        self._enabled = enabled
        self._noted: dict[Path, None] = {}
        self._written = self._synced = 0
        self._effort: asyncio.Task[None] | None = None
        self._failure: OSError | None = None
        self._thread: ThreadPoolExecutor | None = None
        self.efforts = 0
        """How often the disk was waited for."""

    @property
    def unsynced(self) -> bool:
        """True while something that was written is not on the disk."""
        return self._synced < self._written

    def note(self, path: Path) -> None:
        """Note that a file was written to, or that a folder's entries changed."""
        if self._enabled:
            self._noted[path] = None
            self._written += 1

    def check(self) -> None:
        """Refuse to go on after a failure.

        Raises:
            OSError: an earlier fsync has failed.
        """
        if self._failure is not None:
            raise OSError(errno.EIO, f"the disk has failed ({self._failure}): restart the broker")

    def fail(self, failure: OSError) -> None:
        """Promise nothing any more."""
        self._failure = failure

    async def sync(self) -> None:
        """Wait until all that was written so far is on the disk.

        Raises:
            OSError: it cannot be; or it takes too long.
        """
        self.check()
        wanted = self._written
        while self._synced < wanted:
            if self._effort is None:
                self._effort = asyncio.get_running_loop().create_task(self._run())
            # Whoever gives up waiting must not end the effort of the others.
            await asyncio.shield(self._effort)
            self.check()

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        """Make one effort. It tells of a failure through `check`, so it never raises for it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="penstock-fsync")
        written, paths = self._written, tuple(self._noted)
        self._noted.clear()
        self.efforts += 1
        try:
            async with asyncio.timeout(_LIMIT_S):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, _sync_all, paths)
            self._synced = written
        except OSError as failure:  # TimeoutError is one
            self.fail(failure)
        finally:
            self._effort = None


def _sync_all(paths: Collection[Path]) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # removed since: there is nothing left to keep
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
