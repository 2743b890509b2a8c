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

from penstock.infra.kafka.empty_batches import _SurvivingRecords, survive_empty_batches

PLACE = TopicPartition("topic", 0)
TRANSACTIONAL, CONTROL = 0x10, 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


def batch(offset: int, *keys: bytes, attributes: int, producer: int = 7) -> bytes:
    """A record batch of format 2 (Kafka's message format), with one record for each key."""
    records = b"".join(record(index, key) for index, key in enumerate(keys))
    # No record is left, but the offset and the sequence of the last one are.
    last = max(len(keys), 1) - 1
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
    (original,) = _SurvivingRecords.__bases__
    monkeypatch.setattr(fetcher, "PartitionRecords", original)
    with pytest.raises(KafkaError, match="did not contain any records"):
        read(LOG)


def test_an_empty_control_batch_is_read_past() -> None:
    """What lies behind it is read, and the next fetch begins behind that."""
    survive_empty_batches()
    assert read(LOG) == ([0, 2], 3)
    assert read(EMPTY) == ([], 2)


def test_abort_markers_are_still_understood() -> None:
    """What was aborted is left out, and what the same producer commits later is not."""
    survive_empty_batches()
    aborted = batch(0, b"a", attributes=TRANSACTIONAL)
    marker = batch(1, ABORT, attributes=TRANSACTIONAL | CONTROL)
    later = batch(2, b"b", attributes=TRANSACTIONAL)
    commit = batch(3, COMMIT, attributes=TRANSACTIONAL | CONTROL)
    assert read(aborted + marker + later + commit, (7, 0)) == ([2], 4)
    assert read(aborted + commit) == ([0], 4)
