"""The whole storage: journal, partitions, restart, sync."""

import logging
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import pytest

from penstock.infra.embedded.journal_entry import ClusterKept, JournalEntry, JournalEntryUnreadable
from penstock.infra.embedded.storage.disk_storage import DiskStorage
from penstock.infra.embedded.storage.journal_frames import encode_frame
from penstock.infra.embedded.storage.storage_errors import (
    FileDamaged,
    FolderInUse,
    FolderUnusable,
    JournalMissing,
)
from penstock.infra.embedded.topics.topic_entry import TopicKept, TopicRemoved
from penstock.infra.embedded.transactions.transaction_entry import ProducerIdBlockKept
from tests.infra.embedded.server.in_loop import in_loop
from tests.infra.embedded.storage.batches import batch

CLUSTER = ClusterKept(cluster_id="kX3b7nHbSOm2m0Q1v6Zb7A")
FIRST, SECOND = UUID(int=1), UUID(int=2)


def topic(topic_id: UUID, name: str = "orders") -> TopicKept:
    """A topic's entry."""
    return TopicKept(topic_id=topic_id, name=name, partition_count=1, configs={"a": "b"})


def kept(folder: Path) -> list[JournalEntry]:
    """What the journal has."""
    storage = DiskStorage(folder)
    entries = list(storage.entries())
    storage.close()
    return entries


def filled(folder: Path, *entries: JournalEntry) -> None:
    """Keep some entries and end."""
    storage = DiskStorage(folder)
    for entry in entries:
        storage.keep(entry)
    storage.close()


def test_entries_and_records_are_there_after_a_restart(tmp_path: Path) -> None:
    """In order; the first start finds nothing."""
    storage = DiskStorage(tmp_path)
    assert list(storage.entries()) == []
    storage.keep(CLUSTER)
    storage.keep(topic(FIRST))
    storage.store(FIRST, 0).create(0).append(batch(0))
    storage.close()
    again = DiskStorage(tmp_path)
    assert list(again.entries()) == [CLUSTER, topic(FIRST)]
    assert [(base, data.size) for base, data in again.store(FIRST, 0).segments()] == [
        (0, len(batch(0)))
    ]
    again.close()


def test_a_partition_lies_in_a_folder_with_topic_and_number(tmp_path: Path) -> None:
    """And with the topic's id: one that is made again never meets the files of the former."""
    storage = DiskStorage(tmp_path)
    for topic_id in (FIRST, SECOND):
        storage.keep(topic(topic_id))
        storage.store(topic_id, 3).create(0)
    names = {file.name for file in tmp_path.iterdir() if file.is_dir()}
    assert names == {f"orders-3.{FIRST.hex}", f"orders-3.{SECOND.hex}"}
    storage.close()


def test_the_longest_name_of_a_topic_fits(tmp_path: Path) -> None:
    """A topic may have 249 characters, a file 255 with number and id."""
    storage = DiskStorage(tmp_path)
    for topic_id in (FIRST, SECOND):
        storage.keep(topic(topic_id, "x" * 249))
        storage.store(topic_id, 2**31 - 1).create(0)
    storage.close()
    again = DiskStorage(tmp_path)
    assert [base for base, _ in again.store(FIRST, 2**31 - 1).segments()] == [0]
    again.close()


def test_two_storages_never_share_a_folder(tmp_path: Path) -> None:
    """Not even in one process."""
    storage = DiskStorage(tmp_path)
    with pytest.raises(FolderInUse):
        DiskStorage(tmp_path)
    storage.close()


