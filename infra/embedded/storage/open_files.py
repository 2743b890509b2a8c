"""Open files: as many as a process may have, the least recently used closed for the next."""

import os
from pathlib import Path
from typing import Final, final

from penstock.infra.embedded.storage.file_writes import MODE

__all__ = ["OpenFiles"]

_LIMIT: Final = 256
"""A process may have 1024 on most systems, and connections want theirs."""


@final
class OpenFiles:
    """Descriptors by path, open for reading and writing. Mutable."""

    def __init__(self, *, limit: int = _LIMIT) -> None:
        """Begin with none.

        Args:
            limit: how many are open at a time.
        """
        self._limit = limit
        self._open: dict[Path, int] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def get(self, path: Path, *, create: bool = False) -> int:
        """Return a file's descriptor; it is good until the next call.

        Args:
            path: the file.
            create: make it, where it is not there.

        Raises:
            OSError: it cannot be opened.
        """
        descriptor = self._open.pop(path, -1)
        if descriptor < 0:
            flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
            descriptor = os.open(path, flags, MODE)
            if len(self._open) >= self._limit:
                self.close(next(iter(self._open)))
        self._open[path] = descriptor  # the last is the most recently used
        return descriptor

    def close(self, path: Path) -> None:
        """Close a file, if it is open: its path is about to mean another one, or none."""
        descriptor = self._open.pop(path, -1)
        if descriptor >= 0:
            os.close(descriptor)

    def close_all(self) -> None:
        """Close all."""
        for path in tuple(self._open):
            self.close(path)
