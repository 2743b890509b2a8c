"""What a partition's log answers: values only.

A client's fault is an ErrorCode in an answer, never an exception.
"""

from dataclasses import dataclass
from typing import NamedTuple, final

from kio.schema.errors import ErrorCode

__all__ = [
    "AbortedTransaction",
    "Appended",
    "Cleaned",
    "LogRead",
    "LogStatistics",
    "ProducerDescription",
    "RecordError",
    "TimedOffset",
]


@final
@dataclass(frozen=True, slots=True)
class RecordError:
    """Why one record of a refused batch is refused."""

    index: int
    """The record's place in its batch."""
    message: str
    """Kafka's sentence."""


@final
class Appended(NamedTuple):
    """What became of an append."""

    error: ErrorCode = ErrorCode.none
    """Anything but `none` means that nothing was written."""
    base_offset: int = -1
    """The first record's offset; that of the first writing for a duplicate; -1 on errors."""
    last_offset: int = -1
    """The last record's offset; -1 on errors."""
    append_time_ms: int = -1
    """The broker's time on topics with LogAppendTime; the old batch's largest time for a duplicate,
    as Kafka has it; else -1."""
    start_offset: int = -1
    """Where the log begins; -1 on those errors for which Kafka does not say it."""
    duplicate: bool = False
    """True where the batch was there already and nothing was written."""
    reason: str = ""
    """Why it is refused, for a person."""
    message: str | None = None
    """The error message that Kafka sends to the client; None where it sends none."""
    record_errors: tuple[RecordError, ...] = ()
    """The records that are at fault, where single ones are."""


class AbortedTransaction(NamedTuple):
    """A transaction whose records a reader of committed records must drop."""

    producer_id: int
    first_offset: int


@final
class LogRead(NamedTuple):
    """What a read found."""

    error: ErrorCode = ErrorCode.none
    """`none` or `offset_out_of_range`."""
    records: bytes = b""
    """Whole batches; the first may begin before the offset that was asked for."""
    high_watermark: int = -1
    """The end of the log, as a broker without replicas has it; -1 out of range, as Kafka says."""
    last_stable_offset: int = -1
    """Where the first open transaction begins, else the high watermark; -1 out of range."""
    start_offset: int = -1
    """Where the log begins; -1 out of range."""
    aborted: tuple[AbortedTransaction, ...] = ()
    """Those that touch `records`; empty unless committed records are asked for."""


class TimedOffset(NamedTuple):
    """An offset found by its time."""

    timestamp_ms: int
    offset: int
    leader_epoch: int


@final
class ProducerDescription(NamedTuple):
    """What the log knows of one producer, as DescribeProducers tells it."""

    producer_id: int
    producer_epoch: int
    last_sequence: int
    """-1 where no batch of this epoch is known."""
    last_timestamp_ms: int
    """The largest record time of its last batch, or its last marker's time."""
    coordinator_epoch: int
    """The epoch in its last marker; -1 where it has had none."""
    current_transaction_start_offset: int
    """-1 where no transaction is open."""


@final
class Cleaned(NamedTuple):
    """What a call of `clean` did."""

    segments_deleted: int = 0
    """By retention, or because the log begins after them."""
    bytes_deleted: int = 0
    records_compacted: int = 0
    """Records that compaction has read and not kept."""
    bytes_compacted: int = 0
    """How much smaller compaction has made the log."""
    producers_expired: int = 0
    start_offset: int = 0
    """Where the log begins now."""
    unfinished: bool = False
    """True where a compaction is under way: call again soon."""


@final
class LogStatistics(NamedTuple):
    """A log's counters and sizes."""

    segments: int
    batches: int
    size_bytes: int
    producers: int
    open_transactions: int
    aborted_transactions: int
    batches_appended: int
    duplicates: int
    refused: int
