"""What a log takes and refuses: each answer was given by an Apache Kafka 4.1.0 that was asked."""

import gzip
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.batch_validation import validated
from penstock.infra.embedded.log.compression import compress
from penstock.infra.embedded.log.log_answers import Appended, RecordError
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.record_batch import IncomingBatch, header_at, split_batches
from penstock.infra.embedded.log.record_format import encode_varint
from tests.infra.embedded.log.record_batches import (
    NOW,
    client_batch,
    raw_batch,
    record,
    seen,
    with_field,
)

HOUR_MS = 3_600_000
PLAIN = LogConfig()
COMPACT = LogConfig(cleanup_compact=True)
APPEND_TIME = LogConfig(log_append_time=True)
TWO = [record(0, b"a", b"b"), record(1, b"c", b"d")]


def judged(data: bytes, config: LogConfig = PLAIN) -> IncomingBatch | Appended:
    """Judge a produce request's bytes at offset 100 of a log that begins at 7."""
    batches = split_batches(data, verify=False).batches
    return validated(
        batches, config=config, base_offset=100, start_offset=7, now_ms=NOW, name="t-0"
    )


def refused(data: bytes, config: LogConfig = PLAIN) -> Appended:
    """Judge what must be refused."""
    answer = judged(data, config)
    assert isinstance(answer, Appended)
    assert answer.reason
    return answer


def kept(data: bytes, config: LogConfig = PLAIN) -> IncomingBatch:
    """Judge what must be taken, and see that it is whole."""
    answer = judged(data, config)
    assert isinstance(answer, IncomingBatch), answer
    assert split_batches(answer.data).batches == (answer,)
    return answer


def test_bytes_are_kept_as_they_came_in() -> None:
    """Only base offset and leader epoch change."""
    data = client_batch([(b"k", b"v"), (None, b"w")], codec=1)
    batch = kept(data)
    assert (batch.header.base_offset, batch.header.partition_leader_epoch) == (100, 0)
    assert batch.data[16:] == data[16:]


@pytest.mark.parametrize(
    ("fields", "error", "start"),
    [
        ({"base_offset": 5}, ErrorCode.invalid_record, 7),
        ({"crc": 7}, ErrorCode.corrupt_message, -1),
        ({"last_offset_delta": 5}, ErrorCode.invalid_record, 7),
        ({"record_count": 3, "last_offset_delta": 2}, ErrorCode.invalid_record, 7),
        ({"record_count": 1, "last_offset_delta": 0}, ErrorCode.invalid_record, 7),
        ({"record_count": 0, "last_offset_delta": -1}, ErrorCode.invalid_record, 7),
        ({"record_count": -1}, ErrorCode.invalid_record, 7),
        ({"record_count": -2, "last_offset_delta": -3}, ErrorCode.invalid_record, 7),
        ({"attributes": 0x20}, ErrorCode.invalid_record, 7),
        ({"producer_id": 5, "producer_epoch": 0}, ErrorCode.invalid_record, 7),
        ({"attributes": 5}, ErrorCode.unknown_server_error, 7),
        ({"attributes": 7}, ErrorCode.unknown_server_error, 7),
        ({"attributes": 1}, ErrorCode.unknown_server_error, 7),
    ],
    ids=str,
)
def test_a_header_that_lies_is_refused(
    fields: dict[str, Any], error: ErrorCode, start: int
) -> None:
    """Error and log start as Kafka answers them, without a message for the client."""
    answer = refused(with_field(raw_batch(TWO), **fields))
    assert (answer.error, answer.start_offset, answer.message) == (error, start, None)
    assert (answer.base_offset, answer.record_errors) == (-1, ())


@pytest.mark.parametrize(
    "records",
    [
        TWO[0] + TWO[1][:-1] + encode_varint(-1),
        TWO[0] + TWO[1][:-1] + encode_varint(3),
        TWO[0] + b"\x7fxxxx",
        TWO[0] + encode_varint(100) + TWO[1][1:],
        TWO[0] + encode_varint(3) + TWO[1][1:],
    ],
)
def test_records_that_nobody_could_read_are_refused(records: bytes) -> None:
    """INVALID_RECORD."""
    data = with_field(raw_batch([records]), record_count=2, last_offset_delta=1)
    assert refused(data).error is ErrorCode.invalid_record


