"""What becomes of a record: effects, retries, or a dead letter. Time is turned by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Literal

import pytest

from penstock.events import Event, Record, Topic
from penstock.events.alarm import Alarm
from penstock.events.dead_letter import DeadLetterNote, original_headers, parse_note
from penstock.events.decoder import EventDecoder
from penstock.events.headers import parse_headers
from penstock.events.identity import derived_id
from penstock.events.log import NewRecord, Partition, TopicMissing
from penstock.events.upcasting import upcast
from penstock.infra.clock import SeededEntropy
from penstock.infra.schema_registry.registry_errors import SchemaUnsupported
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.codec import encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.workers import Backoff, Counters, Delivery, Failed, Refused, StateTable, Worker
from penstock.workers.counters import COUNT_LIMIT, CounterComponent, counter_partition
from penstock.workers.emission import Emission
from penstock.workers.group_commit import CommitLimits, Effects, GroupCommit
from penstock.workers.offsets import Finished
from penstock.workers.partition_signals import Fail, Fault
from penstock.workers.partition_signals import Failed as PartitionFailed
from penstock.workers.pipeline import Pipeline, PipelineContext
from penstock.workers.runner import error_of
from penstock.workers.state import LateChange, PartitionState, state_key
from penstock.workers.state_table import StateUnreadable, table_maker
from penstock.workers.suspicion import Condemnation
from penstock.workers.tally import Tally
from penstock.workers.topics import counters_topic
from penstock.workers.type_rules import UnknownTypeRefused
from penstock.workers.verdicts import verdict

__namespace__ = "shop"

ORDERS = Topic("shop.orders", partitions=3)


class Placed(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Unhandled(Event, topic=ORDERS, key="order_id"):
    order_id: str


class Counted(Event, topic="shop.counts", key="order_id"):
    order_id: str
    note: str = ""


class Count(Record):
    orders: int


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    value: bytes | None
    key: bytes | None = b"o-1"
    headers: Sequence[tuple[str, bytes]] = ()
    offset: int = 7
    topic: str = "shop.orders"
    partition: int = 2
    timestamp: int = 1_700_000_000_000


HEADERS = [("ce_id", b"id-1"), ("ce_correlationid", b"flow"), ("traceparent", b"00-aa-bb-01")]
PLACED = Read(encoder_of(Placed)(Placed(order_id="o-1")), headers=HEADERS)


class Known:
    """The schemas of these types, found one by one as they are learned."""

    def __init__(self) -> None:
        """Know nothing."""
        self.schemas: dict[bytes, AvroSchema] = {}

    def learn(self, *types: type[Record]) -> None:
        """Know the schemas of these types from now on."""
        for schema in (declaration_of(each).schema for each in types):
            self.schemas[schema.fingerprint] = schema

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """The schema, if it was learned."""
        return self.schemas.get(fingerprint)


@dataclass
class Bench:
    """A pipeline over one worker, with everything around it in sight."""

    worker: Worker = field(default_factory=lambda: Worker("counts"))
    known: Known = field(default_factory=Known)
    clock: VirtualClock = field(default_factory=VirtualClock)
    alarms: list[Alarm] = field(default_factory=list)
    prepared: list[type[Event]] = field(default_factory=list)
    state: PartitionState = field(default_factory=PartitionState)
    look_up: Callable[[bytes], Awaitable[object]] | None = None
    prepare: Callable[[Any], Awaitable[None]] | None = None

    def process(self, record: Read, condemned: Condemnation | None = None) -> Effects:
        """Process one record to its end, turning the clock for whoever waits."""

        async def scenario() -> Effects:
            processing = asyncio.ensure_future(
                self._pipeline().process(record, self.state, condemned)
            )
            for _ in range(1_000):
                await asyncio.sleep(0)
                if processing.done():
                    return processing.result()
                await self.clock.advance(0.05)
            raise AssertionError("the record is never done")

        return asyncio.run(scenario())

    def _pipeline(self) -> Pipeline:
        (source,) = self.worker.inputs
        handlers = {handler.event_type: handler for handler in source.handlers}

        async def nobody_knows(_fingerprint: bytes) -> None: ...

        async def note(types: Any) -> None:
            self.prepared.extend(types)

        return Pipeline(
            handlers,
            PipelineContext(
                group="shop.counts",
                dead_letters=lambda topic: f"{topic}.shop.counts.dlq",
                decoder=EventDecoder(
                    list(handlers), self.known, upcasts=source.upcasts, ignores=source.ignores
                ),
                unknown_types=source.unknown_types,
                look_up=self.look_up or nobody_knows,
                prepare=self.prepare or note,
                emission=Emission(source="shop.counts", limit_bytes=10_000),
                tables={table: table_maker(table, self.known) for table in source.tables},
                clock=self.clock,
                entropy=SeededEntropy(1),
                alarm=self.alarms.append,
                tally=Tally(
                    worker=self.worker.name,
                    topics={
                        each.name: counters_topic("shop", each.name) for each in source.counters
                    },
                    schemas=self.known,
                ),
            ),
        )


@pytest.fixture
def bench() -> Bench:
    """A bench that knows all schemas."""
    made = Bench()
    made.known.learn(Placed, Unhandled, Counted, Count, CounterComponent)
    return made


def letter(effects: Effects) -> tuple[Partition, NewRecord, DeadLetterNote]:
    """The dead letter that is a record's only effect."""
    ((partition, record),) = effects.outputs
    assert not effects.state
    return partition, record, parse_note(record.headers)


