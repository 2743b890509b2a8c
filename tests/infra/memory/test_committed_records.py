"""What a reader of committed records sees of a log's bytes."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.events.log import NewRecord, Partition
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.record_batch import split_batches
from penstock.infra.embedded.log.segment_store import MemoryStore
from penstock.infra.memory.committed_records import CommittedRecords, committed_records
from penstock.infra.memory.record_batch import MemoryBatch

NOW_MS = 1_700_000_000_000
PLACE = Partition("t", 0)


class Log:
    """A log, and producers that write to it."""

    def __init__(self, **config: object) -> None:
        """Begin empty."""
        self.log = PartitionLog(
            config=LogConfig(**config),  # type: ignore[arg-type] # fields by name
            store=MemoryStore(),
            producer_expiry_ms=1_000_000,
            now_ms=NOW_MS,
        )
        self._sequences: dict[int, int] = {}

    def write(self, producer: int, *values: bytes, transactional: bool = True) -> None:
        """Append a batch."""
        batch = MemoryBatch()
        for value in values:
            assert batch.append(NewRecord(b"k", value, [], NOW_MS - 5))
        sequence = self._sequences.get(producer, 0)
        self._sequences[producer] = sequence + len(values)
        data = batch.encoded(
            producer_id=producer,
            producer_epoch=0,
            base_sequence=sequence,
            is_transactional=transactional,
        )
        appended = self.log.append(split_batches(data).batches, now_ms=NOW_MS)
        assert appended.error is ErrorCode.none, appended

    def end(self, producer: int, *, commit: bool) -> None:
        """Write a marker."""
        self.log.append_marker(
            producer_id=producer,
            producer_epoch=0,
            commit=commit,
            coordinator_epoch=0,
            now_ms=NOW_MS,
        )

    def read(self, offset: int = 0) -> CommittedRecords:
        """Read from an offset."""
        read = self.log.read(offset, max_bytes=1_000_000, committed=True, at_least_one=True)
        return committed_records(PLACE, read, offset)

    def values(self, offset: int = 0) -> list[bytes | None]:
        """The values that are seen."""
        return [each.value for each in self.read(offset).records]


def test_aborted_records_are_dropped() -> None:
    """Those of committed transactions and of nobody's stay, in order; markers are passed."""
    log = Log()
    log.write(1, b"a", b"b")
    log.write(2, b"never")
    log.write(3, b"plain", transactional=False)
    log.end(2, commit=False)
    log.end(1, commit=True)
    assert log.values() == [b"a", b"b", b"plain"]
    assert log.read().next_offset == 6


def test_a_producer_that_aborted_once_is_read_again() -> None:
    """Its next transaction counts for itself."""
    log = Log()
    log.write(1, b"never")
    log.end(1, commit=False)
    log.write(1, b"kept")
    log.end(1, commit=True)
    log.write(1, b"never either")
    log.end(1, commit=False)
    assert log.values() == [b"kept"]
    assert log.read(2).next_offset == 6


def test_open_transactions_end_what_is_seen() -> None:
    """Nothing behind the first record of one, whoever wrote it."""
    log = Log()
    log.write(3, b"before", transactional=False)
    log.write(1, b"open")
    log.write(3, b"behind", transactional=False)
    assert log.values() == [b"before"]
    assert log.read(1) == CommittedRecords((), 1)


@pytest.mark.parametrize(("offset", "values"), [(0, [b"a", b"b"]), (1, [b"b"]), (2, [])])
def test_a_read_may_begin_within_a_batch(offset: int, values: list[bytes]) -> None:
    """Batches come whole; records before the offset are not given."""
    log = Log()
    log.write(3, b"a", b"b", transactional=False)
    assert log.values(offset) == values


def test_a_topic_may_have_the_broker_s_time() -> None:
    """Then every record has it."""
    log = Log(log_append_time=True)
    log.write(3, b"a", transactional=False)
    assert [each.timestamp for each in log.read().records] == [NOW_MS]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_topic_may_compress(codec: str) -> None:
    """The broker's own compression is opened again."""
    log = Log(compression_type=codec)
    log.write(3, b"a" * 500, b"b", transactional=False)
    assert log.values() == [b"a" * 500, b"b"]
