"""A world in memory: a log, a clock turned by hand, seeded randomness, behind the real ports.

They are adapters with the meaning that events/log.py promises, not mocks with canned answers: what
is written can be read, offsets have gaps where transactions ended, a fence shuts others out, and a
fault is a property of the world that a test sets beforehand.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import ClassVar, Literal
from uuid import UUID

import pytest

from penstock.events.alarm import Alarm
from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.catalogue_errors import TurnLost
from penstock.events.log import (
    Headers,
    NewRecord,
    Partition,
    PositionLost,
    TopicMissing,
    WriteRefused,
    WriterStatistics,
    WriteUnknown,
)
from penstock.events.publisher import Publisher
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.written_schemas import SchemaKeeper
from penstock.schemas.errors import WorldError
from penstock.schemas.schema import AvroSchema

TURNS = 60
"""Turns of the event loop that let everything settle that does not wait for the clock."""

Fault = Literal["refused", "lost", "answer lost", "broken", "unreachable"]


@dataclass(eq=False, kw_only=True)
class Unreachable(WorldError):
    """No broker could be reached, so nothing was sent."""

    code: ClassVar[str] = "PEN-T1"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "No broker could be reached."


@dataclass(eq=False, kw_only=True)
class RegistryAway(WorldError):
    """A registry could not be reached."""

    code: ClassVar[str] = "PEN-T2"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The registry is away."


async def settle() -> None:
    """Let all that is ready run, and what that makes ready, and so on."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class VirtualClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        """Begin on a day in 2026 at monotonic second 1 000."""
        self.now_s = 1_000.0
        self.begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def wall(self) -> datetime:
        """As the port promises."""
        return self.begin + timedelta(seconds=self.now_s - 1_000.0)

    def wall_ms(self) -> int:
        """As the port promises."""
        return round(self.wall().timestamp() * 1_000)

    def monotonic(self) -> float:
        """As the port promises."""
        return self.now_s

    async def sleep_until(self, monotonic_s: float) -> None:
        """As the port promises."""
        if monotonic_s <= self.now_s:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (monotonic_s, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its own moment."""
        end_s = self.now_s + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self.now_s, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await settle()
        self.now_s = end_s
        await settle()


