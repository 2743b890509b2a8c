"""Compaction: of each key the last record stays, and what else may go when."""

from dataclasses import replace
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.compaction import KeyOffsets
from penstock.infra.embedded.log.log_answers import AbortedTransaction
from penstock.infra.embedded.log.log_config import LONG_MAX, LogConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.segment_store import MemoryStore
from tests.infra.embedded.log.dying_store import DyingStore
from tests.infra.embedded.log.record_batches import (
    DAY_MS,
    NOW,
    Pair,
    append,
    client_batch,
    everything,
    headers,
    seen,
)

KEEP_MS = 1000
"""delete.retention.ms of these logs."""


def made(store: MemoryStore | None = None, *, now_ms: int = NOW, **config: Any) -> PartitionLog:
    """Open a compacted log whose every append closes the segment before it."""
    fields = {
        "cleanup_compact": True,
        "cleanup_delete": False,
        "segment_ms": 0,
        "min_cleanable_dirty_ratio": 0.0,
        "delete_retention_ms": KEEP_MS,
        **config,
    }
    return PartitionLog(
        config=LogConfig(**fields),
        store=MemoryStore() if store is None else store,
        producer_expiry_ms=DAY_MS,
        now_ms=now_ms,
        name="t-0",
    )


class Writer:
    """Writes batches, each a moment after the one before, so that each begins a segment."""

    def __init__(self, log: PartitionLog) -> None:
        """Write to a log."""
        self.log = log
        self.now_ms = NOW

    def write(self, *pairs: Pair, **fields: Any) -> None:
        """Write one batch."""
        self.now_ms += 10
        data = client_batch(pairs, time_ms=self.now_ms, **fields)
        assert append(self.log, data, now_ms=self.now_ms).error == 0

    def end(self, producer: int, *, commit: bool, epoch: int = 0) -> None:
        """End a transaction."""
        self.now_ms += 10
        self.log.append_marker(
            producer_id=producer,
            producer_epoch=epoch,
            commit=commit,
            coordinator_epoch=0,
            now_ms=self.now_ms,
        )

    def compact(self, now_ms: int | None = None, *, budget_bytes: int = 1 << 20) -> int:
        """Compact to the end; return how many records went."""
        now_ms = self.now_ms if now_ms is None else now_ms
        dropped, unfinished = 0, True
        while unfinished:
            cleaned = self.log.clean(now_ms, budget_bytes=budget_bytes)
            dropped, unfinished = dropped + cleaned.records_compacted, cleaned.unfinished
        return dropped


def content(log: PartitionLog) -> list[tuple[int, bytes | None, bytes | None]]:
    """Return offset, key and value of all records."""
    return [(one.offset, one.key, one.value) for one in seen(everything(log))]


@pytest.mark.parametrize("codec", range(5))
@pytest.mark.parametrize("budget_bytes", [1, 1 << 20])
def test_of_each_key_the_last_record_stays(codec: int, budget_bytes: int) -> None:
    """With its offset and time; the active segment is not touched; steps may be small."""
    writer = Writer(made())
    writer.write((b"a", b"1"), (b"b", b"2"), (b"a", b"3"), codec=codec)
    writer.write((b"b", b"4"), (b"c", b"5"), codec=codec)
    writer.write((b"a", b"6"), codec=codec)
    assert writer.compact(budget_bytes=budget_bytes) == 2
    kept = [(2, b"a", b"3"), (3, b"b", b"4"), (4, b"c", b"5"), (5, b"a", b"6")]
    assert content(writer.log) == kept
    first = headers(everything(writer.log))[0]
    assert (first.codec, first.base_offset, first.last_offset, first.record_count) == (
        codec,
        0,
        2,
        1,
    )
    assert seen(everything(writer.log))[0].timestamp_ms == NOW + 12
    assert writer.log.end_offset == 6


def test_small_segments_become_one() -> None:
    """Up to the size of a segment; the store has the same."""
    store = MemoryStore()
    log = made(store)
    writer = Writer(log)
    for number in range(6):
        writer.write((b"%d" % (number % 3), b"v"))
    assert len(store.segments()) == 6
    writer.compact()
    assert len(store.segments()) == 2
    assert log.size_bytes == sum(data.size for _, data in store.segments())
    assert content(made(store)) == content(log)


