"""An orchestrator on a bench: everything real but Kafka, with one partition's state in memory.

    stand = Stand()
    effects = stand.take(start("o-1"))       # as its lane does it: process, then apply
    effects = stand.fire("o-1")              # its timers that are due by the stand's clock

Topics have `PARTITIONS` partitions each; one state stands for those of all partitions, since a key
has one only.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from penstock.events.alarm import Alarm
from penstock.events.catalogue_errors import SchemasUnreadable
from penstock.events.dead_letter import DeadLetterNote, parse_note
from penstock.events.decoder import EventDecoder
from penstock.events.log import NewRecord, Partition
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import (
    InboxMessage,
    Outcome,
    Start,
    StepReply,
    Way,
    encode_inbox_message,
)
from penstock.events.schema_judgement import SchemaConflict
from penstock.infra.clock import SeededEntropy
from penstock.infra.sagas.bootstrap import compiled
from penstock.infra.virtual_clock import VirtualClock
from penstock.sagas.definition import Definition
from penstock.sagas.definition_book import DefinitionBook
from penstock.sagas.engine.state import SagaState
from penstock.sagas.inbox_reading import InboxReading
from penstock.sagas.orchestrator import Orchestrator, OrchestratorContext
from penstock.sagas.outputs import Outputs
from penstock.sagas.records import RECORDS, SAGA_TABLE, RecordReader, Transition
from penstock.sagas.topics import output_topics
from penstock.schemas.codec import encoder_of
from penstock.schemas.identity import logical_conflict
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import MARK
from penstock.workers.changelog import BarrierRecord
from penstock.workers.group_commit import Effects
from penstock.workers.parking import Parking
from penstock.workers.state import PartitionState, state_key
from penstock.workers.suspicion import Condemnation
from tests.sagas.definitions_log import PLACE, DefinitionsLog
from tests.sagas.shop import CLASSES, OrderPlaced, definition

__all__ = [
    "HISTORY",
    "INBOX",
    "LETTERS",
    "PARTITIONS",
    "Read",
    "Schemas",
    "Stand",
    "encoded",
    "erred",
    "ok",
    "placed",
    "read",
    "refused",
    "schemas_of",
    "start",
]

INBOX = "_penstock.shop.saga.order.inbox"
HISTORY = "_penstock.shop.saga.order.history"
LETTERS = f"{INBOX}.shop.saga-order.dlq"
PARTITIONS = 4
OWN: tuple[type[Record], ...] = (BarrierRecord, InboxMessage, *RECORDS)
SHOP: tuple[type[Record], ...] = CLASSES


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    key: bytes | None
    value: bytes | None
    partition: int = 0
    offset: int = 7
    topic: str = INBOX
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Schemas:
    """A catalogue in memory: some schemas were read already, some lie on the topic still."""

    def __init__(self, *schemas: AvroSchema, unread: Sequence[AvroSchema] = ()) -> None:
        """Know some schemas."""
        self._known = {each.fingerprint: each for each in schemas}
        self._unread = {each.fingerprint: each for each in unread}
        self.ids: dict[int, AvroSchema] = {}
        self.looked_up: Counter[bytes] = Counter()
        self.away = False

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return what was read already."""
        return self._known.get(fingerprint)

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return what a registry has handed this id out for."""
        return self.ids.get(schema_id)

    async def keep(self, schemas: Iterable[AvroSchema]) -> None:
        """Put schemas on the topic, and know them; what is known keeps its meaning and its text."""
        await asyncio.sleep(0)
        for each in schemas:
            known = self._known.setdefault(each.fingerprint, each)
            if (conflict := logical_conflict(known, each)) is not None:
                raise SchemaConflict(
                    full_name=each.full_name, fingerprint=each.fingerprint.hex(), conflict=conflict
                )

    async def look_up_frame(self, frame: bytes) -> AvroSchema | None:
        """Read the topic for the schema of a single object."""
        return await self.look_up(frame.removeprefix(MARK))

    def publish(self, schema: AvroSchema) -> None:
        """Let somebody put a schema on the topic."""
        self._unread[schema.fingerprint] = schema

    async def look_up(self, fingerprint: bytes) -> AvroSchema | None:
        """Read the topic, if it can be read at the moment."""
        await asyncio.sleep(0)
        self.looked_up[fingerprint] += 1
        if self.away:
            raise SchemasUnreadable(position=0, end=1, timeout_s=10.0)
        self._known |= self._unread
        return self._known.get(fingerprint)


def schemas_of(*records: type[Record]) -> list[AvroSchema]:
    """The schemas of classes."""
    return [declaration_of(each).schema for each in records]


def encoded(record: Record) -> bytes:
    """The framed bytes of a record."""
    return encoder_of(type(record))(record)


def placed(order_id: str = "o-1", **fields: Any) -> OrderPlaced:
    """The input of a saga."""
    return OrderPlaced(**{"order_id": order_id, "total": Decimal("19.99"), **fields})


def start(order_id: str = "o-1", **fields: Any) -> InboxMessage:
    """The start of a saga."""
    return InboxMessage(start=Start(input=encoded(placed(order_id, **fields))))


def ok(
    step: str, reply: Record | None = None, *, attempt: int = 1, way: Way = Way.DO
) -> InboxMessage:
    """An answer: it was done."""
    data = None if reply is None else encoded(reply)
    return InboxMessage(
        reply=StepReply(step=step, way=way, attempt=attempt, outcome=Outcome.OK, data=data)
    )


def refused(step: str, code: str, *, attempt: int = 1, way: Way = Way.DO) -> InboxMessage:
    """An answer: it was not done and will not be."""
    return InboxMessage(
        reply=StepReply(step=step, way=way, attempt=attempt, outcome=Outcome.REFUSED, code=code)
    )


def erred(step: str, code: str, *, attempt: int = 1, way: Way = Way.DO) -> InboxMessage:
    """An answer: nobody knows."""
    return InboxMessage(
        reply=StepReply(step=step, way=way, attempt=attempt, outcome=Outcome.ERROR, code=code)
    )


def read(
    message: InboxMessage | bytes | None,
    key: str | bytes | None = "o-1",
    *,
    partition: int | None = None,
    headers: Sequence[tuple[str, bytes]] = (("ce_id", b"cause-1"),),
) -> Read:
    """A record of the inbox, in the partition of its key unless another one is given."""
    raw = key.encode() if isinstance(key, str) else key
    value = encode_inbox_message(message) if isinstance(message, InboxMessage) else message
    number = partition_of(raw or b"", PARTITIONS) if partition is None else partition
    return Read(key=raw, value=value, partition=number, headers=headers)


class Stand:
    """An orchestrator and all that it needs."""

    def __init__(
        self,
        *definitions: Definition,
        schemas: Schemas | None = None,
        limit_bytes: int = 1_000_000,
        missing: frozenset[str] = frozenset(),
        readable: bool = True,
    ) -> None:
        """Deploy definitions, the order saga unless others are given.

        Args:
            definitions: what is deployed.
            schemas: the catalogue; one that has read all schemas of the shop unless given.
            limit_bytes: size of a record at most.
            missing: topics that do not exist.
            readable: whether it can read the records of sagas.
        """
        versions = definitions or (definition(),)
        self.clock, self.alarms = VirtualClock(), list[Alarm]()
        self.log, self.schemas = DefinitionsLog(), schemas or Schemas(*schemas_of(*OWN, *SHOP))
        self.reader = RecordReader(Schemas(*schemas_of(*OWN)))
        self._readable = readable
        self.book = DefinitionBook(
            "order",
            PLACE,
            gate=self.log,
            transactional_id="penstock/shop.saga-order/definitions/0",
            reader=self.reader,
            compiled=compiled,
            clock=self.clock,
            limit_bytes=1_000_000,
        )
        for each in versions:
            asyncio.run(self.book.deploy(each))
        used = frozenset[str]().union(*map(output_topics, versions))
        self.partitions = dict.fromkeys((used | {INBOX, HISTORY}) - missing, PARTITIONS)
        self.orchestrator = Orchestrator(self._context(limit_bytes))
        self.state = PartitionState()

    def _context(self, limit_bytes: int) -> OrchestratorContext:
        return OrchestratorContext(
            parking=Parking(
                group="shop.saga-order",
                dead_letters=lambda topic: f"{topic}.shop.saga-order.dlq",
                alarm=self.alarms.append,
            ),
            book=self.book,
            outputs=Outputs(
                saga="order",
                source="shop.saga-order",
                inbox=INBOX,
                history=HISTORY,
                partitions=self.partitions,
                limit_bytes=limit_bytes,
            ),
            messages=EventDecoder([InboxMessage], self.schemas),
            reading=InboxReading(self.schemas, self.schemas.look_up),
            reader=self.reader if self._readable else RecordReader(Schemas()),
            look_up=self.schemas.look_up,
            clock=self.clock,
            entropy=SeededEntropy(1),
            alarm=self.alarms.append,
        )

    # --- what happens to it ---

    def take(
        self,
        message: InboxMessage | bytes | None,
        key: str | bytes | None = "o-1",
        *,
        condemned: Condemnation | None = None,
        **fields: Any,
    ) -> Effects:
        """Process a record and apply what it changes, as a lane does."""
        record = read(message, key, **fields)
        return self._applied(asyncio.run(self.orchestrator.process(record, self.state, condemned)))

    def fire(self, key: str = "o-1", *, condemned: Condemnation | None = None) -> Effects:
        """Let the timers of a saga run out that are due by now."""
        entry, now_ms = state_key(SAGA_TABLE, key), self.clock.wall_ms()
        return self._applied(self.orchestrator.fire(entry, now_ms, self.state, condemned))

    def _applied(self, effects: Effects) -> Effects:
        for entry, value in effects.state.items():
            self.state.apply(entry, value)
        return effects

    def pass_time(self, seconds: float) -> None:
        """Let time go by; nothing wakes by that."""
        asyncio.run(self.clock.advance(seconds))

    # --- what is to be seen ---

    def entry(self, key: str = "o-1") -> bytes | None:
        """The record of a saga."""
        return self.state.get(state_key(SAGA_TABLE, key))

    def saga(self, key: str = "o-1") -> SagaState:
        """A saga, read anew from its record."""
        value = self.entry(key)
        assert value is not None, f"there is no saga {key}"
        return self.reader.saga(key, value)

    def histories(self, effects: Effects) -> list[Transition]:
        """What is added to histories."""
        return [
            self.reader.transition((record.key or b"").decode(), record.value or b"")
            for place, record in effects.outputs
            if place.topic == HISTORY
        ]

    @staticmethod
    def commands(effects: Effects) -> list[tuple[Partition, NewRecord]]:
        """What is sent to services."""
        return [each for each in effects.outputs if each[0].topic.endswith(".commands")]

    @staticmethod
    def letters(effects: Effects) -> list[DeadLetterNote]:
        """The notes of the dead letters."""
        return [
            parse_note(record.headers)
            for place, record in effects.outputs
            if place.topic == LETTERS
        ]

    @property
    def alarm_names(self) -> list[str]:
        """The names of all alarms so far."""
        return [alarm.name for alarm in self.alarms]

    def only_a_letter(self, effects: Effects) -> DeadLetterNote:
        """Assert that a record has become a dead letter and nothing else; return its note."""
        assert effects.state == {}
        assert [place.topic for place, _ in effects.outputs] == [LETTERS]
        (note,) = self.letters(effects)
        return note
