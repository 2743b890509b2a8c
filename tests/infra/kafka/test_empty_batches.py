"""A control batch that compaction has emptied is read past, and an abort marker is still one."""

from struct import pack
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from penstock.infra.kafka.bounded_records import read_safely
from penstock.infra.kafka.empty_batches import SurvivingRecords

PLACE = TopicPartition("topic", 0)
LIMIT_BYTES = 1024
TRANSACTIONAL, CONTROL = 0x10, 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


def batch(
    offset: int, *keys: bytes, attributes: int, producer: int = 7, offsets: int | None = None
) -> bytes:
    """A record batch of format 2 (Kafka's message format), with one record for each key.

    It takes as many offsets as it had records before compaction.
    """
    records = b"".join(record(index, key) for index, key in enumerate(keys))
    # No record is left, but the offset and the sequence of the last one are.
    last = (offsets or max(len(keys), 1)) - 1
    body = pack(
        ">hiqqqhii",
        attributes,
        last,
        0,
        0,
        producer,
        0,
        -1 if attributes & CONTROL else 0,
        len(keys),
    )
    checked = body + records
    head = pack(">iBI", 0, 2, calc_crc32c(checked))
    return pack(">qi", offset, len(head) + len(checked)) + head + checked


def record(index: int, key: bytes) -> bytes:
    """A record: attributes, time, place in the batch, key, an empty value, no headers."""
    fields = bytes([0, 0, index << 1, len(key) << 1]) + key + bytes([0, 0])
    return bytes([len(fields) << 1]) + fields


def read(data: bytes, *aborted: tuple[int, int]) -> tuple[list[int], int]:
    """The offsets of all records, and where the next fetch begins."""
    made: Any = fetcher.PartitionRecords(
        PLACE, MemoryRecords(data), list(aborted), 0, None, None, True, READ_COMMITTED
    )
    return [each.offset for each in made], made.next_fetch_offset


EMPTY = batch(1, attributes=TRANSACTIONAL | CONTROL)
LOG = batch(0, b"a", attributes=TRANSACTIONAL) + EMPTY + batch(2, b"b", attributes=TRANSACTIONAL)


def test_the_client_itself_stops_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as this holds, the cure is needed."""
    (original,) = SurvivingRecords.__bases__
    monkeypatch.setattr(fetcher, "PartitionRecords", original)
    with pytest.raises(KafkaError, match="did not contain any records"):
        read(LOG)


def test_an_empty_control_batch_is_read_past() -> None:
    """What lies behind it is read, and the next fetch begins behind that."""
    read_safely(LIMIT_BYTES)
    assert read(LOG) == ([0, 2], 3)
    assert read(EMPTY) == ([], 2)


def test_offsets_of_records_that_are_gone_are_passed() -> None:
    """Of a batch of data without any record, of one that has lost its last, and of a marker."""
    read_safely(LIMIT_BYTES)
    empty = batch(0, attributes=TRANSACTIONAL, offsets=5)
    shorter = batch(5, b"a", attributes=TRANSACTIONAL, offsets=3)
    marker = batch(8, attributes=TRANSACTIONAL | CONTROL)
    assert read(empty + shorter + marker) == ([5], 9)
    assert read(empty) == ([], 5)
    assert read(empty + shorter) == ([5], 8)


def test_an_empty_abort_marker_leaves_what_was_aborted_out() -> None:
    """Which producer was aborted stands in the answer, and what another commits is read."""
    read_safely(LIMIT_BYTES)
    aborted = batch(0, b"a", attributes=TRANSACTIONAL)
    other = batch(2, b"b", attributes=TRANSACTIONAL, producer=8)
    assert read(aborted + EMPTY + other, (7, 0)) == ([2], 3)


def test_abort_markers_are_still_understood() -> None:
    """What was aborted is left out, and what the same producer commits later is not."""
    read_safely(LIMIT_BYTES)
    aborted = batch(0, b"a", attributes=TRANSACTIONAL)
    marker = batch(1, ABORT, attributes=TRANSACTIONAL | CONTROL)
    later = batch(2, b"b", attributes=TRANSACTIONAL)
    commit = batch(3, COMMIT, attributes=TRANSACTIONAL | CONTROL)
    assert read(aborted + marker + later + commit, (7, 0)) == ([2], 4)
    assert read(aborted + commit) == ([0], 4)
