"""Batches as a producer writes them: the same bytes as aiokafka's, and read back as they were."""

from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import NewRecord, Partition
from penstock.infra.embedded.log.log_answers import LogRead
from penstock.infra.memory.committed_records import committed_records
from penstock.infra.memory.record_batch import BATCH_BYTES, MemoryBatch

STAMP_MS = 1_700_000_000_000
names = st.text(st.characters(codec="utf-8"), max_size=8)
records = st.lists(
    st.builds(
        NewRecord,
        key=st.none() | st.binary(max_size=200),
        value=st.none() | st.binary(max_size=300),
        headers=st.lists(st.tuples(names, st.binary(max_size=9)), max_size=3),
        timestamp_ms=st.integers(STAMP_MS - 10_000, STAMP_MS + 10_000),
    ),
    min_size=1,
    max_size=20,
)


def encoded(batch: MemoryBatch, *, transactional: bool = False) -> bytes:
    """As producer 7 of epoch 3 sends it."""
    return batch.encoded(
        producer_id=7, producer_epoch=3, base_sequence=11, is_transactional=transactional
    )


@given(records, st.booleans())
def test_bytes_are_those_of_the_kafka_adapter(given: list[NewRecord], transactional: bool) -> None:
    """So the log engine checks, measures and keeps the same."""
    ours = MemoryBatch()
    theirs = BatchBuilder(BATCH_BYTES, 0, is_transactional=int(transactional))
    for each in given:
        assert ours.append(each)
        assert theirs.append(
            timestamp=each.timestamp_ms, key=each.key, value=each.value, headers=[*each.headers]
        )
        assert (len(ours), ours.size_bytes) == (theirs.record_count(), theirs.size())
    theirs._set_producer_state(7, 3, 11)
    assert encoded(ours, transactional=transactional) == bytes(theirs._build())


@given(records)
def test_what_was_written_is_read(given: list[NewRecord]) -> None:
    """Key, value, headers and time to the byte; offsets count from where the batch lies."""
    batch = MemoryBatch()
    for each in given:
        assert batch.append(each)
    read = committed_records(Partition("t", 2), LogRead(records=encoded(batch)), 0)
    assert read.next_offset == len(given)
    assert [
        NewRecord(each.key, each.value, [*each.headers], each.timestamp) for each in read.records
    ] == given
    assert [(each.topic, each.partition, each.offset) for each in read.records] == [
        ("t", 2, number) for number in range(len(given))
    ]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(100, 400))
def test_a_batch_fills_up_where_the_adapter_s_does(sizes: list[int], limit_bytes: int) -> None:
    """At the same record; a full one takes nothing more, however small."""
    ours, theirs = MemoryBatch(limit_bytes), BatchBuilder(limit_bytes, 0)
    for size in sizes:
        value = bytes(size)
        taken = ours.append(NewRecord(b"k", value, [], STAMP_MS))
        assert taken == bool(theirs.append(timestamp=STAMP_MS, key=b"k", value=value))


def test_a_first_record_may_be_of_any_size() -> None:
    """Whether it is too large is the broker's word."""
    batch = MemoryBatch(100)
    assert batch.append(NewRecord(None, bytes(1_000), [], STAMP_MS))
    assert not batch.append(NewRecord(None, b"", [], STAMP_MS))


def test_what_was_sent_stays_as_it_is() -> None:
    """A batch takes no records once its bytes are out: they may have to be sent again."""
    batch = MemoryBatch()
    assert batch.append(NewRecord(None, b"a", [], STAMP_MS))
    sent = encoded(batch)
    assert not batch.append(NewRecord(None, b"b", [], STAMP_MS))
    assert encoded(batch) == sent
