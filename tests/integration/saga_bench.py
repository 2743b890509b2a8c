"""Sagas of tests: types on topics of their own, orchestrators and services in this process.

A `Trip` is one app with one saga of three steps, a flight, a hotel and a payment, which is the
pivot, and an event for each of its two ends. What its services do is decided by the key of each
trip: see `Services`. Effects are remembered in a dictionary, as a service outside Kafka would.
Hotels have a topic of commands of their own, so that a version without a hotel does without it.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, final

from penstock.events import Command, Event, Reply, Topic
from penstock.events.clock import Clock
from penstock.events.event import Message
from penstock.events.event_types import declared_topics
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.events.names import (
    dead_letter_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
    saga_worker,
)
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import (
    Cancel,
    InboxMessage,
    OperatorAct,
    Start,
    StepReply,
    Verb,
    encode_inbox_message,
)
from penstock.infra.bootstrap import connect, open_topics, open_worker
from penstock.infra.clock import SystemClock
from penstock.infra.kafka.reader import open_reader
from penstock.infra.parts import open_parts
from penstock.infra.sagas.bootstrap import open_saga
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.sagas.definition import Definition
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.state import Phase, SagaState
from penstock.sagas.language.check import load
from penstock.sagas.records import RECORDS, SAGA_TABLE, RecordReader, Transition
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Delivery, Failed, Refused, Worker
from penstock.workers.runner import WorkerRunner
from penstock.workers.state import table_prefix
from tests.integration.workbench import LIMIT_S, read_committed

__all__ = ["ClockAhead", "Services", "Trip", "made_trip", "patient_trip", "running"]

_PREFIX = table_prefix(SAGA_TABLE)

HEAD = """
saga: trip
version: {version}
input: {types}.TripAsked
key: $.input.trip
deadline: {deadline}
steps:
  - name: flight
    call: {types}.BookFlight
    with: {{trip: $.input.trip}}
    undo: {{call: {types}.CancelFlight, with: {{trip: $.input.trip}}}}
    timeout: {flight_timeout}
    retry: {{attempts: 2, delay: {flight_delay}}}
"""
HOTEL = """
  - name: hotel
    call: {types}.BookHotel
    with: {{trip: $.input.trip, seat: $.steps.flight.seat}}
    undo: {{call: {types}.CancelHotel, with: {{trip: $.input.trip}}}}
    timeout: {hotel_timeout}
    retry: {{attempts: {hotel_attempts}, delay: 1s}}
"""
TAIL = """
  - name: pay
    call: {types}.Pay
    with: {{trip: $.input.trip}}
    timeout: {pay_timeout}
    pivot: true
    retry: {{delay: 1s, give_up: {give_up}}}
  - name: tell
    emit: {types}.TripBooked
    with: {{trip: $.input.trip, seat: $.steps.flight.seat}}
"""
LAST_WORD = """
compensated:
  emit: {types}.TripTurned
  with: {{trip: $.input.trip, step: $.failure.step, code: $.failure.code}}
