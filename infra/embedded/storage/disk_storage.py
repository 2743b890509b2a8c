"""Storage on disk: what the server asks, put together.

    storage = DiskStorage(Path("data"), fsync=True)
    broker = Broker(stores=storage.store, journal=storage.keep, entries=storage.entries(), …)
    storage.attach(broker.snapshot)     # from here on the journal can be written anew

The journal grows with every offset that is committed; when it has outgrown what the broker knows,
it is written anew from the broker's own words, between two requests.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final
from uuid import UUID

from penstock.infra.embedded.journal_entry import (
    ClusterKept,
    JournalEntry,
    decode_entry,
    encode_entry,
)
from penstock.infra.embedded.storage.data_folder import DataFolder
from penstock.infra.embedded.storage.disk_store import DiskStore, remove_folder
from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.journal_file import JournalFile
from penstock.infra.embedded.storage.open_files import OpenFiles
from penstock.infra.embedded.storage.partition_folders import PartitionFolders
from penstock.infra.embedded.storage.partition_recovery import Repair
from penstock.infra.embedded.storage.storage_errors import FolderUnusable, JournalMissing
from penstock.infra.embedded.topics.topic_entry import TopicKept, TopicRemoved

__all__ = ["DiskStorage", "DiskStorageStatistics"]

_log = logging.getLogger("penstock.embedded")

_REWRITE_BYTES: Final = 16 << 20
"""A journal below is left alone while the broker runs: it is read in a fraction of a second."""
_OUTGROWN: Final = 2
"""It is written anew when it is so many times as long as after the last time."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStorageStatistics:
    """The storage in numbers."""

    journal_bytes: int
    """The journal's size."""
    journal_entries: int
    """Its entries."""
    journal_rewrites: int
    """How often it was written anew since the start."""
    open_files: int
    """Files of partitions that are open."""
    syncs: int
    """How often the disk was waited for."""
    repairs: tuple[Repair, ...]
    """What was cut away at the start."""


