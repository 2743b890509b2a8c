"""A partition's log against a list of records, whatever happens to it in whatever order.

Producers of all kinds write, repeat themselves, skip numbers and come back as zombies; transactions
are committed, aborted and left open; readers read at both isolations from anywhere; records are
deleted, kept for a time, compacted; and at any moment, in the middle of a cleaning as well, the
log is opened again over its own store.
The twin is a list of all records that were ever taken, and rules in their plainest form.

- An append is answered as the twin answers it: offset, duplicate or error.
- A read returns whole batches, from the one that holds the offset on, within its limit of bytes.
- Without compaction nothing is missing; with it, of each key the last record that is not aborted
  is there, and after a finished compaction no other of the clean part, nor an aborted one.
- A reader of committed records that drops what it is told was aborted sees exactly the committed.
- An opened log knows what the log before it knew, whatever was deleted; only of a producer's last
  batches it may miss those that compaction has removed, never the very last.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.log_answers import Appended, LogRead, ProducerDescription
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.producer_snapshot import decode_snapshot
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    IncomingBatch,
    split_batches,
)
from penstock.infra.embedded.log.segment_store import MemoryStore, PartitionStore
from tests.infra.embedded.log.dying_store import DyingStore
from tests.infra.embedded.log.record_batches import (
    DAY_MS,
    NOW,
    SeenRecord,
    append,
    client_batch,
    everything,
    seen,
)
from tests.properties.effort import LONG_PLAYS

pytestmark = pytest.mark.timeout(300)

LAST_SEQUENCE: Final = 2**31 - 1
RETENTION_MS: Final = 50_000
DELETE_RETENTION_MS: Final = 20_000
PRODUCERS: Final = (1, 2, 3)

Pair = tuple[bytes | None, bytes | None]
PAIRS: Final[Sequence[Pair]] = (
    (b"a", b"1"),
    (b"a", b"a longer value than others"),
    (b"a", None),
    (b"b", b"2"),
    (b"b", None),
    (b"c", b""),
    (b"d", b"4" * 60),
)
pairs = st.lists(st.sampled_from(PAIRS), min_size=1, max_size=4)
codecs = st.sampled_from([0, 0, 0, 1, 2, 3, 4])
producers = st.sampled_from(PRODUCERS)


@dataclass
class TwinRecord:
    """A record that was taken, or a marker."""

    offset: int
    timestamp_ms: int
    key: bytes | None = None
    value: bytes | None = None
    producer: int = -1
    fate: str = "committed"
    """`committed`, `open`, `aborted`, or `marker`."""

    @property
    def seen(self) -> SeenRecord:
        """As a client reads it."""
        return SeenRecord(self.offset, self.timestamp_ms, self.key, self.value)


@dataclass
class TwinProducer:
    """A producer as the twin knows it."""

    epoch: int
    batches: list[tuple[int, int, int]] = field(default_factory=list)
    """First sequence, last sequence, offset; the newest last."""
    kept: list[tuple[int, int, int]] = field(default_factory=list)
    """Of the last five, those that lay in what was deleted when segments were deleted last."""
    open_since: int | None = None

    @property
    def last_sequence(self) -> int:
        """The last number of this epoch; -1 if there is none."""
        return self.batches[-1][1] if self.batches else -1

    @property
    def next_sequence(self) -> int:
        """The number that must come next."""
        return (self.last_sequence + 1) % (LAST_SEQUENCE + 1)

    def begin_epoch(self, epoch: int) -> None:
        """Forget the batches of another epoch."""
        if self.epoch != epoch:
            self.epoch, self.batches, self.kept = epoch, [], []


class Twin:
    """All records that were ever taken, in a list."""

    def __init__(self) -> None:
        """Begin empty."""
        self.records: list[TwinRecord] = []
        self.start = 0
        self.producers: dict[int, TwinProducer] = {}

    @property
    def end(self) -> int:
        """The next offset."""
        return len(self.records)

    @property
    def stable(self) -> int:
        """Where the first open transaction begins."""
        opened = [one.open_since for one in self.producers.values() if one.open_since is not None]
        return max(min(opened, default=self.end), self.start)

    def answer(  # noqa: PLR0911 - one for each rule
        self, producer: int, epoch: int, sequence: int, count: int, *, transactional: bool
    ) -> ErrorCode | int:
        """Say what an append is answered: the error, or the offset of a duplicate, or the end."""
        known = self.producers.get(producer)
        if known is None:
            return self.end
        last = (sequence + count - 1) % (LAST_SEQUENCE + 1)
        if epoch == known.epoch:
            for first, upto, offset in known.batches[-5:]:
                if (first, upto) == (sequence, last):
                    return offset
        if epoch < known.epoch:
            return ErrorCode.invalid_producer_epoch
        if epoch > known.epoch and sequence != 0:
            return ErrorCode.out_of_order_sequence_number
        if epoch == known.epoch and sequence != known.next_sequence:
            return ErrorCode.out_of_order_sequence_number
        if known.open_since is not None and not transactional:
            return ErrorCode.invalid_txn_state
        return self.end

    def take(
        self,
        content: Sequence[Pair],
        time_ms: int,
        producer: int = -1,
        epoch: int = -1,
        sequence: int = -1,
        *,
        transactional: bool = False,
    ) -> None:
        """Note a batch that was taken."""
        base = self.end
        fate = "open" if transactional else "committed"
        for index, (key, value) in enumerate(content):
            self.records.append(
                TwinRecord(base + index, time_ms + index, key, value, producer, fate)
            )
        if producer >= 0:
            last = (sequence + len(content) - 1) % (LAST_SEQUENCE + 1)
            known = self.producers.setdefault(producer, TwinProducer(epoch))
            known.begin_epoch(epoch)
            known.batches.append((sequence, last, base))
            if transactional and known.open_since is None:
                known.open_since = base

    def end_transaction(self, producer: int, epoch: int, time_ms: int, *, commit: bool) -> None:
        """Note a marker."""
        for one in self.records:
            if one.producer == producer and one.fate == "open":
                one.fate = "committed" if commit else "aborted"
        self.records.append(TwinRecord(self.end, time_ms, producer=producer, fate="marker"))
        known = self.producers.setdefault(producer, TwinProducer(epoch))
        known.begin_epoch(epoch)
        known.open_since = None

    def keep_before(self, offset: int) -> None:
        """Note that segments before an offset were deleted."""
        for known in self.producers.values():
            known.kept = [one for one in known.batches[-5:] if one[2] < offset]

    def forget_compacted(self, present: set[int], offset: int) -> None:
        """Forget the batches that compaction has removed.

        Args:
            present: where the batches begin that are there.
            offset: before it those count that were noted when they were deleted.
        """
        for known in self.producers.values():
            found = [one for one in known.batches if one[2] >= offset and one[2] in present]
            known.batches = known.kept + found

    def data(self, start: int) -> list[TwinRecord]:
        """Return all data from an offset on."""
        return [one for one in self.records[start:] if one.fate != "marker"]


class PartitionMachine(RuleBasedStateMachine):
    """One partition, and everything that may happen to it."""

    log: PartitionLog
    store: MemoryStore
    config: LogConfig
    kept_until: int
    """Before this offset the store keeps what deleted batches have said of producers."""

    def __init__(self) -> None:
        """Begin without a log: `open` makes one."""
        super().__init__()
        self.twin = Twin()
        self.now_ms = NOW

    @initialize(
        policy=st.sampled_from(["delete", "compact", "compact", "both"]),
        segment_bytes=st.sampled_from([400, 400, 900]),
        codec=st.sampled_from(["producer", "producer", "uncompressed", "zstd"]),
    )
    def open(self, policy: str, segment_bytes: int, codec: str) -> None:
        """Begin with an empty store."""
        self.config = LogConfig(
            cleanup_delete=policy != "compact",
            cleanup_compact=policy != "delete",
            retention_ms=RETENTION_MS,
            segment_bytes=segment_bytes,
            compression_type=codec,
            delete_retention_ms=DELETE_RETENTION_MS,
            min_cleanable_dirty_ratio=0.0,
        )
        self.store = MemoryStore()
        self.kept_until = 0
        self.open_over(self.store)

    def open_over(self, store: PartitionStore) -> None:
        """Open the log over its store, or over one that stands before it."""
        self.log = PartitionLog(
            config=self.config,
            store=store,
            producer_expiry_ms=1000 * DAY_MS,
            now_ms=self.now_ms,
            name="t-0",
        )

    def written(
        self,
        content: Sequence[Pair],
        codec: int,
        producer: int,
        epoch: int,
        sequence: int,
        *,
        transactional: bool,
    ) -> None:
        """Append on both sides and compare."""
        wanted = self.twin.answer(
            producer, epoch, sequence, len(content), transactional=transactional
        )
        data = client_batch(
            content,
            time_ms=self.now_ms,
            codec=codec,
            producer_id=producer,
            epoch=epoch,
            sequence=sequence,
            transactional=transactional,
        )
        answer = append(self.log, data, now_ms=self.now_ms)
        if isinstance(wanted, ErrorCode):
            assert (answer.error, answer.base_offset) == (wanted, -1), answer.reason
            return
        assert answer.error is ErrorCode.none, answer.reason
        assert (answer.base_offset, answer.duplicate) == (wanted, wanted < self.twin.end)
        if wanted == self.twin.end:
            self.twin.take(
                content, self.now_ms, producer, epoch, sequence, transactional=transactional
            )

    @rule(content=pairs, codec=codecs)
    def plain(self, content: list[Pair], codec: int) -> None:
        """A producer without numbers writes."""
        data = client_batch(content, time_ms=self.now_ms, codec=codec)
        answer = append(self.log, data, now_ms=self.now_ms)
        assert answer == Appended(
            base_offset=self.twin.end,
            last_offset=self.twin.end + len(content) - 1,
            start_offset=self.twin.start,
        )
        self.twin.take(content, self.now_ms)

    @rule(
        content=pairs,
        codec=codecs,
        producer=producers,
        transactional=st.booleans(),
        times=st.sampled_from([1, 1, 5]),
    )
    def next(
        self, content: list[Pair], codec: int, producer: int, transactional: bool, times: int
    ) -> None:
        """A producer writes with the number that is due; the first may begin near the wrap."""
        for _ in range(times):
            known = self.twin.producers.get(producer)
            epoch = known.epoch if known else 0
            first = LAST_SEQUENCE - 1 if producer == PRODUCERS[0] else 0
            sequence = known.next_sequence if known else first
            self.written(content, codec, producer, epoch, sequence, transactional=transactional)

    @rule(content=pairs, codec=codecs, producer=producers, commit=st.booleans())
    def transaction(self, content: list[Pair], codec: int, producer: int, commit: bool) -> None:
        """A producer writes and ends its transaction."""
        self.next(content, codec, producer, transactional=True, times=1)
        self.marker(producer, commit, epoch_step=0)

    @rule(
        content=pairs,
        producer=producers,
        epoch_step=st.sampled_from([-1, 0, 1]),
        back=st.integers(0, 6),
        skip=st.integers(-2, 3),
        transactional=st.booleans(),
    )
    def odd(  # noqa: PLR0917 - what may be odd
        self,
        content: list[Pair],
        producer: int,
        epoch_step: int,
        back: int,
        skip: int,
        transactional: bool,
    ) -> None:
        """A producer repeats an old batch, skips numbers, or has another epoch."""
        known = self.twin.producers.get(producer)
        if known is None or known.epoch + epoch_step < 0:
            return
        sequence = max(known.next_sequence + skip, 0) % (LAST_SEQUENCE + 1)
        if back and len(known.batches) >= back:
            first, last, _ = known.batches[-back]
            sequence = first
            content = [content[0]] * ((last - first) % (LAST_SEQUENCE + 1) + 1)
        if epoch_step > 0 and skip > 0:
            sequence = 0
        epoch = known.epoch + epoch_step
        self.written(content, 0, producer, epoch, sequence, transactional=transactional)

    @rule(producer=producers, commit=st.booleans(), epoch_step=st.sampled_from([0, 0, 0, 1, -1]))
    def marker(self, producer: int, commit: bool, epoch_step: int) -> None:
        """The transaction coordinator ends a transaction, or a producer that has none."""
        known = self.twin.producers.get(producer)
        epoch = max((known.epoch if known else 0) + epoch_step, 0)
        answer = self.log.append_marker(
            producer_id=producer,
            producer_epoch=epoch,
            commit=commit,
            coordinator_epoch=0,
            now_ms=self.now_ms,
        )
        if known is not None and epoch < known.epoch:
            assert answer.error is ErrorCode.invalid_producer_epoch
            return
        assert (answer.error, answer.base_offset) == (ErrorCode.none, self.twin.end)
        self.twin.end_transaction(producer, epoch, self.now_ms, commit=commit)

    @rule(
        share=st.floats(-0.1, 1.1),
        max_bytes=st.sampled_from([0, 1, 100, 300, 10_000]),
        committed=st.booleans(),
        at_least_one=st.booleans(),
    )
    def read(self, share: float, max_bytes: int, committed: bool, at_least_one: bool) -> None:
        """Somebody reads from anywhere."""
        offset = round(self.twin.start + share * (self.twin.end - self.twin.start))
        read = self.log.read(
            offset, max_bytes=max_bytes, committed=committed, at_least_one=at_least_one
        )
        if not self.twin.start <= offset <= self.twin.end:
            assert read == LogRead(error=ErrorCode.offset_out_of_range)
            return
        ends = (read.start_offset, read.last_stable_offset, read.high_watermark)
        assert ends == (self.twin.start, self.twin.stable, self.twin.end)
        batches = split_batches(read.records)
        assert sum(len(batch.data) for batch in batches.batches) == len(read.records)
        assert len(read.records) <= max_bytes or (at_least_one and len(batches.batches) == 1)
        limit = self.twin.stable if committed else self.twin.end
        if batches.batches:
            assert batches.batches[0].header.last_offset >= offset
            assert batches.batches[-1].header.last_offset < limit
        elif at_least_one:
            assert not self.present(offset, limit)
        self.compare(read, offset, batches.batches, committed=committed)

    def compare(
        self, read: LogRead, offset: int, batches: Sequence[IncomingBatch], *, committed: bool
    ) -> None:
        """Drop what is said to be aborted, as a client does, and compare with the twin."""
        if not batches:
            return
        after = batches[-1].header.last_offset + 1
        wanted = self.present(offset, after)
        aborted: set[int] = set()
        waiting = sorted(read.aborted, key=lambda one: one.first_offset)
        found: list[SeenRecord] = []
        for batch in batches:
            header = batch.header
            while waiting and waiting[0].first_offset <= header.last_offset:
                aborted.add(waiting.pop(0).producer_id)
            if header.is_control:
                aborted.discard(header.producer_id)
            elif not (header.is_transactional and header.producer_id in aborted):
                found += seen(batch.data)
        found = [one for one in found if one.offset >= offset]
        if committed:
            wanted = [one for one in wanted if self.twin.records[one.offset].fate == "committed"]
        assert found == wanted

    def present(self, start: int, stop: int) -> list[SeenRecord]:
        """Return the data that must be found between two offsets."""
        if not self.config.cleanup_compact:
            return [one.seen for one in self.twin.data(start) if one.offset < stop]
        return [one for one in seen(everything(self.log)) if start <= one.offset < stop]

    @rule(share=st.floats(0, 1), high_watermark=st.booleans())
    def delete_before(self, share: float, high_watermark: bool) -> None:
        """An administrator deletes records."""
        wanted = self.twin.end if high_watermark else round(share * self.twin.end)
        error, start = self.log.delete_before(-1 if high_watermark else wanted)
        if not self.config.cleanup_delete:
            assert error is ErrorCode.policy_violation
            return
        self.twin.start = max(self.twin.start, wanted)
        assert (error, start) == (ErrorCode.none, self.twin.start)

    @rule(later_ms=st.sampled_from([1, 60_000]))
    def time(self, later_ms: int) -> None:
        """Time goes by."""
        self.now_ms += later_ms

    @rule(
        later_ms=st.sampled_from([0, 1000, 30_000]),
        budget=st.sampled_from([1, 500, 1 << 20]),
        finish=st.sampled_from([True, True, False]),
    )
    def clean(self, later_ms: int, budget: int, finish: bool) -> None:
        """The log is cleaned, in one step or until it is done."""
        self.now_ms += later_ms
        cleaned = self.log.clean(self.now_ms, budget_bytes=budget)
        while finish and cleaned.unfinished:
            cleaned = self.log.clean(self.now_ms, budget_bytes=budget)
        self.see_what_was_deleted()
        if self.config.cleanup_delete and all(
            self.now_ms - one.timestamp_ms > RETENTION_MS for one in self.twin.records
        ):
            assert self.log.start_offset == self.twin.end
        if self.config.cleanup_compact and finish:
            self.nothing_twice()

    @rule(later_ms=st.sampled_from([0, 1000, 30_000]), changes=st.integers(0, 8))
    def die(self, later_ms: int, changes: int) -> None:
        """The process dies while it cleans, between two changes, and another opens the log."""
        self.now_ms += later_ms
        dying = DyingStore(self.store, changes=changes)
        self.open_again(dying)
        with suppress(OSError):  # the death
            while self.log.clean(self.now_ms).unfinished:
                pass
        before = self.log.producers()
        self.open_over(self.store)
        self.see_what_was_deleted()
        self.compare_producers(before)

    def see_what_was_deleted(self) -> None:
        """Hold the log's new start to the rules, and note it."""
        before, self.twin.start = self.twin.start, self.log.start_offset
        if not self.config.cleanup_delete:
            assert self.twin.start == before
        for one in self.needed(before):
            assert one.offset >= self.twin.start or self.now_ms - one.timestamp_ms > RETENTION_MS
        kept = decode_snapshot(self.store.producers())
        assert kept is not None
        if kept.offset != self.kept_until:
            self.kept_until = kept.offset
            self.twin.keep_before(kept.offset)

    def nothing_twice(self) -> None:
        """After a finished compaction the clean part has each key once, and nothing aborted."""
        clean_until = self.log._first_dirty
        kept = [
            one
            for one in seen(everything(self.log))
            if self.log.start_offset <= one.offset < clean_until
        ]
        found = [one.key for one in kept]
        assert len(found) == len(set(found))
        assert all(self.twin.records[one.offset].fate == "committed" for one in kept)

    @rule()
    def reopen(self) -> None:
        """The process dies, and another opens the log again."""
        self.open_again(self.store)

    def open_again(self, store: PartitionStore) -> None:
        """Open the log again, and compare what it knows of producers."""
        before = self.log.producers()
        self.open_over(store)
        self.compare_producers(before)

    def compare_producers(self, before: Sequence[ProducerDescription]) -> None:
        """Hold what a log knows that was just opened to what the one before it knew."""
        after = self.log.producers()
        if self.config.cleanup_compact:
            assert sorted(map(known_of, after)) == sorted(map(known_of, before))
        else:
            assert sorted(after) == sorted(before)
        present = {
            batch.header.base_offset
            for _, data in self.store.segments()
            for batch in split_batches(data.read(0, data.size)).batches
        }
        self.twin.forget_compacted(present, self.kept_until)

    @precondition(lambda self: hasattr(self, "log"))
    @invariant()
    def nothing_is_lost(self) -> None:
        """What must be there is there, and the ends are where they should be."""
        log, twin = self.log, self.twin
        ends = (log.start_offset, log.last_stable_offset, log.end_offset)
        assert ends == (twin.start, twin.stable, twin.end)
        assert log.size_bytes == sum(data.size for _, data in self.store.segments())
        found = [one for one in seen(everything(log)) if one.offset >= twin.start]
        wanted = twin.data(twin.start)
        if not self.config.cleanup_compact:
            assert found == [one.seen for one in wanted]
            return
        assert [one.offset for one in found] == sorted({one.offset for one in found})
        assert all(one == twin.records[one.offset].seen for one in found)
        offsets = {one.offset for one in found}
        assert [one for one in self.needed(twin.start) if one.offset not in offsets] == []

    def needed(self, start: int) -> list[TwinRecord]:
        """Return the data from an offset on that no compaction may drop; all of it without one."""
        data = self.twin.data(start)
        if not self.config.cleanup_compact:
            return data
        last = {one.key: one for one in data if one.fate == "committed"}
        return [one for one in last.values() if one.value is not None] + [
            one for one in data if one.fate == "open"
        ]

    @precondition(lambda self: hasattr(self, "log"))
    @invariant()
    def committed_records_are_read(self) -> None:
        """A reader that goes through the log in small reads sees the committed records."""
        offset = self.twin.start
        while True:
            read = self.log.read(offset, max_bytes=200, committed=True, at_least_one=True)
            batches = split_batches(read.records).batches
            if not batches:
                break
            self.compare(read, offset, batches, committed=True)
            offset = batches[-1].header.last_offset + 1

    def teardown(self) -> None:
        """Each batch in the store has the right CRC, and records or none."""
        if not hasattr(self, "log"):
            return
        for _, data in self.store.segments():
            read = split_batches(data.read(0, data.size))
            assert read.error is ErrorCode.none, read.reason
            for batch in read.batches:
                assert len(batch.data) > HEADER_BYTES or batch.header.record_count == 0


def known_of(producer: ProducerDescription) -> tuple[int, int, int, int]:
    """Return what compaction may not make a log forget of a producer."""
    return (
        producer.producer_id,
        producer.producer_epoch,
        producer.last_sequence,
        producer.current_transaction_start_offset,
    )


def test_a_log_is_a_list_of_records() -> None:
    """Whatever happens to a log in whatever order, it agrees with a list."""
    run_state_machine_as_test(
        PartitionMachine,
        settings=settings(
            max_examples=LONG_PLAYS,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
        ),
    )
