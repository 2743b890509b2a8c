"""A partition on disk: what the port says, and what is left of it after every kind of crash."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.storage.checksums import crc_of
from penstock.infra.embedded.storage.disk_store import DiskStore
from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.open_files import OpenFiles
from penstock.infra.embedded.storage.seal import Seal, encode_seal
from penstock.infra.embedded.storage.storage_errors import FileDamaged
from tests.infra.embedded.log.dying_store import DyingStore
from tests.infra.embedded.log.record_batches import (
    NOW,
    append,
    client_batch,
    everything,
    headers,
    seen,
)
from tests.infra.embedded.storage.batches import (
    COMPACTED,
    PLAIN,
    batch,
    batches,
    files,
    log_over,
    store_at,
    write,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the partition is going to be."""
    return tmp_path / "t-0.id"


def name(base_offset: int, kind: str = "log") -> str:
    """A file's name."""
    return f"{base_offset:020d}.{kind}"


def contents(store: DiskStore) -> list[tuple[int, bytes]]:
    """All bytes by base offset."""
    return [(base, data.read(0, data.size)) for base, data in store.segments()]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let this process write files of so many bytes at most: the system's own kind of full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- the port ---


def test_bytes_are_appended_and_read_at_their_positions(folder: Path) -> None:
    """A read ends where the segment does; the file is named as Kafka names it."""
    segment = store_at(folder).create(42)
    assert [segment.append(b"abc"), segment.append(b"de")] == [0, 3]
    assert (segment.size, segment.read(2, 2), segment.read(4, 99)) == (5, b"cd", b"e")
    assert (segment.read(5, 1), segment.read(9, 1)) == (b"", b"")
    assert files(folder) == {name(42): 5}


def test_segments_are_listed_replaced_and_removed(folder: Path) -> None:
    """By base offset ascending, also when they are opened again."""
    store = store_at(folder)
    first, second, third, fourth = batches(4)
    for base_offset, data in ((0, first), (1, second), (3, third), (4, fourth)):
        store.create(base_offset).append(data)
    replaced = store.replace([0, 1], 0, [first])
    assert replaced.read(0, 999) == first
    expected = [(0, first), (3, third), (4, fourth)]
    assert contents(store) == contents(store_at(folder)) == expected
    store.remove(0)
    assert contents(store) == contents(store_at(folder)) == expected[1:]
    assert files(folder).keys() == {name(3), name(4)}


def test_the_start_is_kept_and_all_is_cleared(folder: Path) -> None:
    """Nothing of a deleted partition is left."""
    store = store_at(folder)
    assert store.start() == 0
    store.keep_start(12)
    store.create(12)
    assert store.start() == store_at(folder).start() == 12
    store.keep_producers(b"known")
    store.clear()
    assert (store.start(), store.producers(), list(store.segments())) == (0, b"", [])
    assert not folder.exists()


def test_what_is_known_of_producers_is_kept(folder: Path) -> None:
    """The last words count; none leave no file."""
    store = store_at(folder)
    for words in (b"known", b"better known", b""):
        assert (folder / "producers").exists() == bool(store.producers())
        store.keep_producers(words)
        assert store.producers() == store_at(folder).producers() == words
    assert files(folder) == {}


def test_a_log_on_disk_is_the_log_in_memory(folder: Path) -> None:
    """Appended, rolled, compacted, deleted from, opened again: the same records."""
    log = log_over(store_at(folder), COMPACTED)
    for number in range(20):
        write(log, b"%d" % number, b"x" * number, key=b"%d" % (number % 3), now_ms=NOW + number)
    before = seen(everything(log))
    assert seen(everything(log_over(store_at(folder), COMPACTED))) == before
    while log.clean(NOW + 10**9).unfinished:
        pass
    after = seen(everything(log))
    assert len(after) < len(before)
    again = log_over(store_at(folder), COMPACTED)
    assert seen(everything(again)) == after
    assert again.end_offset == log.end_offset
    write(again, b"more")
    assert seen(everything(log_over(store_at(folder), COMPACTED)))[-1].value == b"more"


