"""The log, as the rooms above Kafka see it: the ports that an adapter fulfils.

A log is topics of partitions of records. These Protocols say the little that publishing, reading
and administration need, and what each call promises; infra/kafka fulfils them on a real cluster,
other adapters may do so elsewhere. Reading in a group has its port in group.py; transactions are
the business of workers, whose ports stand in workers/ports.py.

Laws:
1. A write that returns is acknowledged by all in-sync replicas. A write that raises says whether
   the records are certainly absent (`WriteRefused`) or possibly there (`WriteUnknown`).
2. Nothing here waits without a limit; limits are arguments in seconds.
3. This file knows no client library, no bytes of a protocol and no schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BatchWriter",
    "Headers",
    "LogReader",
    "LogRecord",
    "NewRecord",
    "OpenBatch",
    "Partition",
    "PositionLost",
    "RangeReader",
    "RecordTooLarge",
    "TopicAdmin",
    "TopicMissing",
    "TopicState",
    "WriteRefused",
    "WriteUnknown",
    "WriterStatistics",
]

Headers = Sequence[tuple[str, bytes]]
"""Headers of a record: names may repeat, order is kept."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        """`topic/number`, as messages and logs show it."""
        return f"{self.topic}/{self.number}"


class NewRecord(NamedTuple):
    """A record that is to be written."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


class LogRecord(Protocol):
    """A record that was read. Attributes only, so that a client's own record fits unchanged."""

    @property
    def topic(self) -> str:
        """The topic it was read from."""
        ...

    @property
    def partition(self) -> int:
        """The number of its partition."""
        ...

    @property
    def offset(self) -> int:
        """Its place in the partition. Gaps are normal: markers, aborted and compacted records."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970, as the writer or the broker set it."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key, untouched."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value, untouched; None is a tombstone."""
        ...

    @property
    def headers(self) -> Headers:
        """The headers, untouched."""
        ...


class OpenBatch(Protocol):
    """A batch for one partition that still takes records."""

    def append(self, record: NewRecord) -> bool:
        """Take one record.

        Returns:
            False when the batch is full; the record was not taken.
        """
        ...

    def __len__(self) -> int:
        """The number of records taken."""
        ...

    def content(self) -> Sequence[NewRecord]:
        """The records taken, in order. The batch cannot be written any more from then on."""
        ...

    @property
    def size_bytes(self) -> int:
        """Encoded size so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStatistics:
    """What became of the producers of a writer."""

    producers_started: int
    """Producers that were started, one after the other."""
    producers_given_up: int
    """Producers that no write could trust any more, since a batch was refused or in doubt. After
    each the next write starts a new one."""


class BatchWriter(Protocol):
    """Writes batches outside transactions, idempotently, acknowledged by all in-sync replicas."""

    def new_batch(self) -> OpenBatch:
        """An empty batch, at any time: also while no broker can be reached."""
        ...

    async def partition_count(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            TopicMissing: the topic does not exist.
        """
        ...

    async def write(self, partition: Partition, batch: OpenBatch, *, timeout_s: float) -> int:
        """Write one batch and wait for its acknowledgement.

        Two writes to one partition are written in the order of their calls.

        Returns:
            The offset of the batch's first record, or -1 where the broker no longer knows it.

        Raises:
            WriteRefused: the broker refused the batch; none of its records is there.
            WriteUnknown: no answer in time; the records may be there, now or later.
            WorldError: any other leaf says that nothing was sent; where it is retryable, the same
                batch may be written again.
        """
        ...

    def statistics(self) -> WriterStatistics:
        """Return the counts."""
        ...


class LogReader(Protocol):
    """Reads partitions without a group, committed records only."""

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end offset of what committed readers may see."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset."""
        ...

    async def read(self, *, timeout_s: float) -> Sequence[LogRecord]:
        """The next records of all partitions, in order within each; empty after the timeout.

        Raises:
            PositionLost: a log no longer holds the position that is to be read.
        """
        ...

    def position(self, partition: Partition) -> int:
        """The offset that will be read next; moves past markers too."""
        ...

    async def close(self) -> None:
        """Close all connections, in bounded time."""
        ...


