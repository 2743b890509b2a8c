"""Batches of records, encoded once, as they go to the broker.

A thin cover over aiokafka's batch builder, which packs a batch when it is sent, by the producer's
compression. A batch never grows beyond the producer's `batch_bytes`, counted before it is packed,
except that an empty one takes a single record of any size: whether that is too large is the
broker's word.
"""

from collections.abc import Sequence
from typing import Any, final

from aiokafka import AIOKafkaProducer
from aiokafka.record.memory_records import MemoryRecords

from penstock.events.log import NewRecord

__all__ = ["KafkaBatch", "filled_batches"]


@final
class KafkaBatch:
    """An open batch; fulfils events.log.OpenBatch."""

    __slots__ = ("builder",)

    def __init__(self, producer: AIOKafkaProducer) -> None:
        """An empty batch for one producer."""
        self.builder: Any = producer.create_batch()

    def append(self, record: NewRecord) -> bool:
        """Take one record; False when the batch is full."""
        # The builder's own docstring says seconds; it wants milliseconds.
        key, value, headers, timestamp_ms = record
        if type(headers) is not list:  # its compiled part takes nothing else
            headers = list(headers)
        taken = self.builder.append(key=key, value=value, timestamp=timestamp_ms, headers=headers)
        return taken is not None

    def __len__(self) -> int:
        """Records taken."""
        count: int = self.builder.record_count()
        return count

    def content(self) -> list[NewRecord]:
        """The records taken, read back from their bytes: nobody else has kept them.

        The bytes are final then, so a producer can no longer put its numbers in.
        """
        records: list[NewRecord] = []
        batches = MemoryRecords(bytes(self.builder._build()))  # noqa: SLF001 - there is no public way
        while batches.has_next():
            records.extend(
                NewRecord(each.key, each.value, list(each.headers), each.timestamp)
                for each in batches.next_batch()
            )
        return records

    @property
    def size_bytes(self) -> int:
        """Encoded size so far; once it was sent, packed."""
        size: int = self.builder.size()
        return size


def filled_batches(producer: AIOKafkaProducer, records: Sequence[NewRecord]) -> list[Any]:
    """As few batches as hold these records, in order, closed; aiokafka's own builders."""
    batches = [KafkaBatch(producer)]
    for record in records:
        if not batches[-1].append(record):
            batches.append(KafkaBatch(producer))
            taken = batches[-1].append(record)
            assert taken, "an empty batch takes a record of any size"
    for batch in batches:
        batch.builder.close()
    return [batch.builder for batch in batches]