def test_what_a_handler_returns_is_put_out_with_ids_of_its_own(bench: Bench) -> None:
    """Ids follow from the input's id, and flow and trace are carried on."""

    @bench.worker.on(Placed)
    async def count(placed: Placed, _delivery: Delivery) -> list[Counted]:
        return [Counted(order_id=placed.order_id, note=note) for note in ("a", "b")]

    effects = bench.process(PLACED)
    name = bench.worker.inputs[0].handlers[0].name
    headers = [parse_headers(record.headers) for _, record in effects.outputs]
    assert [each.id for each in headers] == [str(derived_id("id-1", name, n)) for n in (0, 1)]
    assert {each.correlation_id for each in headers} == {"flow"}
    assert {each.causation_id for each in headers} == {"id-1"}
    assert {each.traceparent for each in headers} == {"00-aa-bb-01"}
    assert {partition.topic for partition, _ in effects.outputs} == {"shop.counts"}
    assert effects.unprepared == {Counted}
    assert bench.process(PLACED).outputs[0][1].headers == effects.outputs[0][1].headers


def test_an_input_without_an_id_is_named_by_its_place(bench: Bench) -> None:
    """Foreign producers may leave the headers out; outputs get stable ids all the same."""

    @bench.worker.on(Placed)
    async def count(placed: Placed, delivery: Delivery) -> Counted:
        assert delivery.event_id == "shop.orders/2/7"
        return Counted(order_id=placed.order_id)

    bare = Read(PLACED.value)
    ids = {parse_headers(bench.process(bare).outputs[0][1].headers).id for _ in range(2)}
    assert len(ids) == 1


# --- types that nobody handles, and old shapes ---------------------------------------------------

UNHANDLED = Read(encoder_of(Unhandled)(Unhandled(order_id="o-1")), headers=HEADERS)


async def never(_placed: Placed, _delivery: Delivery) -> None:
    """Must not run."""
    raise AssertionError


def test_a_type_that_nobody_handles_is_skipped_and_counted(bench: Bench) -> None:
    """Several types may share a topic, and another worker may handle it."""
    bench.worker.on(Placed)(never)
    pipeline = bench._pipeline()
    for count in (1, 2):
        effects = asyncio.run(pipeline.process(UNHANDLED, bench.state, None))
        assert (effects.outputs, effects.state) == ([], {})
        assert pipeline.statistics().by_type == {"shop.Unhandled": count}
    assert bench.alarms == []