"""


class TripAsked(Event, abstract=True):
    """What starts a trip."""

    trip: str


class TripBooked(Event, abstract=True):
    """What tells of its good end."""

    trip: str
    seat: str


class TripTurned(Event, abstract=True):
    """What tells that it has turned round."""

    trip: str
    step: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Types:
    """The types of one trip."""

    asked: type[TripAsked]
    booked: type[TripBooked]
    turned: type[TripTurned]
    commands: Mapping[str, type[Command]]
    replies: Mapping[str, type[Reply]]


@dataclass
class Services:
    """What the services do, by the trip's name, and what they have done.

    A trip whose name holds `no-<step>` is refused there; with `err-<step>` the first attempt is
    done and answered with an error; `hang-<step>` is done and never answered in time; `hold-<step>`
    is done and answered once the trip is released. `fail-<step>` is not done, and the undo of
    `stuck-<step>` is refused, before the trip is mended.
    """

    effects: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    released: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    mended: set[str] = field(default_factory=set)

    async def do(self, step: str, trip: str, delivery: Delivery) -> None:
        """Have an effect, or refuse it."""
        key = delivery.idempotency_key
        self.calls[key] += 1
        if f"no-{step}" in trip:
            raise Refused(f"no_{step}")
        if f"fail-{step}" in trip and trip not in self.mended:
            raise Failed("down", "try later")
        self.effects[key] = 1
        if f"hold-{step}" in trip:
            await self.released[trip].wait()
        if f"hang-{step}" in trip:
            await asyncio.sleep(60)
        if f"err-{step}" in trip and delivery.attempt == 1:
            raise Failed("first", "not the first time")

    async def undo(self, step: str, trip: str, delivery: Delivery) -> None:
        """Take an effect back, or refuse to."""
        self.calls[delivery.idempotency_key] += 1
        if f"stuck-{step}" in trip and trip not in self.mended:
            raise Refused("stuck")
        assert delivery.undoes_key is not None
        self.effects[delivery.undoes_key] = 0
        self.effects[delivery.idempotency_key] = 1

    def release(self, *trips: str) -> None:
        """Let those who are held answer."""
        for trip in trips:
            self.released[trip].set()

    def standing(self, trip: str) -> set[str]:
        """The steps of a trip whose effects stand."""
        return {
            key.split("/")[2].partition(":")[0]
            for key, count in self.effects.items()
            if count and key.startswith("trip/do/") and key.endswith(f":{trip}")
        }


def _types(unique: Callable[[str], str], partitions: int) -> Types:
    commands_topic = Topic(unique("bench.travel"), partitions=partitions)
    rooms_topic = Topic(unique("bench.rooms"), partitions=partitions)
    asked_topic = Topic(unique("bench.asked"), partitions=partitions)
    booked_topic = Topic(unique("bench.booked"), partitions=partitions)
    turned_topic = Topic(unique("bench.turned"), partitions=partitions)

    class FlightBooked(Reply, namespace="bench"):
        """An answer."""

        seat: str

    class BookFlight(Command, topic=commands_topic, key="trip", reply=FlightBooked):
        """A step."""

        trip: str

    class CancelFlight(Command, topic=commands_topic, key="trip"):
        """Its undo."""

        trip: str

    class BookHotel(Command, topic=rooms_topic, key="trip"):
        """A step."""

        trip: str
        seat: str

    class CancelHotel(Command, topic=rooms_topic, key="trip"):
        """Its undo."""

        trip: str

    class Pay(Command, topic=commands_topic, key="trip"):
        """The pivot."""

        trip: str

    asked = type("TripAsked", (TripAsked,), {"__module__": __name__}, topic=asked_topic, key="trip")
    booked = type(
        "TripBooked", (TripBooked,), {"__module__": __name__}, topic=booked_topic, key="trip"
    )
    turned = type(
        "TripTurned", (TripTurned,), {"__module__": __name__}, topic=turned_topic, key="trip"
    )
    return Types(
        asked=asked,
        booked=booked,
        turned=turned,
        commands={
            "flight": BookFlight,
            "no flight": CancelFlight,
            "hotel": BookHotel,
            "no hotel": CancelHotel,
            "pay": Pay,
        },
        replies={"flight": FlightBooked},
    )


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One app: its settings, its types, its saga, its services."""

    settings: Settings
    types: Types
    worker: Worker
    services: Services
    deadline: str = "1m"
    flight_timeout: str = "2s"
    flight_delay: str = "1s"
    hotel_timeout: str = "2s"
    hotel_attempts: str = "2"
    pay_timeout: str = "2s"
    give_up: str = "1h"

    @property
    def app(self) -> str:
        """Its name."""
        return self.settings.app

    def definition(self, version: int = 1, *, more: str = "", hotel: bool = True) -> Definition:
        """Its saga; `more` is added behind its last step."""
        text = (HEAD + (HOTEL if hotel else "") + TAIL + more + LAST_WORD).format(
            version=version,
            types="bench",
            deadline=self.deadline,
            flight_timeout=self.flight_timeout,
            flight_delay=self.flight_delay,
            hotel_timeout=self.hotel_timeout,
            hotel_attempts=self.hotel_attempts,
            pay_timeout=self.pay_timeout,
            give_up=self.give_up,
        )
        return load(text, file="trip.saga.yaml", schemas=self.schemas)

    @property
    def inbox(self) -> str:
        """The topic of its saga's inputs."""
        return saga_inbox_topic(self.app, "trip")

    @property
    def travel(self) -> str:
        """The topic of commands about flights and payments."""
        return topic_of(self.types.commands["flight"])

    @property
    def schemas(self) -> Mapping[str, AvroSchema]:
        """All schemas by name."""
        classes: list[type[Record]] = [
            self.types.asked,
            self.types.booked,
            self.types.turned,
            *self.types.commands.values(),
            *self.types.replies.values(),
        ]
        found = [declaration_of(each).schema for each in classes]
        return {schema.full_name: schema for schema in found}

    def encoded(self, trip: str) -> bytes:
        """The framed input of a trip."""
        asked = self.types.asked(trip=trip)
        return encoder_of(type(asked))(asked)

    @property
    def rooms(self) -> str:
        """The topic of commands about hotels."""
        return topic_of(self.types.commands["hotel"])

    @property
    def last_words(self) -> str:
        """The topic of trips that have turned round."""
        return topic_of(self.types.turned)

    async def make_topics(self, *more: Definition) -> None:
        """What `penstock topic apply` does; `more` are other versions of its saga."""
        messages: list[type[Message]] = [
            self.types.asked,
            self.types.booked,
            self.types.turned,
            *self.types.commands.values(),
        ]
        async with open_topics(self.settings) as topics:
            wanted = topics_wanted(
                self.app,
                messages,
                [self.worker],
                [self.definition(), *more],
                saga_partitions=self.settings.saga_partitions,
            )
            await apply_plan(topics, await plan_topics(topics, wanted), replication=1)

    async def ask(self, *trips: str) -> None:
        """Publish the events that start trips."""
        async with connect(self.settings) as bus:
            await bus.publish_many([self.types.asked(trip=trip) for trip in trips])

    async def tell(self, key: str, *messages: InboxMessage) -> None:
        """Write envelopes into the inbox."""
        await self.write(
            self.inbox,
            [
                NewRecord(key.encode(), encode_inbox_message(each), [], now_ms())
                for each in messages
            ],
        )

    async def write(self, topic: str, records: Iterable[NewRecord]) -> None:
        """Write records where their keys belong, as they are."""
        count = self.settings.saga_partitions
        async with open_parts(self.settings, source="test") as parts:
            await parts.catalogue.ensure([declaration_of(InboxMessage).schema])
            for record in records:
                batch = parts.writer.new_batch()
                assert batch.append(record)
                place = Partition(topic, partition_of(record.key or b"", count))
                await parts.writer.write(place, batch, timeout_s=10)

    async def cancel(self, trip: str) -> None:
        """Ask for a trip to be turned round."""
        await self.tell(trip, InboxMessage(cancel=Cancel(actor="ann", reason="a test")))

    async def operate(self, trip: str, verb: Verb, step: str) -> None:
        """Decide about a parked trip."""
        act = OperatorAct(verb=verb, step=step, actor="ann", reason="a test")
        await self.tell(trip, InboxMessage(operator=act))

    async def start(self, trip: str, *, key: str | None = None) -> None:
        """Write a start into the inbox."""
        start = InboxMessage(start=Start(input=self.encoded(trip)))
        await self.tell(trip if key is None else key, start)

    async def records(self, topic: str) -> list[LogRecord]:
        """All committed records of a topic."""
        found: list[LogRecord] = []
        for number in range(self.settings.saga_partitions):
            found += await read_committed(self.settings.connection(), Partition(topic, number))
        return found

    async def states(self) -> dict[str, SagaState]:
        """The latest record of each saga."""
        found: dict[str, SagaState] = {}
        _read_into(found, await self.records(saga_state_topic(self.app, "trip")))
        return found

    async def history(self, trip: str) -> list[Transition]:
        """The history of one saga."""
        return [
            READER.transition(trip, record.value or b"")
            for record in await self.records(saga_history_topic(self.app, "trip"))
            if record.key == trip.encode()
        ]

    async def notes(self, trip: str) -> list[str]:
        """The words of all notes in the history of one saga."""
        return [
            fact.code
            for transition in await self.history(trip)
            for fact in transition.facts
            if fact.kind is FactKind.NOTED
        ]

    async def replies(self, trip: str) -> list[tuple[LogRecord, StepReply]]:
        """The answers that lie in the inbox for one saga."""
        decode = decoder_of(declaration_of(InboxMessage).schema, InboxMessage)
        found = [
            (record, decode(record.value or b"").reply)
            for record in await self.records(self.inbox)
            if record.key == trip.encode()
        ]
        return [(record, reply) for record, reply in found if reply is not None]

    async def letters(self) -> list[LogRecord]:
        """The dead letters of the inbox."""
        inbox = saga_inbox_topic(self.app, "trip")
        return await self.records(dead_letter_topic(inbox, self.app, saga_worker("trip")))

    async def ended(self, *trips: str, limit_s: float = LIMIT_S) -> dict[str, SagaState]:
        """Wait until trips have ended or are parked."""
        return await self.reached(_is_still, *trips, limit_s=limit_s)

    async def in_phase(self, phase: Phase, *trips: str) -> dict[str, SagaState]:
        """Wait until trips are in a phase."""
        return await self.reached(lambda state: state.phase is phase, *trips)

    async def reached(
        self, there: Callable[[SagaState], bool], *trips: str, limit_s: float = LIMIT_S
    ) -> dict[str, SagaState]:
        """Wait until trips are where they should be; return all states as they are then."""
        topic, count = saga_state_topic(self.app, "trip"), self.settings.saga_partitions
        places = [Partition(topic, number) for number in range(count)]
        reader = await open_reader(self.settings.connection(), places)
        states, until_s = dict[str, SagaState](), time.monotonic() + limit_s
        try:
            while not all(trip in states and there(states[trip]) for trip in trips):
                assert time.monotonic() < until_s, f"waited {limit_s:g} s in vain: {states}"
                _read_into(states, await reader.read(timeout_s=0.2))
        finally:
            await reader.close()
        return states

    async def booked(self) -> list[str]:
        """The trips that were told of."""
        return [each.trip for each in await self._told(self.types.booked)]

    async def turned(self) -> list[tuple[str, str, str]]:
        """The trips that were told to have turned round, each with step and code; in no order."""
        told = await self._told(self.types.turned)
        return sorted((each.trip, each.step, each.code) for each in told)

    async def _told(self, event: type[Event]) -> list[Any]:
        # The marker that lets the state be seen may be there before the one behind the event.
        await self.records(topic_of(event))
        async with connect(self.settings) as bus, bus.subscribe([event], until="end") as told:
            return [delivered.event async for delivered in told]


