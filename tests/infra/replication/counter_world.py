"""A compacted topic in memory, behind the real ports, and the processes that count and read on it.

The topic does what Kafka does and what matters here: transactions that may stay open, markers that
take an offset, a stable end before the first open record, fences that end what a former owner left,
compaction at any moment. A misfortune is a property of the topic that a test sets beforehand; a
rule that is taken away is one, too, so that tests can show what the rule is for.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar, Literal

from penstock.events.alarm import Alarm
from penstock.events.log import Headers, LogReader, NewRecord, Partition
from penstock.infra.clock import SeededEntropy
from penstock.infra.replication.component_records import COMPONENT_SCHEMA, ComponentDecoder
from penstock.infra.replication.component_view import ComponentView
from penstock.infra.replication.counter_log import FollowingReader, SlotLog
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.replication.counter_slot import CounterSlot
from penstock.infra.replication.counter_value import CounterToken
from penstock.infra.replication.slot_hold import SlotHold
from penstock.infra.replication.slot_settings import SlotSettings
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.errors import WorldError
from penstock.schemas.schema import AvroSchema
from penstock.workers.counters import CounterKind, Counters
from penstock.workers.ports import Transaction, TransactionalWriter, TransactionDoubt

__all__ = [
    "TOPIC",
    "CounterWorld",
    "KnownSchemas",
    "LiveReader",
    "MemorySlotLog",
    "MemoryTopic",
    "Misfortune",
    "SlotProcess",
    "Stored",
]

TOPIC = "_penstock.shop.crdt.orders"
TRANSACTION_LIMIT_S = 10.0

Misfortune = Literal["not begun", "left open", "answer lost", "offset unknown"]
"""What a commit meets: nothing of it is written; it is written and never ended, until a fence or
the transaction's limit ends it; it is committed, and nobody is told; or not where it lies."""


@dataclass(eq=False, kw_only=True)
class Away(WorldError):
    """No broker answers."""

    code: ClassVar[str] = "PEN-T2"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "No broker answers."


class KnownSchemas:
    """The schema of components, and those that a test adds later."""

    def __init__(self) -> None:
        """Know components."""
        self._known = {COMPONENT_SCHEMA.fingerprint: COMPONENT_SCHEMA}
        self.later: dict[bytes, AvroSchema] = {}
        self.looks = 0

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return self._known.get(fingerprint)

    async def look_up(self, fingerprint: bytes) -> AvroSchema | None:
        """Look for what a test has added."""
        self.looks += 1
        await asyncio.sleep(0)
        self._known.update(self.later)
        return self.find(fingerprint)


@dataclass(eq=False)
class OpenTransaction:
    """A transaction and what became of it."""

    owner: str
    epoch: int
    begun_s: float
    state: Literal["open", "committed", "aborted"] = "open"
    places: set[Partition] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record on the topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    transaction: OpenTransaction | None = None

    @property
    def is_visible(self) -> bool:
        """Whether it is committed."""
        return self.transaction is None or self.transaction.state == "committed"