def test_reading_goes_over_gaps() -> None:
    """From an offset that is gone to the next that is there."""
    writer = Writer(made())
    for number in range(5):
        writer.write((b"k", b"%d" % number))
    writer.compact()
    read = writer.log.read(1, max_bytes=1, committed=True, at_least_one=True)
    assert [one.offset for one in seen(read.records)] == [3]
    assert writer.log.start_offset == 0


def test_a_tombstone_stays_for_a_time() -> None:
    """Its key's older records go at once; itself when its time has come and there is new dirt."""
    writer = Writer(made())
    writer.write((b"a", b"1"))
    writer.write((b"a", None), (b"b", b"2"))
    writer.write((b"c", b"3"))
    writer.compact()
    assert content(writer.log)[0] == (1, b"a", None)
    assert seen(everything(writer.log))[0].timestamp_ms == NOW + 20
    assert headers(everything(writer.log))[0].delete_horizon_ms == writer.now_ms + KEEP_MS
    compacted = writer.now_ms
    writer.write((b"d", b"4"))
    writer.compact(compacted + KEEP_MS - 1)
    assert content(writer.log)[0] == (1, b"a", None)
    writer.write((b"e", b"5"))
    writer.compact(compacted + KEEP_MS)
    assert content(writer.log)[0] == (2, b"b", b"2")


def test_compaction_waits_for_enough_dirt() -> None:
    """More than the ratio, or a record older than max.compaction.lag.ms."""
    writer = Writer(made(min_cleanable_dirty_ratio=0.5))
    for _ in range(3):
        writer.write((b"a", b"1"))
    assert writer.compact() == 1
    writer.write((b"a", b"1"))
    assert writer.compact() == 0
    writer.log.config = replace(writer.log.config, max_compaction_lag_ms=500)
    oldest_dirty = NOW + 30
    assert writer.compact(oldest_dirty + 500) == 0
    assert writer.compact(oldest_dirty + 501) == 1
    assert LogConfig().max_compaction_lag_ms == LONG_MAX


def test_young_segments_are_left_alone() -> None:
    """min.compaction.lag.ms, and all that comes after such a segment."""
    writer = Writer(made(min_compaction_lag_ms=500))
    for _ in range(4):
        writer.write((b"a", b"1"))
    assert writer.compact(NOW + 10 + 499) == 0
    assert writer.compact(NOW + 20 + 500) == 1
    assert writer.compact(NOW + 30 + 500) == 1


def test_nothing_after_an_open_transaction_is_touched() -> None:
    """Neither noted nor removed."""
    writer = Writer(made())
    writer.write((b"a", b"1"))
    writer.write((b"a", b"2"), producer_id=9, epoch=0, sequence=0, transactional=True)
    writer.write((b"a", b"3"))
    writer.write((b"a", b"4"))
    assert writer.compact() == 0
    writer.end(9, commit=True)
    writer.write((b"z", b"5"))
    assert writer.compact() == 3


def test_aborted_records_go_and_replace_nothing() -> None:
    """The marker stays as long as a batch of it was there, and then for its time."""
    writer = Writer(made())
    log = writer.log
    writer.write((b"a", b"1"))
    writer.write((b"a", b"2"), producer_id=9, epoch=0, sequence=0, transactional=True)
    writer.end(9, commit=False)
    writer.write((b"z", b"3"), producer_id=9, epoch=0, sequence=1)
    writer.write((b"z", b"4"))
    assert log.read(0, max_bytes=1 << 20, committed=True, at_least_one=True).records
    writer.compact()
    assert content(log) == [(0, b"a", b"1"), (3, b"z", b"3"), (4, b"z", b"4")]
    assert [one.is_control for one in headers(everything(log))] == [False, True, False, False]
    aborted = log.read(1, max_bytes=1 << 20, committed=True, at_least_one=True).aborted
    assert aborted == (AbortedTransaction(9, 1),)
    writer.write((b"y", b"5"))
    writer.compact()
    horizon = headers(everything(log))[1].delete_horizon_ms
    assert horizon == writer.now_ms + KEEP_MS
    assert log.statistics().aborted_transactions == 0
    writer.write((b"x", b"6"))
    writer.compact(horizon)
    assert not any(one.is_control for one in headers(everything(log)))