@final
class DiskStorage:
    """A data folder in use; fulfils server/storage_port.py's Storage. Mutable."""

    def __init__(
        self, folder: Path, *, fsync: bool = False, rewrite_bytes: int = _REWRITE_BYTES
    ) -> None:
        """Take the folder and read its journal.

        Args:
            folder: the folder; made where it is not there.
            fsync: True: what is answered is on the disk. False: it is the operating system's, and
                survives the death of the process, but not of the machine.
            rewrite_bytes: a journal below this is left alone while the broker runs.

        Raises:
            PenstockError: the folder cannot be used; see storage_errors.py.
            JournalEntryUnreadable: the journal holds an entry of another version.
        """
        self._sync = FileSync(enabled=fsync)
        self._files = OpenFiles()
        self._topics: dict[UUID, str] = {}
        self._snapshot: Callable[[], Iterable[JournalEntry]] | None = None
        self._rewrite_bytes = self._rewrite_at = rewrite_bytes
        self._rewrites = 0
        self._repairs: list[Repair] = []
        self._folder = DataFolder(folder)
        try:
            with self._telling_at_start():
                self._open()
        except BaseException:
            self._folder.close()
            raise

    def _open(self) -> None:
        self._partitions = PartitionFolders(self._folder.path)
        self._journal = JournalFile(self._folder.file("journal"), sync=self._sync)
        try:
            self._entries = tuple(map(decode_entry, self._journal.found))
            self._check_cluster()
            self._journal.mend()
            if self._journal.repair is not None:
                self._note_repair(self._journal.repair)
            for entry in self._entries:
                self._learn(entry)
            self._remove_leftovers()
        except BaseException:
            self._journal.close()
            raise

    # --- the broker's side ---

    def entries(self) -> Iterable[JournalEntry]:
        """Return what was kept before, in order; once."""
        entries, self._entries = self._entries, ()
        return entries

    def store(self, topic_id: UUID, partition: int) -> DiskStore:
        """Open the store of one partition, with what it holds.

        Args:
            topic_id: the topic's id; the journal has been given the topic.
            partition: the partition's number.

        Returns:
            The store.

        Raises:
            FileDamaged: its files hold what no crash explains.
            FolderUnusable: at the start, they cannot be read or written.
            OSError: later, they cannot.
        """
        path = self._partitions.path(topic_id, partition, topic=self._topics.get(topic_id, ""))
        with self._telling_at_start():
            store = DiskStore(path, files=self._files, sync=self._sync)
        for repair in store.repairs:
            self._note_repair(repair)
        return store

    def keep(self, entry: JournalEntry) -> None:
        """Append to the journal.

        Raises:
            FolderUnusable: at the start, it cannot be written.
            OSError: later, it cannot; nothing of it is there.
        """
        with self._telling_at_start():
            self._journal.append(encode_entry(entry))
            self._learn(entry)
            if isinstance(entry, TopicRemoved):
                self._partitions.forget(entry.topic_id)
            elif isinstance(entry, ClusterKept):
                # Never only in `meta`: a journal without its id counts as another folder's.
                self._journal.flush()
                self._folder.keep_cluster_id(entry.cluster_id)

    def attach(self, snapshot: Callable[[], Iterable[JournalEntry]]) -> None:
        """Learn how to write the journal anew, and do so where it has become longer than needed.

        Args:
            snapshot: says in few entries all that the journal was given.
        """
        self._snapshot = snapshot
        self._write_anew()

    # --- the server's side ---

    @property
    def unsynced(self) -> bool:
        """True while an answer has to wait for `sync`."""
        return self._sync.unsynced or self._is_outgrown

    async def sync(self) -> None:
        """Make all that was written so far as safe as promised; write an outgrown journal anew.

        To be called between two requests: only then is what the broker says of itself complete.

        Raises:
            OSError: it cannot be kept; no answer may leave any more.
        """
        if self._is_outgrown:
            self._write_anew()
        if self._sync.unsynced:
            await self._sync.sync()

    @property
    def in_memory(self) -> bool:
        """Records lie in files, which the disk limits."""
        return False

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._folder.path)

    def room(self) -> tuple[int, int]:
        """Say how large the folder's file system is and how much of it is free, in bytes.

        Raises:
            OSError: the folder is gone.
        """
        return self._folder.room()

    def close(self) -> None:
        """Let go of the files and of the folder."""
        self._sync.close()
        self._files.close_all()
        self._journal.close()
        self._folder.close()

    def statistics(self) -> DiskStorageStatistics:
        """Return the storage in numbers."""
        return DiskStorageStatistics(
            journal_bytes=self._journal.size,
            journal_entries=self._journal.entries,
            journal_rewrites=self._rewrites,
            open_files=len(self._files),
            syncs=self._sync.efforts,
            repairs=tuple(self._repairs),
        )

    # --- within ---

    @contextmanager
    def _telling_at_start(self) -> Iterator[None]:
        """While the broker starts, whoever started it is told what is wrong with the folder."""
        try:
            yield
        except OSError as failure:
            if self._snapshot is not None:
                raise
            raise FolderUnusable(folder=str(self._folder.path), reason=str(failure)) from failure

    @property
    def _is_outgrown(self) -> bool:
        return self._journal.size > self._rewrite_at and self._snapshot is not None

    def _write_anew(self) -> None:
        assert self._snapshot is not None
        short = [encode_entry(entry) for entry in self._snapshot()]
        if len(short) < self._journal.entries:
            try:
                self._journal.rewrite(short)
                self._rewrites += 1
            except OSError as failure:
                # The journal that is there is whole, only long. Later, then.
                _log.warning("the journal could not be written anew: %s", failure)
        self._rewrite_at = max(self._rewrite_bytes, _OUTGROWN * self._journal.size)

    def _learn(self, entry: JournalEntry) -> None:
        if isinstance(entry, TopicKept):
            self._topics[entry.topic_id] = entry.name
        elif isinstance(entry, TopicRemoved):
            self._topics.pop(entry.topic_id, None)

    def _check_cluster(self) -> None:
        found = next((one.cluster_id for one in self._entries if isinstance(one, ClusterKept)), "")
        expected = self._folder.cluster_id
        if expected and found != expected:
            raise JournalMissing(folder=str(self._folder.path), found=found, expected=expected)
        if found and not expected:
            self._folder.keep_cluster_id(found)

    def _remove_leftovers(self) -> None:
        """Remove what is left of topics that were deleted; name what nobody knows."""
        removed = {each.topic_id for each in self._entries if isinstance(each, TopicRemoved)}
        for topic_id in self._partitions.topic_ids() - self._topics.keys():
            folders = self._partitions.of(topic_id)
            if topic_id in removed:
                for folder in folders:
                    remove_folder(folder)
                self._partitions.forget(topic_id)
            else:
                _log.warning("%s belongs to no topic of the journal, and is left alone", folders[0])

    def _note_repair(self, repair: Repair) -> None:
        self._repairs.append(repair)
        _log.warning("%s", repair)
