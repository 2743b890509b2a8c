"""One partition's log: what is appended, read, found by time, deleted, and known again."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.log_answers import (
    AbortedTransaction,
    Appended,
    LogRead,
    TimedOffset,
)
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.log_errors import DamagedSegment
from penstock.infra.embedded.log.partition_log import PRODUCER_EXPIRY_CHECK_MS, PartitionLog
from penstock.infra.embedded.log.segment_store import MemoryStore, PartitionStore
from tests.infra.embedded.log.dying_store import DyingStore
from tests.infra.embedded.log.record_batches import (
    DAY_MS,
    NOW,
    append,
    client_batch,
    everything,
    headers,
    raw_batch,
    record,
    seen,
)

ONE = client_batch([(b"k", b"v")])
THREE = client_batch([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])


def made(store: PartitionStore | None = None, *, now_ms: int = NOW, **config: Any) -> PartitionLog:
    """Open a log."""
    return PartitionLog(
        config=LogConfig(**config),
        store=MemoryStore() if store is None else store,
        producer_expiry_ms=DAY_MS,
        now_ms=now_ms,
        name="t-0",
    )


def test_records_before_the_kept_start_never_come_back_nor_does_their_place() -> None:
    """A machine that died has lost the end of a log, and not where it begins.

    As in Kafka it goes on from there. Else the next records would lie before the start, and be gone
    after a restart.
    """
    store = MemoryStore()
    append(made(store), THREE)
    store.keep_start(10)
    for offset in (10, 11):
        log = made(store)
        assert (log.start_offset, log.end_offset) == (10, offset)
        assert append(log, ONE).base_offset == offset
    assert [record.offset for record in seen(everything(made(store)))] == [10, 11]
    assert [base_offset for base_offset, _ in store.segments()] == [10]


def transactional(sequence: int, producer: int = 9, *, count: int = 1) -> bytes:
    """Make a batch of a transaction."""
    return client_batch(
        [(b"k", b"%d" % producer)] * count,
        producer_id=producer,
        epoch=0,
        sequence=sequence,
        transactional=True,
    )


def end(log: PartitionLog, producer: int = 9, *, commit: bool, now_ms: int = NOW) -> Appended:
    """Write a marker."""
    return log.append_marker(
        producer_id=producer, producer_epoch=0, commit=commit, coordinator_epoch=0, now_ms=now_ms
    )


def read(log: PartitionLog, offset: int, *, max_bytes: int = 1 << 20, **more: Any) -> LogRead:
    """Read; uncommitted and at least one unless told."""
    asked = {"committed": False, "at_least_one": True, **more}
    return log.read(offset, max_bytes=max_bytes, **asked)


def test_an_empty_log_begins_and_ends_at_zero() -> None:
    """And has nothing to read, and no time."""
    log = made()
    assert (log.start_offset, log.end_offset, log.last_stable_offset, log.size_bytes) == (
        0,
        0,
        0,
        0,
    )
    assert read(log, 0) == LogRead(high_watermark=0, last_stable_offset=0, start_offset=0)
    assert log.offset_at(0, committed=False) is None
    assert log.max_timestamp(committed=False) is None


def test_appends_get_offsets_one_after_another() -> None:
    """Each record gets the next."""
    log = made()
    assert append(log, THREE) == Appended(base_offset=0, last_offset=2, start_offset=0)
    assert append(log, ONE) == Appended(base_offset=3, last_offset=3, start_offset=0)
    assert (log.end_offset, log.size_bytes) == (4, len(THREE) + len(ONE))
    assert [one.offset for one in seen(everything(log))] == [0, 1, 2, 3]


def test_a_refusal_changes_nothing() -> None:
    """It is counted."""
    log = made(cleanup_compact=True)
    append(log, ONE)
    assert append(log, raw_batch([record(0, None)])).error is ErrorCode.invalid_record
    assert (log.end_offset, log.statistics().refused, log.statistics().batches) == (1, 1, 1)


def test_log_append_time_is_answered() -> None:
    """Only on topics that have it."""
    log = made(log_append_time=True)
    assert append(log, ONE, now_ms=NOW + 5).append_time_ms == NOW + 5
    assert log.offset_at(NOW + 1, committed=False) == TimedOffset(NOW + 5, 0, 0)
    end(log, commit=True, now_ms=NOW + 9)
    assert headers(everything(log))[1].is_log_append_time


def test_a_duplicate_is_answered_with_its_first_offset() -> None:
    """And with the old batch's largest time, as Kafka does; nothing is written."""
    log = made()
    first = client_batch([(b"a", b"1"), (b"b", b"2")], producer_id=1, epoch=0, sequence=0)
    append(log, ONE)
    append(log, first)
    assert append(log, first, now_ms=NOW + 50) == Appended(
        base_offset=1, last_offset=2, append_time_ms=NOW + 1, start_offset=0, duplicate=True
    )
    assert (log.end_offset, log.statistics().duplicates) == (3, 1)