@pytest.mark.parametrize("state", [(), Count], ids=["stateless", "stateful"])
def test_a_type_that_nobody_handles_is_parked_where_that_is_declared(
    bench: Bench, state: Any
) -> None:
    """Untouched, with its type in the note; nothing is counted as skipped."""
    bench.worker = Worker("counts", unknown_types="park")
    bench.worker.on(Placed, state=state)(never)
    partition, record, note = letter(bench.process(UNHANDLED))
    assert partition == Partition("shop.orders.shop.counts.dlq", 2)
    assert (record.key, record.value) == (b"o-1", UNHANDLED.value)
    assert list(original_headers(record.headers)) == HEADERS
    assert (note.reason, note.error_code) == ("unknown-type", "PEN-W42")
    assert (note.handler, note.attempts, note.offset) == ("", 0, 7)
    assert "shop.Unhandled" in note.message
    assert "a handler of the type" in note.message
    assert [alarm.name for alarm in bench.alarms] == ["record-parked"]
    assert bench._pipeline().statistics().records == 0


def test_a_type_that_nobody_handles_fails_its_partition_where_that_is_declared(
    bench: Bench,
) -> None:
    """It says where, which type, and what can be done; no restart alone mends it."""
    bench.worker = Worker("counts", unknown_types={ORDERS: "refuse"})
    bench.worker.on(Placed, exactly_once=True)(never)
    with pytest.raises(UnknownTypeRefused) as refused:
        bench.process(UNHANDLED)
    found = verdict(refused.value)
    assert isinstance(found, PartitionFailed)
    assert found.fault is Fault.UNFIT
    told = str(error_of(Partition("shop.orders", 2), Fail(found.why, found.fault)))
    assert "shop.orders/2" in told
    assert "offset 7 is of the type shop.Unhandled" in told
    assert "ignores=" in told
    assert bench.alarms == []


@pytest.mark.parametrize("rule", ["skip", "park", "refuse"])
def test_a_type_that_is_ignored_is_none_of_that(bench: Bench, rule: Any) -> None:
    """It is known, and left out on purpose."""
    bench.worker = Worker("counts", unknown_types=rule, ignores=[Unhandled])
    bench.worker.on(Placed)(never)
    effects = bench.process(UNHANDLED)
    assert (effects.outputs, effects.state) == ([], {})
    assert bench._pipeline().statistics().records == 0


class PlacedByNumber(Record, name="Placed"):
    """An old shape of `Placed`."""

    number: int


@upcast
def by_id(old: PlacedByNumber) -> Placed:
    """Say it as one says it now."""
    if old.number < 0:
        raise LookupError(old.number)
    return Placed(order_id=f"o-{old.number}")


def test_an_old_shape_reaches_the_handler_as_the_present_class(bench: Bench) -> None:
    """By the upcast that the worker was given."""
    bench.known.learn(PlacedByNumber)
    bench.worker = Worker("counts", upcasts=[by_id])
    seen = []

    @bench.worker.on(Placed)
    async def count(placed: Placed, _delivery: Delivery) -> None:
        seen.append(placed)

    bench.process(Read(encoder_of(PlacedByNumber)(PlacedByNumber(number=5))))
    bench.process(PLACED)
    assert seen == [Placed(order_id="o-5"), Placed(order_id="o-1")]


def test_an_old_shape_whose_upcast_fails_is_parked_at_once(bench: Bench) -> None:
    """It is poison as broken bytes are: another attempt would end alike."""
    bench.known.learn(PlacedByNumber)
    bench.worker = Worker("counts", upcasts=[by_id], unknown_types="refuse")
    bench.worker.on(Placed)(never)
    _, _, note = letter(bench.process(Read(encoder_of(PlacedByNumber)(PlacedByNumber(number=-5)))))
    assert (note.reason, note.error_code, note.attempts) == ("undecodable", "PEN-E56", 0)
    assert "by_id raised LookupError" in note.message
    assert "-5" not in note.message


