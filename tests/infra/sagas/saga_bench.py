"""A saga on a cluster in memory, with an orchestrator that the test runs by hand.

The inbox, the records, the histories and the definitions are as on a real cluster; what follows
from a message of the inbox says `decide`. So whoever reads and asks here meets what production
writes.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from penstock.events.decoder import EventDecoder
from penstock.events.headers import parse_headers
from penstock.events.log import LogReader, NewRecord, Partition, TopicState
from penstock.events.names import (
    saga_definitions_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
)
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import InboxMessage
from penstock.infra.sagas.operations import SagaOutlets
from penstock.infra.sagas.reading import SagaSources
from penstock.sagas.definition import Definition
from penstock.sagas.engine.decide import decide
from penstock.sagas.engine.inputs import Input, TimersDue
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import SagaState
from penstock.sagas.inbox_reading import InboxReading, trigger_of
from penstock.sagas.records import (
    RECORDS,
    SAGA_TABLE,
    DefinitionRecord,
    Transition,
    encode_definition,
    encode_saga,
    encode_transition,
)
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import BARRIER_KEY, BarrierRecord, barrier_value
from penstock.workers.state import state_key
from tests.events.conftest import MemoryReader, World

__all__ = ["APP", "SagaBench"]

APP: Final = "shop"
PARTITIONS: Final = 2
_TICK_S: Final = 0.05
_ResultT = TypeVar("_ResultT")


@dataclass(kw_only=True)
class SagaBench:
    """One saga on a cluster."""

    definition: Definition
    """The saga."""
    world: World = field(default_factory=World)
    """The cluster."""
    states: dict[str, SagaState] = field(default_factory=dict)
    """What the orchestrator remembers."""
    taken: dict[int, int] = field(default_factory=dict)
    """How far it has come in the inbox, by partition."""
    readers: list[MemoryReader] = field(default_factory=list)
    """Every reader that was opened."""

    def __post_init__(self) -> None:
        """Make the topics, without a definition in them."""
        saga = self.definition.saga
        for name in (saga_inbox_topic, saga_state_topic, saga_history_topic):
            self.world.log.create(name(APP, saga), PARTITIONS)
        self.world.log.create(saga_definitions_topic(APP, saga), 1)
        self.program = Program(self.definition)
        self.catalogue = self.world.catalogue()

    # --- what a command is given -------------------------------------------------------------

    async def names(self) -> list[str]:
        """The names of all topics, as the port promises."""
        return list(self.world.log._counts)

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """Their states, as the port promises."""
        counts = self.world.log._counts
        return {
            name: TopicState(name=name, partitions=counts[name], replication=1)
            for name in names
            if name in counts
        }

    async def open_reader(self, partitions: Sequence[Partition]) -> LogReader:
        """A reader of these partitions."""
        self.readers.append(self.world.reader(*partitions))
        return self.readers[-1]

    @property
    def sources(self) -> SagaSources:
        """What reading takes; each has a catalogue of its own, as a process does."""
        return SagaSources(
            app=APP,
            topics=self,
            open_reader=self.open_reader,
            catalogue=self.world.catalogue(),
            clock=self.world.clock,
        )

    @property
    def outlets(self) -> SagaOutlets:
        """What asking takes."""
        return SagaOutlets(
            sources=self.sources,
            writer=self.world.writer(),
            entropy=self.world.entropy,
            source=APP,
            limit_bytes=1_000_000,
        )

    # --- the orchestrator --------------------------------------------------------------------

    async def deploy(self) -> None:
        """Write schemas, the definition, and the barriers of a start."""
        records: list[type[Record]] = [BarrierRecord, InboxMessage, *RECORDS]
        own = [declaration_of(each).schema for each in records]
        used = [AvroSchema.parse(text) for text in self.definition.schemas]
        await self.catalogue.ensure([*own, *used])
        definition = DefinitionRecord(
            version=self.definition.version,
            digest=self.definition.digest,
            text=self.definition.text,
            schemas=list(self.definition.schemas),
        )
        topic = saga_definitions_topic(APP, self.definition.saga)
        version = b"%d" % self.definition.version
        self._write(Partition(topic, 0), version, encode_definition(definition))
        for number in range(PARTITIONS):
            place = Partition(saga_state_topic(APP, self.definition.saga), number)
            self._write(place, BARRIER_KEY, barrier_value(UUID(int=1), 0, 0))

    def run(self, work: Coroutine[Any, Any, _ResultT], *, served: bool = True) -> _ResultT:
        """Let something happen, while time passes and, if `served`, the orchestrator runs."""

        async def whole() -> _ResultT:
            task = asyncio.ensure_future(work)
            orchestrator = asyncio.ensure_future(self._serve())
            if not served:
                orchestrator.cancel()
            try:
                while not task.done():
                    await self.world.clock.advance(_TICK_S)
                return await task
            finally:
                orchestrator.cancel()
                with suppress(asyncio.CancelledError):
                    await orchestrator

        return asyncio.run(whole())

    async def _serve(self) -> None:
        while True:
            await self.turn()
            await self.world.clock.sleep_until(self.world.clock.now_s + _TICK_S)

    async def turn(self) -> int:
        """Take what is new in the inbox; return how much it was."""
        messages = EventDecoder([InboxMessage], self.catalogue)
        reading = InboxReading(self.catalogue, self.catalogue.lookup)
        count = 0
        for number in range(PARTITIONS):
            inbox = Partition(saga_inbox_topic(APP, self.definition.saga), number)
            for record in self.world.log.records(inbox)[self.taken.get(number, 0) :]:
                count += 1
                assert record.key is not None
                key = record.key.decode()
                assert number == partition_of(record.key, PARTITIONS), "where its saga is"
                message = messages.decode(record.value or b"")
                assert isinstance(message, InboxMessage)
                given = await reading.input_of(message, key, self.program)
                cause = parse_headers(record.headers).id or ""
                self.decide(key, given, trigger_of(message), cause)
            self.taken[number] = len(self.world.log.records(inbox))
        return count

    def decide(self, key: str, given: Input, trigger: str = "reply", cause: str = "c") -> None:
        """Let something reach a saga, and write what follows."""
        state, now_ms = self.states.get(key), self.world.clock.wall_ms()
        decision = decide(self.program, key, state, given, now_ms=now_ms, draw=0.0)
        if not decision.facts:
            return
        transition = Transition(
            key=key,
            seq=0 if decision.state is None else decision.state.seq,
            at_ms=now_ms,
            version=self.definition.version,
            trigger=trigger,
            cause=cause,
            facts=decision.facts,
        )
        history = saga_history_topic(APP, self.definition.saga)
        self._write(self._place(history, key), key.encode(), encode_transition(transition))
        entry, place = (
            state_key(SAGA_TABLE, key),
            self._place(saga_state_topic(APP, self.definition.saga), key),
        )
        if decision.state is None:
            self.states.pop(key, None)
            self._write(place, entry, None)
        else:
            self.states[key] = decision.state
            self._write(place, entry, encode_saga(decision.state))

    def pass_time(self, seconds: float) -> None:
        """Let time pass while nothing runs, and all timers run out that are due then."""
        self.world.clock.now_s += seconds
        for key in list(self.states):
            self.decide(key, TimersDue(), "timer", "")

    def _place(self, topic: str, key: str) -> Partition:
        return Partition(topic, partition_of(key.encode(), PARTITIONS))

    def _write(self, partition: Partition, key: bytes, value: bytes | None) -> None:
        """Write as a transaction does: a marker behind it."""
        record = NewRecord(key, value, [], self.world.clock.wall_ms())
        self.world.log.append(partition, [record])
        self.world.log.mark(partition)