def test_a_log_on_disk_knows_its_producers_when_their_transactions_are_all_gone(
    folder: Path,
) -> None:
    """Compaction empties the marker, and leaves it where nothing else holds the epoch."""
    config = replace(COMPACTED, delete_retention_ms=1000)
    log = log_over(store_at(folder), config)
    log.append_marker(
        producer_id=9, producer_epoch=3, commit=False, coordinator_epoch=0, now_ms=NOW
    )
    for later_ms in (0, 1000):
        for number in range(5):
            write(log, b"v" * 20, key=b"%d" % number)
        while log.clean(NOW + later_ms, budget_bytes=1).unfinished:
            pass
    assert headers(everything(log))[0].record_count == 0
    again = log_over(store_at(folder), config)
    assert [(one.producer_id, one.producer_epoch) for one in again.producers()] == [(9, 3)]
    assert again.append_marker(
        producer_id=9, producer_epoch=2, commit=False, coordinator_epoch=0, now_ms=NOW
    ).error is (ErrorCode.invalid_producer_epoch)


SEGMENT_EACH = replace(PLAIN, segment_bytes=100, retention_ms=1000)


def write_numbered(log: PartitionLog, sequence: int, *, now_ms: int = NOW) -> Appended:
    """Append a batch of producer 1, in its second epoch."""
    data = client_batch([(b"k", b"v")], time_ms=now_ms, producer_id=1, epoch=1, sequence=sequence)
    return append(log, data, now_ms=now_ms)


@pytest.mark.parametrize("changes", range(8))
def test_a_log_on_disk_knows_its_producers_wherever_their_deletion_is_killed(
    folder: Path, changes: int
) -> None:
    """Retention takes all batches; the producer goes on, repeats itself, and an old one is fenced.

    The killed change may be half done as well: what was to take a file's place lies beside it.
    """
    log = log_over(store_at(folder), SEGMENT_EACH)
    for sequence in range(4):
        write_numbered(log, sequence)
    before = log.producers()
    dying = DyingStore(store_at(folder), changes=changes)
    if changes < 7:  # a new segment, the start, the producers, and four that go
        with pytest.raises(OSError, match="Input/output"):
            log_over(dying, SEGMENT_EACH).clean(NOW + 1001)
    else:
        log_over(dying, SEGMENT_EACH).clean(NOW + 1001)
    for aside in ("start.new", "producers.new"):
        (folder / aside).write_bytes(b"4")
    assert (folder / "producers").exists() == (changes >= 3)
    again = log_over(store_at(folder), SEGMENT_EACH)
    assert not list(folder.glob("*.new"))
    assert again.producers() == before
    assert write_numbered(again, 2).duplicate
    zombie = client_batch([(b"k", b"v")], producer_id=1, epoch=0, sequence=4)
    assert append(again, zombie).error is ErrorCode.invalid_producer_epoch
    assert write_numbered(again, 4, now_ms=NOW + 900).base_offset == 4
    again.clean(NOW + 1001)
    assert [base for base, _ in store_at(folder).segments()] == [4]
    assert write_numbered(log_over(store_at(folder), SEGMENT_EACH), 5).base_offset == 5


def test_a_folder_in_which_nothing_was_kept_of_producers_is_understood(folder: Path) -> None:
    """An earlier version has deleted from it: who has written there may begin anywhere."""
    log = log_over(store_at(folder), SEGMENT_EACH)
    write_numbered(log, 0)
    log.clean(NOW + 1001)
    (folder / "producers").unlink()
    again = log_over(store_at(folder), SEGMENT_EACH)
    assert (again.producers(), again.start_offset) == ((), 1)
    assert write_numbered(again, 5).base_offset == 1


def test_few_files_are_open_at_a_time(folder: Path) -> None:
    """A process may have only so many; the others are opened when they are needed."""
    opened = OpenFiles(limit=3)
    store = DiskStore(folder, files=opened, sync=FileSync(enabled=False))
    for base_offset in range(10):
        store.create(base_offset).append(batch(base_offset))
    assert len(opened) == 3
    assert [data for _, data in contents(store)] == [batch(number) for number in range(10)]
    store.segments()[0][1].append(b"tail")
    assert (folder / name(0)).read_bytes() == batch(0) + b"tail"
    opened.close_all()
    assert len(opened) == 0


# --- full and broken disks ---