def _is_still(state: SagaState) -> bool:
    return state.phase.ended or state.phase is Phase.PARKED


def _read_into(states: dict[str, SagaState], records: Iterable[LogRecord]) -> None:
    for record in records:
        if record.key is None or not record.key.startswith(_PREFIX):
            continue
        key = record.key.removeprefix(_PREFIX).decode()
        if record.value is None:
            states.pop(key, None)
        else:
            states[key] = READER.saga(key, record.value)


def now_ms() -> int:
    """Wall clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def topic_of(message: type[Message]) -> str:
    """Where a type's messages lie."""
    (name,) = declared_topics([message])
    return name


class _Known:
    def find(self, fingerprint: bytes) -> AvroSchema | None:
        schemas = [declaration_of(record).schema for record in RECORDS]
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


READER = RecordReader(_Known())


def made_trip(
    kafka: str, unique: Callable[[str], str], *, partitions: int = 2, **fields: str
) -> Trip:
    """Make an app with types of its own.

    Args:
        kafka: Where its clients bootstrap.
        unique: Makes names unique.
        partitions: Of all topics.
        fields: times and attempts of the saga.
    """
    types, services, worker = _types(unique, partitions), Services(), Worker("travel")
    _register(worker, types, services)
    settings = Settings.model_validate(
        {
            "app": unique("app"),
            "kafka": kafka,
            "session_timeout_s": 6.0,
            "drain_s": 5.0,
            "saga_partitions": partitions,
        }
    )
    return Trip(settings=settings, types=types, worker=worker, services=services, **fields)


