"""Record batches: written by two clients, read here; and bytes that are none."""

import io
from datetime import UTC, datetime

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from kio.records.readers import read_batch
from kio.records.schema import NewRecordBatch, Record
from kio.records.writers import write_batch
from kio.schema.errors import ErrorCode
from kio.static.primitive import TZAwareMicros, i8, i16, i32, i64

from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    BatchesRead,
    header_at,
    split_batches,
)
from tests.infra.embedded.log.record_batches import NOW, client_batch, raw_batch, record, with_field


def test_the_header_of_a_clients_batch_is_read() -> None:
    """What aiokafka writes into a header is found in it."""
    data = client_batch(
        [(b"k", b"v"), (None, b"w")], producer_id=7, epoch=3, sequence=40, transactional=True
    )
    header = header_at(data)
    assert (header.length_bytes, header.magic, header.codec) == (len(data), 2, 0)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 3, 40)
    assert (header.base_timestamp_ms, header.max_timestamp_ms) == (NOW, NOW + 1)
    assert (header.record_count, header.last_offset, header.last_sequence) == (2, 1, 41)
    assert header.is_transactional
    assert header.has_sequence
    assert not header.is_control
    assert not header.is_log_append_time
    assert header.delete_horizon_ms is None


def test_a_batch_of_kio_is_read() -> None:
    """What kio writes passes the CRC check and has the same fields."""
    records = tuple(
        Record(
            attributes=i8(0),
            timestamp=TZAwareMicros.parse(datetime.fromtimestamp(NOW / 1000, UTC)),
            offset=i64(index),
            key=b"k",
            value=None,
            headers=(),
        )
        for index in range(3)
    )
    batch = NewRecordBatch(
        producer_id=i64(5),
        producer_epoch=i16(1),
        base_sequence=i32(0),
        records=records,
        attributes=i16(0),
    )
    with io.BytesIO() as buffer:
        write_batch(buffer, batch)
        read = split_batches(buffer.getvalue())
    assert read.error is ErrorCode.none
    assert [(one.header.producer_id, one.header.record_count) for one in read.batches] == [(5, 3)]


def test_a_written_batch_is_read_by_both_clients() -> None:
    """What is written here is what kio and aiokafka read."""
    data = raw_batch([record(0, b"a", b"1"), record(1, b"b", None, later_ms=5)])
    mine, _ = read_batch(data, 0)
    assert [(one.key, one.value) for one in mine.records] == [(b"a", b"1"), (b"b", None)]
    theirs = DefaultRecordBatch(data)
    assert theirs.validate_crc()
    assert [one.timestamp for one in theirs] == [NOW, NOW + 5]


def test_batches_are_found_one_after_another() -> None:
    """A run of batches is split; a last one that is cut is left out."""
    one, two = client_batch([(b"a", b"1")]), client_batch([(b"b", b"2"), (b"c", b"3")])
    assert [batch.data for batch in split_batches(one + two).batches] == [one, two]
    assert split_batches(memoryview(one + two[:-1])) == split_batches(one)
    assert split_batches(b"") == BatchesRead()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (with_field(raw_batch([record(0)]), magic=0), ErrorCode.invalid_record, None),
        (with_field(raw_batch([record(0)]), magic=1), ErrorCode.invalid_record, None),
        (
            with_field(raw_batch([record(0)]), magic=3),
            ErrorCode.corrupt_message,
            "Invalid magic found in record: 3",
        ),
        (
            with_field(raw_batch([record(0)]), magic=-1),
            ErrorCode.corrupt_message,
            "Invalid magic found in record: -1",
        ),
        (
            bytes(8) + b"\x00\x00\x00\x05" + bytes(40),
            ErrorCode.corrupt_message,
            "Record size 5 is less than the minimum record overhead (14)",
        ),
        (
            bytes(8) + b"\xff\xff\xff\xfb" + bytes(40),
            ErrorCode.corrupt_message,
            "Record size -5 is less than the minimum record overhead (14)",
        ),
        (
            bytes(8) + b"\x00\x00\x00\x14" + bytes(4) + b"\x02" + bytes(40),
            ErrorCode.corrupt_message,
            None,
        ),
        (with_field(raw_batch([record(0)]), crc=7), ErrorCode.corrupt_message, None),
    ],
)
def test_bytes_that_are_no_batch_get_kafkas_error(
    data: bytes, error: ErrorCode, message: str | None
) -> None:
    """Errors and messages are those of an Apache Kafka 4.1 that was asked."""
    read = split_batches(data)
    assert (read.batches, read.error, read.message) == ((), error, message)
    assert read.reason


def test_what_comes_after_a_good_batch_is_judged_too() -> None:
    """Junk behind a batch is an error without a message, as in Kafka; a few bytes are none."""
    good = raw_batch([record(0)])
    junk = split_batches(good + b"junk" * 10)
    assert (len(junk.batches), junk.error, junk.message) == (1, ErrorCode.corrupt_message, None)
    assert split_batches(good + b"junk5").error is ErrorCode.none


def test_sequences_wrap() -> None:
    """After 2^31-1 comes 0."""
    header = header_at(raw_batch([record(0), record(1)], producer_id=1, base_sequence=2**31 - 1))
    assert header.last_sequence == 0
    assert header_at(raw_batch([record(0)])).last_sequence == -1


def test_a_batch_without_records_is_its_header() -> None:
    """Compaction leaves such batches."""
    data = raw_batch([], last_offset_delta=4)
    assert len(data) == HEADER_BYTES
    assert split_batches(data).batches[0].header.last_offset == 4