@pytest.mark.parametrize("value", [None, b"", b"\x00" * 40, b"{}", (PLACED.value or b"")[:-1]])
def test_bytes_that_are_no_event_are_parked_untouched(bench: Bench, value: bytes | None) -> None:
    """With the reason, without running a handler; the partition goes on."""

    @bench.worker.on(Placed)
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        raise AssertionError

    partition, record, note = letter(bench.process(Read(value, headers=HEADERS)))
    assert partition == Partition("shop.orders.shop.counts.dlq", 2)
    assert (record.key, record.value) == (b"o-1", value)
    assert list(original_headers(record.headers)) == HEADERS
    assert (note.reason, note.handler, note.attempts) == ("undecodable", "", 0)
    assert (note.topic, note.partition, note.offset) == ("shop.orders", 2, 7)
    assert note.error_code.startswith("PEN-A")
    assert [alarm.name for alarm in bench.alarms] == ["record-parked"]


def test_an_unknown_schema_is_looked_up_before_the_record_is_parked() -> None:
    """A producer may have published its schema a moment ago."""
    bench = Bench()

    async def look(frame: bytes) -> None:
        assert frame == frame_of(declaration_of(Placed).schema.fingerprint)
        bench.known.learn(Placed)

    bench.look_up = look
    seen = []

    @bench.worker.on(Placed)
    async def count(placed: Placed, _delivery: Delivery) -> None:
        seen.append(placed.order_id)

    bench.process(PLACED)
    assert seen == ["o-1"]


def test_a_record_whose_schema_is_of_another_kind_is_parked(bench: Bench) -> None:
    """One record of another team, in Protobuf say, must not end every worker that comes to it."""

    async def look(frame: bytes) -> None:
        del frame
        raise SchemaUnsupported(place="with id 7", problem="it is of the type PROTOBUF.")

    bench.look_up = look

    @bench.worker.on(Placed)
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        raise AssertionError

    _, record, note = letter(bench.process(Read(b"\xc3\x01" + bytes(9), headers=HEADERS)))
    assert record.value == b"\xc3\x01" + bytes(9)
    assert (note.reason, note.error_code) == ("undecodable", "PEN-I165")


def test_a_failing_handler_is_tried_by_its_schedule_then_parked(bench: Bench) -> None:
    """Each attempt begins anew, and the last failure is the letter's."""
    attempts: list[tuple[int, float]] = []
    schedule = Backoff(attempts=3, delay_s=1.0, factor=2.0, jitter=0.0)

    @bench.worker.on(Placed, retries=schedule, state=Count)
    async def count(placed: Placed, delivery: Delivery) -> Counted:
        attempts.append((delivery.attempt, round(bench.clock.monotonic(), 1)))
        delivery.state(Count).put("orders", Count(orders=1))
        raise OSError(f"no route for {placed.order_id}")

    _, _, note = letter(bench.process(PLACED))
    begun = attempts[0][1]
    assert [number for number, _ in attempts] == [1, 2, 3]
    assert [at - begun for _, at in attempts] == pytest.approx([0.0, 1.0, 3.0], abs=0.2)
    assert (note.reason, note.attempts, note.error_code) == ("failed", 3, "builtins.OSError")


def test_what_a_failed_attempt_wrote_is_forgotten(bench: Bench) -> None:
    """State and outputs of an attempt that raised never reach a commit."""

    @bench.worker.on(Placed, state=Count, retries=Backoff(attempts=2, delay_s=0.0))
    async def count(_placed: Placed, delivery: Delivery) -> None:
        table = delivery.state(Count)
        assert table.get("orders") is None
        table.put("orders", Count(orders=delivery.attempt))
        if delivery.attempt == 1:
            raise OSError

    effects = bench.process(PLACED)
    assert list(effects.state) == [state_key("shop.Count", "orders")]
    assert effects.state[state_key("shop.Count", "orders")] == encoder_of(Count)(Count(orders=2))


def test_a_refusal_is_parked_at_once(bench: Bench) -> None:
    """The handler is sure: no second attempt."""

    @bench.worker.on(Placed)
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        raise Refused("too_old", "placed last year")

    _, _, note = letter(bench.process(PLACED))
    assert (note.reason, note.attempts) == ("refused", 1)
    assert note.message == "too_old: placed last year"