def test_a_read_returns_the_batch_that_holds_the_offset_whole() -> None:
    """A client drops the records before."""
    log = made()
    append(log, THREE)
    append(log, ONE)
    assert [one.base_offset for one in headers(read(log, 2).records)] == [0, 3]
    assert [one.base_offset for one in headers(read(log, 3).records)] == [3]
    assert read(log, 4).records == b""


def test_a_read_never_cuts_a_batch() -> None:
    """As many whole ones as fit; the first even if it does not, where one is asked for."""
    log = made()
    for _ in range(4):
        append(log, ONE)
    size = len(ONE)
    for max_bytes, at_least_one, batches in (
        (size - 1, False, 0),
        (size - 1, True, 1),
        (0, True, 1),
        (-1, False, 0),
        (size, False, 1),
        (3 * size - 1, False, 2),
        (3 * size, True, 3),
        (99 * size, False, 4),
    ):
        part = read(log, 0, max_bytes=max_bytes, at_least_one=at_least_one)
        assert len(headers(part.records)) == batches


@pytest.mark.parametrize("offset", [-1, 4, 2**63 - 1])
def test_offsets_out_of_range(offset: int) -> None:
    """Before the start and after the end; the answer has no ends, as Kafka's has none."""
    log = made()
    append(log, THREE)
    assert read(log, offset) == LogRead(error=ErrorCode.offset_out_of_range)
    assert log.readable_bytes(offset, committed=False, limit=99) == 0


def test_readable_bytes_are_counted_up_to_a_limit() -> None:
    """Over segments, for the fetch that waits for some bytes."""
    log = made(segment_bytes=len(ONE))
    for _ in range(5):
        append(log, ONE)
    assert log.statistics().segments == 5
    assert log.readable_bytes(1, committed=False, limit=10**9) == 4 * len(ONE)
    assert log.readable_bytes(0, committed=False, limit=1) == len(ONE)
    assert log.readable_bytes(5, committed=False, limit=1) == 0


def test_committed_records_are_read_up_to_the_first_open_transaction() -> None:
    """Whatever comes after it."""
    log = made()
    append(log, ONE)
    append(log, transactional(0))
    append(log, transactional(0, 8))
    append(log, ONE)
    assert (log.last_stable_offset, log.readable_end(committed=True)) == (1, 1)
    assert [one.offset for one in seen(read(log, 0, committed=True).records)] == [0]
    assert read(log, 2, committed=True).error is ErrorCode.none
    assert log.readable_bytes(0, committed=True, limit=9999) == len(ONE)
    end(log, commit=True)
    assert log.last_stable_offset == 2
    end(log, 8, commit=False)
    assert log.last_stable_offset == log.end_offset == 6
    assert not log.has_open_transaction(8)


def test_a_marker_takes_one_offset_and_is_read() -> None:
    """As a control batch of the producer, its key saying what it is."""
    log = made()
    append(log, transactional(0))
    assert log.has_open_transaction(9)
    assert end(log, commit=True) == Appended(base_offset=1, last_offset=1, start_offset=0)
    header = headers(everything(log))[1]
    assert (header.is_control, header.is_transactional, header.producer_id) == (True, True, 9)
    assert (header.base_sequence, header.record_count, header.codec) == (-1, 1, 0)