@pytest.mark.parametrize(
    ("attributes", "body", "error"),
    [
        (1, gzip.compress(b"".join(TWO))[:-12], ErrorCode.unknown_server_error),
        (1, gzip.compress(b"".join(TWO) + b"zz"), ErrorCode.invalid_record),
        (1, gzip.compress(TWO[0]), ErrorCode.invalid_record),
        (1, gzip.compress(record(5) + record(3)), ErrorCode.unknown_server_error),
        (2, b"\xff\xff\xff\xff\x0fjunk", ErrorCode.unknown_server_error),
        (3, b"junkjunkjunk", ErrorCode.unknown_server_error),
        (4, b"junkjunkjunk", ErrorCode.unknown_server_error),
    ],
    # gzip writes the time: without names of their own these cases would have others in each run.
    ids=["cut", "junk-behind", "too-few", "offsets", "snappy-junk", "lz4-junk", "zstd-junk"],
)
def test_compressed_batches_are_looked_into(attributes: int, body: bytes, error: ErrorCode) -> None:
    """What does not decompress, and what is wrong inside."""
    data = raw_batch([body], attributes=attributes, record_count=2, last_offset_delta=1)
    assert refused(data).error is error


def test_exactly_one_batch_is_taken() -> None:
    """None and two are INVALID_RECORD, without the log's start."""
    for data in (b"", raw_batch(TWO) + raw_batch(TWO)):
        answer = refused(data)
        assert (answer.error, answer.start_offset) == (ErrorCode.invalid_record, -1)


def test_size_limits() -> None:
    """max.message.bytes counts the whole batch; the base offset is judged before, the CRC after."""
    data = raw_batch(TWO)
    assert kept(data, LogConfig(max_message_bytes=len(data))).header.record_count == 2
    small = LogConfig(max_message_bytes=len(data) - 1)
    answer = refused(data, small)
    assert (answer.error, answer.start_offset) == (ErrorCode.message_too_large, -1)
    assert refused(with_field(data, crc=7), small).error is ErrorCode.message_too_large
    assert refused(with_field(data, base_offset=7), small).error is ErrorCode.invalid_record
    answer = refused(data, LogConfig(segment_bytes=len(data) - 1))
    assert (answer.error, answer.start_offset) == (ErrorCode.record_list_too_large, -1)


def test_times_have_limits() -> None:
    """The records at fault are named in Kafka's words; a record without a time has no limit."""
    late = raw_batch([record(0), record(1, later_ms=HOUR_MS + 1), record(2, later_ms=HOUR_MS)])
    answer = refused(late)
    assert answer == Appended(
        error=ErrorCode.invalid_timestamp,
        start_offset=7,
        reason="One or more records have been rejected due to invalid timestamp",
        message="One or more records have been rejected due to invalid timestamp",
        record_errors=(
            RecordError(
                1,
                f"Timestamp {NOW + HOUR_MS + 1} of message with offset 1 is out of range. The "
                f"timestamp should be within [{NOW - 2**63 + 1}, {NOW + HOUR_MS}]",
            ),
        ),
    )
    old = raw_batch([record(0, later_ms=-1001), record(1, later_ms=-1000)])
    past = LogConfig(timestamp_before_max_ms=1000)
    assert [one.index for one in refused(old, past).record_errors] == [0]
    timeless = raw_batch([record(0)], base_timestamp_ms=-1, max_timestamp_ms=-1)
    assert kept(timeless, past).header.max_timestamp_ms == -1
    assert kept(old).header.max_timestamp_ms == NOW - 1000


def test_the_largest_time_is_found_and_not_believed() -> None:
    """The header is put right, with its CRC."""
    assert kept(raw_batch(TWO, max_timestamp_ms=NOW + 9**9)).header.max_timestamp_ms == NOW
    assert kept(raw_batch(TWO, max_timestamp_ms=5)).header.max_timestamp_ms == NOW


def test_a_time_beyond_all_numbers_does_no_harm() -> None:
    """Where the topic has no limit, the largest long stands in for it."""
    data = raw_batch([record(0, later_ms=2**62)], base_timestamp_ms=2**63 - 1)
    batch = kept(data, LogConfig(timestamp_after_max_ms=2**63 - 1 + 2**62 - NOW + 2**62))
    assert batch.header.max_timestamp_ms == 2**63 - 1


