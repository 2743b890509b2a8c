"""Control batches whose record has been cleaned away, which aiokafka does not survive.

A transaction ends with a control batch of one record. On a compacted topic that record is removed
`delete.retention.ms` after the transaction's data were compacted (24 hours by default), and where
the batch was the last of its producer, the cleaner keeps it, empty, to remember the producer's
sequence number. aiokafka raises "Control batch did not contain any records" whenever it meets one,
and so would never read past it: neither a changelog whose partition was quiet for a day, nor a
topic of counters. Kafka's own client takes an empty one for what it is, cleaned (KAFKA-7467).

bounded_records.py puts it in the place of aiokafka's own.
"""

from typing import Any

from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

__all__ = ["SurvivingRecords"]


class SurvivingRecords(PartitionRecords):  # type: ignore[misc] # aiokafka ships no types
    """The records of one fetch, as Kafka's own client reads them."""

    def _contains_abort_marker(self, next_batch: Any) -> bool:
        record = next(next_batch, None)
        return record is not None and ControlRecord.parse(record.key) == ABORT_MARKER