def test_aborted_transactions_are_told_where_they_touch_what_is_read() -> None:
    """To readers of committed records only."""
    log = made()
    append(log, transactional(0))  # 0
    append(log, transactional(0, 8))  # 1
    end(log, commit=False)  # 2
    append(log, ONE)  # 3
    end(log, 8, commit=False)  # 4
    append(log, transactional(1))  # 5
    end(log, commit=True)  # 6
    nine, eight = AbortedTransaction(9, 0), AbortedTransaction(8, 1)
    assert read(log, 0, committed=True).aborted == (nine, eight)
    assert read(log, 0).aborted == ()
    assert read(log, 3, committed=True).aborted == (eight,)
    assert read(log, 5, committed=True).aborted == ()
    assert read(log, 0, committed=True, max_bytes=1).aborted == (nine,)


def test_a_marker_of_nobodys_transaction_is_kept() -> None:
    """It takes an offset, and nothing was aborted."""
    log = made()
    assert end(log, commit=False).error is ErrorCode.none
    append(log, ONE)
    assert read(log, 0, committed=True).aborted == ()
    assert [one.producer_id for one in log.producers()] == [9]


def test_records_are_found_by_their_time() -> None:
    """The first that is late enough, in whatever batch and codec."""
    log = made()
    append(log, client_batch([(b"a", b"1"), (b"b", b"2")], time_ms=NOW, codec=4))
    append(log, client_batch([(b"c", b"3")], time_ms=NOW - 500))
    append(log, client_batch([(b"d", b"4"), (b"e", b"5")], time_ms=NOW + 100, codec=1))
    assert log.offset_at(0, committed=False) == TimedOffset(NOW, 0, 0)
    assert log.offset_at(NOW + 1, committed=False) == TimedOffset(NOW + 1, 1, 0)
    assert log.offset_at(NOW + 2, committed=False) == TimedOffset(NOW + 100, 3, 0)
    assert log.offset_at(NOW + 101, committed=False) == TimedOffset(NOW + 101, 4, 0)
    assert log.offset_at(NOW + 102, committed=False) is None
    assert log.max_timestamp(committed=False) == TimedOffset(NOW + 101, 4, 0)
    log.delete_before(1)
    assert log.offset_at(0, committed=False) == TimedOffset(NOW + 1, 1, 0)
    log.delete_before(2)
    assert log.offset_at(NOW, committed=False) == TimedOffset(NOW + 100, 3, 0)


def test_what_a_reader_may_not_read_is_not_found_by_time() -> None:
    """A record in an open transaction."""
    log = made()
    append(log, transactional(0))
    assert log.offset_at(0, committed=False) == TimedOffset(NOW, 0, 0)
    assert log.offset_at(0, committed=True) is None
    assert log.max_timestamp(committed=True) is None


def test_segments_are_closed_by_size_and_time() -> None:
    """By the times of records, as in Kafka; without any by the broker's."""
    log = made(segment_bytes=2 * len(ONE))
    for _ in range(5):
        append(log, ONE)
    assert log.statistics().segments == 3
    log = made(segment_ms=100)
    for later in (0, 100, 101, 50):
        append(log, client_batch([(b"k", b"v")], time_ms=NOW + later))
    assert log.statistics().segments == 2
    log = made(segment_ms=100)
    timeless = raw_batch([record(0)], base_timestamp_ms=-1, max_timestamp_ms=-1)
    for later in (0, 100, 101):
        append(log, timeless, now_ms=NOW + later)
    assert log.statistics().segments == 2


def test_old_segments_go_by_time() -> None:
    """When their newest record is older than the limit, the active one too, and no record else."""
    log = made(segment_bytes=len(ONE), retention_ms=1000)
    for later in (0, 10, 500):
        append(log, client_batch([(b"k", b"v")], time_ms=NOW + later))
    assert log.clean(NOW + 1010).segments_deleted == 1
    cleaned = log.clean(NOW + 1011)
    assert (cleaned.segments_deleted, cleaned.start_offset) == (1, 2)
    assert log.clean(NOW + 1500).segments_deleted == 0
    cleaned = log.clean(NOW + 1501)
    assert (cleaned.segments_deleted, cleaned.bytes_deleted) == (1, len(ONE))
    assert (log.start_offset, log.end_offset, log.size_bytes) == (3, 3, 0)
    assert log.clean(NOW + 10**9).segments_deleted == 0
    assert append(log, ONE, now_ms=NOW).base_offset == 3


