"""A topic of definitions in memory, with producers that fence each other as Kafka's do.

Fulfils workers.ports.ProducerGate for one partition; each call gives others their turn. What a
commit comes to can be told beforehand: `next_commits` holds, in order, what becomes of each.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.workers.ports import Transaction, TransactionDoubt, TransactionRefused

__all__ = ["PLACE", "DefinitionsLog", "Fate", "Lying"]

PLACE = Partition("_penstock.shop.saga.order.definitions", 0)


class Fate(Enum):
    """What becomes of a commit."""

    WELL = "well"
    LOST = "lost"
    """Nothing is written, and nobody is told so."""
    UNANSWERED = "unanswered"
    """All is written, and nobody is told so."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Lying:
    """A record as it lies in a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    topic: str = PLACE.topic
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class DefinitionsLog:
    """The topic."""

    records: list[LogRecord] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)
    next_commits: deque[Fate] = field(default_factory=deque)
    before_commit: Callable[[], None] | None = None
    """Done once, between the reading of a writer and its commit."""
    markers_are_late: bool = False
    """Whether a commit is answered before its marker is written; then readers see its records from
    the next fence on."""
    visible: int = 0
    """Where readers' sight ends, if markers are late."""
    readings: int = 0
    dropped: int = 0
    open: int = 0
    """Producers and readers that were opened and not closed."""

    def put(self, value: bytes | None, key: bytes = b"1") -> None:
        """Lay down a record, past all producers."""
        self.records.append(Lying(len(self.records), key, value))

    async def fence(self, transactional_id: str) -> "Writer":
        """Open a producer; older ones of the id commit no more."""
        await asyncio.sleep(0)
        epoch = self.epochs[transactional_id] = self.epochs.get(transactional_id, 0) + 1
        self.open += 1
        self.visible = len(self.records)
        return Writer(self, transactional_id, epoch)

    async def reader(self, partition: Partition) -> "Reader":
        """Open a reader at the beginning."""
        assert partition == PLACE
        self.open += 1
        self.readings += 1
        await asyncio.sleep(0)
        return Reader(self)


@dataclass
class Writer:
    """A producer."""

    log: DefinitionsLog
    transactional_id: str
    epoch: int
    closed: bool = False
    trusted: bool = True

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """Write, unless somebody else has fenced."""
        log = self.log
        assert not self.closed
        await asyncio.sleep(0)
        interruption, log.before_commit = log.before_commit, None
        if interruption is not None:
            interruption()
        self.trusted = False
        fate = log.next_commits.popleft() if log.next_commits else Fate.WELL
        if fate is Fate.LOST or log.epochs[self.transactional_id] != self.epoch:
            raise TransactionDoubt(reason="no answer")
        if fate is Fate.REFUSED:
            raise TransactionRefused(partition=PLACE, reason="NOT_ENOUGH_REPLICAS (19)")
        first = len(log.records)
        for record in transaction.outputs[PLACE]:
            self._write(record)
        if fate is Fate.UNANSWERED:
            raise TransactionDoubt(reason="no answer")
        self.trusted = True
        return {PLACE: first}

    def _write(self, record: NewRecord) -> None:
        assert record.key is not None
        self.log.put(record.value, record.key)

    def drop(self) -> None:
        """Close at once."""
        self.log.open -= not self.closed
        self.log.dropped += 1
        self.closed = True

    async def close(self) -> None:
        """Close in an orderly way: nobody does that behind a doubt (workers/ports.py)."""
        assert self.trusted, "a producer in doubt is dropped"
        self.log.open -= not self.closed
        self.closed = True


@dataclass
class Reader:
    """A reader of committed records."""

    log: DefinitionsLog
    at: int = 0

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """First offset and end."""
        assert partition == PLACE
        return 0, self._end()

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from here."""
        assert partition == PLACE
        self.at = offset

    async def read(self, *, timeout_s: float) -> Sequence[LogRecord]:
        """All that is there, at once."""
        assert timeout_s > 0
        start, self.at = self.at, self._end()
        return self.log.records[start : self.at]

    def position(self, partition: Partition) -> int:
        """Where reading stands."""
        assert partition == PLACE
        return self.at

    def _end(self) -> int:
        return self.log.visible if self.log.markers_are_late else len(self.log.records)

    async def close(self) -> None:
        """Close."""
        self.log.open -= 1
