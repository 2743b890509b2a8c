"""Produce: what is written, where it lands, and what is refused.

The error codes of each refusal stand in Kafka's protocol guide; the rules of record batches are in
KIP-98 and in the broker's LogValidator.
"""

from collections.abc import Callable
from uuid import uuid4

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient
from tests.conformance.record_batches import Batch, Record, batches_in, now_ms, old_message

VERSIONS = [3, 5, 7, 8, 9, 10, 11, 12, 13]
DAY_MS = 86_400_000


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_of_produce_writes(version: int, talk: Conversation, topic: str) -> None:
    """Old clients and new ones, which know topics by id, write the same records."""
    answer = talk.produce(topic, Batch(), version=version)
    assert not answer.error_code
    assert answer.base_offset == 0
    assert talk.values(topic) == [b"value"]


def test_offsets_count_the_records(talk: Conversation, topic: str) -> None:
    """A batch takes as many offsets as it has records; the answer names the first one."""
    assert talk.write(topic, b"a", b"b", b"c") == 0
    assert talk.write(topic, b"d") == 3
    assert [record.offset for record in talk.records(topic)] == [0, 1, 2, 3]


def test_a_base_offset_of_the_sender_is_refused(talk: Conversation, topic: str) -> None:
    """The broker alone gives offsets: batches come with offset 0."""
    answer = talk.produce(topic, Batch(base_offset=77))
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_a_record_keeps_key_value_headers_and_time(talk: Conversation, topic: str) -> None:
    """What was sent is what is read, to the byte; null is not empty."""
    stamp = now_ms() - 5000
    sent = [
        Record(key=None, value=b"", timestamp_ms=stamp, headers=[("h", b"1"), ("h", b"2")]),
        Record(key=b"", value=None, timestamp_ms=stamp + 7),
    ]
    talk.produce(topic, Batch(records=sent, timestamp_ms=stamp))
    first, second = talk.records(topic)
    assert (first.key, first.value, first.timestamp_ms) == (None, b"", stamp)
    assert first.headers == (("h", b"1"), ("h", b"2"))
    assert (second.key, second.value, second.timestamp_ms) == (b"", None, stamp + 7)


def test_acks_one_and_all_answer_alike(talk: Conversation, topic: str) -> None:
    """With one replica both mean the same."""
    assert talk.produce(topic, Batch(), acks=1).base_offset == 0
    assert talk.produce(topic, Batch(), acks=-1).base_offset == 1


def test_without_acks_there_is_no_answer(talk: Conversation, topic: str) -> None:
    """acks=0 writes and says nothing: the next answer on the connection is the next request's."""
    talk.client.send("produce", 9, **talk.produce_fields(topic, Batch(), acks=0))
    until(lambda: talk.end(topic) == 1, what="the record")


def test_without_acks_an_error_closes_the_connection(
    talk: Conversation, topic: str, connect: Callable[..., RawClient]
) -> None:
    """Who asked for no answer learns of a refusal by losing the connection."""
    other = connect()
    other.send("produce", 9, **talk.produce_fields(topic, Batch(spoiled=True), acks=0))
    assert other.is_closed()
    assert talk.end(topic) == 0


@pytest.mark.parametrize("acks", [2, -2])
def test_other_acks_are_refused(acks: int, talk: Conversation, topic: str) -> None:
    """Only 0, 1 and -1 are known."""
    assert talk.produce(topic, Batch(), acks=acks).error_code == ErrorCode.invalid_required_acks
    assert talk.end(topic) == 0


def test_the_answer_names_the_start_of_the_log(talk: Conversation, topic: str) -> None:
    """log_start_offset follows deleted records; the append time is unknown with CreateTime."""
    talk.write(topic, b"a", b"b")
    talk.delete_records(topic, 1)
    answer = talk.produce(topic, Batch())
    assert (answer.base_offset, answer.log_start_offset) == (2, 1)
    assert answer.log_append_time is None


