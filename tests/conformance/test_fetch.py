"""Fetch: what is read, how much of it, and when the broker waits (KIP-74)."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import ANSWER_LIMIT_S, RawClient
from tests.conformance.record_batches import Batch, Record, batches_in

LONG_MS = int(3 * ANSWER_LIMIT_S * 1000)
"""So long a client does not wait: what is not answered earlier fails."""
VERSIONS = [4, 5, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_of_fetch_reads(version: int, talk: Conversation, topic: str) -> None:
    """Old clients and new ones, which know topics by id, read the same bytes."""
    talk.write(topic, b"a", b"b")
    answer = talk.fetch(topic, version=version)
    assert not answer.error_code
    (batch,) = batches_in(answer.records)
    assert (batch.base_offset, batch.record_count) == (0, 2)
    assert answer.high_watermark == answer.last_stable_offset == 2
    if version >= 5:
        assert answer.log_start_offset == 0


def test_the_answer_names_the_topic_as_it_was_asked(talk: Conversation, topic: str) -> None:
    """By name up to v12, by id from v13 on."""
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    named = talk.ask("fetch", 12, topics=[{"topic": topic, "partitions": [part]}])
    assert named.responses[0].topic == topic
    topic_id = talk.topic_id(topic)
    known = talk.ask("fetch", 13, topics=[{"topic_id": topic_id, "partitions": [part]}])
    assert known.responses[0].topic_id == topic_id


def test_a_batch_is_returned_whole(talk: Conversation, topic: str) -> None:
    """Who asks from the middle of a batch gets the batch, and skips what it knows already."""
    talk.write(topic, b"a", b"b", b"c")
    talk.write(topic, b"d")
    batches = batches_in(talk.fetch(topic, 2).records)
    assert [batch.base_offset for batch in batches] == [0, 3]


def test_at_the_end_there_is_nothing(talk: Conversation, topic: str) -> None:
    """The end is a good offset; no records and no error."""
    talk.write(topic, b"a")
    answer = talk.fetch(topic, 1)
    assert not answer.error_code
    assert not answer.records
    assert answer.high_watermark == 1


@pytest.mark.parametrize("offset", [3, 100, -1])
def test_offsets_beyond_the_log_are_out_of_range(
    offset: int, talk: Conversation, topic: str
) -> None:
    """Behind the end, or negative."""
    talk.write(topic, b"a", b"b")
    answer = talk.fetch(topic, offset)
    assert answer.error_code == ErrorCode.offset_out_of_range
    assert not answer.records
    assert (answer.high_watermark, answer.last_stable_offset) == (-1, -1)


def test_deleted_offsets_are_out_of_range(talk: Conversation, topic: str) -> None:
    """Before the start of the log."""
    talk.write(topic, b"a")
    talk.write(topic, b"b")
    talk.delete_records(topic, 1)
    assert talk.fetch(topic, 0).error_code == ErrorCode.offset_out_of_range
    answer = talk.fetch(topic, 1)
    assert not answer.error_code
    assert answer.log_start_offset == 1


def test_an_error_is_told_at_once(talk: Conversation, topic: str) -> None:
    """An answer with an error does not wait for min_bytes."""
    answer = talk.fetch(topic, 5, max_wait=LONG_MS, min_bytes=1)
    assert answer.error_code == ErrorCode.offset_out_of_range


@pytest.mark.parametrize(
    ("name", "partition"), [("nowhere", 0), (None, 1), (None, -1)], ids=["topic", "above", "below"]
)
def test_what_does_not_exist_is_unknown(
    name: str | None, partition: int, talk: Conversation, topic: str
) -> None:
    """By name: unknown_topic_or_partition, and nothing is created."""
    answer = talk.fetch(name or topic, partition=partition)
    assert answer.error_code == ErrorCode.unknown_topic_or_partition
    assert answer.high_watermark == -1


def test_an_id_that_nobody_has_is_unknown(talk: Conversation) -> None:
    """By id: unknown_topic_id."""
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    answer = talk.ask("fetch", 13, topics=[{"topic_id": uuid4(), "partitions": [part]}])
    assert answer.responses[0].partitions[0].error_code == ErrorCode.unknown_topic_id


def _three_batches(talk: Conversation, topic: str) -> int:
    for letter in (b"a", b"b", b"c"):
        talk.write(topic, letter * 1000)
    return len(Batch(records=[Record(value=bytes(1000))]).encoded())


def test_partition_max_bytes_bounds_an_answer(talk: Conversation, topic: str) -> None:
    """No more bytes than were asked for; the last batch may be cut."""
    size = _three_batches(talk, topic)
    records = talk.fetch(topic, partition_max_bytes=2 * size).records
    assert [batch.base_offset for batch in batches_in(records)] == [0, 1]
    assert len(records) == 2 * size


def test_max_bytes_bounds_an_answer(talk: Conversation, topic: str) -> None:
    """The limit of the whole answer holds for one partition, too."""
    size = _three_batches(talk, topic)
    records = talk.fetch(topic, max_bytes=2 * size).records
    assert [batch.base_offset for batch in batches_in(records)] == [0, 1]


@pytest.mark.parametrize("limit", [1, 0])
def test_the_first_batch_comes_whatever_its_size(
    limit: int, talk: Conversation, topic: str
) -> None:
    """Whoever has a limit below the next batch still gets on (KIP-74)."""
    _three_batches(talk, topic)
    records = talk.fetch(topic, partition_max_bytes=limit, max_bytes=1).records
    assert [batch.base_offset for batch in batches_in(records)] == [0]


def test_only_the_first_partition_may_exceed_the_limit(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """The exception is made once in an answer, in the order in which partitions were asked for."""
    topic = talk.create_topic(unique("t"), partitions=2)
    for partition in (0, 1):
        talk.write(topic, bytes(1000), partition=partition)
    parts = [
        {"partition": partition, "fetch_offset": 0, "partition_max_bytes": 1 << 20}
        for partition in (1, 0)
    ]
    answer = talk.ask("fetch", 11, max_bytes=10, topics=[{"topic": topic, "partitions": parts}])
    sizes = {each.partition_index: bool(each.records) for each in answer.responses[0].partitions}
    assert sizes == {1: True, 0: False}


def test_a_fetch_waits_for_records(
    talk: Conversation, topic: str, connect: Callable[..., RawClient]
) -> None:
    """With min_bytes a fetch is answered as soon as so many are there, long before max_wait."""
    waiting = Conversation(connect())
    fields = {
        "max_wait": LONG_MS,
        "min_bytes": 1,
        "topics": [
            {
                "topic": topic,
                "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}],
            }
        ],
    }
    sent = waiting.client.send("fetch", 11, **fields)
    assert waiting.client.is_silent(for_s=0.05)
    talk.write(topic, b"a")
    answer = waiting.client.answer(sent)
    assert batches_in(answer.responses[0].partitions[0].records)


def test_a_fetch_waits_no_longer_than_it_was_told(talk: Conversation, topic: str) -> None:
    """After max_wait the answer is empty, and no error."""
    answer = talk.fetch(topic, max_wait=100, min_bytes=1)
    assert not answer.error_code
    assert not answer.records


def test_too_few_bytes_come_when_the_wait_is_over(talk: Conversation, topic: str) -> None:
    """min_bytes is a wish: what is there comes after max_wait."""
    talk.write(topic, b"a")
    answer = talk.fetch(topic, max_wait=100, min_bytes=1 << 20)
    assert len(batches_in(answer.records)) == 1


def test_a_waiting_fetch_holds_up_its_own_connection_only(
    talk: Conversation, topic: str, connect: Callable[..., RawClient]
) -> None:
    """Requests of one connection are answered in their order; others do not notice."""
    waiting = connect()
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    fetch = waiting.send(
        "fetch",
        11,
        max_wait=LONG_MS,
        min_bytes=1,
        topics=[{"topic": topic, "partitions": [part]}],
    )
    versions = waiting.send("api_versions", 2)
    assert waiting.is_silent(for_s=0.05)
    talk.write(topic, b"a")
    assert waiting.answer(fetch).responses[0].partitions[0].records
    assert not waiting.answer(versions).error_code


def test_the_leader_epoch_is_checked(talk: Conversation, topic: str) -> None:
    """An epoch that has not come yet is unknown; the present one is good (KIP-320)."""
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    codes = {}
    for epoch in (-1, 0, 5):
        asked = {"topic": topic, "partitions": [{**part, "current_leader_epoch": epoch}]}
        answer = talk.ask("fetch", 11, topics=[asked])
        codes[epoch] = answer.responses[0].partitions[0].error_code
    assert codes == {
        -1: ErrorCode.none,
        0: ErrorCode.none,
        5: ErrorCode.unknown_leader_epoch,
    }


def test_old_versions_get_zstd_as_it_is(talk: Conversation, topic: str) -> None:
    """Brokers no longer convert for old clients, and no longer refuse them either."""
    talk.produce(topic, Batch(codec="zstd"))
    answer = talk.fetch(topic, version=9)
    assert not answer.error_code
    assert batches_in(answer.records)[0].codec == 4


def test_a_batch_says_its_leader_epoch(talk: Conversation, topic: str) -> None:
    """The broker writes its own epoch over what was sent."""
    talk.write(topic, b"a")
    (batch,) = batches_in(talk.fetch(topic).records)
    assert batch.leader_epoch == 0