def test_a_full_disk_refuses_the_append_and_keeps_the_rest(folder: Path) -> None:
    """Nothing half-written is there, neither now nor after a restart; later there is room."""
    log = log_over(store_at(folder))
    write(log, b"first")
    size = log.size_bytes
    with largest_file(size + 20), pytest.raises(OSError, match="too large"):
        write(log, b"x" * 1000)
    assert [one.value for one in seen(everything(log))] == [b"first"]
    assert files(folder) == {name(0): size}
    write(log, b"second")
    again = store_at(folder)
    assert again.repairs == ()
    assert [one.value for one in seen(everything(log_over(again)))] == [b"first", b"second"]


def test_a_full_disk_refuses_compaction_and_keeps_what_was(folder: Path) -> None:
    """The half-written file is gone."""
    store = store_at(folder)
    store.create(0).append(batch(0))
    store.create(1).append(batch(1))
    with largest_file(50), pytest.raises(OSError, match="too large"):
        store.replace([0], 0, [batch(0)])
    assert files(folder).keys() == {name(0), name(1)}
    assert contents(store) == [(0, batch(0)), (1, batch(1))]


def test_a_full_disk_deletes_nothing_of_which_producers_cannot_be_kept(folder: Path) -> None:
    """They are known by their batches still; with room again these go."""
    log = log_over(store_at(folder), SEGMENT_EACH)
    write_numbered(log, 0)
    before = log.producers()
    with largest_file(30), pytest.raises(OSError, match="too large"):
        log.clean(NOW + 1001)
    assert files(folder).keys() == {name(0), name(1), "start"}
    assert log_over(store_at(folder), SEGMENT_EACH).producers() == before
    assert log.clean(NOW + 1001).segments_deleted == 1
    assert files(folder).keys() == {name(1), "start", "producers"}
    assert log_over(store_at(folder), SEGMENT_EACH).producers() == before


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    """Here a file is in the way."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        store_at(tmp_path / "file" / "t-0.id")


# --- crashes ---


def test_a_torn_end_is_cut_away_and_told(folder: Path) -> None:
    """With file, position and bytes lost; the log goes on from there."""
    one, two, three = batches(3)
    store_at(folder).create(0).append(one + two + three[:-1])
    store = store_at(folder)
    (repair,) = store.repairs
    assert repair.file == folder / name(0)
    assert (repair.position, repair.lost_bytes) == (len(one + two), len(three) - 1)
    assert str(repair) == (
        f"{folder / name(0)} was cut at position {len(one + two)}: a batch is cut off; "
        f"{len(three) - 1} bytes of an unfinished write are lost"
    )
    assert contents(store) == [(0, one + two)]
    assert store_at(folder).repairs == ()


def test_damage_before_whole_batches_is_refused(folder: Path) -> None:
    """No crash does that; nothing is changed."""
    one, two, three = batches(3)
    damaged = one + two[:-1] + b"?" + three
    store_at(folder).create(0).append(damaged)
    with pytest.raises(FileDamaged, match="PEN-I134") as refused:
        store_at(folder)
    assert refused.value.facts == {
        "file": str(folder / name(0)),
        "position": len(one),
        "reason": "the batch's CRC is wrong, and batches follow",
    }
    assert (folder / name(0)).read_bytes() == damaged


def test_a_broken_end_of_an_older_segment_is_refused(folder: Path) -> None:
    """It was finished before the next one was begun."""
    store = store_at(folder)
    store.create(0).append(batch(0) + batch(1)[:-1])
    store.create(2).append(batch(2))
    with pytest.raises(FileDamaged) as refused:
        store_at(folder)
    assert refused.value.position == len(batch(0))


@pytest.mark.parametrize("second", [1, 3])
def test_segments_follow_one_another(folder: Path, second: int) -> None:
    """One that ends too early or too late has lost or gained something."""
    store = store_at(folder)
    store.create(0).append(batch(0, 2))
    store.create(second).append(batch(second))
    with pytest.raises(FileDamaged, match="ends before offset 2"):
        store_at(folder)


def test_an_empty_file_behind_a_torn_end_is_removed(folder: Path) -> None:
    """A loss of power may leave both; an empty file behind a whole end stays."""
    store = store_at(folder)
    torn = store.create(0)
    torn.append(batch(0) + batch(1)[:-1])
    store.create(2)
    assert contents(store_at(folder)) == [(0, batch(0))]
    store_at(folder).create(1)
    assert contents(store_at(folder)) == [(0, batch(0)), (1, b"")]


@pytest.mark.parametrize("text", [b"", b"12", b"x\n", b"-1\n"])
def test_a_start_that_cannot_be_read_is_refused(folder: Path, text: bytes) -> None:
    """It takes its place as a whole, so no crash makes half of one."""
    store_at(folder)
    (folder / "start").write_bytes(text)
    with pytest.raises(FileDamaged, match="holds no offset"):
        store_at(folder)


def test_a_damaged_file_of_producers_is_refused(folder: Path) -> None:
    """Each turned bit, each cut, and anything behind: it takes its place as a whole."""
    store_at(folder).keep_producers(b"known")
    file = folder / "producers"
    whole = file.read_bytes()
    turned = [
        bytes(byte ^ (1 << at % 8) if at == here else byte for here, byte in enumerate(whole))
        for at in range(len(whole))
    ]
    cut = [whole[:end] for end in range(len(whole))]
    for damaged in (*turned, *cut, whole + b"\x00", whole + whole):
        file.write_bytes(damaged)
        with pytest.raises(FileDamaged, match="PEN-I134"):
            store_at(folder)
    file.write_bytes(whole)
    assert store_at(folder).producers() == b"known"


def test_a_damaged_seal_is_refused(folder: Path) -> None:
    """It takes its place as a whole."""
    store = store_at(folder)
    store.create(0).append(batch(0))
    store.replace([0], 0, [batch(0)])
    (folder / name(0, "seal")).write_bytes(b"nonsense")
    with pytest.raises(FileDamaged, match="no seal"):
        store_at(folder)


@pytest.mark.parametrize("position", [0, 20, 60])
def test_damage_in_a_compacted_file_is_refused(folder: Path, position: int) -> None:
    """Even at its end, even in the offset of a batch, which nothing else would show."""
    store = store_at(folder)
    store.create(0).append(batch(0) + batch(1))
    store.replace([0], 0, [batch(1)])
    data = bytearray((folder / name(0)).read_bytes())
    data[position] ^= 1
    (folder / name(0)).write_bytes(data)
    with pytest.raises(FileDamaged, match="compaction"):
        store_at(folder)


# --- compaction over a crash ---

OLD = [(0, batch(0) + batch(1)), (2, batch(2)), (3, batch(3))]
NEW = [(0, batch(1) + batch(2)), (3, batch(3))]


def compacting(folder: Path, steps: int) -> None:
    """Compact the first two segments of three by hand, so many steps of it."""
    store = store_at(folder)
    for base_offset, data in OLD:
        store.create(base_offset).append(data)
    new = NEW[0][1]
    seal = Seal(size=len(new), crc=crc_of(new, 0, len(new)), replaced=(0, 2))
    every: list[Callable[[], object]] = [
        lambda: (folder / name(0, "cleaned")).write_bytes(new[:-1]),
        lambda: (folder / name(0, "cleaned")).write_bytes(new),
        lambda: (folder / name(0, "seal.new")).write_bytes(encode_seal(seal)[:-1]),
        lambda: (folder / name(0, "seal.new")).write_bytes(encode_seal(seal)),
        lambda: (folder / name(0, "seal.new")).replace(folder / name(0, "seal")),
        (folder / name(2)).unlink,
        lambda: (folder / name(0, "cleaned")).replace(folder / name(0)),
    ]
    for step in every[:steps]:
        step()


@pytest.mark.parametrize("steps", range(8))
def test_compaction_happens_wholly_or_not_at_all(folder: Path, steps: int) -> None:
    """Wherever it is killed; what it leaves is gone after the opening."""
    compacting(folder, steps)
    expected = OLD if steps < 5 else NEW
    assert contents(store_at(folder)) == expected
    left = {name(base) for base, _ in expected} | ({name(0, "seal")} if steps >= 5 else set())
    assert files(folder).keys() == left
    assert contents(store_at(folder)) == expected


def test_a_second_compaction_that_is_killed_leaves_the_first(folder: Path) -> None:
    """The seal of the first does not fit to what the second began to write."""
    store = store_at(folder)
    for base_offset, data in OLD:
        store.create(base_offset).append(data)
    store.replace([0, 2], 0, [NEW[0][1]])
    (folder / name(0, "cleaned")).write_bytes(batch(2))
    assert contents(store_at(folder)) == NEW
    assert name(0, "cleaned") not in files(folder)