class SeededEntropy:
    """Randomness that repeats from run to run."""

    def __init__(self, seed: int = 0) -> None:
        """Begin at a seed."""
        self._random = random.Random(seed)

    def uuid(self) -> UUID:
        """As the port promises."""
        return UUID(int=self._random.getrandbits(128), version=4)

    def random(self) -> float:
        """As the port promises."""
        return self._random.random()

    def random_bytes(self, count: int) -> bytes:
        """As the port promises."""
        return self._random.randbytes(count)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record on the log."""

    topic: str
    """Topic."""
    partition: int
    """Partition."""
    offset: int
    """Offset."""
    timestamp: int
    """Milliseconds since 1970."""
    key: bytes | None
    """Key."""
    value: bytes | None
    """Value."""
    headers: Headers
    """Headers."""


class MemoryLog:
    """Topics of partitions of records."""

    def __init__(self) -> None:
        """Begin with the schemas topic alone."""
        self._records: dict[Partition, list[StoredRecord]] = {}
        self._ends: dict[Partition, int] = {}
        self._starts: dict[Partition, int] = {}
        self._counts: dict[str, int] = {}
        self.create(SCHEMAS_PARTITION.topic, 1)

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self._counts[topic] = partitions

    def recreate(self, topic: str) -> None:
        """Remove everything on a topic, offsets included."""
        for number in range(self._counts[topic]):
            self._records.pop(Partition(topic, number), None)
            self._ends.pop(Partition(topic, number), None)

    def count(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        if topic not in self._counts:
            raise TopicMissing(topics=topic)
        return self._counts[topic]

    def append(self, partition: Partition, records: Sequence[NewRecord]) -> int:
        """Write records; return the offset of the first."""
        first = self._ends.get(partition, 0)
        stored = self._records.setdefault(partition, [])
        for offset, record in enumerate(records, first):
            stored.append(
                StoredRecord(
                    topic=partition.topic,
                    partition=partition.number,
                    offset=offset,
                    timestamp=record.timestamp_ms,
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                )
            )
        self._ends[partition] = first + len(records)
        return first

    def mark(self, partition: Partition) -> None:
        """Leave a gap of one offset, as the end of a transaction does."""
        self._ends[partition] = self._ends.get(partition, 0) + 1

    def expire(self, partition: Partition, start: int) -> None:
        """Drop what lies before an offset, as retention does."""
        self._starts[partition] = start
        self._records[partition] = [r for r in self.records(partition) if r.offset >= start]

    def start(self, partition: Partition) -> int:
        """Return the first offset that there is."""
        return self._starts.get(partition, 0)

    def records(self, partition: Partition) -> list[StoredRecord]:
        """Return all records of a partition."""
        return self._records.get(partition, [])

    def end(self, partition: Partition) -> int:
        """Return the offset after the last."""
        return self._ends.get(partition, 0)

    def all(self, topic: str) -> list[StoredRecord]:
        """Return all records of a topic, partition by partition."""
        return [
            record
            for number in range(self._counts[topic])
            for record in self.records(Partition(topic, number))
        ]


class MemoryBatch:
    """A batch that holds so many bytes."""

    def __init__(self, capacity_bytes: int) -> None:
        """Begin empty."""
        self.records: list[NewRecord] = []
        self._capacity_bytes = capacity_bytes
        self._size_bytes = 0

    def append(self, record: NewRecord) -> bool:
        """As the port promises."""
        headers = sum(len(name) + len(value) for name, value in record.headers)
        size = len(record.key or b"") + len(record.value or b"") + headers
        if self._size_bytes + size > self._capacity_bytes:
            return False
        self._size_bytes += size
        self.records.append(record)
        return True

    def __len__(self) -> int:
        """As the port promises."""
        return len(self.records)

    def content(self) -> list[NewRecord]:
        """As the port promises."""
        return self.records

    @property
    def size_bytes(self) -> int:
        """As the port promises."""
        return self._size_bytes


class MemoryWriter:
    """Writes batches to the log, after a delay, unless a fault is waiting."""

    def __init__(self, log: MemoryLog, clock: VirtualClock) -> None:
        """Write without delay and without faults."""
        self._log = log
        self._clock = clock
        self.delay_s = 0.0
        self.capacity_bytes = 250_000
        self.topic_bytes = inf
        self.refused_for_size = 0
        self.faults: deque[Fault] = deque()
        self.silent: set[Partition] = set()
        self.batches: list[tuple[Partition, int]] = []
        self.under_way: dict[Partition, int] = {}
        self.most_under_way = 0
        self.looks = 0
        self.unreachable_looks = 0

    def new_batch(self) -> MemoryBatch:
        """As the port promises."""
        return MemoryBatch(self.capacity_bytes)

    async def partition_count(self, topic: str) -> int:
        """As the port promises."""
        self.looks += 1
        await self._clock.sleep_until(self._clock.now_s + self.delay_s)
        if self.unreachable_looks:
            self.unreachable_looks -= 1
            raise Unreachable
        return self._log.count(topic)

    def statistics(self) -> WriterStatistics:
        """As the port promises; one producer serves for ever."""
        return WriterStatistics(producers_started=1, producers_given_up=0)

    async def write(self, partition: Partition, batch: object, *, timeout_s: float) -> int:
        """As the port promises."""
        assert isinstance(batch, MemoryBatch)
        assert timeout_s > 0
        self.batches.append((partition, len(batch)))
        self.under_way[partition] = self.under_way.get(partition, 0) + 1
        self.most_under_way = max(self.most_under_way, self.under_way[partition])
        try:
            return await self._write(partition, batch, timeout_s)
        finally:
            self.under_way[partition] -= 1

    async def _write(self, partition: Partition, batch: MemoryBatch, timeout_s: float) -> int:
        fault = self.faults.popleft() if self.faults else None
        if fault == "broken":
            message = "the adapter is broken"
            raise RuntimeError(message)
        if fault == "unreachable":
            raise Unreachable
        if fault == "refused":
            raise WriteRefused(partition=partition, reason="MESSAGE_TOO_LARGE (10)")
        if batch.size_bytes > self.topic_bytes:
            self.refused_for_size += 1
            reason = "MESSAGE_TOO_LARGE (10)"
            raise WriteRefused(partition=partition, reason=reason, too_large=True)
        if partition in self.silent or fault == "lost" or self.delay_s > timeout_s:
            await self._clock.sleep_until(self._clock.now_s + timeout_s)
            raise WriteUnknown(partition=partition, reason="no answer in time")
        await self._clock.sleep_until(self._clock.now_s + self.delay_s)
        first = self._log.append(partition, batch.records)
        if fault == "answer lost":
            raise WriteUnknown(partition=partition, reason="the connection was lost")
        return first


class MemoryReader:
    """Reads partitions of the log."""

    def __init__(
        self, log: MemoryLog, clock: VirtualClock, partitions: Sequence[Partition]
    ) -> None:
        """Read these partitions from their beginning."""
        self._log = log
        self._clock = clock
        self._positions = dict.fromkeys(partitions, 0)
        self._paused: set[Partition] = set()
        self.chunk = 10
        self.unknown: list[str] = []
        self.stuck = False
        self.takes_s = 0.0
        self.closed = False
        self.reads = 0

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """As the port promises."""
        await asyncio.sleep(0)
        return self._log.start(partition), self._log.end(partition)

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """As the port promises."""
        await asyncio.sleep(0)
        late = (r.offset for r in self._log.records(partition) if r.timestamp >= timestamp_ms)
        return next(late, self._log.end(partition))

    def pause(self, partition: Partition) -> None:
        """As the port promises."""
        self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """As the port promises."""
        self._paused.discard(partition)

    def missing(self) -> list[str]:
        """As the port promises."""
        return self.unknown

    def seek(self, partition: Partition, offset: int) -> None:
        """As the port promises."""
        self._positions[partition] = offset

    async def read(self, *, timeout_s: float) -> Sequence[StoredRecord]:
        """As the port promises."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.takes_s:
            await self._clock.sleep_until(self._clock.now_s + self.takes_s)
        found: list[StoredRecord] = []
        for partition, position in self._positions.items():
            if self.stuck:
                break
            if partition in self._paused:
                continue
            if position < self._log.start(partition):
                raise PositionLost(partition=partition, position=position)
            rest = [r for r in self._log.records(partition) if r.offset >= position]
            taken = rest[: self.chunk]
            found += taken
            whole = len(taken) == len(rest)
            self._positions[partition] = self._log.end(partition) if whole else taken[-1].offset + 1
        if not found:
            await self._clock.sleep_until(self._clock.now_s + timeout_s)
        return found

    def position(self, partition: Partition) -> int:
        """As the port promises."""
        return self._positions[partition]

    async def close(self) -> None:
        """As the port promises."""
        self.closed = True