class MemoryTopic:
    """The topic, and the coordinator of transactions on it."""

    def __init__(self, clock: VirtualClock, *, partitions: int = 2, seed: int = 0) -> None:
        """Begin empty."""
        self.clock = clock
        self.partitions = tuple(Partition(TOPIC, number) for number in range(partitions))
        self.random = Random(seed)
        self.misfortunes: deque[Misfortune] = deque()
        self.away = False
        self.closing_s = 0.0
        """How long a reader takes to close."""
        self.producers: list[MemoryProducer] = []
        """All that ever were."""
        self.fences_hold = True
        """False takes the rule away that an older producer can commit no more."""
        self.restores = True
        """False takes the rule away that a slot reads its own counts before it counts."""
        self.ends_are_whole = True
        """False lets a slot ask as committed readers do, who do not see past open transactions."""
        self._records: dict[Partition, list[Stored]] = {each: [] for each in self.partitions}
        self._ends = dict.fromkeys(self.partitions, 0)
        self._epochs: dict[str, int] = {}
        self._transactions: list[OpenTransaction] = []

    # --- the log ---

    def append(
        self, place: Partition, records: Sequence[NewRecord], by: OpenTransaction | None = None
    ) -> int:
        """Write records; return the offset of the first."""
        first = self._ends[place]
        for offset, record in enumerate(records, first):
            self._records[place].append(
                Stored(
                    topic=place.topic,
                    partition=place.number,
                    offset=offset,
                    timestamp=record.timestamp_ms,
                    key=record.key,
                    value=record.value,
                    transaction=by,
                )
            )
        self._ends[place] = first + len(records)
        if by is not None:
            by.places.add(place)
        return first

    def end(self, place: Partition) -> int:
        """Where a partition ends, open transactions included."""
        return self._ends[place]

    def stable_end(self, place: Partition) -> int:
        """Where a committed reader must stop: at the first record of an open transaction."""
        self._time_out()
        for record in self._records[place]:
            if record.transaction is not None and record.transaction.state == "open":
                return record.offset
        return self._ends[place]

    def visible(self, place: Partition, position: int) -> list[Stored]:
        """What a committed reader gets from a position on."""
        stop = self.stable_end(place)
        return [
            record
            for record in self._records[place]
            if position <= record.offset < stop and record.is_visible
        ]

    def records(self) -> list[Stored]:
        """Everything that committed readers may see."""
        return [record for place in self.partitions for record in self.visible(place, 0)]

    def compact(self) -> None:
        """Keep the latest record of each key, up to the stable end; aborted ones go, too."""
        for place in self.partitions:
            stop = self.stable_end(place)
            latest = {record.key: record.offset for record in self.visible(place, 0) if record.key}
            self._records[place] = [
                record
                for record in self._records[place]
                if record.offset >= stop
                or (record.is_visible and record.key and latest[record.key] == record.offset)
            ]

    def recreate(self) -> None:
        """Remove everything, offsets included, as an administrator may."""
        self._records = {each: [] for each in self.partitions}
        self._ends = dict.fromkeys(self.partitions, 0)

    # --- transactions ---

    def new_epoch(self, owner: str) -> int:
        """Fence: end what a former owner left open."""
        self._epochs[owner] = self._epochs.get(owner, 0) + 1
        for transaction in self._transactions:
            if transaction.owner == owner:
                self.finish(transaction, "aborted")
        return self._epochs[owner]

    def begin(self, owner: str, epoch: int) -> OpenTransaction:
        """Begin a transaction."""
        self.check(owner, epoch)
        transaction = OpenTransaction(owner, epoch, self.clock.monotonic())
        self._transactions.append(transaction)
        return transaction

    def finish(self, transaction: OpenTransaction, state: Literal["committed", "aborted"]) -> None:
        """Write its markers."""
        if transaction.state == "open":
            transaction.state = state
            self._transactions.remove(transaction)
            for place in transaction.places:
                self._ends[place] += 1

    def check(self, owner: str, epoch: int) -> None:
        """Refuse a producer that was fenced."""
        if self.fences_hold and self._epochs.get(owner) != epoch:
            raise TransactionDoubt(reason="PRODUCER_FENCED (90)")

    def _time_out(self) -> None:
        for transaction in list(self._transactions):
            if self.clock.monotonic() - transaction.begun_s >= TRANSACTION_LIMIT_S:
                self.finish(transaction, "aborted")
                self._epochs[transaction.owner] += 1  # as Kafka does: its producer is fenced


class MemoryProducer:
    """A producer with a transactional id; fulfils workers.ports.TransactionalWriter."""

    def __init__(self, topic: MemoryTopic, owner: str, epoch: int) -> None:
        """Hold an epoch of an id."""
        self._topic = topic
        self._owner = owner
        self._epoch = epoch
        self._dropped = False
        topic.producers.append(self)

    @property
    def epoch(self) -> int:
        """As the port promises."""
        return self._epoch

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """As the port promises."""
        topic = self._topic
        misfortune = topic.misfortunes.popleft() if topic.misfortunes else None
        await asyncio.sleep(0)
        if self._is_cut(misfortune == "not begun"):
            raise TransactionDoubt(reason="the connection was lost")
        opened = topic.begin(self._owner, self._epoch)
        first = {}
        for place, records in transaction.outputs.items():
            await asyncio.sleep(0)
            topic.check(self._owner, self._epoch)
            first[place] = topic.append(place, records, opened)
        await topic.clock.sleep_until(topic.clock.monotonic() + 0.005)
        if self._is_cut(misfortune == "left open"):
            raise TransactionDoubt(reason="the connection was lost")
        topic.check(self._owner, self._epoch)
        topic.finish(opened, "committed")
        if misfortune == "answer lost":
            raise TransactionDoubt(reason="EndTxn got no answer")
        return dict.fromkeys(first, -1) if misfortune == "offset unknown" else first

    def _is_cut(self, misfortune: bool) -> bool:
        return self._dropped or self._topic.away or misfortune

    @property
    def is_dropped(self) -> bool:
        """Whether it was given up."""
        return self._dropped

    def drop(self) -> None:
        """As the port promises."""
        self._dropped = True

    async def close(self) -> None:
        """As the port promises."""
        self._dropped = True