def test_a_torn_end_of_the_journal_is_cut_away_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The entry was never acknowledged."""
    filled(tmp_path, CLUSTER, topic(FIRST))
    journal = tmp_path / "journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + encode_frame(b'{"type":"Topic'))
    journal.write_bytes(journal.read_bytes()[:-3])
    with caplog.at_level(logging.WARNING):
        assert kept(tmp_path) == [CLUSTER, topic(FIRST)]
    assert f"{journal} was cut at position {len(whole)}" in caplog.text
    assert journal.read_bytes() == whole


def test_damage_within_the_journal_is_refused(tmp_path: Path) -> None:
    """With file and position; the folder is free again."""
    filled(tmp_path, CLUSTER, topic(FIRST), topic(SECOND))
    journal = tmp_path / "journal"
    data = bytearray(journal.read_bytes())
    position = data.index(b"orders")
    data[position] ^= 1
    journal.write_bytes(data)
    with pytest.raises(FileDamaged, match="entries follow"):
        DiskStorage(tmp_path)
    with pytest.raises(FileDamaged) as refused:
        DiskStorage(tmp_path)
    assert refused.value.file == str(journal)
    assert refused.value.position == data.index(b'{"type":"TopicKept') - 8
    assert journal.read_bytes() == data


def test_an_entry_of_another_version_is_refused(tmp_path: Path) -> None:
    """It is whole, and nobody knows what it means."""
    filled(tmp_path, CLUSTER)
    with (tmp_path / "journal").open("ab") as journal:
        journal.write(encode_frame(b'{"type":"FutureKept"}'))
    with pytest.raises(JournalEntryUnreadable, match="FutureKept"):
        DiskStorage(tmp_path)


@pytest.mark.parametrize("data", [b"", b"torn"])
def test_a_journal_that_is_gone_is_refused(tmp_path: Path, data: bytes) -> None:
    """Without it all topics would silently be gone; a torn one is not cut before that is clear."""
    filled(tmp_path, CLUSTER, topic(FIRST))
    (tmp_path / "journal").write_bytes(data)
    with pytest.raises(JournalMissing, match="PEN-I137"):
        DiskStorage(tmp_path)
    assert (tmp_path / "journal").read_bytes() == data


def test_the_journal_of_another_folder_is_refused(tmp_path: Path) -> None:
    """Its topics have other ids than the partitions here."""
    filled(tmp_path / "a", CLUSTER)
    filled(tmp_path / "b", ClusterKept(cluster_id="another"))
    (tmp_path / "b" / "journal").replace(tmp_path / "a" / "journal")
    with pytest.raises(JournalMissing, match="'another'"):
        DiskStorage(tmp_path / "a")


def test_a_first_start_that_was_killed_is_gone_over_again(tmp_path: Path) -> None:
    """The journal had the cluster's id, `meta` not yet; or neither."""
    filled(tmp_path)
    (tmp_path / "journal").write_bytes(b"")
    filled(tmp_path, CLUSTER)
    (tmp_path / "meta").write_bytes(b'{"format": 1, "cluster_id": ""}\n')
    assert kept(tmp_path) == [CLUSTER]
    assert CLUSTER.cluster_id.encode() in (tmp_path / "meta").read_bytes()


# --- written anew ---


def snapshot() -> Iterable[JournalEntry]:
    """What a broker would say."""
    return [CLUSTER, ProducerIdBlockKept(next_block=5_000)]


def test_a_journal_is_written_anew_at_the_start(tmp_path: Path) -> None:
    """Where it has more entries than it needs; then it goes on in the new file."""
    filled(tmp_path, CLUSTER, *(ProducerIdBlockKept(next_block=n) for n in range(1000, 6000, 1000)))
    storage = DiskStorage(tmp_path)
    storage.attach(snapshot)
    assert storage.statistics().journal_entries == 2
    storage.keep(topic(FIRST))
    storage.attach(lambda: [*snapshot(), topic(FIRST)])
    assert storage.statistics().journal_rewrites == 1
    storage.close()
    assert kept(tmp_path) == [*snapshot(), topic(FIRST)]


@in_loop
async def test_a_journal_that_has_outgrown_the_broker_is_written_anew(tmp_path: Path) -> None:
    """While the broker runs, at the next sync, with fsync or without."""
    storage = DiskStorage(tmp_path, rewrite_bytes=1000)
    storage.keep(CLUSTER)
    storage.attach(snapshot)
    for number in range(100):
        storage.keep(ProducerIdBlockKept(next_block=number))
        if storage.unsynced:
            await storage.sync()
        assert storage.statistics().journal_bytes < 1100
    assert storage.statistics().journal_rewrites > 3
    storage.close()


@in_loop
async def test_a_journal_that_needs_its_length_keeps_it(tmp_path: Path) -> None:
    """It is looked at again when it is twice as long: nothing is written anew for nothing."""
    storage = DiskStorage(tmp_path, rewrite_bytes=500)
    needed: list[JournalEntry] = []
    asked = 0

    def all_of_it() -> Iterable[JournalEntry]:
        nonlocal asked
        asked += 1
        return needed

    storage.attach(all_of_it)
    for number in range(200):
        needed.append(topic(UUID(int=number)))
        storage.keep(needed[-1])
        if storage.unsynced:
            await storage.sync()
    assert asked < 10
    assert storage.statistics().journal_rewrites == 0
    storage.close()
    assert kept(tmp_path) == needed


