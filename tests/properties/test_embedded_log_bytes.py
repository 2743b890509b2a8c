"""Bytes from clients against the log: whatever they are, the answer is a value.

A batch is damaged anywhere and given a CRC that is right again, so that what reads its inside is
reached. What the log takes all the same can be taken apart into the number of records that its
header says.
"""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.compression import decompress
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    encode_batch,
    header_at,
    split_batches,
)
from penstock.infra.embedded.log.record_format import (
    encode_record,
    encode_varint,
    record_spans,
    walk_records,
)
from penstock.infra.embedded.log.segment_store import MemoryStore
from tests.infra.embedded.log.record_batches import DAY_MS, NOW, append, client_batch

CODECS: Final = st.integers(0, 4)
BATCHES: Final = {
    codec: client_batch([(b"key", b"value" * 9), (None, b""), (b"k", None)], codec=codec)
    for codec in range(5)
}
changes = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4)
maybe_bytes = st.none() | st.binary(max_size=300)
numbers = st.integers(-(2**62), 2**62) | st.integers(-300, 300)


def opened() -> PartitionLog:
    """Open an empty log."""
    return PartitionLog(
        config=LogConfig(), store=MemoryStore(), producer_expiry_ms=DAY_MS, now_ms=NOW
    )


@given(data=st.binary(max_size=400))
def test_no_bytes_break_the_splitting(data: bytes) -> None:
    """All that is found is whole."""
    read = split_batches(data)
    assert sum(len(batch.data) for batch in read.batches) <= len(data)
    assert (read.error is ErrorCode.none) == (not read.reason)


@settings(max_examples=600)
@given(codec=CODECS, damage=changes, keep_crc=st.booleans())
def test_no_damaged_batch_breaks_the_log(
    codec: int, damage: list[tuple[int, int]], keep_crc: bool
) -> None:
    """It is refused, or it can be taken apart."""
    data = bytearray(BATCHES[codec])
    for place, byte in damage:
        data[12 + place % (len(data) - 12)] = byte
    batch = bytes(data)
    if not keep_crc:
        batch = encode_batch(header_at(batch), batch[HEADER_BYTES:])
    log = opened()
    answer = append(log, batch)
    assert (answer.error is ErrorCode.none) == (not answer.reason)
    if answer.error is not ErrorCode.none:
        assert log.end_offset == 0
        return
    kept = log.read(0, max_bytes=1, committed=False, at_least_one=True).records
    header = split_batches(kept).batches[0].header
    body = decompress(header.codec, kept[HEADER_BYTES:]).data
    spans = list(record_spans(body, header.record_count))
    assert (len(spans), spans[-1].end) == (log.end_offset, len(body))


@given(codec=CODECS, data=st.binary(max_size=300))
def test_no_bytes_break_the_codecs(codec: int, data: bytes) -> None:
    """Data within the limit, or a fault."""
    result = decompress(codec, data, limit_bytes=10_000)
    assert len(result.data) <= 10_000
    assert not (result.data and result.fault)


@given(
    records=st.lists(st.tuples(numbers, maybe_bytes, maybe_bytes), max_size=5),
    low=numbers,
    high=numbers,
)
def test_a_walk_agrees_with_taking_records_apart(
    records: list[tuple[int, bytes | None, bytes | None]], low: int, high: int
) -> None:
    """Both see what was written."""
    body = b"".join(
        encode_record(timestamp_delta=delta, offset_delta=index, key=key, value=value)
        for index, (delta, key, value) in enumerate(records)
    )
    walked = walk_records(body, 0, len(records), low, high)
    assert not walked.fault
    assert walked.consecutive
    assert walked.largest_delta == max((delta for delta, _, _ in records), default=None)
    keyless = [index for index, (_, key, _) in enumerate(records) if key is None]
    assert list(walked.keyless) == keyless
    outside = [
        (index, delta) for index, (delta, _, _) in enumerate(records) if not low <= delta <= high
    ]
    assert list(walked.outside) == outside
    spans = list(record_spans(body, len(records)))
    assert [one.timestamp_delta for one in spans] == [delta for delta, _, _ in records]
    for one, (_, key, value) in zip(spans, records, strict=True):
        found_key = body[one.key_start : one.key_start + one.key_size]
        found_value = body[one.value_start : one.value_start + one.value_size]
        assert (found_key, found_value) == (key or b"", value or b"")
        assert (one.key_size < 0, one.value_size < 0) == (key is None, value is None)


@given(number=st.integers(-(2**63), 2**63 - 1))
def test_a_varint_takes_as_many_bytes_as_it_must(number: int) -> None:
    """Seven bits each, after the sign went into the lowest."""
    bits = max((abs(number) - (number < 0)).bit_length() + 1, 1)
    assert len(encode_varint(number)) == -(-bits // 7)