class MemoryReader:
    """Reads committed records; some partitions come before others, and in pieces."""

    def __init__(self, topic: MemoryTopic) -> None:
        """Stand at the beginning of each partition."""
        self._topic = topic
        self._positions = dict.fromkeys(topic.partitions, 0)
        self._answers: dict[Partition, tuple[int, int]] = {}

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """As the port promises."""
        await asyncio.sleep(0)
        self._check()
        return 0, self._topic.stable_end(partition)

    def seek(self, partition: Partition, offset: int) -> None:
        """As the port promises."""
        self._positions[partition] = offset

    async def read(self, *, timeout_s: float) -> Sequence[Stored]:
        """As the port promises."""
        await asyncio.sleep(0)
        found: list[Stored] = []
        if any(at > self._topic.end(place) for place, at in self._positions.items()):
            raise Away  # OFFSET_OUT_OF_RANGE
        if not self._topic.away:
            places = list(self._topic.partitions)
            self._topic.random.shuffle(places)
            for place in places[: self._topic.random.randint(1, len(places))]:
                found += self._read(place)
                self._answers[place] = (
                    self._topic.stable_end(place),
                    self._topic.random.getrandbits(64),
                )
        if not found:
            await self._topic.clock.sleep_until(self._topic.clock.monotonic() + timeout_s)
        return found

    def _read(self, place: Partition) -> list[Stored]:
        rest = self._topic.visible(place, self._positions[place])
        taken = rest[: self._topic.random.randint(1, 5)]
        whole = len(taken) == len(rest)
        stop = self._topic.stable_end(place) if whole else taken[-1].offset + 1
        self._positions[place] = max(self._positions[place], stop)
        return taken

    def answered_end(self, partition: Partition) -> tuple[int, int] | None:
        """As the port promises."""
        return self._answers.get(partition)

    def rewind(self, by: int) -> None:
        """Read some records once more, as a reader does that has lost its place."""
        for place, position in self._positions.items():
            self._positions[place] = max(0, position - by)

    def position(self, partition: Partition) -> int:
        """As the port promises."""
        return self._positions[partition]

    async def close(self) -> None:
        """As the port promises."""
        if self._topic.closing_s:
            await self._topic.clock.sleep_until(
                self._topic.clock.monotonic() + self._topic.closing_s
            )

    def _check(self) -> None:
        if self._topic.away:
            raise Away


class MemorySlotLog:
    """A slot's way to the topic; fulfils replication.counter_log.SlotLog."""

    def __init__(self, topic: MemoryTopic, owner: str) -> None:
        """Write as this owner."""
        self._topic = topic
        self._owner = owner

    @property
    def partitions(self) -> Sequence[Partition]:
        """As the port promises."""
        return self._topic.partitions

    async def fence(self) -> TransactionalWriter:
        """As the port promises."""
        await asyncio.sleep(0)
        if self._topic.away:
            raise TransactionDoubt(reason="no fence within 30 s")
        return MemoryProducer(self._topic, self._owner, self._topic.new_epoch(self._owner))

    async def ends(self) -> Mapping[Partition, int]:
        """As the port promises, unless a test has taken that away."""
        await asyncio.sleep(0)
        if self._topic.away:
            raise Away
        if not self._topic.restores:
            return dict.fromkeys(self.partitions, 0)
        end = self._topic.end if self._topic.ends_are_whole else self._topic.stable_end
        return {each: end(each) for each in self.partitions}

    async def reader(self) -> LogReader:
        """As the port promises."""
        await asyncio.sleep(0)
        if self._topic.away:
            raise Away
        return MemoryReader(self._topic)


