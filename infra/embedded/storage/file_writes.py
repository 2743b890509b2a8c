"""Writing to files so that a failure leaves what was there: the few ways that this room has.

All of them raise OSError where the disk is full, the medium fails, or a permission is missing.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = [
    "ASIDE",
    "MODE",
    "aside",
    "put_file",
    "remove_file",
    "sync_folder",
    "write_file",
    "write_whole",
]

MODE: Final = 0o600
"""Records are nobody else's business."""
ASIDE: Final = ".new"
"""What ends the name of a file that is to take another's place. It never counts."""


def aside(path: Path) -> Path:
    """Return where a file is written before it takes its place."""
    return path.with_name(path.name + ASIDE)


def write_whole(descriptor: int, data: bytes, position: int) -> None:
    """Write all of some bytes at a place, or leave the file as long as it was.

    Args:
        descriptor: of a file that ends at `position`.
        data: the bytes.
        position: where they go.

    Raises:
        OSError: they could not be written.
    """
    try:
        written = os.pwrite(descriptor, data, position)
        while written < len(data):  # the disk is nearly full: the next call says so
            written += os.pwrite(descriptor, memoryview(data)[written:], position + written)
    except OSError:
        os.ftruncate(descriptor, position)
        raise


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file, down to the disk.

    Args:
        path: the file; one that is there is lost.
        chunks: its bytes.

    Raises:
        OSError: it could not be written; what was written of it is removed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    try:
        position = 0
        for chunk in chunks:
            write_whole(descriptor, chunk, position)
            position += len(chunk)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        remove_file(path)
        raise
    os.close(descriptor)


def put_file(path: Path, data: bytes) -> None:
    """Put a file in the place of what is there, all or nothing, down to the disk.

    Args:
        path: the file.
        data: its bytes.

    Raises:
        OSError: it could not be written; what was there stays.
    """
    written = aside(path)
    write_file(written, (data,))
    written.replace(path)
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make what was made, renamed and removed in a folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