def patient_trip(
    kafka: str, unique: Callable[[str], str], *, partitions: int = 2, **fields: str
) -> Trip:
    """Make one in which nothing comes too late by itself, however slow the machine is.

    Args:
        kafka: As for `made_trip`.
        unique: As for `made_trip`.
        partitions: Of all topics.
        fields: times that matter to the test all the same.
    """
    limits = dict.fromkeys(("flight_timeout", "hotel_timeout", "pay_timeout"), "40s")
    return made_trip(kafka, unique, partitions=partitions, **{"deadline": "3m", **limits, **fields})


@final
class ClockAhead:
    """The machine's clock, so much further: what is due by then is due at once."""

    def __init__(self, ahead: timedelta) -> None:
        """Say how far."""
        self._ahead = ahead
        self._clock = SystemClock()

    def wall(self) -> datetime:
        """The date and time, in UTC."""
        return self._clock.wall() + self._ahead

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._clock.wall_ms() + self._ahead // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        """Seconds since an unknown moment."""
        return self._clock.monotonic()

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this."""
        await self._clock.sleep_until(monotonic_s)


def _register(worker: Worker, types: Types, services: Services) -> None:
    commands = types.commands
    seat = types.replies["flight"]

    @worker.command(commands["flight"])
    async def flight(command: Command, delivery: Delivery) -> Any:
        await services.do("flight", command.trip, delivery)  # type: ignore[attr-defined] # made above
        return seat(seat=f"1A of {command.trip}")  # type: ignore[attr-defined, call-arg] # as before

    @worker.command(commands["hotel"])
    async def hotel(command: Command, delivery: Delivery) -> None:
        await services.do("hotel", command.trip, delivery)  # type: ignore[attr-defined] # as before

    @worker.command(commands["pay"])
    async def pay(command: Command, delivery: Delivery) -> None:
        await services.do("pay", command.trip, delivery)  # type: ignore[attr-defined] # as before

    @worker.command(commands["no flight"], undoes=commands["flight"])
    async def no_flight(command: Command, delivery: Delivery) -> None:
        await services.undo("flight", command.trip, delivery)  # type: ignore[attr-defined] # as before

    @worker.command(commands["no hotel"], undoes=commands["hotel"])
    async def no_hotel(command: Command, delivery: Delivery) -> None:
        await services.undo("hotel", command.trip, delivery)  # type: ignore[attr-defined] # as before


@asynccontextmanager
async def running(
    trip: Trip,
    *,
    definitions: Sequence[Definition] | None = None,
    orchestrator: bool = True,
    services: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Mapping[str, WorkerRunner]]:
    """Run the orchestrator and the services; stop them at the end, and raise what they raised."""
    async with AsyncExitStack() as opened:
        runners = {}
        if orchestrator:
            runners["saga"] = await opened.enter_async_context(
                open_saga(trip.settings, definitions or [trip.definition()], clock=clock)
            )
        if services:
            runners["travel"] = await opened.enter_async_context(
                open_worker(trip.settings, trip.worker)
            )
        tasks = {asyncio.ensure_future(runner.run()) for runner in runners.values()}
        try:
            yield MappingProxyType(runners)
        finally:
            for runner in runners.values():
                runner.stop()
            await asyncio.wait(tasks, timeout=LIMIT_S)
            for task in tasks:
                assert task.done(), f"a runner does not stop: {task}"
                task.result()