@pytest.mark.parametrize(("retryable", "attempts"), [(True, 2), (False, 1)])
def test_a_failure_says_whether_another_attempt_is_in_vain(
    bench: Bench, *, retryable: bool, attempts: int
) -> None:
    """Then the record is parked at once, as failed: nobody knows what happened."""

    @bench.worker.on(Placed, retries=Backoff(attempts=2, delay_s=0.0))
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        raise Failed("closed", "for good", retryable=retryable)

    _, _, note = letter(bench.process(PLACED))
    assert (note.reason, note.attempts) == ("failed", attempts)
    assert note.message == "closed: for good"


def test_a_cancellation_that_is_not_ours_is_a_failure_like_any_other(bench: Bench) -> None:
    """Let through, it would end the lane in silence, and the key would wait for ever."""

    @bench.worker.on(Placed, retries=Backoff(attempts=1))
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    _, _, note = letter(bench.process(PLACED))
    assert (note.reason, note.error_code) == ("failed", "PEN-W32")


def test_a_handler_that_takes_too_long_has_failed(bench: Bench) -> None:
    """Its lane does not wait for ever."""

    @bench.worker.on(Placed, timeout_s=0.01, retries=Backoff(attempts=1))
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        await asyncio.get_running_loop().create_future()

    async def scenario() -> Effects:
        return await bench._pipeline().process(PLACED, bench.state, None)

    _, _, note = letter(asyncio.run(scenario()))
    assert (note.reason, note.error_code) == ("failed", "PEN-W8")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("text", "returned a str"),
        (7, "returned a int"),
        ([Counted(order_id="o-1"), "x"], "a str among its events"),
        ([Counted(order_id="o-1", note="x" * 20_000)], "bytes"),
        ([Counted(order_id="o-1")] * 1_001, "more than 1000 events"),
        (repeat(Counted(order_id="o-1")), "more than 1000 events"),
        ((Counted(order_id=f"{1 // left}") for left in (1, 0)), "raised ZeroDivisionError"),
    ],
)
def test_outputs_that_cannot_be_are_the_inputs_dead_letter(
    bench: Bench, returned: Any, words: str
) -> None:
    """Certain to fail is not doubt: checked before any transaction, and not tried again."""

    @bench.worker.on(Placed)
    async def count(_placed: Placed, _delivery: Delivery) -> Any:
        return returned

    _, _, note = letter(bench.process(PLACED))
    assert note.reason == "bad-output"
    assert words in note.message
    assert note.attempts == 1


def test_types_are_prepared_once_and_only_when_that_succeeds(bench: Bench) -> None:
    """A missing topic is nobody's dead letter: it raises, and the next commit asks again."""

    @bench.worker.on(Placed)
    async def count(placed: Placed, _delivery: Delivery) -> Counted:
        return Counted(order_id=placed.order_id)

    async def scenario() -> None:
        pipeline = bench._pipeline()

        async def unprepared() -> frozenset[type[Event]]:
            return (await pipeline.process(PLACED, bench.state, None)).unprepared

        async def missing(_types: Any) -> None:
            raise TopicMissing(topics="shop.counts")

        there = pipeline._context.prepare
        object.__setattr__(pipeline._context, "prepare", missing)
        with pytest.raises(TopicMissing):
            await pipeline.prepare(await unprepared())
        assert await unprepared() == {Counted}
        object.__setattr__(pipeline._context, "prepare", there)
        await pipeline.prepare(await unprepared())
        assert await unprepared() == set()

    asyncio.run(scenario())
    assert bench.prepared == [Counted]
    assert bench.alarms == []


def test_nothing_comes_between_a_handler_and_its_effects(bench: Bench) -> None:
    """What a handler does behind its last await is one step: shared entries are safe."""

    @bench.worker.on(Placed, state=Count)
    async def count(placed: Placed, delivery: Delivery) -> Counted:
        await asyncio.sleep(0)
        table = delivery.state(Count)
        before = table.get("all") or Count(orders=0)
        table.put("all", Count(orders=before.orders + 1))
        return Counted(order_id=placed.order_id)

    async def scenario() -> None:
        pipeline = bench._pipeline()

        async def lane() -> None:
            effects = await pipeline.process(PLACED, bench.state, None)
            for key, value in effects.state.items():
                bench.state.apply(key, value)

        await asyncio.gather(*(lane() for _ in range(20)))

    asyncio.run(scenario())
    assert bench.state.get(state_key("shop.Count", "all")) == encoder_of(Count)(Count(orders=20))


