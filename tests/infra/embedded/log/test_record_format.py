"""Records inside a batch: walked over, taken apart, written."""

import pytest

from penstock.infra.embedded.log.record_format import (
    encode_record,
    encode_varint,
    record_spans,
    rewritten,
    walk_records,
)
from tests.infra.embedded.log.record_batches import client_batch, record

FAR = 10**15


def body(*records: bytes) -> bytes:
    """Put records together."""
    return b"".join(records)


def test_a_walk_sees_times_keys_and_order() -> None:
    """Largest delta, records outside of the limits, records without a key, and their order."""
    records = body(
        record(0, later_ms=3), record(1, None, later_ms=-20), record(2, b"", None, later_ms=300)
    )
    seen = walk_records(records, 0, 3, -10, 100)
    assert seen == ("", 300, True, (1,), ((1, -20), (2, 300)))
    assert not walk_records(body(record(1), record(0)), 0, 2, -FAR, FAR).consecutive
    assert walk_records(b"", 0, 0, 0, 0).largest_delta is None


def test_a_walk_passes_over_numbers_of_every_length() -> None:
    """Keys, values, deltas and headers whose varints take one, two, three and more bytes."""
    builder = client_batch([(b"k" * size, b"v" * (3 * size)) for size in (0, 1, 70, 9000, 300_000)])
    assert walk_records(builder, 61, 5, -FAR, FAR) == ("", 4, True, (), ())
    many = body(*(record(index, later_ms=index**4) for index in range(20_000, 20_300)))
    seen = walk_records(many, 0, 300, -(10**20), 10**20)
    assert (seen.fault, seen.largest_delta) == ("", 20_299**4)


@pytest.mark.parametrize(
    ("records", "count", "fault"),
    [
        (body(record(0)), 2, "premature EOF"),
        (body(record(0), record(1)), 1, "records still remaining"),
        (body(record(0))[:-1], 1, "premature EOF"),
        (b"", 1, "premature EOF"),
        (encode_varint(3) + record(0)[1:], 1, "ends elsewhere"),
        (encode_varint(-1), 1, "Found invalid record structure"),
        (b"\xff" * 12, 1, "Found invalid record structure"),
        (record(0)[:-1] + encode_varint(-1), 1, "invalid number of record headers -1"),
        (record(0)[:-1] + encode_varint(50), 1, "50 is too large"),
        (record(0)[:-1] + encode_varint(1) + encode_varint(-1), 1, "negative header key size -1"),
    ],
)
def test_records_that_nobody_could_read_are_told(records: bytes, count: int, fault: str) -> None:
    """A fault, and no exception."""
    assert fault in walk_records(records, 0, count, -FAR, FAR).fault


def test_a_record_is_taken_apart_and_rewritten() -> None:
    """Deltas change; key, value and headers stay, and its attributes become 0."""
    data = body(record(0, b"a", b"1"), record(1, None, None, later_ms=7))
    first, second = record_spans(data, 2)
    assert data[first.key_start : first.key_start + first.key_size] == b"a"
    assert data[first.value_start : first.value_start + first.value_size] == b"1"
    assert (second.key_size, second.value_size, second.timestamp_delta) == (-1, -1, 7)
    again = rewritten(data, second, timestamp_delta=-9_000_000_000, offset_delta=500)
    assert again == encode_record(
        timestamp_delta=-9_000_000_000, offset_delta=500, key=None, value=None
    )