def test_a_transaction_that_was_aborted_before_the_start_is_not_open_again() -> None:
    """Its records lie in the segment in which the log begins, and go no later than their marker."""
    store = MemoryStore()
    config = {"cleanup_delete": True, "segment_ms": DAY_MS, "segment_bytes": 330}
    writer = Writer(made(store, **config))
    writer.write((b"t", b"1"), producer_id=9, epoch=0, sequence=0, transactional=True)
    writer.end(9, commit=False)
    writer.write((b"a", b"2"))
    writer.write((b"b", b"3"))
    writer.log.delete_before(3)
    for _ in range(3):
        for number in range(5):
            writer.write((b"%d" % number, b"v" * 20))
        writer.now_ms += KEEP_MS
        writer.compact()
        writer.log = made(store, **config)
        assert writer.log.start_offset == 3
        assert writer.log.last_stable_offset == writer.log.end_offset


def test_the_marker_of_a_commit_goes_after_its_records() -> None:
    """Only when none of them is left, and only after its time."""
    writer = Writer(made())
    log = writer.log
    writer.write((b"a", b"1"), producer_id=9, epoch=0, sequence=0, transactional=True)
    writer.end(9, commit=True)
    writer.write((b"b", b"2"), producer_id=9, epoch=0, sequence=1)
    writer.write((b"c", b"3"))
    writer.compact(writer.now_ms + 10 * KEEP_MS)
    assert headers(everything(log))[1].delete_horizon_ms is None
    writer.write((b"a", b"4"))
    writer.write((b"d", b"5"))
    writer.compact()
    assert [one.is_control for one in headers(everything(log))][:2] == [True, False]
    writer.write((b"e", b"6"))
    writer.compact()
    writer.write((b"f", b"7"))
    writer.compact(writer.now_ms + KEEP_MS)
    assert not any(one.is_control for one in headers(everything(log)))


def test_a_living_producers_last_batch_stays_without_records() -> None:
    """So that a log over the same store still knows its sequence; a forgotten one's goes."""
    store = MemoryStore()
    writer = Writer(made(store))
    writer.write((b"a", b"1"), (b"b", b"1"), producer_id=9, epoch=2, sequence=40)
    writer.write((b"a", b"2"), (b"b", b"2"))
    writer.write((b"c", b"3"))
    writer.compact()
    empty = headers(everything(writer.log))[0]
    assert (empty.record_count, empty.length_bytes, empty.last_sequence) == (0, 61, 41)
    again = made(store)
    assert [(one.producer_epoch, one.last_sequence) for one in again.producers()] == [(2, 41)]
    writer.log.clean(NOW + DAY_MS + 1000)
    writer.write((b"a", b"4"), (b"b", b"4"))
    writer.compact()
    assert headers(everything(writer.log))[0].record_count > 0


def test_a_marker_that_alone_holds_its_producers_epoch_stays_without_its_record() -> None:
    """So that a log over the same store knows the producer, whose transaction is all gone."""
    store = MemoryStore()
    writer = Writer(made(store))
    writer.end(9, commit=True, epoch=3)
    writer.write((b"a", b"1"))
    writer.compact()
    writer.write((b"b", b"2"))
    writer.compact(writer.now_ms + KEEP_MS)
    empty = headers(everything(writer.log))[0]
    assert (empty.is_control, empty.record_count, empty.producer_epoch) == (True, 0, 3)
    (known,) = writer.log.producers()
    again = made(store)
    # The coordinator's epoch stood in the record.
    assert again.producers() == (known._replace(coordinator_epoch=-1),)
    assert again.statistics().open_transactions == 0
    forgotten = made(store, now_ms=known.last_timestamp_ms + DAY_MS)
    assert forgotten.producers() == ()


def test_a_marker_that_compaction_has_emptied_fences_still() -> None:
    """Though records of the older epoch are there, and after each opening and compaction."""
    store = MemoryStore()
    writer = Writer(made(store))
    writer.write((b"old", b"1"), producer_id=9, epoch=0, sequence=0)
    writer.end(9, commit=False, epoch=1)
    zombie = client_batch([(b"old", b"2")], producer_id=9, epoch=0, sequence=1)
    for number in range(4):
        writer.write((b"%d" % number, b"v"))
        writer.now_ms += KEEP_MS
        writer.compact()
        writer.log = made(store)
        refused = append(writer.log, zombie, now_ms=writer.now_ms)
        assert refused.error is ErrorCode.invalid_producer_epoch
    assert [one.record_count for one in headers(everything(writer.log))[:2]] == [1, 0]
    begin = client_batch([(b"old", b"3")], producer_id=9, epoch=1, sequence=0)
    assert append(writer.log, begin, now_ms=writer.now_ms).error is ErrorCode.none