def test_state_that_cannot_be_read_is_not_the_records_fault(bench: Bench) -> None:
    """The partition fails; a dead letter would hide that its state is broken."""
    bench.state.apply(state_key("shop.Count", "orders"), b"\xc3\x01" + b"\x00" * 8)

    @bench.worker.on(Placed, state=Count)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.state(Count).get("orders")

    with pytest.raises(StateUnreadable, match=r"shop\.Count"):
        bench.process(PLACED)


def test_state_that_was_not_declared_is_refused(bench: Bench) -> None:
    """Its topic has no changelog for it."""

    @bench.worker.on(Placed)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.state(Count)

    _, _, note = letter(bench.process(PLACED))
    assert (note.error_code, note.attempts) == ("PEN-W6", 1)


def test_a_condemned_record_is_parked_without_running_its_handler(bench: Bench) -> None:
    """Its outputs were refused twice; the letter says what the broker said."""

    @bench.worker.on(Placed)
    async def count(_placed: Placed, _delivery: Delivery) -> None:
        raise AssertionError

    condemned = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=False)
    _, record, note = letter(bench.process(PLACED, condemned))
    assert (note.reason, record.value) == ("refused-by-broker", PLACED.value)
    assert "MESSAGE_TOO_LARGE (10)" in note.message
    bare = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=True)
    assert letter(bench.process(PLACED, bare))[1].value is None


def test_scans_and_deletes_reach_what_earlier_records_left(bench: Bench) -> None:
    """A table looks like a dictionary with prefixes."""
    encode = encoder_of(Count)
    for name, orders in (("a1", 1), ("a2", 2), ("b1", 3)):
        bench.state.apply(state_key("shop.Count", name), encode(Count(orders=orders)))

    @bench.worker.on(Placed, state=Count)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        table = delivery.state(Count)
        table.delete("a1")
        table.put("a3", Count(orders=9))
        assert [(key, each.orders) for key, each in table.scan("a")] == [("a2", 2), ("a3", 9)]

    assert bench.process(PLACED).state[state_key("shop.Count", "a1")] is None


# --- counters -----------------------------------------------------------------------------------

TOTALS = Counters("totals")
SHELF = Counters("shelf", decrements=True)
GOLD = state_key("penstock.CounterComponent", "totals/done/gold")


def component(increments: int, decrements: int = 0, kind: Any = "g") -> bytes:
    """A component as it is written."""
    made = CounterComponent(kind=kind, increments=increments, decrements=decrements)
    return encoder_of(CounterComponent)(made)


def counts_nothing(effects: Effects) -> bool:
    """Whether a record leaves no trace in any counter."""
    return not effects.latest and GOLD not in effects.state


def test_what_a_handler_counts_is_added_to_its_partitions_component(bench: Bench) -> None:
    """Into the state, and absolute to the counters' topic, under the partition's name."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        totals = delivery.counters(TOTALS)
        totals.increment("done/gold")
        await asyncio.sleep(0)
        totals.increment("done/gold", by=4)

    bench.state.apply(GOLD, component(10))
    now_ms = bench.clock.wall_ms()
    effects = bench.process(PLACED)
    assert effects.state == {GOLD: component(15)}
    assert effects.outputs == []
    place = Partition("_penstock.shop.crdt.totals", counter_partition("done/gold", 4))
    key = b"counts/shop.orders/2:done/gold"
    record = NewRecord(key, component(15), [], now_ms)
    assert effects.latest == {(place, key): record}


def test_each_partition_counts_for_itself(bench: Bench) -> None:
    """One process may have several of a topic: none writes what is another's."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")

    async def scenario() -> None:
        pipeline, states = bench._pipeline(), {2: PartitionState(), 3: PartitionState()}
        for number, counted in [(2, 1), (3, 1), (2, 2), (2, 3), (3, 2)]:
            record = Read(PLACED.value, partition=number)
            effects = await pipeline.process(record, states[number], None)
            states[number].apply(GOLD, effects.state[GOLD])
            ((_, key),) = effects.latest
            assert key == b"counts/shop.orders/%d:done/gold" % number
            assert effects.state == {GOLD: component(counted)}

    asyncio.run(scenario())


