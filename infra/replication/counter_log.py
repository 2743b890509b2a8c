"""What counters need of Kafka: the ports that adapters fulfil.

A reader of counters reads a `FollowingReader` (infra/kafka/reader.py), and a slot writes a
`SlotLog` (infra/kafka/slot_log.py). All else stands in events/log.py and workers/ports.py.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.events.log import LogReader, Partition
from penstock.workers.ports import TransactionalWriter

__all__ = ["FollowingReader", "SlotLog"]


class FollowingReader(LogReader, Protocol):
    """A reader that learns from the answers to its reads how far partitions reach."""

    def answered_end(self, partition: Partition) -> tuple[int, int] | None:
        """What the last answer said of a partition.

        Returns:
            Where committed readers must stop, and a number that differs from answer to answer;
            None before the first answer.
        """
        ...


class SlotLog(Protocol):
    """The topic of a set of counters, as one slot writes it."""

    @property
    def partitions(self) -> Sequence[Partition]:
        """All partitions of the topic, in order."""
        ...

    async def fence(self) -> TransactionalWriter:
        """Start the slot's producer: who had the slot before can commit no more.

        Raises:
            TransactionDoubt: it did not succeed within the limit.
        """
        ...

    async def ends(self) -> Mapping[Partition, int]:
        """Where partitions end, what is not committed yet included.

        Not the ends of `LogReader.bounds`: a transaction of another slot that is open hides from
        committed readers whatever lies behind its first record, also what is committed. Reading
        up to those ends would miss counts of one's own.
        """
        ...

    async def reader(self) -> LogReader:
        """A reader of all partitions, committed records only, each at its beginning."""
        ...
