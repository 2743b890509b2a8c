"""Produce: what a version of the request decides, before the log judges the records."""

from typing import Any
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch, Record
from tests.infra.embedded.apis.node_stand import NodeStand

BATCH = Batch().encoded()
UNKNOWN_ID = UUID(int=5)


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t` of two partitions."""
    made = NodeStand()
    made.create_topic("t", 2)
    return made


def produce(
    stand: NodeStand, version: int, *parts: tuple[int, bytes | None], **fields: Any
) -> dict[int, Any]:
    """Produce to the topic `t`, and return the answers by partition."""
    data = [{"index": index, "records": records} for index, records in parts]
    topic: dict[str, Any] = {"name": "t"}
    if version >= 13:
        topic = {"topic_id": stand.topic_id("t")}
    wishes = {"acks": -1, "timeout": 1000, **fields}
    answer = stand.ask("produce", version, topic_data=[{**topic, "partition_data": data}], **wishes)
    if answer is None:
        return {}
    return {part.index: part for topic in answer.responses for part in topic.partition_responses}


@pytest.mark.parametrize("version", range(3, 14))
def test_each_version_appends_and_says_where(stand: NodeStand, version: int) -> None:
    """Names up to version 12, ids from 13 on; the start of the log from 5 on."""
    produce(stand, version, (1, BATCH))
    found = produce(stand, version, (1, BATCH), (0, BATCH))
    assert [found[index].error_code for index in (0, 1)] == [ErrorCode.none, ErrorCode.none]
    assert [found[index].base_offset for index in (0, 1)] == [0, 1]
    assert found[0].log_append_time is None
    if version >= 5:
        assert found[0].log_start_offset == 0
    if version >= 8:
        assert (found[0].record_errors, found[0].error_message) == ((), None)


def test_log_append_time_is_told_where_the_topic_has_it(stand: NodeStand) -> None:
    """As the broker's time, in milliseconds."""
    stand.create_topic("late", message_timestamp_type="LogAppendTime")
    topic = {"name": "late", "partition_data": [{"index": 0, "records": BATCH}]}
    answer = stand.ask("produce", 7, acks=1, topic_data=[topic])
    told = answer.responses[0].partition_responses[0].log_append_time
    assert told is not None
    assert 0 <= stand.clock.now_ms() - round(told.timestamp() * 1000) < 60_000


@pytest.mark.parametrize(
    ("version", "topic", "error"),
    [
        (7, {"name": "nobody"}, ErrorCode.unknown_topic_or_partition),
        (13, {"topic_id": UNKNOWN_ID}, ErrorCode.unknown_topic_id),
        (13, {"topic_id": None}, ErrorCode.unknown_topic_id),
    ],
)
def test_an_unknown_topic_is_an_error_of_its_partitions(
    stand: NodeStand, version: int, topic: dict[str, Any], error: ErrorCode
) -> None:
    """The answer names the topic as the request did."""
    data = [{"index": 0, "records": BATCH}]
    answer = stand.ask("produce", version, acks=-1, topic_data=[{**topic, "partition_data": data}])
    (told,) = answer.responses
    for field, value in topic.items():
        assert getattr(told, field) == value
    assert told.partition_responses[0].error_code == error
    assert told.partition_responses[0].base_offset == -1


def test_good_and_bad_partitions_stand_beside_each_other(stand: NodeStand) -> None:
    """One partition's error is not another's."""
    found = produce(
        stand, 9, (0, BATCH), (9, BATCH), (-1, BATCH), (1, Batch(spoiled=True).encoded())
    )
    assert {index: part.error_code for index, part in found.items()} == {
        0: ErrorCode.none,
        9: ErrorCode.unknown_topic_or_partition,
        -1: ErrorCode.unknown_topic_or_partition,
        1: ErrorCode.corrupt_message,
    }


def test_a_partition_named_twice_is_written_once(stand: NodeStand) -> None:
    """Kafka keeps what is said last."""
    found = produce(stand, 7, (0, BATCH), (0, Batch(records=[Record()] * 3).encoded()))
    assert len(found) == 1
    assert stand.log("t", 0).end_offset == 3


@pytest.mark.parametrize(
    "records",
    [None, b"", b"abc", BATCH[:-1], BATCH + BATCH],
    # A batch holds the time: without names of their own these cases would have others in each run.
    ids=["null", "nothing", "junk", "cut", "two"],
)
def test_records_that_are_not_one_batch_are_refused(
    stand: NodeStand, records: bytes | None
) -> None:
    """Also no records at all, to which Apache Kafka 4.1 never answers."""
    assert produce(stand, 7, (0, records))[0].error_code == ErrorCode.invalid_record


@pytest.mark.parametrize(
    ("place", "byte", "words"),
    [
        (16, 3, "Invalid magic found in record: 3"),
        (16, 0xFF, "Invalid magic found in record: -1"),
        (11, 13, "Record size 13 is less than the minimum record overhead (14)"),
        (8, 0x80, "is less than the minimum record overhead (14)"),
    ],
)
def test_records_that_cannot_be_read_fail_the_request(
    stand: NodeStand, place: int, byte: int, words: str
) -> None:
    """As in Kafka, which says so in words."""
    spoiled = bytearray(BATCH)
    spoiled[8:12] = bytes(4) if place == 11 else spoiled[8:12]
    spoiled[place] = byte
    found = produce(stand, 8, (0, bytes(spoiled)), (1, BATCH))
    assert {part.error_code for part in found.values()} == {ErrorCode.corrupt_message}
    assert words in found[1].error_message
    assert stand.log("t", 1).end_offset == 0


@pytest.mark.parametrize(("version", "codec"), [(6, 5), (7, 5), (9, 7)])
def test_an_unknown_codec_is_an_error(stand: NodeStand, version: int, codec: int) -> None:
    """Of the server, as Kafka has it."""
    found = produce(stand, version, (0, Batch(codec_number=codec).encoded()))
    assert found[0].error_code == ErrorCode.unknown_server_error
    assert found[0].log_start_offset == (-1 if version < 7 else 0)


@pytest.mark.parametrize(("version", "error"), [(6, 76), (7, 0)])
def test_zstd_came_with_version_7(stand: NodeStand, version: int, error: int) -> None:
    """Older clients could not read it."""
    found = produce(stand, version, (0, Batch(codec="zstd").encoded()))
    assert found[0].error_code == error


@pytest.mark.parametrize("acks", [7, -2, 2])
def test_acks_are_all_one_or_none(stand: NodeStand, acks: int) -> None:
    """Nothing else means anything; unknown partitions are told first."""
    found = produce(stand, 7, (0, BATCH), (9, BATCH), acks=acks)
    assert found[0].error_code == ErrorCode.invalid_required_acks
    assert found[9].error_code == ErrorCode.unknown_topic_or_partition
    assert stand.log("t", 0).end_offset == 0


def test_acks_0_has_no_answer(stand: NodeStand) -> None:
    """And the connection goes on."""
    assert produce(stand, 7, (0, BATCH), acks=0) == {}
    assert stand.log("t", 0).end_offset == 1
    assert not stand.connection.ends


def test_acks_0_with_an_error_ends_the_connection(stand: NodeStand) -> None:
    """So that the producer learns that something is wrong; what was right is written."""
    assert produce(stand, 7, (0, BATCH), (9, BATCH), acks=0) == {}
    assert stand.log("t", 0).end_offset == 1
    assert stand.connection.ends


def test_a_refused_request_with_acks_0_ends_the_connection(stand: NodeStand) -> None:
    """There is no answer that could say it."""
    assert stand.refuse("produce", 7, ErrorCode.unknown_server_error, acks=0) is None
    assert stand.connection.ends


def test_transactional_records_need_a_transactional_id(stand: NodeStand) -> None:
    """All of the request is refused, also the partitions that have other records."""
    inside = Batch(transactional=True, producer_id=5, producer_epoch=0, sequence=0).encoded()
    found = produce(stand, 7, (0, inside), (1, BATCH))
    assert {part.error_code for part in found.values()} == {
        ErrorCode.transactional_id_authorization_failed
    }
    assert stand.log("t", 1).end_offset == 0


def test_one_request_has_one_transactional_producer(stand: NodeStand) -> None:
    """Kafka says so in words."""
    batches = [
        Batch(transactional=True, producer_id=number, producer_epoch=0, sequence=0).encoded()
        for number in (5, 6)
    ]
    found = produce(stand, 8, (0, batches[0]), (1, batches[1]), transactional_id="x")
    assert {part.error_code for part in found.values()} == {ErrorCode.invalid_producer_id_mapping}
    assert found[0].error_message == "Transactional records contained more than one producer ID"


@pytest.mark.parametrize(
    ("version", "error"),
    [(10, ErrorCode.invalid_txn_state), (11, ErrorCode.transaction_abortable)],
)
def test_a_partition_outside_of_the_transaction_is_refused(
    stand: NodeStand, version: int, error: ErrorCode
) -> None:
    """With the error that the version knows."""
    made = stand.ask("init_producer_id", 4, transactional_id="x", transaction_timeout=10_000)
    stand.ask(
        "add_partitions_to_txn",
        3,
        v3_and_below_transactional_id="x",
        v3_and_below_producer_id=made.producer_id,
        v3_and_below_producer_epoch=made.producer_epoch,
        v3_and_below_topics=[{"name": "t", "partitions": [1]}],
    )
    batch = Batch(
        transactional=True,
        producer_id=made.producer_id,
        producer_epoch=made.producer_epoch,
        sequence=0,
    ).encoded()
    found = produce(stand, version, (0, batch), (1, batch), transactional_id="x")
    assert (found[0].error_code, found[1].error_code) == (error, ErrorCode.none)


def test_a_duplicate_is_answered_like_its_first_writing(stand: NodeStand) -> None:
    """With its offset, and the time of its records."""
    batch = Batch(producer_id=5, producer_epoch=0, sequence=0, timestamp_ms=1_700_000_000_000)
    produce(stand, 7, (0, batch.encoded()))
    again = produce(stand, 7, (0, batch.encoded()))[0]
    assert (again.error_code, again.base_offset) == (ErrorCode.none, 0)
    assert round(again.log_append_time.timestamp()) == 1_700_000_000


def test_a_record_that_is_refused_is_named(stand: NodeStand) -> None:
    """From version 8 on."""
    stand.create_topic("keyed", cleanup_policy="compact")
    records = [Record(), Record(key=None)]
    data = {"index": 0, "records": Batch(records=records).encoded()}
    topic = {"name": "keyed", "partition_data": [data]}
    old, new = (
        stand.ask("produce", version, acks=-1, topic_data=[topic]).responses[0]
        for version in (7, 8)
    )
    assert old.partition_responses[0].error_code == ErrorCode.invalid_record
    found = new.partition_responses[0]
    assert found.error_code == ErrorCode.invalid_record
    (error,) = found.record_errors
    assert error.batch_index == 1
    assert "without key" in error.batch_index_error_message
    assert "record" in found.error_message