def test_each_set_of_counters_has_its_own_topic_and_state(bench: Bench) -> None:
    """Also where a counter of the same name stands in both."""

    @bench.worker.on(Placed, counters=(TOTALS, SHELF))
    async def count(placed: Placed, delivery: Delivery) -> Counted:
        delivery.counters(TOTALS).increment("a", 2)
        delivery.counters(SHELF).decrement("a", 3)
        return Counted(order_id=placed.order_id)

    effects = bench.process(PLACED)
    table = "penstock.CounterComponent"
    assert effects.state == {
        state_key(table, "totals/a"): component(2),
        state_key(table, "shelf/a"): component(0, 3, "pn"),
    }
    assert {place.topic for place, _ in effects.latest} == {
        "_penstock.shop.crdt.totals",
        "_penstock.shop.crdt.shelf",
    }
    assert [place.topic for place, _ in effects.outputs] == ["shop.counts"]


def test_an_attempt_that_fails_counts_nothing(bench: Bench) -> None:
    """What the attempts before it asked for is gone with them."""
    attempts: list[int] = []

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")
        attempts.append(delivery.attempt)
        if len(attempts) < 3:
            raise OSError

    assert bench.process(PLACED).state == {GOLD: component(1)}
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize(
    "error", [OSError(), Failed("gone", retryable=False), Refused("no")], ids=["all", "one", "no"]
)
def test_a_record_that_is_parked_counts_nothing(bench: Bench, error: Exception) -> None:
    """It is not done; whoever plays it back counts it then."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")
        raise error

    effects = bench.process(PLACED)
    letter(effects)
    assert counts_nothing(effects)


def test_a_record_with_a_bad_output_or_condemned_counts_nothing(bench: Bench) -> None:
    """Nothing of it is written but the letter."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> Any:
        delivery.counters(TOTALS).increment("done/gold")
        return "no event"

    condemned = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=False)
    for effects in (bench.process(PLACED), bench.process(PLACED, condemned)):
        letter(effects)
        assert counts_nothing(effects)


@pytest.mark.parametrize(
    "ask",
    [
        lambda totals: totals.increment("a", by=True),
        lambda totals: totals.increment("a", by=0.5),
        lambda totals: totals.increment("a", by=-1),
        lambda totals: totals.increment("a", by=2**63),
        lambda totals: totals.increment(""),
        lambda totals: totals.increment("x" * 513),
        lambda totals: totals.increment("\ud800"),
        lambda totals: totals.decrement("a"),
    ],
    ids=["bool", "float", "negative", "large", "empty", "long", "surrogate", "down"],
)
def test_what_cannot_be_counted_parks_the_record_at_once(
    bench: Bench, ask: Callable[[Any], None]
) -> None:
    """Another attempt would end alike."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")
        ask(delivery.counters(TOTALS))

    effects = bench.process(PLACED)
    _, _, note = letter(effects)
    assert (note.reason, note.error_code, note.attempts) == ("failed", "PEN-W35", 1)
    assert counts_nothing(effects)


def test_counters_that_were_not_declared_are_refused(bench: Bench) -> None:
    """Nobody has looked whether their topic is there."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(SHELF)

    _, _, note = letter(bench.process(PLACED))
    assert (note.error_code, note.attempts) == ("PEN-W34", 1)


def test_a_counter_that_is_full_is_the_records_failure(bench: Bench) -> None:
    """Not a doubt: the partition goes on with the next one."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(placed: Placed, delivery: Delivery) -> Counted:
        delivery.counters(TOTALS).increment("a")
        delivery.counters(TOTALS).increment("done/gold", by=2)
        return Counted(order_id=placed.order_id)

    bench.state.apply(GOLD, component(COUNT_LIMIT - 1))
    effects = bench.process(PLACED)
    _, _, note = letter(effects)
    assert (note.reason, note.error_code, note.attempts) == ("bad-output", "PEN-W36", 1)
    assert counts_nothing(effects)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xc3\x01" + b"\x00" * 8,
        component(7)[:-1],
        component(7) + b"\x00",
        component(-1),
        component(0, -1, "pn"),
        encoder_of(Count)(Count(orders=3)),
    ],
    ids=["empty", "unknown", "short", "long", "negative", "below", "another"],
)
def test_a_component_that_cannot_be_read_fails_the_partition(bench: Bench, value: bytes) -> None:
    """Counting on from zero would hide behind what readers have seen already."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")

    bench.state.apply(GOLD, value)
    with pytest.raises(StateUnreadable, match=r"penstock\.CounterComponent"):
        bench.process(PLACED)