class Turns:
    """Whose turn it is to write schemas: what the transaction coordinator knows."""

    def __init__(self) -> None:
        """Nobody has the turn."""
        self.epoch = 0


class MemoryRegistrar:
    """Writes to the schemas topic while the turn is its own."""

    def __init__(self, log: MemoryLog, turns: Turns) -> None:
        """Register to this log."""
        self._log = log
        self._turns = turns
        self._epoch = -1
        self.answers_to_lose = 0
        self.fences = 0
        self.between: Callable[[], None] = lambda: None
        """Runs between a fence and the commit after it: what another process does meanwhile."""
        self.late: Callable[[], Awaitable[None]] | None = None
        """Runs once, between a commit and its answer."""

    async def fence(self, *, timeout_s: float) -> None:
        """As the port promises."""
        assert timeout_s > 0
        await asyncio.sleep(0)
        self.fences += 1
        self._turns.epoch += 1
        self._epoch = self._turns.epoch

    async def commit(self, records: Sequence[NewRecord], *, timeout_s: float) -> None:
        """As the port promises."""
        assert timeout_s > 0
        await asyncio.sleep(0)
        self.between()
        if self._epoch != self._turns.epoch:
            raise TurnLost
        self._log.append(SCHEMAS_PARTITION, records)
        self._log.mark(SCHEMAS_PARTITION)
        if self.late is not None:
            late, self.late = self.late, None
            await late()
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise WriteUnknown(partition=SCHEMAS_PARTITION, reason="the connection was lost")


@dataclass
class World:
    """Everything a test needs, wired together."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    """Time."""
    log: MemoryLog = field(default_factory=MemoryLog)
    """The cluster."""
    turns: Turns = field(default_factory=Turns)
    """Whose turn it is to write schemas."""
    alarms: list[Alarm] = field(default_factory=list)
    """All alarms raised."""
    entropy: SeededEntropy = field(default_factory=SeededEntropy)
    """Randomness."""

    def writer(self) -> MemoryWriter:
        """Return a writer of this world's log."""
        return MemoryWriter(self.log, self.clock)

    def reader(self, *partitions: Partition) -> MemoryReader:
        """Return a reader of this world's log."""
        return MemoryReader(self.log, self.clock, partitions)

    def registrar(self) -> MemoryRegistrar:
        """Return a registrar, as a process of its own has one."""
        return MemoryRegistrar(self.log, self.turns)

    def publisher(
        self,
        writer: MemoryWriter,
        settings: PublisherSettings | None = None,
        *,
        schemas: SchemaKeeper | None = None,
    ) -> Publisher:
        """Return a publisher with a catalogue of its own, if none is given."""
        return Publisher(
            writer,
            schemas or self.catalogue(),
            self.clock,
            self.entropy,
            "shop.test",
            raise_alarm=self.alarms.append,
            settings=settings,
        )

    def registry_that_is_away(self, *, answers_after_s: float) -> SchemaKeeper:
        """Return a place for schemas that says after a while that it cannot be reached."""
        return _AwayRegistry(self.clock, answers_after_s)

    def catalogue(self, registrar: MemoryRegistrar | None = None) -> SchemaCatalogue:
        """Return a catalogue, as a process of its own has one."""
        return SchemaCatalogue(
            self.reader(SCHEMAS_PARTITION),
            registrar or self.registrar(),
            self.clock,
            self.entropy,
            raise_alarm=self.alarms.append,
        )


@dataclass(slots=True)
class _AwayRegistry:
    """A place for schemas that never takes one."""

    clock: VirtualClock
    after_s: float

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """Fail, after a while."""
        del schemas
        await self.clock.sleep_until(self.clock.monotonic() + self.after_s)
        raise RegistryAway


@pytest.fixture
def world() -> World:
    """A new world for each test."""
    return World()