# --- processes ---------------------------------------------------------------------------------


class SlotProcess:
    """A process that counts in a slot. It can crash: then nothing is flushed and nothing closed."""

    def __init__(self, slot: CounterSlot) -> None:
        """Run a slot that is open."""
        self.slot = slot
        self._task = asyncio.ensure_future(slot.run())
        self._calls: list[asyncio.Task[CounterToken]] = []

    def call(self, counter: str, by: int) -> "asyncio.Task[CounterToken]":
        """Begin an increment that waits for its acknowledgement."""
        call = asyncio.ensure_future(self.slot.increment(counter, by, timeout_s=10_000.0))
        self._calls.append(call)
        return call

    @property
    def error(self) -> BaseException | None:
        """What has ended it."""
        return self._task.exception() if self._task.done() else None

    async def crash(self) -> None:
        """End at once; what was in flight may or may not have reached the topic."""
        tasks = [self._task, *self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()


class LiveReader:
    """A process that reads, and can be made to read some records once more."""

    def __init__(self, reader: CounterReader, opened: list[MemoryReader]) -> None:
        """Run a reader."""
        self.reader = reader
        self._opened = opened
        self._task = asyncio.ensure_future(reader.run())

    def rewind(self, by: int) -> None:
        """Read some records once more."""
        if self._opened:
            self._opened[-1].rewind(by)

    async def stop(self) -> None:
        """End."""
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.exception()


class CounterWorld:
    """A topic, its clock, and the processes around it."""

    def __init__(self, *, partitions: int = 2, seed: int = 0, decrements: bool = False) -> None:
        """Begin with an empty topic."""
        self.clock = VirtualClock()
        self.topic = MemoryTopic(self.clock, partitions=partitions, seed=seed)
        self.entropy = SeededEntropy(seed)
        self.counters = Counters("orders", decrements=decrements)
        self.schemas = KnownSchemas()
        self.alarms: list[Alarm] = []

    def hold(self, name: str = "web-0", log: SlotLog | None = None) -> SlotHold:
        """A hold that holds nothing yet."""
        return SlotHold(
            self.counters.name,
            name,
            log or MemorySlotLog(self.topic, name),
            ComponentDecoder(self.schemas, to_write_again=True).decode,
            look_up=self.schemas.look_up,
            now_ms=self.clock.wall_ms,
        )

    def slot(self, name: str = "web-0", settings: SlotSettings | None = None) -> CounterSlot:
        """A slot that is not open yet."""
        return CounterSlot(
            self.counters,
            name,
            self.hold(name),
            clock=self.clock,
            entropy=self.entropy,
            partitions=len(self.topic.partitions),
            topic=TOPIC,
            raise_alarm=self.alarms.append,
            settings=settings or SlotSettings(),
        )

    async def opened(self, name: str = "web-0") -> SlotProcess:
        """A process that has opened its slot; time passes meanwhile, if it must."""
        slot = self.slot(name)
        opening = asyncio.ensure_future(slot.open())
        for _ in range(2_000):
            await self.clock.advance(0.01)
            if opening.done():
                break
        await opening
        return SlotProcess(slot)

    def reader(self, *, kind: CounterKind | None = None) -> LiveReader:
        """A process that has begun to read."""
        opened: list[MemoryReader] = []

        async def open_reader() -> FollowingReader:
            await asyncio.sleep(0)
            if self.topic.away:
                raise Away
            opened.append(MemoryReader(self.topic))
            return opened[-1]

        view = ComponentView(
            self.topic.partitions,
            ComponentDecoder(self.schemas).decode,
            kind=kind or self.counters.kind,
            raise_alarm=self.alarms.append,
        )
        reader = CounterReader(
            self.counters.name,
            view,
            open_reader,
            look_up=self.schemas.look_up,
            clock=self.clock,
            entropy=self.entropy,
        )
        return LiveReader(reader, opened)

    async def fresh_values(self) -> dict[str, int]:
        """What somebody sees who begins to read now."""
        live = self.reader()
        restored = asyncio.ensure_future(live.reader.restored(timeout_s=10_000.0))
        for _ in range(2_000):
            await self.clock.advance(0.05)
            if restored.done():
                break
        await restored
        values = live.reader.values()
        await live.stop()
        return values