def test_old_segments_go_by_size() -> None:
    """As long as what stays is at least the limit."""
    log = made(segment_bytes=len(ONE), retention_bytes=2 * len(ONE), retention_ms=-1)
    for _ in range(4):
        append(log, ONE)
    log.clean(NOW)
    assert (log.start_offset, log.size_bytes) == (2, 2 * len(ONE))
    log.config = replace(log.config, retention_bytes=2 * len(ONE) - 1)
    log.clean(NOW)
    assert log.start_offset == 2
    log.config = replace(log.config, retention_bytes=0)
    log.clean(NOW)
    assert (log.start_offset, log.size_bytes) == (4, 0)


def test_without_the_policy_delete_nothing_goes_by_age() -> None:
    """Only what lies before the start."""
    log = made(segment_bytes=len(ONE), retention_ms=1, cleanup_delete=False, cleanup_compact=True)
    append(log, ONE)
    append(log, ONE)
    assert log.clean(NOW + DAY_MS).segments_deleted == 0


def test_records_are_deleted_by_moving_the_start() -> None:
    """-1 is the high watermark; the bytes go with whole segments, when the log is cleaned."""
    log = made(segment_bytes=2 * len(ONE))
    for _ in range(5):
        append(log, ONE)
    assert log.delete_before(3) == (ErrorCode.none, 3)
    assert log.delete_before(1) == (ErrorCode.none, 3)
    assert read(log, 2).error is ErrorCode.offset_out_of_range
    assert [one.base_offset for one in headers(read(log, 3).records)] == [3]
    assert log.clean(NOW).segments_deleted == 1
    assert log.delete_before(6) == (ErrorCode.offset_out_of_range, -1)
    assert log.delete_before(-2) == (ErrorCode.offset_out_of_range, -1)
    assert log.delete_before(-1) == (ErrorCode.none, 5)
    assert (log.start_offset, read(log, 5).records) == (5, b"")


def test_a_start_that_cannot_be_kept_does_not_move() -> None:
    """What was deleted would come back after a restart."""
    log = made(DyingStore(MemoryStore(), changes=1))
    append(log, ONE)
    with pytest.raises(OSError, match="Input/output"):
        log.delete_before(1)
    assert (log.start_offset, len(seen(everything(log)))) == (0, 1)


def test_records_of_a_compacted_topic_are_not_deleted() -> None:
    """POLICY_VIOLATION, unless its policy is also to delete."""
    compacted = made(cleanup_compact=True, cleanup_delete=False)
    assert compacted.delete_before(0) == (ErrorCode.policy_violation, -1)
    assert made(cleanup_compact=True).delete_before(0) == (ErrorCode.none, 0)


def test_deleting_into_an_open_transaction_moves_the_stable_offset() -> None:
    """It is never before the start."""
    log = made()
    append(log, transactional(0, count=3))
    log.delete_before(2)
    assert log.last_stable_offset == 2
    assert read(log, 2, committed=True).records == b""


def test_silent_producers_are_forgotten() -> None:
    """Looked for as often as Kafka does."""
    log = made()
    append(log, client_batch([(b"k", b"v")], producer_id=1, epoch=0, sequence=0))
    assert log.clean(NOW + PRODUCER_EXPIRY_CHECK_MS).producers_expired == 0
    assert log.clean(NOW + DAY_MS).producers_expired == 1
    assert log.producers() == ()


def test_a_log_over_the_same_store_knows_all_again() -> None:
    """Offsets, start, times, producers, open and aborted transactions."""
    store = MemoryStore()
    log = made(store, segment_bytes=400)
    append(log, THREE)
    append(log, client_batch([(b"k", b"v")] * 2, producer_id=1, epoch=4, sequence=10, codec=3))
    append(log, transactional(0))
    end(log, commit=False)
    append(log, transactional(0, 8))
    append(log, ONE)
    log.delete_before(1)
    again = made(store, segment_bytes=400, now_ms=NOW + 1)
    for one in (log, again):
        assert (one.start_offset, one.last_stable_offset, one.end_offset) == (1, 7, 9)
        assert one.statistics().segments == 2
    assert everything(again) == everything(log)
    assert again.producers() == log.producers()
    assert read(again, 5, committed=True) == read(log, 5, committed=True)
    assert read(again, 5, committed=True).aborted == (AbortedTransaction(9, 5),)
    assert again.offset_at(NOW + 2, committed=False) == log.offset_at(NOW + 2, committed=False)
    repeated = client_batch([(b"k", b"v")] * 2, producer_id=1, epoch=4, sequence=10, codec=3)
    assert append(again, repeated).duplicate
    assert made(store, now_ms=NOW + 2 * DAY_MS).producers()[0].producer_id == 8