def test_log_append_time_is_the_brokers() -> None:
    """Attribute, largest time and CRC change; deltas and base time do not."""
    batch = kept(raw_batch(TWO, base_timestamp_ms=5, max_timestamp_ms=5), APPEND_TIME)
    assert batch.header.is_log_append_time
    assert (batch.header.base_timestamp_ms, batch.header.max_timestamp_ms) == (5, NOW)
    assert [one.timestamp_ms for one in seen(batch.data)] == [NOW, NOW]


def test_a_client_that_says_log_append_time() -> None:
    """It is refused on topics that have it, and taken for the client's time on others."""
    data = raw_batch(TWO, attributes=8)
    assert not kept(data).header.is_log_append_time
    answer = refused(data, APPEND_TIME)
    assert answer.error is ErrorCode.invalid_timestamp
    assert answer.record_errors[1] == RecordError(
        1,
        f"Invalid timestamp type in message DefaultRecord(offset=1, timestamp={NOW}, key=1 bytes, "
        "value=1 bytes). Producer should not set timestamp type to LogAppendTime.",
    )
    late = raw_batch(TWO, attributes=8, max_timestamp_ms=NOW + HOUR_MS + 1)
    assert [one.index for one in refused(late).record_errors] == [0, 1]


def test_compacted_topics_want_keys() -> None:
    """All records without one are named, three of them in the message; a bad time counts more."""
    text = "Compacted topic cannot accept message without key in topic partition t-0"
    keyless = raw_batch([record(0, None), record(1), *(record(i, None) for i in range(2, 5))])
    answer = refused(keyless, COMPACT)
    assert answer.error is ErrorCode.invalid_record
    assert answer.record_errors == tuple(RecordError(index, text) for index in (0, 2, 3, 4))
    shown = ", ".join(f"RecordError(batchIndex={i}, message='{text}')" for i in (0, 2, 3))
    assert answer.message == (
        "One or more records have been rejected due to 4 record errors in total, and only showing "
        f"the first three errors at most: [{shown}]"
    )
    both = raw_batch([record(0, None), record(1, later_ms=HOUR_MS + 1)])
    answer = refused(both, COMPACT)
    assert answer.error is ErrorCode.invalid_timestamp
    assert [one.index for one in answer.record_errors] == [0, 1]
    assert answer.record_errors[0].message == text
    assert kept(keyless).header.record_count == 5


@pytest.mark.parametrize("topic", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("codec", range(5))
def test_the_topics_codec_is_used(topic: str, codec: int) -> None:
    """Whatever the client's was; the records are the same, and so is the producer."""
    pairs = [(b"k%d" % index, b"value" * 20) for index in range(30)]
    data = client_batch(pairs, codec=codec, producer_id=4, epoch=1, sequence=9, transactional=True)
    batch = kept(data, LogConfig(compression_type=topic))
    wanted = {"uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[topic]
    assert batch.header.codec == wanted
    header = batch.header
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (4, 1, 9)
    assert header.is_transactional
    found = [(one.key, one.value) for one in seen(batch.data)]
    assert found == pairs
    assert [one.offset for one in seen(batch.data)] == list(range(100, 130))


def test_recompressing_puts_offsets_right_and_counts_again() -> None:
    """A batch may be too large only afterwards."""
    odd = raw_batch([record(5, b"a"), record(3, b"b")])
    assert kept(odd).data[61:] == odd[61:]
    again = kept(odd, LogConfig(compression_type="gzip"))
    assert [(one.offset, one.key) for one in seen(again.data)] == [(100, b"a"), (101, b"b")]
    packed = raw_batch([record(0, b"a", bytes(5000))], codec=4)
    limits = LogConfig(compression_type="uncompressed", max_message_bytes=4000)
    assert refused(packed, limits).error is ErrorCode.message_too_large


def test_other_attributes_of_a_client_stay() -> None:
    """As in Kafka, which looks at the bits that it knows."""
    assert kept(raw_batch(TWO, attributes=0x80)).header.attributes == 0x80
    assert kept(raw_batch(TWO, attributes=0x40)).header.attributes == 0x40


def test_a_zip_bomb_is_refused() -> None:
    """120 MB of zeros in a few kilobytes."""
    bomb = compress(4, bytes(120_000_000))
    data = raw_batch([bomb], attributes=4, record_count=1, last_offset_delta=0)
    assert header_at(data).length_bytes < 20_000
    assert refused(data).error is ErrorCode.unknown_server_error