def test_a_component_of_a_newer_version_fails_the_partition(bench: Bench) -> None:
    """What is added there would be lost by counting on."""

    class CounterComponent(Record, namespace="penstock"):
        kind: Literal["g", "pn"]
        increments: int
        decrements: int
        closed: bool

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")

    bench.known.learn(CounterComponent)
    newer = CounterComponent(kind="g", increments=1, decrements=0, closed=True)
    bench.state.apply(GOLD, encoder_of(CounterComponent)(newer))
    with pytest.raises(StateUnreadable):
        bench.process(PLACED)


def test_what_a_returned_generator_counts_belongs_to_the_handler(bench: Bench) -> None:
    """It runs when its events are taken."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(placed: Placed, delivery: Delivery) -> Any:
        def outputs() -> Any:
            for note in ("a", "b"):
                delivery.counters(TOTALS).increment("done/gold")
                yield Counted(order_id=placed.order_id, note=note)

        return outputs()

    effects = bench.process(PLACED)
    assert (len(effects.outputs), effects.state[GOLD]) == (2, component(2))


def test_state_that_a_returned_generator_cannot_read_fails_the_partition(bench: Bench) -> None:
    """As where the handler itself reads it: to park the record would be to guess."""

    @bench.worker.on(Placed, state=Count)
    async def count(_placed: Placed, delivery: Delivery) -> Any:
        table = delivery.state(Count)
        return (Counted(order_id=f"{table.get(key)}") for key in ["a"])

    bench.state.apply(state_key(declaration_of(Count).full_name, "a"), b"")
    with pytest.raises(StateUnreadable):
        bench.process(PLACED)


def test_state_is_not_changed_behind_the_handlers_return(bench: Bench) -> None:
    """A task that it left behind is told: its change would reach the changelog and not memory."""
    left: list[StateTable[Count]] = []

    @bench.worker.on(Placed, state=Count)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        table = delivery.state(Count)
        table.put("a", Count(orders=1))
        left.append(table)

    effects = bench.process(PLACED)
    group = GroupCommit(7, Finished(), CommitLimits())
    group.deliver(7)
    group.finish(7, effects)
    before = group.ready_bytes
    (table,) = left
    with pytest.raises(LateChange, match=r"Count/a.* had returned"):
        table.put("a", Count(orders=2))
    with pytest.raises(LateChange, match=r"Count/a.* had returned"):
        table.delete("a")
    assert group.ready_bytes == before
    work = group.compose()
    assert work is not None
    assert [*work.state.values()] == [encoder_of(Count)(Count(orders=1))]


def test_records_side_by_side_count_in_one_counter_without_care(bench: Bench) -> None:
    """However long their handlers wait: nothing is read before they return."""

    @bench.worker.on(Placed, counters=TOTALS)
    async def count(_placed: Placed, delivery: Delivery) -> None:
        delivery.counters(TOTALS).increment("done/gold")
        for _ in range(delivery.offset % 5):
            await asyncio.sleep(0)

    async def scenario() -> None:
        pipeline = bench._pipeline()

        async def lane(offset: int) -> None:
            record = Read(PLACED.value, offset=offset)
            effects = await pipeline.process(record, bench.state, None)
            assert effects.made_from == {GOLD: bench.state.get(GOLD)}
            bench.state.apply(GOLD, effects.state[GOLD])

        await asyncio.gather(*(lane(offset) for offset in range(20)))

    asyncio.run(scenario())
    assert bench.state.get(GOLD) == component(20)
