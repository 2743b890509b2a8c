"""The folder of `--data`: whose it is, which format it has, and that nobody else uses it."""

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Final, final

from penstock.infra.embedded.storage.file_writes import (
    MODE,
    aside,
    put_file,
    remove_file,
    sync_folder,
)
from penstock.infra.embedded.storage.storage_errors import (
    FileDamaged,
    FolderForeign,
    FolderInUse,
    FolderOfNewerVersion,
    FolderUnusable,
)

__all__ = ["FORMAT", "DataFolder"]

FORMAT: Final = 1
"""The format that is written, and the newest that is read."""

_LOCK, _META = "lock", "meta"
_NOT_FOREIGN: Final = frozenset({_LOCK, "lost+found", ".DS_Store"})
"""What an empty folder may hold: our own first files, and those that systems put anywhere."""
_PID_BYTES: Final = 32


@final
class DataFolder:
    """A data folder that is ours while this object is open. Mutable."""

    def __init__(self, path: Path) -> None:
        """Take the folder, and make it where it is not there.

        Args:
            path: the folder.

        Raises:
            FolderUnusable: it cannot be made, read or written.
            FolderInUse: another broker has it.
            FolderForeign: it holds somebody else's files.
            FolderOfNewerVersion: a newer version has written it.
            FileDamaged: its `meta` cannot be read.
        """
        self.path = path.absolute()
        try:
            if not self.path.is_dir():
                self.path.mkdir(mode=0o700, parents=True)
                sync_folder(self.path.parent)
            self._lock = self._locked()
        except OSError as failure:
            raise FolderUnusable(folder=str(self.path), reason=str(failure)) from failure
        try:
            self.cluster_id = self._read_meta()
        except OSError as failure:
            self.close()
            raise FolderUnusable(folder=str(self.path), reason=str(failure)) from failure
        except BaseException:
            self.close()
            raise

    def file(self, name: str) -> Path:
        """Return the path of a file in it."""
        return self.path / name

    def room(self) -> tuple[int, int]:
        """Return the size of its file system and what of that is free for this user, in bytes."""
        found = os.statvfs(self.path)
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    def keep_cluster_id(self, cluster_id: str) -> None:
        """Write down whose folder it is.

        Args:
            cluster_id: the cluster's id.

        Raises:
            OSError: it cannot be written.
        """
        self._write_meta(cluster_id)
        self.cluster_id = cluster_id

    def close(self) -> None:
        """Let others have it."""
        os.close(self._lock)

    def _locked(self) -> int:
        descriptor = os.open(self.file(_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            # Held by the open file: it goes with the process, however that ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            process = os.pread(descriptor, _PID_BYTES, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if failure.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise FolderInUse(folder=str(self.path), process=process or "unknown") from None
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        return descriptor

    def _read_meta(self) -> str:
        """Return the cluster's id, empty where it is not known; write a new folder's `meta`."""
        path = self.file(_META)
        remove_file(aside(path))
        if not path.exists():
            foreign = sorted({file.name for file in self.path.iterdir()} - _NOT_FOREIGN)
            if foreign:
                raise FolderForeign(folder=str(self.path), example=foreign[0])
            self._write_meta("")
            return ""
        try:
            meta = json.loads(path.read_bytes())
            found, cluster_id = meta["format"], meta["cluster_id"]
        except (ValueError, KeyError, TypeError):
            raise FileDamaged(file=str(path), position=0, reason="it cannot be read") from None
        if not isinstance(found, int) or not isinstance(cluster_id, str):
            raise FileDamaged(file=str(path), position=0, reason="it cannot be read")
        if found > FORMAT:
            raise FolderOfNewerVersion(folder=str(self.path), found=found, known=FORMAT)
        return cluster_id

    def _write_meta(self, cluster_id: str) -> None:
        meta = json.dumps({"format": FORMAT, "cluster_id": cluster_id})
        put_file(self.file(_META), meta.encode() + b"\n")