def test_the_last_batch_of_the_clean_part_stays() -> None:
    """Without records if need be, so that the next offset there is not lost."""
    store = MemoryStore()
    writer = Writer(made(store))
    writer.write((b"a", b"1"))
    writer.write((b"a", None))
    writer.write((b"b", b"2"))
    writer.compact()
    writer.log.config = replace(writer.log.config, min_cleanable_dirty_ratio=-1.0)
    assert made(store).end_offset == writer.log.end_offset == 3


def test_log_append_time_stays_the_batchs() -> None:
    """The records that stay have the time that they had."""
    writer = Writer(made(log_append_time=True, segment_ms=-1))
    writer.write((b"a", b"1"), (b"b", b"2"))
    writer.write((b"a", b"3"))
    writer.write((b"c", None))
    writer.write((b"d", b"4"))
    writer.compact()
    times = [(one.key, one.timestamp_ms - NOW) for one in seen(everything(writer.log))]
    assert times == [(b"b", 10), (b"a", 20), (b"c", 30), (b"d", 40)]


def test_both_policies_together() -> None:
    """Compacted, and old segments go."""
    writer = Writer(made(cleanup_delete=True, retention_ms=5000))
    for key in (b"a", b"a", b"b", b"c"):
        writer.write((key, b"v"))
    writer.compact()
    assert [key for _, key, _ in content(writer.log)] == [b"a", b"b", b"c"]
    writer.log.clean(writer.now_ms + 5001)
    assert content(writer.log) == []
    assert writer.log.start_offset == writer.log.end_offset == 4


def test_a_compaction_is_given_up_when_its_segments_go() -> None:
    """Or when the topic is no longer compacted; and begins anew."""
    log = made(cleanup_delete=True)
    writer = Writer(log)
    for _ in range(6):
        writer.write((b"a", b"v"))
    assert log.clean(writer.now_ms, budget_bytes=1).unfinished
    log.delete_before(2)
    assert writer.compact(budget_bytes=1) == 2
    writer.write((b"a", b"v"))
    writer.write((b"a", b"v"))
    assert log.clean(writer.now_ms, budget_bytes=1).unfinished
    log.config = replace(log.config, cleanup_compact=False)
    assert not log.clean(writer.now_ms).unfinished
    assert log.end_offset == 8


def test_a_key_that_no_longer_fits_is_left_for_the_next_time() -> None:
    """The memory for keys has limits in number and bytes."""
    keys = KeyOffsets(most_keys=2, most_bytes=100)
    keys.note(b"a", 1)
    assert not keys.is_full
    keys.note(b"a", 2)
    keys.note(b"b", 3)
    assert keys.is_full
    assert (keys.get(b"a"), keys.get(b"b"), keys.get(b"c")) == (2, 3, -1)
    large = KeyOffsets(most_keys=99, most_bytes=10)
    large.note(b"0123456789", 0)
    assert large.is_full


def test_a_compaction_that_its_store_refuses_begins_anew() -> None:
    """Else what it could not put in would count as clean, and stay for ever."""
    store = DyingStore(MemoryStore(), changes=9)
    log = PartitionLog(
        config=LogConfig(
            cleanup_compact=True,
            cleanup_delete=False,
            segment_ms=0,
            min_cleanable_dirty_ratio=0.0,
        ),
        store=store,
        producer_expiry_ms=DAY_MS,
        now_ms=NOW,
        name="t-0",
    )
    writer = Writer(log)
    for number in range(3):
        writer.write((b"k", b"%d" % number))
    store.changes = 0
    with pytest.raises(OSError, match="Input/output"):
        log.clean(writer.now_ms)
    store.changes = 9
    while log.clean(writer.now_ms).unfinished:
        pass
    assert [record.value for record in seen(everything(log))] == [b"1", b"2"]
