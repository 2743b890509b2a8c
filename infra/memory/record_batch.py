"""Records as bytes: Kafka's batches, format 2, written as a producer writes them.

Law: this is a core. The bytes are those that infra/kafka sends for the same records, so the log
engine checks, measures and keeps the same (tests/infra/memory/test_record_batch.py compares).
"""

from collections.abc import Sequence
from typing import Final, final

from penstock.events.log import NewRecord
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    TRANSACTIONAL_BIT,
    BatchHeader,
    encode_batch,
)
from penstock.infra.embedded.log.record_format import encode_record

__all__ = ["BATCH_BYTES", "MemoryBatch"]

BATCH_BYTES: Final = 960 * 1024
"""As infra/kafka: below the broker's default message.max.bytes, which bounds a whole batch."""
_MAGIC: Final = 2
_NO_LEADER_EPOCH: Final = -1


@final
class MemoryBatch:
    """An open batch; fulfils events.log.OpenBatch."""

    __slots__ = ("_body", "_count", "_first_ms", "_full", "_limit_bytes", "_max_ms", "_records")

    def __init__(self, limit_bytes: int = BATCH_BYTES) -> None:
        """Begin empty.

        Args:
            limit_bytes: of the whole batch; a first record may be larger alone.
        """
        self._limit_bytes = limit_bytes
        self._body = bytearray()
        self._records: list[NewRecord] = []
        self._count = 0
        self._full = False
        self._first_ms = self._max_ms = 0

    def append(self, record: NewRecord) -> bool:
        """Take one record; False when the batch is full, and from then on."""
        if self._full:
            return False
        first_ms = self._first_ms if self._count else record.timestamp_ms
        encoded = encode_record(
            timestamp_delta=record.timestamp_ms - first_ms,
            offset_delta=self._count,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        # It stays below the limit, as aiokafka's compiled builder does.
        if self._count and self.size_bytes + len(encoded) >= self._limit_bytes:
            self._full = True
            return False
        self._first_ms = first_ms
        self._max_ms = max(self._max_ms, record.timestamp_ms) if self._count else first_ms
        self._body += encoded
        self._records.append(record)
        self._count += 1
        return True

    def __len__(self) -> int:
        """Records taken."""
        return self._count

    def content(self) -> Sequence[NewRecord]:
        """The records taken, in order."""
        return self._records

    @property
    def size_bytes(self) -> int:
        """Encoded size so far."""
        return HEADER_BYTES + len(self._body)

    def encoded(
        self,
        *,
        producer_id: int,
        producer_epoch: int,
        base_sequence: int,
        is_transactional: bool,
    ) -> bytes:
        """Write the batch.

        Args:
            producer_id: who sends it.
            producer_epoch: its epoch.
            base_sequence: the first record's number in what this producer sends to the partition.
            is_transactional: whether it is part of a transaction.

        Returns:
            All bytes, as a Produce request carries them.
        """
        self._full = True  # what was sent once must stay as it is
        header = BatchHeader(
            base_offset=0,
            length=0,
            partition_leader_epoch=_NO_LEADER_EPOCH,
            magic=_MAGIC,
            crc=0,
            attributes=TRANSACTIONAL_BIT if is_transactional else 0,
            last_offset_delta=max(self._count - 1, 0),
            base_timestamp_ms=self._first_ms,
            max_timestamp_ms=self._max_ms,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=base_sequence,
            record_count=self._count,
        )
        return encode_batch(header, bytes(self._body))