def numbered(sequence: int, *, epoch: int = 0, producer: int = 1) -> bytes:
    """Make a batch of a producer that numbers its batches."""
    return client_batch([(b"k", b"v")], producer_id=producer, epoch=epoch, sequence=sequence)


SMALL: Final[dict[str, Any]] = {"segment_bytes": 100, "retention_ms": 1000}
"""Each batch is a segment of its own."""


def by_retention(log: PartitionLog, offset: int) -> None:
    """Let all grow old that is before an offset; later records are written afterwards."""
    log.clean(NOW + 1001)
    assert log.start_offset == offset


def by_request(log: PartitionLog, offset: int) -> None:
    """Delete the records before an offset, and let their segments go."""
    log.delete_before(offset)
    log.clean(NOW)


@pytest.mark.parametrize("delete", [by_retention, by_request])
def test_a_producer_survives_the_deletion_of_its_batches(
    delete: Callable[[PartitionLog, int], None],
) -> None:
    """Its transaction's marker is all that is left; it goes on, and what it repeats is known."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence in range(6):
        append(log, transactional(sequence))
    end(log, commit=True, now_ms=NOW + 900)
    delete(log, 6)
    assert [one.is_control for one in headers(everything(log))] == [True]
    again = made(store, **SMALL)
    assert again.producers() == log.producers()
    for sequence in range(1, 6):
        repeated = append(again, transactional(sequence))
        assert (repeated.base_offset, repeated.duplicate) == (sequence, True)
    assert append(again, transactional(0)).error is ErrorCode.out_of_order_sequence_number
    assert append(again, transactional(6)).base_offset == 7


def test_a_producer_of_which_no_batch_is_left_is_known_until_it_is_silent_for_long() -> None:
    """An old epoch is fenced, and nothing is written twice; later it is nobody again."""
    store = MemoryStore()
    log = made(store, **SMALL)
    append(log, numbered(7, epoch=3))
    log.append_marker(producer_id=5, producer_epoch=2, commit=True, coordinator_epoch=4, now_ms=NOW)
    log.clean(NOW + 2000)
    assert (log.start_offset, log.end_offset, log.size_bytes) == (2, 2, 0)
    assert made(store, **SMALL).producers() == log.producers()
    again = made(store, **SMALL)  # it reads what the one before has not kept anew
    assert again.producers() == log.producers()
    assert append(again, numbered(7, epoch=3)).base_offset == 0
    assert append(again, numbered(8, epoch=2)).error is ErrorCode.invalid_producer_epoch
    old = append(again, numbered(0, epoch=1, producer=5))
    assert old.error is ErrorCode.invalid_producer_epoch
    assert append(again, numbered(8, epoch=3)).base_offset == 2
    silent = made(store, now_ms=NOW + DAY_MS)
    assert silent.producers() == ()


def test_an_open_transaction_survives_the_deletion_of_its_batches() -> None:
    """One that began in what stays is found there."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence, producer in ((0, 8), (0, 9), (1, 8), (1, 9)):
        append(log, transactional(sequence, producer))
    end(log, 8, commit=True)
    append(log, transactional(2, 8))
    by_request(log, 2)
    again = made(store, **SMALL)
    assert again.producers() == log.producers()
    assert again.last_stable_offset == again.start_offset == 2
    assert append(again, numbered(2, producer=9)).error is ErrorCode.invalid_txn_state
    end(again, 9, commit=False)
    assert again.last_stable_offset == 5


