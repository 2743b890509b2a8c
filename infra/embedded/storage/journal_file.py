"""The journal's file: opened and mended, appended to, written anew."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import final

from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.file_writes import (
    MODE,
    aside,
    remove_file,
    sync_folder,
    write_file,
    write_whole,
)
from penstock.infra.embedded.storage.journal_frames import (
    encode_frame,
    has_frame_after,
    payloads,
    scan_journal,
)
from penstock.infra.embedded.storage.partition_recovery import Repair
from penstock.infra.embedded.storage.storage_errors import FileDamaged

__all__ = ["JournalFile"]


@final
class JournalFile:
    """The journal. Mutable."""

    def __init__(self, path: Path, *, sync: FileSync) -> None:
        """Open it, or begin one. Its torn end, if it has one, stays until `mend`.

        Args:
            path: the file.
            sync: is told of what is written.

        Raises:
            FileDamaged: it holds what no crash explains.
            OSError: it cannot be read or written.
        """
        self._path = path
        self._sync = sync
        remove_file(aside(path))
        path.touch(MODE)
        data = path.read_bytes()
        scan = scan_journal(data)
        self.repair: Repair | None = None
        """What is to be cut away; None: nothing."""
        if scan.fault:
            if has_frame_after(data, scan.whole_bytes):
                reason = f"{scan.fault}, and entries follow"
                raise FileDamaged(file=str(path), position=scan.whole_bytes, reason=reason)
            self.repair = Repair(
                file=path,
                position=scan.whole_bytes,
                lost_bytes=len(data) - scan.whole_bytes,
                reason=scan.fault,
            )
        self.found: tuple[bytes, ...] = tuple(payloads(data[: scan.whole_bytes]))
        """The entries that were kept before."""
        self.entries = scan.entries
        """How many entries it has now."""
        self.size = scan.whole_bytes
        """How many bytes it has now."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def mend(self) -> None:
        """Cut the torn end away."""
        if self.repair is not None:
            os.ftruncate(self._descriptor, self.size)

    def append(self, payload: bytes) -> None:
        """Append an entry.

        Args:
            payload: the entry's bytes.

        Raises:
            OSError: it could not be written; nothing of it is there.
        """
        self._sync.check()
        frame = encode_frame(payload)
        write_whole(self._descriptor, frame, self.size)
        self.size += len(frame)
        self.entries += 1
        self._sync.note(self._path)

    def flush(self) -> None:
        """Make all of it survive a loss of power, now."""
        os.fsync(self._descriptor)

    def rewrite(self, entries: Iterable[bytes]) -> None:
        """Put other entries in the place of all: what they say in fewer bytes.

        Args:
            entries: their payloads.

        Raises:
            OSError: they could not be written; the journal is as it was.
        """
        self._sync.check()
        frames = [encode_frame(payload) for payload in entries]
        written = aside(self._path)
        write_file(written, frames)
        descriptor = os.open(written, os.O_RDWR | os.O_CLOEXEC)
        written.replace(self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self.entries, self.size = len(frames), sum(map(len, frames))
        sync_folder(self._path.parent)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)
