"""One file of batches."""

import os
from pathlib import Path
from typing import final

from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.file_writes import write_whole
from penstock.infra.embedded.storage.open_files import OpenFiles

__all__ = ["DiskSegment"]


@final
class DiskSegment:
    """The bytes of a segment, in a file; fulfils log/segment_store.py's SegmentBytes. Mutable."""

    __slots__ = ("_files", "_path", "_size", "_sync")

    def __init__(self, path: Path, size: int, *, files: OpenFiles, sync: FileSync) -> None:
        """Stand for a file.

        Args:
            path: the file; it is there.
            size: how many bytes of it count. What lies behind them, left by a write that failed
                and could not be undone, is written over.
            files: opens it.
            sync: is told of what is written.
        """
        self._path = path
        self._size = size
        self._files = files
        self._sync = sync

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return self._size

    def append(self, data: bytes) -> int:
        """Append bytes and return the position of the first.

        Raises:
            OSError: they could not be written; nothing of them is there.
        """
        self._sync.check()
        position = self._size
        write_whole(self._files.get(self._path), data, position)
        self._size = position + len(data)
        self._sync.note(self._path)
        return position

    def read(self, position: int, size: int) -> bytes:
        """Return a copy of `size` bytes from `position`; fewer where the segment ends before."""
        wanted = min(size, self._size - position)
        if wanted <= 0:
            return b""
        descriptor = self._files.get(self._path)
        data = os.pread(descriptor, wanted, position)
        while len(data) < wanted:  # a system call returns 2 GiB at most
            more = os.pread(descriptor, wanted - len(data), position + len(data))
            if not more:
                raise OSError(f"{self._path} is shorter than what was written to it")
            data += more
        return data