def test_what_segments_say_that_are_still_there_is_not_kept_twice() -> None:
    """What is kept ends where the first segment begins: a lost end takes its producers along."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence in range(4):
        append(log, numbered(sequence))
    by_request(log, 2)
    store.remove(3)
    again = made(store, **SMALL)
    assert [(one.producer_id, one.last_sequence) for one in again.producers()] == [(1, 2)]
    assert append(again, numbered(3)).base_offset == 3


def test_what_was_kept_for_another_beginning_counts_for_nothing() -> None:
    """A version that does not keep producers has deleted more: its successor must not go back."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence in range(4):
        append(log, numbered(sequence))
    by_request(log, 2)
    store.remove(2)
    store.remove(3)
    store.create(4)
    again = made(store, **SMALL)
    assert again.producers() == ()
    assert append(again, numbered(4)).base_offset == 4


def test_a_lost_end_leaves_what_was_kept_of_producers() -> None:
    """It is of batches that were to go in any case; what came after them is forgotten."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence in range(3):
        append(log, numbered(sequence))
    log.delete_before(2)
    with pytest.raises(OSError, match="Input/output"):
        made(DyingStore(store, changes=1), **SMALL).clean(NOW)
    store.remove(1)
    store.remove(2)
    for _ in range(2):
        log = made(store, **SMALL)
        assert (log.start_offset, log.end_offset) == (2, 2)
        assert [one.last_sequence for one in log.producers()] == [1]
    store.keep_start(5)
    assert made(store, **SMALL).producers() == ()


def test_producers_that_another_version_has_kept_are_refused() -> None:
    """Nothing is guessed."""
    store = MemoryStore()
    store.keep_producers(b"\xff" * 14)
    with pytest.raises(DamagedSegment, match="producers before it"):
        made(store)


@pytest.mark.parametrize("changes", range(9))
def test_producers_are_known_wherever_a_deletion_ends(changes: int) -> None:
    """They are kept before the first segment goes; whoever is refused tries again later."""
    store = MemoryStore()
    log = made(store, **SMALL)
    for sequence in range(3):
        append(log, numbered(sequence))
    append(log, transactional(0))
    end(log, commit=False)
    before = log.producers()
    dying = DyingStore(store, changes=changes)
    log = made(dying, **SMALL)
    if changes < 8:  # a new segment, the start, the producers, and five that go
        with pytest.raises(OSError, match="Input/output"):
            log.clean(NOW + 1001)
    else:
        log.clean(NOW + 1001)
    again = made(store, **SMALL)
    assert (again.producers(), again.start_offset) == (before, 0 if changes < 2 else 5)
    dying.changes = 9
    log.clean(NOW + 1001)
    assert (log.size_bytes, [base for base, _ in store.segments()]) == (0, [5])
    assert made(store, **SMALL).producers() == before


def test_a_store_that_keeps_only_a_start_begins_there() -> None:
    """All its segments were deleted."""
    store = MemoryStore()
    store.keep_start(40)
    log = made(store)
    assert (log.start_offset, log.end_offset) == (40, 40)
    assert append(log, ONE).base_offset == 40


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"\x00" * 30, "ends within a batch"),
        (b"\x00" * 99, "magic 0 is not 2"),
        (ONE[:-1], "where"),
        (ONE, "offset 0 comes after 2"),
    ],
)
def test_a_damaged_store_is_refused(damage: bytes, reason: str) -> None:
    """With the segment and the position; whoever keeps bytes repairs them before."""
    store = MemoryStore()
    append(made(store), THREE)
    store.segments()[0][1].append(damage)
    with pytest.raises(DamagedSegment, match=reason) as caught:
        made(store)
    assert (caught.value.base_offset, caught.value.position) == (0, len(THREE))


def test_segments_that_overlap_are_refused() -> None:
    """The second begins before the first ends."""
    store = MemoryStore()
    append(made(store), THREE)
    store.create(2)
    with pytest.raises(DamagedSegment, match="the segment before it ends at 3"):
        made(store)


@pytest.mark.parametrize("per_batch", [1, 125])
def test_records_in_memory_cost_little_more_than_their_bytes(per_batch: int) -> None:
    """Of 100 000 less than one and a half times their bytes and 20 MB: 200 bytes for each."""
    log, count = made(), 10_000
    data = bytearray(client_batch([(None, b"x" * 100)] * per_batch))
    tracemalloc.start()
    try:
        for _ in range(count // per_batch):
            assert append(log, bytes(data)).error is ErrorCode.none
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert log.end_offset == count
    assert log.size_bytes <= grown < 1.5 * log.size_bytes + 200 * count