@in_loop
async def test_where_there_is_no_room_the_long_journal_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a folder is in the way. It is whole, and the broker goes on."""
    storage = DiskStorage(tmp_path, rewrite_bytes=100)
    storage.keep(CLUSTER)
    storage.attach(snapshot)
    (tmp_path / "journal.new").mkdir()
    for number in range(10):
        storage.keep(ProducerIdBlockKept(next_block=number))
        if storage.unsynced:
            await storage.sync()
    storage.close()
    (tmp_path / "journal.new").rmdir()
    assert "could not be written anew" in caplog.text
    assert len(kept(tmp_path)) == 11


def test_a_rewriting_that_was_killed_leaves_the_old_journal(tmp_path: Path) -> None:
    """The new one had not taken its place."""
    filled(tmp_path, CLUSTER, topic(FIRST))
    (tmp_path / "journal.new").write_bytes(encode_frame(b'{"type":"ClusterKept"'))
    assert kept(tmp_path) == [CLUSTER, topic(FIRST)]
    assert not (tmp_path / "journal.new").exists()


# --- leftovers ---


def test_what_is_left_of_a_deleted_topic_goes_at_the_next_start(tmp_path: Path) -> None:
    """The broker died between the journal's entry and the files."""
    storage = DiskStorage(tmp_path)
    storage.keep(CLUSTER)
    storage.keep(topic(FIRST))
    storage.store(FIRST, 0).create(0)
    storage.keep(TopicRemoved(topic_id=FIRST))
    storage.close()
    assert kept(tmp_path) == [CLUSTER, topic(FIRST), TopicRemoved(topic_id=FIRST)]
    assert not [file for file in tmp_path.iterdir() if file.is_dir()]


def test_nothing_is_kept_of_topics_that_come_and_go(tmp_path: Path) -> None:
    """A broker of tests makes and deletes them for days."""
    storage = DiskStorage(tmp_path)
    storage.keep(CLUSTER)
    for number in range(1, 4):
        topic_id = UUID(int=number)
        storage.keep(topic(topic_id))
        store = storage.store(topic_id, 0)
        storage.keep(TopicRemoved(topic_id=topic_id))
        store.clear()
    assert not storage._partitions.topic_ids()
    assert not storage._topics
    storage.close()


def test_files_that_the_journal_does_not_know_are_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And named: only a person can say what they are."""
    filled(tmp_path, CLUSTER)
    folder = tmp_path / f"orders-0.{FIRST.hex}"
    folder.mkdir()
    assert kept(tmp_path) == [CLUSTER]
    assert f"{folder} belongs to no topic" in caplog.text
    assert folder.exists()


def test_at_the_start_an_unreadable_partition_is_told_as_such(tmp_path: Path) -> None:
    """Later it is the system's own error, for the request that met it."""
    filled(tmp_path, CLUSTER, topic(FIRST))
    (tmp_path / f"orders-0.{FIRST.hex}").write_bytes(b"a file where a folder should be")
    storage = DiskStorage(tmp_path)
    with pytest.raises(FolderUnusable, match="PEN-I135"):
        storage.store(FIRST, 0)
    storage.attach(lambda: [CLUSTER, topic(FIRST)])
    with pytest.raises(FileExistsError):
        storage.store(FIRST, 0)
    storage.close()


# --- sync ---


@in_loop
async def test_with_fsync_an_answer_waits_for_files_and_folders(tmp_path: Path) -> None:
    """One effort for all that was written; without fsync nobody waits."""
    storage = DiskStorage(tmp_path / "safe", fsync=True)
    storage.keep(topic(FIRST))
    storage.store(FIRST, 0).create(0).append(batch(0))
    assert storage.unsynced
    await storage.sync()
    assert not storage.unsynced
    assert storage.statistics().syncs == 1
    storage.close()
    quick = DiskStorage(tmp_path / "quick")
    quick.keep(topic(FIRST))
    assert not quick.unsynced
    quick.close()
