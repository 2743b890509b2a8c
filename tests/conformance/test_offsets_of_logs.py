"""ListOffsets, DeleteRecords and OffsetForLeaderEpoch: where a log begins, ends, and was when."""

from collections.abc import Callable

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import EARLIEST, LATEST, MAX_TIMESTAMP, Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only
from tests.conformance.record_batches import Batch, Record, batches_in, now_ms

VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
HOUR_MS = 3_600_000
BEGIN_MS = now_ms() - 2 * HOUR_MS
"""Times of records count from here: not long ago, or their retention would be over."""


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_tells_both_ends(version: int, talk: Conversation, topic: str) -> None:
    """Earliest and latest; their timestamps are not told."""
    talk.write(topic, b"a", b"b", b"c")
    talk.delete_records(topic, 1)
    first = talk.offset_of(topic, EARLIEST, version=version)
    last = talk.offset_of(topic, LATEST, version=version)
    assert (first.error_code, first.offset, first.timestamp) == (ErrorCode.none, 1, -1)
    assert (last.error_code, last.offset, last.timestamp) == (ErrorCode.none, 3, -1)
    if version >= 4:
        assert (first.leader_epoch, last.leader_epoch) == (0, 0)


def test_an_empty_log_begins_and_ends_at_zero(talk: Conversation, topic: str) -> None:
    """And has no largest timestamp."""
    for which in (EARLIEST, LATEST):
        assert talk.offset_of(topic, which).offset == 0
    answer = talk.offset_of(topic, MAX_TIMESTAMP)
    assert (answer.error_code, answer.offset, answer.timestamp) == (ErrorCode.none, -1, -1)


def _timed(talk: Conversation, topic: str, *times_ms: int) -> None:
    records = [Record(timestamp_ms=BEGIN_MS + each) for each in times_ms]
    answer = talk.produce(topic, Batch(records=records, timestamp_ms=BEGIN_MS + times_ms[0]))
    assert not answer.error_code


def test_a_time_is_the_first_record_not_before_it(talk: Conversation, topic: str) -> None:
    """The first offset whose timestamp is at least the one asked for, within a batch too."""
    _timed(talk, topic, 0, 10, 20)
    _timed(talk, topic, 30)
    found = {after: talk.offset_of(topic, BEGIN_MS + after) for after in (-5, 0, 1, 10, 11, 21, 30)}
    assert {after: each.offset for after, each in found.items()} == {
        -5: 0,
        0: 0,
        1: 1,
        10: 1,
        11: 2,
        21: 3,
        30: 3,
    }
    assert found[1].timestamp == BEGIN_MS + 10


def test_a_time_after_the_last_record_has_no_offset(talk: Conversation, topic: str) -> None:
    """-1 and no error."""
    _timed(talk, topic, 0)
    answer = talk.offset_of(topic, BEGIN_MS + 1)
    assert (answer.error_code, answer.offset, answer.timestamp) == (ErrorCode.none, -1, -1)


def test_times_need_not_rise(talk: Conversation, topic: str) -> None:
    """With late records the first one in the order of the log is told."""
    _timed(talk, topic, 50)
    _timed(talk, topic, 10)
    _timed(talk, topic, 40, 60)
    assert talk.offset_of(topic, BEGIN_MS + 5).offset == 0
    assert talk.offset_of(topic, BEGIN_MS + 55).offset == 3


def test_times_are_found_in_compressed_batches(talk: Conversation, topic: str) -> None:
    """Where it takes a look inside."""
    records = [Record(timestamp_ms=BEGIN_MS + each) for each in (0, 5, 9)]
    talk.produce(topic, Batch(records=records, timestamp_ms=BEGIN_MS, codec="gzip"))
    assert talk.offset_of(topic, BEGIN_MS + 5).offset == 1


def test_a_time_skips_deleted_records(talk: Conversation, topic: str) -> None:
    """Nothing before the start of the log is told."""
    _timed(talk, topic, 0)
    _timed(talk, topic, 10)
    talk.delete_records(topic, 1)
    assert talk.offset_of(topic, BEGIN_MS).offset == 1


def test_the_largest_timestamp_has_an_offset(talk: Conversation, topic: str) -> None:
    """-3 tells the first record with the largest timestamp (KIP-734)."""
    _timed(talk, topic, 0, 90, 20)
    _timed(talk, topic, 40)
    answer = talk.offset_of(topic, MAX_TIMESTAMP)
    assert (answer.offset, answer.timestamp) == (1, BEGIN_MS + 90)


@pytest.mark.parametrize(("timestamp", "version"), [(-4, 8), (-5, 9)])
def test_local_and_tiered_ends_of_a_log_that_is_not_tiered(
    timestamp: int, version: int, talk: Conversation, topic: str
) -> None:
    """The earliest local offset is the earliest one; nothing was ever tiered."""
    talk.write(topic, b"a", b"b")
    answer = talk.offset_of(topic, timestamp, version=version)
    assert not answer.error_code
    assert answer.offset == {-4: 0, -5: -1}[timestamp]


@pytest.mark.parametrize(("timestamp", "version"), [(-3, 6), (-4, 7), (-5, 8), (-7, 10)])
def test_special_times_take_their_version(
    timestamp: int, version: int, talk: Conversation, topic: str
) -> None:
    """An older version is refused; so is a special time that nobody knows."""
    answer = talk.offset_of(topic, timestamp, version=version)
    assert answer.error_code == ErrorCode.unsupported_version