class RangeReader(LogReader, Protocol):
    """A reader that finds times, and lets partitions rest."""

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins: at the first record that is as late.

        Timestamps need not ascend: behind that record there may be earlier ones. Markers and
        aborted records have timestamps, too, so no record need be at the offset itself.

        Args:
            partition: one of those that are read.
            timestamp_ms: milliseconds since 1970, 0 or more.

        Returns:
            Its offset; the end of what committed readers may see, where no record is so late.
        """
        ...

    def pause(self, partition: Partition) -> None:
        """Read no more of a partition until it is resumed; its position stays."""
        ...

    def resume(self, partition: Partition) -> None:
        """Read a partition again."""
        ...

    def missing(self) -> Sequence[str]:
        """Topics that are to be read and the cluster does not know; nothing comes of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic as it is on the cluster."""

    name: str
    """Its name."""
    partitions: int
    """Number of partitions."""
    replication: int
    """Replicas of each partition."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Every configuration entry by Kafka's own name, defaults included."""


class TopicAdmin(Protocol):
    """Looks at topics and changes them."""

    async def names(self) -> list[str]:
        """The names of all topics that exist."""
        ...

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """The state of each topic that exists; missing ones are absent from the answer."""
        ...

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        """Create a topic. A topic that exists already is an error of the caller."""
        ...

    async def add_partitions(self, name: str, total: int) -> None:
        """Raise the number of partitions to `total`."""
        ...

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these configuration entries and leave the others as they are."""
        ...


@dataclass(eq=False, kw_only=True)
class WriteRefused(WorldError):
    """The broker refused a batch; it was not written."""

    partition: Partition
    """Where it was to be written."""
    reason: str
    """The broker's error, by name and number."""
    too_large: bool = False
    """Whether its size is at fault, so that its records may be taken in smaller batches."""

    code: ClassVar[str] = "PEN-E1"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The broker refused a batch for {partition}: {reason}."
    why: ClassVar[str] = "None of its records was written."
    remedy: ClassVar[str] = "Mend the record or the topic's configuration, then publish again."


@dataclass(eq=False, kw_only=True)
class WriteUnknown(WorldError):
    """A batch was sent and never answered; it may have been written."""

    partition: Partition
    """Where it was to be written."""
    reason: str
    """What ended the wait."""

    code: ClassVar[str] = "PEN-E2"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "A batch for {partition} got no answer: {reason}."
    why: ClassVar[str] = "Its records may or may not have been written."
    remedy: ClassVar[str] = (
        "Publish the same events again with the same ids; readers that remember ids see them once."
    )


@dataclass(eq=False, kw_only=True)
class RecordTooLarge(CallerError):
    """A record is larger than the limit."""

    topic: str
    """Where it was to be written."""
    size_bytes: int
    """Size of key, value and headers as encoded."""
    limit_bytes: int
    """The limit."""

    code: ClassVar[str] = "PEN-E3"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A record for {topic} has {size_bytes} bytes."
    why: ClassVar[str] = "The limit is {limit_bytes} bytes."
    remedy: ClassVar[str] = (
        "Send less, or raise PENSTOCK_MAX_RECORD_BYTES together with the topic's max.message.bytes."
    )


@dataclass(eq=False, kw_only=True)
class TopicMissing(CallerError):
    """A topic does not exist."""

    topics: str
    """Its name, or several, separated by commas."""

    code: ClassVar[str] = "PEN-E4"
    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE
    what: ClassVar[str] = "The topic {topics} does not exist."
    why: ClassVar[str] = "No topic is created by writing to it or by reading from it."
    remedy: ClassVar[str] = "Create it with 'penstock topic apply'."


@dataclass(eq=False, kw_only=True)
class PositionLost(WorldError):
    """The log does not hold the position that is to be read."""

    partition: Partition
    """The partition."""
    position: int
    """The offset that is not there."""

    code: ClassVar[str] = "PEN-E50"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The log of {partition} does not hold offset {position}."
    why: ClassVar[str] = "Records expired before they were read, or the topic was made again."
    remedy: ClassVar[str] = (
        "Decide what the missing records mean, then begin where the log begins; where records "
        "expire too early, raise the topic's retention."
    )
