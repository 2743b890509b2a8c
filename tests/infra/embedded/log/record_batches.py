"""Batches for tests: made by a client's builder, or field by field where they must be wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from penstock.infra.embedded.log.compression import compress
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.record_batch import (
    BatchHeader,
    IncomingBatch,
    encode_batch,
    header_at,
    split_batches,
)
from penstock.infra.embedded.log.record_format import encode_record

NOW: Final = 1_700_000_000_000
DAY_MS: Final = 86_400_000

Pair = tuple[bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """A record as a client reads it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


def client_batch(
    pairs: Sequence[Pair],
    *,
    time_ms: int = NOW,
    codec: int = 0,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    """Make a batch with aiokafka's builder; record `i` is `i` ms later than the first."""
    builder = DefaultRecordBatchBuilder(
        2, codec, int(transactional), producer_id, epoch, sequence, 1 << 30
    )
    for index, (key, value) in enumerate(pairs):
        builder.append(index, time_ms + index, key, value, [])
    return bytes(builder.build())


def raw_batch(records: Iterable[bytes], *, codec: int = 0, **fields: Any) -> bytes:
    """Make a batch of written records; any field of the header may be given."""
    written = list(records)
    header = BatchHeader(
        base_offset=0,
        length=0,
        partition_leader_epoch=-1,
        magic=2,
        crc=0,
        attributes=codec,
        last_offset_delta=len(written) - 1,
        base_timestamp_ms=NOW,
        max_timestamp_ms=NOW,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        record_count=len(written),
    )
    return encode_batch(header._replace(**fields), compress(codec, b"".join(written)))


def record(
    index: int, key: bytes | None = b"k", value: bytes | None = b"v", *, later_ms: int = 0
) -> bytes:
    """Write one record."""
    return encode_record(timestamp_delta=later_ms, offset_delta=index, key=key, value=value)


def append(log: PartitionLog, data: bytes, *, now_ms: int = NOW) -> Appended:
    """Append what a produce request has."""
    read = split_batches(data, verify=False)
    return log.append(read.batches, now_ms=now_ms)


def seen(records: bytes) -> list[SeenRecord]:
    """Read data records as aiokafka does."""
    found: list[SeenRecord] = []
    for batch in split_batches(records).batches:
        if not batch.header.is_control and batch.header.record_count:
            found += seen_batch(batch)
    return found


def seen_batch(batch: IncomingBatch) -> list[SeenRecord]:
    """Read one batch as aiokafka does."""
    return [
        SeenRecord(one.offset, one.timestamp, one.key, one.value)
        for one in DefaultRecordBatch(batch.data)
    ]


def headers(records: bytes) -> list[BatchHeader]:
    """Return the header of each batch."""
    return [batch.header for batch in split_batches(records).batches]


def everything(log: PartitionLog, *, committed: bool = False) -> bytes:
    """Read from the log's start to its end, as a consumer would that takes what it gets."""
    offset, read = log.start_offset, b""
    while True:
        part = log.read(offset, max_bytes=1 << 20, committed=committed, at_least_one=True)
        if not part.records:
            return read
        read += part.records
        offset = headers(part.records)[-1].last_offset + 1


def with_field(data: bytes, **fields: Any) -> bytes:
    """Return a batch with other header fields, and a CRC that is right unless it is given."""
    header = header_at(data)._replace(**fields)
    changed = encode_batch(header, data[61:])
    if "crc" in fields:
        crc: int = fields["crc"]
        return changed[:17] + crc.to_bytes(4, "big") + changed[21:]
    return changed