def test_unknown_partitions_are_told(talk: Conversation, topic: str) -> None:
    """Topic or number."""
    for name, number in ((topic, 1), ("nowhere", 0)):
        answer = talk.offset_of(name, LATEST, partition=number)
        assert answer.error_code == ErrorCode.unknown_topic_or_partition
        assert answer.offset == -1


def test_the_leader_epoch_of_a_question_is_checked(talk: Conversation, topic: str) -> None:
    """As in Fetch."""
    part = {"partition_index": 0, "timestamp": -1, "current_leader_epoch": 3}
    answer = talk.ask(
        "list_offsets", 7, replica_id=-1, topics=[{"name": topic, "partitions": [part]}]
    )
    assert only(answer.topics).partitions[0].error_code == ErrorCode.unknown_leader_epoch


def test_deleting_records_moves_the_start(talk: Conversation, topic: str) -> None:
    """The answer tells the new start; a batch that is cut in the middle is still read whole."""
    talk.write(topic, b"a", b"b", b"c")
    answer = talk.delete_records(topic, 2)
    assert (answer.error_code, answer.low_watermark) == (ErrorCode.none, 2)
    assert talk.offset_of(topic, EARLIEST).offset == 2
    (batch,) = batches_in(talk.fetch(topic, 2).records)
    assert batch.base_offset == 0


def test_deleting_up_to_the_end_leaves_nothing(talk: Conversation, topic: str) -> None:
    """-1 means the high watermark; offsets go on from there."""
    talk.write(topic, b"a", b"b")
    assert talk.delete_records(topic, -1).low_watermark == 2
    assert talk.offset_of(topic, EARLIEST).offset == talk.end(topic) == 2
    assert talk.write(topic, b"c") == 2


def test_deleting_twice_changes_nothing(talk: Conversation, topic: str) -> None:
    """An offset before the start is fine; the start stays."""
    talk.write(topic, b"a", b"b")
    talk.delete_records(topic, 2)
    answer = talk.delete_records(topic, 1)
    assert (answer.error_code, answer.low_watermark) == (ErrorCode.none, 2)


@pytest.mark.parametrize("offset", [3, -2])
def test_deleting_beyond_the_end_is_refused(offset: int, talk: Conversation, topic: str) -> None:
    """Nothing that is not there can be deleted."""
    talk.write(topic, b"a", b"b")
    answer = talk.delete_records(topic, offset)
    assert (answer.error_code, answer.low_watermark) == (ErrorCode.offset_out_of_range, -1)


def test_records_of_a_compacted_topic_are_not_deleted(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """cleanup.policy must have delete; with both, they may be deleted."""
    compacted = talk.create_topic(unique("t"), config={"cleanup.policy": "compact"})
    both = talk.create_topic(unique("t"), config={"cleanup.policy": "compact,delete"})
    for topic in (compacted, both):
        talk.write(topic, b"a")
    assert talk.delete_records(compacted, 1).error_code == ErrorCode.policy_violation
    assert not talk.delete_records(both, 1).error_code


def test_deleting_in_an_unknown_partition_is_refused(talk: Conversation, topic: str) -> None:
    """Topic or number."""
    for name, number in ((topic, 1), ("nowhere", 0)):
        answer = talk.delete_records(name, 0, partition=number)
        assert answer.error_code == ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_end_of_an_epoch_is_the_end_of_the_log(
    version: int, talk: Conversation, topic: str
) -> None:
    """There was only one leader, so its epoch goes to the end; later ones are undefined."""
    talk.write(topic, b"a", b"b")
    found = {}
    for epoch in (0, 7):
        asked = {"topic": topic, "partitions": [{"partition": 0, "leader_epoch": epoch}]}
        answer = talk.ask("offset_for_leader_epoch", version, topics=[asked])
        found[epoch] = answer.topics[0].partitions[0]
    assert (found[0].error_code, found[0].leader_epoch, found[0].end_offset) == (0, 0, 2)
    assert (found[7].error_code, found[7].leader_epoch, found[7].end_offset) == (0, -1, -1)


def test_retention_takes_whole_segments(talk: Conversation, unique: Callable[[str], str]) -> None:
    """Old segments go by retention.ms; the start of the log moves to the next one."""
    topic = talk.create_topic(
        unique("t"), config={"retention.ms": str(HOUR_MS), "segment.bytes": "1048576"}
    )
    for _ in range(3):
        _timed(talk, topic, 0)
    until(lambda: talk.offset_of(topic, EARLIEST).offset == 3, what="retention")
    assert talk.end(topic) == 3


def test_compaction_keeps_the_last_record_of_a_key(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """Earlier records of a key go; offsets stay as they were, and so does the active segment."""
    topic = talk.create_topic(
        unique("t"),
        config={
            "cleanup.policy": "compact",
            "segment.ms": "100",
            "min.cleanable.dirty.ratio": "0.01",
        },
    )
    talk.produce(topic, Batch(records=[Record(key=b"a", value=b"1"), Record(key=b"b", value=b"1")]))
    talk.produce(topic, Batch(records=[Record(key=b"a", value=b"2")]))

    def compacted() -> bool:
        talk.produce(topic, Batch(records=[Record(key=b"other", value=b"rolls the segment")]))
        kept = [record for record in talk.records(topic) if record.key != b"other"]
        return [(each.offset, each.key, each.value) for each in kept] == [
            (1, b"b", b"1"),
            (2, b"a", b"2"),
        ]

    until(compacted, what="compaction")