def test_log_append_time_replaces_timestamps(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """The broker's time stands in the answer, in the batch, and holds for each of its records."""
    topic = talk.create_topic(unique("t"), config={"message.timestamp.type": "LogAppendTime"})
    sent = [Record(timestamp_ms=1000), Record(timestamp_ms=2000)]
    answer = talk.produce(topic, Batch(records=sent, timestamp_ms=1000))
    assert not answer.error_code
    stamp = int(answer.log_append_time.timestamp() * 1000 + 0.5)
    (batch,) = batches_in(talk.fetch(topic).records)
    assert batch.is_log_append_time
    assert batch.max_timestamp_ms == stamp
    assert {record.timestamp_ms for record in talk.records(topic)} == {stamp}
    assert batch.base_timestamp_ms == 1000


def test_a_spoiled_batch_is_refused(talk: Conversation, topic: str) -> None:
    """A checksum that does not hold: corrupt_message, nothing is written, the connection lives."""
    answer = talk.produce(topic, Batch(spoiled=True))
    assert answer.error_code == ErrorCode.corrupt_message
    assert answer.base_offset == -1
    assert talk.end(topic) == 0


@pytest.mark.parametrize("magic", [0, 1])
def test_old_formats_are_refused(magic: int, talk: Conversation, topic: str) -> None:
    """From Produce v3 on, records come in format 2 and nothing else."""
    answer = talk.produce(topic, old_message(magic))
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


@pytest.mark.parametrize("magic", [3, 99, -1])
def test_unknown_formats_are_refused(magic: int, talk: Conversation, topic: str) -> None:
    """A magic byte that no Kafka knows."""
    sent = bytearray(Batch().encoded())
    sent[16] = magic & 0xFF
    answer = talk.produce(topic, bytes(sent))
    assert answer.error_code == ErrorCode.corrupt_message
    assert talk.end(topic) == 0


def test_a_batch_cut_short_is_refused(talk: Conversation, topic: str) -> None:
    """Records that end in the middle of a batch."""
    answer = talk.produce(topic, Batch().encoded()[:-3])
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_no_records_at_all_are_refused(talk: Conversation, topic: str) -> None:
    """Empty bytes are no batch."""
    assert talk.produce(topic, b"").error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_a_batch_without_records_is_refused(talk: Conversation, topic: str) -> None:
    """A count of zero."""
    sent = Batch(records=(), last_offset_delta=0)
    assert talk.produce(topic, sent).error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_several_batches_in_one_request_are_refused(talk: Conversation, topic: str) -> None:
    """From Produce v3 on, a partition takes one batch a request."""
    answer = talk.produce(topic, Batch(), Batch())
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


@pytest.mark.parametrize("wrong", [{"record_count": 3}, {"last_offset_delta": 5}])
def test_a_count_that_is_not_true_is_refused(
    wrong: dict[str, int], talk: Conversation, topic: str
) -> None:
    """Record count and last offset must agree with the records."""
    sent = Batch(records=(Record(), Record()), **wrong)  # type: ignore[arg-type] # names are fields
    assert talk.produce(topic, sent).error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_a_control_batch_of_a_client_is_refused(talk: Conversation, topic: str) -> None:
    """Markers are the coordinator's alone."""
    answer = talk.produce(topic, Batch(control=True))
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_a_batch_that_is_too_large_is_refused(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """max.message.bytes bounds the whole batch; what fits to the byte is taken."""
    size = len(Batch(records=[Record(value=bytes(1000))]).encoded())
    topic = talk.create_topic(unique("t"), config={"max.message.bytes": str(size)})
    fits = Batch(records=[Record(value=bytes(1000))])
    over = Batch(records=[Record(value=bytes(1001))])
    assert talk.produce(topic, over).error_code == ErrorCode.message_too_large
    assert not talk.produce(topic, fits).error_code
    assert talk.end(topic) == 1


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_are_kept_as_they_are(
    codec: str, talk: Conversation, topic: str
) -> None:
    """compression.type=producer: the codec is the sender's."""
    sent = Batch(codec=codec, records=[Record(value=b"a" * 500), Record(value=b"b")])
    assert not talk.produce(topic, sent).error_code
    (batch,) = batches_in(talk.fetch(topic).records)
    assert batch.codec == {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[codec]
    assert talk.values(topic) == [b"a" * 500, b"b"]


def test_a_topic_may_ask_for_another_codec(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """compression.type=gzip: the broker compresses anew; uncompressed: it unpacks."""
    packed = talk.create_topic(unique("t"), config={"compression.type": "gzip"})
    plain = talk.create_topic(unique("t"), config={"compression.type": "uncompressed"})
    talk.produce(packed, Batch())
    talk.produce(plain, Batch(codec="lz4"))
    assert batches_in(talk.fetch(packed).records)[0].codec == 1
    assert batches_in(talk.fetch(plain).records)[0].codec == 0
    assert talk.values(packed) == talk.values(plain) == [b"value"]


def test_an_unknown_codec_is_refused(talk: Conversation, topic: str) -> None:
    """Codecs end with 4."""
    answer = talk.produce(topic, Batch(codec_number=7))
    assert answer.error_code == ErrorCode.unknown_server_error
    assert talk.end(topic) == 0


def test_what_is_not_compressed_as_said_is_refused(talk: Conversation, topic: str) -> None:
    """Plain records that claim to be gzip."""
    answer = talk.produce(topic, Batch(codec_number=1))
    assert answer.error_code == ErrorCode.unknown_server_error
    assert talk.end(topic) == 0


def test_zstd_takes_a_new_version(talk: Conversation, topic: str) -> None:
    """Before Produce v7 a batch of zstd is refused."""
    answer = talk.produce(topic, Batch(codec="zstd"), version=6)
    assert answer.error_code == ErrorCode.unsupported_compression_type
    assert talk.end(topic) == 0


def test_an_unknown_topic_is_not_created(talk: Conversation, unique: Callable[[str], str]) -> None:
    """Topics come by Metadata or CreateTopics, never by writing."""
    name = unique("nowhere")
    answer = talk.produce(name, Batch())
    assert answer.error_code == ErrorCode.unknown_topic_or_partition
    assert talk.topic(name).error_code == ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize("partition", [1, -1])
def test_an_unknown_partition_is_refused(partition: int, talk: Conversation, topic: str) -> None:
    """The topic has one partition, number 0."""
    answer = talk.produce(topic, Batch(), partition=partition)
    assert answer.error_code == ErrorCode.unknown_topic_or_partition


def test_one_bad_partition_does_not_hold_up_the_others(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """Each partition of a request has its own answer."""
    topic = talk.create_topic(unique("t"), partitions=2)
    parts = [
        {"index": 0, "records": Batch(spoiled=True).encoded()},
        {"index": 1, "records": Batch().encoded()},
    ]
    answer = talk.ask(
        "produce",
        9,
        acks=-1,
        timeout=1000,
        topic_data=[{"name": topic, "partition_data": parts}],
    )
    codes = {each.index: each.error_code for each in answer.responses[0].partition_responses}
    assert codes == {0: ErrorCode.corrupt_message, 1: ErrorCode.none}
    assert (talk.end(topic), talk.end(topic, partition=1)) == (0, 1)


def test_a_compacted_topic_wants_keys(talk: Conversation, unique: Callable[[str], str]) -> None:
    """Without keys nothing could be compacted: invalid_record, and the reason for each record."""
    topic = talk.create_topic(unique("t"), config={"cleanup.policy": "compact"})
    sent = Batch(records=[Record(), Record(key=None), Record(key=b"")])
    answer = talk.produce(topic, sent)
    assert answer.error_code == ErrorCode.invalid_record
    assert [each.batch_index for each in answer.record_errors] == [1]
    assert talk.end(topic) == 0


def test_timestamps_have_limits(talk: Conversation, unique: Callable[[str], str]) -> None:
    """message.timestamp.before.max.ms and after.max.ms bound how far off a record may be."""
    topic = talk.create_topic(
        unique("t"),
        config={
            "message.timestamp.before.max.ms": str(DAY_MS),
            "message.timestamp.after.max.ms": "60000",
        },
    )
    for off_ms in (-2 * DAY_MS, 120_000):
        sent = Batch(records=[Record(), Record(timestamp_ms=now_ms() + off_ms)])
        answer = talk.produce(topic, sent)
        assert answer.error_code == ErrorCode.invalid_timestamp
        assert [each.batch_index for each in answer.record_errors] == [1]
    assert talk.end(topic) == 0
    assert not talk.produce(topic, Batch(timestamp_ms=now_ms() - DAY_MS // 2)).error_code


def test_a_time_an_hour_ahead_is_the_limit_by_default(talk: Conversation, topic: str) -> None:
    """message.timestamp.after.max.ms is an hour; before.max.ms has no limit."""
    too_far = Batch(timestamp_ms=now_ms() + 2 * 3_600_000)
    assert talk.produce(topic, too_far).error_code == ErrorCode.invalid_timestamp
    assert not talk.produce(topic, Batch(timestamp_ms=1)).error_code


def test_a_topic_id_that_nobody_has_is_refused(talk: Conversation, topic: str) -> None:
    """Produce v13 knows topics by id."""
    fields = talk.produce_fields(topic, Batch(), version=13)
    fields["topic_data"][0]["topic_id"] = uuid4()
    answer = talk.ask("produce", 13, **fields)
    code = answer.responses[0].partition_responses[0].error_code
    assert code == ErrorCode.unknown_topic_id
