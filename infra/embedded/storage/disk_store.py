"""One partition's files: the port that its log asks, on disk.

    <20 digits>.log      the segment that begins at this offset
    <20 digits>.seal     it is compacted, and this is what compaction wrote (seal.py)
    <20 digits>.cleaned  what compaction writes, before it takes its place
    start                where the log begins, once records were deleted
    producers            what deleted batches have said of their producers, in the log's words

Compaction, step by step; a crash between two steps is finished or undone at the next opening:
1. the new file is written as `.cleaned`, down to the disk;
2. its seal is put in place: from here on the new file counts, and those it stands for do not;
3. those are removed;
4. `.cleaned` becomes `.log`.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import final

from penstock.infra.embedded.log.segment_store import SegmentBytes
from penstock.infra.embedded.storage.checksums import crc_of
from penstock.infra.embedded.storage.disk_segment import DiskSegment
from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.file_writes import (
    put_file,
    remove_file,
    sync_folder,
    write_file,
)
from penstock.infra.embedded.storage.journal_frames import encode_frame
from penstock.infra.embedded.storage.open_files import OpenFiles
from penstock.infra.embedded.storage.partition_recovery import (
    PRODUCERS_FILE,
    START_FILE,
    Repair,
    recover,
    segment_path,
)
from penstock.infra.embedded.storage.seal import Seal, encode_seal

__all__ = ["DiskStore", "remove_folder"]

_log = logging.getLogger("penstock.embedded")


@final
class DiskStore:
    """The segments of one partition; fulfils log/segment_store.py's PartitionStore. Mutable."""

    def __init__(self, folder: Path, *, files: OpenFiles, sync: FileSync) -> None:
        """Open the partition, and mend what a crash has left.

        Args:
            folder: its folder; made where it is not there.
            files: opens files.
            sync: is told of what is written.

        Raises:
            FileDamaged: it holds what no crash explains.
            OSError: it cannot be read or written.
        """
        self._folder = folder
        self._files = files
        self._sync = sync
        self._segments: dict[int, DiskSegment] = {}
        self.repairs: tuple[Repair, ...] = ()
        """What was cut away, and why."""
        if folder.is_dir():
            recovery = recover(folder)
            self.repairs = recovery.repairs
            for base_offset, size in recovery.sizes.items():
                self._segments[base_offset] = self._segment(base_offset, size)
            self._start, self._producers = recovery.start, recovery.producers
        else:
            folder.mkdir(mode=0o700)
            sync.note(folder.parent)
            self._start, self._producers = 0, b""

    @property
    def size_bytes(self) -> int:
        """The bytes of all segments."""
        return sum(segment.size for segment in self._segments.values())

    def segments(self) -> Sequence[tuple[int, SegmentBytes]]:
        """Return base offset and bytes of each segment, by base offset ascending."""
        return sorted(self._segments.items())

    def create(self, base_offset: int) -> SegmentBytes:
        """Begin an empty segment after all others."""
        self._sync.check()
        self._files.get(self._path(base_offset, "log"), create=True)
        self._sync.note(self._folder)
        segment = self._segments[base_offset] = self._segment(base_offset, 0)
        return segment

    def remove(self, base_offset: int) -> None:
        """Remove a segment and its bytes."""
        self._drop_files(base_offset)
        self._sync.note(self._folder)
        del self._segments[base_offset]

    def replace(
        self, old: Sequence[int], base_offset: int, chunks: Iterable[bytes]
    ) -> SegmentBytes:
        """Put one segment in the place of several, all or nothing, over a crash as well."""
        self._sync.check()
        cleaned = self._path(base_offset, "cleaned")
        measured = _Measured()
        write_file(cleaned, measured.through(chunks))
        seal = Seal(size=measured.size, crc=measured.crc, replaced=tuple(old))
        put_file(self._path(base_offset, "seal"), encode_seal(seal))
        try:
            self._take_place(old, base_offset)
        except OSError as failure:
            self._sync.fail(failure)  # half done: the next opening finishes it
            raise
        for gone in old:
            del self._segments[gone]
        segment = self._segments[base_offset] = self._segment(base_offset, measured.size)
        return segment

    def keep_start(self, offset: int) -> None:
        """Remember where the log begins, since records before it were deleted."""
        self._sync.check()
        put_file(self._folder / START_FILE, b"%d\n" % offset)
        self._start = offset

    def start(self) -> int:
        """Return where the log begins as it was last kept; 0 if never."""
        return self._start

    def keep_producers(self, known: bytes) -> None:
        """Remember what is known of producers from segments that are about to be removed."""
        self._sync.check()
        path = self._folder / PRODUCERS_FILE
        if known:
            put_file(path, encode_frame(known))
        else:
            remove_file(path)
        self._producers = known

    def producers(self) -> bytes:
        """Return what was last kept of producers; empty if nothing was."""
        return self._producers

    def clear(self) -> None:
        """Forget everything: the partition is deleted, its folder too."""
        for base_offset in self._segments:
            self._files.close(self._path(base_offset, "log"))
        self._segments.clear()
        self._start, self._producers = 0, b""
        try:
            remove_folder(self._folder)
        except OSError as failure:
            # The journal says that the topic is gone, so the next start tries again.
            _log.warning("%s could not be removed: %s", self._folder, failure)
        self._sync.note(self._folder.parent)

    def _take_place(self, old: Sequence[int], base_offset: int) -> None:
        for gone in old:
            if gone != base_offset:
                self._drop_files(gone)
        path = self._path(base_offset, "log")
        self._files.close(path)
        self._path(base_offset, "cleaned").replace(path)
        sync_folder(self._folder)

    def _drop_files(self, base_offset: int) -> None:
        path = self._path(base_offset, "log")
        self._files.close(path)
        remove_file(path)
        remove_file(self._path(base_offset, "seal"))

    def _segment(self, base_offset: int, size: int) -> DiskSegment:
        path = self._path(base_offset, "log")
        return DiskSegment(path, size, files=self._files, sync=self._sync)

    def _path(self, base_offset: int, kind: str) -> Path:
        return segment_path(self._folder, base_offset, kind)


def remove_folder(folder: Path) -> None:
    """Remove a partition's folder with its files.

    Args:
        folder: the folder; one that is not there is fine.
    """
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@final
class _Measured:
    """Size and CRC of what passes through."""

    def __init__(self) -> None:
        self.size = self.crc = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            self.crc = crc_of(chunk, 0, len(chunk), before=self.crc)
            yield chunk
