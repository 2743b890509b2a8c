"""What becomes of a command: carried out, answered, remembered, or parked."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from penstock.events import Command, Event, Record, Reply, Topic
from penstock.events.alarm import Alarm
from penstock.events.dead_letter import DeadLetterNote, parse_note
from penstock.events.decoder import EventDecoder
from penstock.events.event import Message
from penstock.events.headers import parse_headers
from penstock.events.identity import derived_id
from penstock.events.log import NewRecord, Partition, TopicMissing
from penstock.events.partitioner import partition_of
from penstock.events.saga_headers import CommandHeaders, Direction, command_id, idempotency_key
from penstock.events.saga_messages import InboxMessage, Outcome, StepReply, Way
from penstock.events.upcasting import upcast
from penstock.infra.clock import SeededEntropy
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Counters, Delivery, Failed, Refused, Worker
from penstock.workers.counters import COUNT_LIMIT, CounterComponent
from penstock.workers.emission import Emission
from penstock.workers.group_commit import Effects, Work
from penstock.workers.offsets import Finished
from penstock.workers.participant_memory import ParticipantMemory, memory_key
from penstock.workers.partition_signals import Run
from penstock.workers.partition_work import PartitionWork
from penstock.workers.pipeline import Participation, Pipeline, PipelineContext
from penstock.workers.state import PartitionState, state_key
from penstock.workers.state_table import StateUnreadable, table_maker
from penstock.workers.suspicion import Condemnation, Suspicion
from penstock.workers.tally import Tally
from penstock.workers.timers import Timed, Timers
from penstock.workers.topics import counters_topic
from penstock.workers.type_rules import UnknownTypeRefused
from penstock.workers.work_seams import WorkLimits

__namespace__ = "stock"

COMMANDS = Topic("stock.commands", partitions=3)
INBOX = "_penstock.shop.saga.order.inbox"
RESERVATION = UUID(int=7)


class Reserved(Reply):
    reservation: UUID
    note: str = ""


class Reserve(Command, topic=COMMANDS, reply=Reserved):
    sku: str


class Release(Command, topic=COMMANDS):
    sku: str


class Elsewhere(Command, topic=COMMANDS):
    """Another worker carries it out."""

    sku: str


class Counted(Event, topic=COMMANDS):
    sku: str


class Shelf(Record):
    taken: int


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    value: bytes | None
    key: bytes | None = b"o-1"
    headers: Sequence[tuple[str, bytes]] = ()
    offset: int = 7
    topic: str = "stock.commands"
    partition: int = 2
    timestamp: int = 1_700_000_000_000


@dataclass(frozen=True)
class Known:
    """The schemas of some types."""

    schemas: dict[bytes, AvroSchema]

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """The schema, if it is one of them."""
        return self.schemas.get(fingerprint)


def knowing(*types: type[Record]) -> Known:
    """Know the schemas of these types."""
    schemas = [declaration_of(each).schema for each in types]
    return Known({schema.fingerprint: schema for schema in schemas})


@dataclass
class Bench:
    """A pipeline over one worker, with everything around it in sight."""

    worker: Worker = field(default_factory=lambda: Worker("stock"))
    known: Known = field(
        default_factory=lambda: knowing(
            Reserve, Release, Elsewhere, Counted, Shelf, ParticipantMemory, CounterComponent
        )
    )
    clock: VirtualClock = field(default_factory=VirtualClock)
    alarms: list[Alarm] = field(default_factory=list)
    state: PartitionState = field(default_factory=PartitionState)
    limit_bytes: int = 10_000
    partition_count: Callable[[str], Awaitable[int]] | None = None
    asked: list[str] = field(default_factory=list)
    made: Pipeline | None = None

    def process(self, record: Read, condemned: Condemnation | None = None) -> Effects:
        """Process one record and let its state changes count, as its lane does."""
        effects = asyncio.run(self.pipeline.process(record, self.state, condemned))
        self.apply(effects)
        return effects

    def apply(self, effects: Effects) -> None:
        """Let state changes count."""
        for key, value in effects.state.items():
            self.state.apply(key, value)

    def answer(self, record: Read) -> StepReply:
        """Process a command and read its answer, which must be its only output."""
        return answer_in(self.process(record))

    @property
    def pipeline(self) -> Pipeline:
        """The worker's pipeline, made once."""
        self.made = self.made or self._pipeline()
        return self.made

    def _pipeline(self) -> Pipeline:
        (source,) = self.worker.inputs
        handlers = {handler.event_type: handler for handler in source.handlers}
        commands = {handler.command_type: handler for handler in source.commands}

        async def four(topic: str) -> int:
            self.asked.append(topic)
            return 4

        async def nothing(_given: Any) -> None: ...

        decoder: EventDecoder[Message] = EventDecoder(
            source.message_types, self.known, upcasts=source.upcasts, ignores=source.ignores
        )
        return Pipeline(
            handlers,
            PipelineContext(
                group="shop.stock",
                dead_letters=lambda topic: f"{topic}.shop.stock.dlq",
                decoder=decoder,
                unknown_types=source.unknown_types,
                look_up=nothing,
                prepare=nothing,
                emission=Emission(source="shop.stock", limit_bytes=10_000),
                tables={table: table_maker(table, self.known) for table in source.tables},
                clock=self.clock,
                entropy=SeededEntropy(1),
                alarm=self.alarms.append,
                participation=Participation(
                    source="shop.stock",
                    limit_bytes=self.limit_bytes,
                    schemas=self.known,
                    remembers=self.worker.remembers,
                    partition_count=self.partition_count or four,
                ),
                tally=Tally(
                    worker=self.worker.name,
                    topics={
                        each.name: counters_topic("shop", each.name) for each in source.counters
                    },
                    schemas=self.known,
                ),
            ),
            commands,
        )

    def command(
        self,
        message: Command,
        direction: Direction = Direction.DO,
        *,
        attempt: int = 1,
        key: str = "o-1",
        in_s: float = 30.0,
        **changed: Any,
    ) -> Read:
        """A command as a saga sends it."""
        effect = idempotency_key("order", direction, "reserve", key)
        asked = CommandHeaders(
            saga="order",
            step="reserve",
            direction=direction,
            attempt=attempt,
            idempotency_key=effect,
            deadline_ms=self.clock.wall_ms() + int(in_s * 1000),
            reply_to=INBOX,
        )
        headers = [
            ("ce_id", str(command_id(effect, attempt)).encode()),
            ("ce_type", declaration_of(type(message)).full_name.encode()),
            ("ce_correlationid", b"order/o-1"),
            ("traceparent", b"00-aa-bb-01"),
            *replace(asked, **changed).written(),
        ]
        return Read(encoder_of(type(message))(message), key.encode(), headers)


@pytest.fixture
def bench() -> Bench:
    """A bench that knows all schemas."""
    return Bench()


RESERVE, RELEASE = Reserve(sku="s"), Release(sku="s")
UNDO = Direction.UNDO
MEMORY = state_key("penstock.ParticipantMemory", "order/reserve:o-1")
_decode = decoder_of(declaration_of(InboxMessage).schema, InboxMessage)
_decode_reply = decoder_of(declaration_of(Reserved).schema, Reserved)


def answer_in(effects: Effects) -> StepReply:
    """The answer that is a command's only output."""
    ((partition, record),) = effects.outputs
    assert partition == Partition(INBOX, partition_of(record.key or b"", 4))
    reply = _decode(record.value or b"").reply
    assert reply is not None
    return reply


def answer_beside(effects: Effects) -> StepReply:
    """The answer beside a dead letter."""
    (answer,) = (each for each in effects.outputs if each[0].topic == INBOX)
    alone = Effects()
    alone.emit(*answer)
    return answer_in(alone)


def letter_in(effects: Effects) -> tuple[NewRecord, DeadLetterNote]:
    """The dead letter among a command's outputs."""
    (record,) = (
        record
        for partition, record in effects.outputs
        if partition == Partition("stock.commands.shop.stock.dlq", 2)
    )
    return record, parse_note(record.headers)


@dataclass
class Calls:
    """Handlers that note each call and end as they are told."""

    worker: Worker
    do: Callable[[], Reserved] = lambda: Reserved(reservation=RESERVATION)
    undo: Callable[[], None] = lambda: None
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Declare them."""

        @self.worker.command(Reserve, state=Shelf)
        async def reserve(_command: Reserve, delivery: Delivery) -> Reserved:
            self.seen.append(delivery.idempotency_key)
            delivery.state(Shelf).put("s", Shelf(taken=len(self.seen)))
            return self.do()

        @self.worker.command(Release, undoes=Reserve)
        async def release(_command: Release, delivery: Delivery) -> None:
            self.seen.append(delivery.idempotency_key)
            self.undo()


@pytest.fixture
def calls(bench: Bench) -> Calls:
    """A do and its undo."""
    return Calls(bench.worker)


def raising(error: Exception) -> Callable[[], Any]:
    """What raises this."""

    def fail() -> Any:
        raise error

    return fail


DO_KEY, UNDO_KEY = "order/do/reserve:o-1", "order/undo/reserve:o-1"


def test_a_command_is_carried_out_and_answered_in_one_transaction(
    bench: Bench, calls: Calls
) -> None:
    """Answer, memory and the handler's own state are effects of one record."""
    effects = bench.process(bench.command(RESERVE))
    ((partition, record),) = effects.outputs
    assert (partition.topic, record.key) == (INBOX, b"o-1")
    reply = answer_in(effects)
    assert (reply.step, reply.way, reply.attempt) == ("reserve", Way.DO, 1)
    assert reply.outcome is Outcome.OK
    assert _decode_reply(reply.data or b"") == Reserved(reservation=RESERVATION)
    assert set(effects.state) == {MEMORY, state_key("stock.Shelf", "s")}
    assert effects.unprepared == set()
    assert calls.seen == [DO_KEY]


def test_an_answer_belongs_to_its_commands_flow(bench: Bench, calls: Calls) -> None:
    """Its id follows from the command's, so that a repeat of the command repeats it."""
    record = bench.command(RESERVE)
    (_, answer), (_, again) = (bench.process(record).outputs[0] for _ in range(2))
    assert again.headers == answer.headers
    assert again.value == answer.value
    headers = parse_headers(answer.headers)
    cause = str(command_id(DO_KEY, 1))
    name = bench.worker.inputs[0].commands[0].name
    assert headers.id == str(derived_id(cause, name, 0))
    assert (headers.causation_id, headers.correlation_id) == (cause, "order/o-1")
    assert (headers.type, headers.source) == ("penstock.InboxMessage", "shop.stock")
    assert headers.traceparent == "00-aa-bb-01"
    assert calls.seen == [DO_KEY]


def test_a_command_without_a_reply_is_answered_without_data(bench: Bench, calls: Calls) -> None:
    """Its Ok says all."""
    reply = bench.answer(bench.command(RELEASE, UNDO))
    assert (reply.outcome, reply.data, reply.way) == (Outcome.OK, None, Way.UNDO)
    assert calls.seen == [UNDO_KEY]


def test_a_second_delivery_gets_the_same_answer_and_no_second_effect(
    bench: Bench, calls: Calls
) -> None:
    """Whether it is the same record or another attempt."""
    first = bench.answer(bench.command(RESERVE))
    second = bench.answer(bench.command(RESERVE, attempt=2))
    assert second == StepReply(**{**dict(first), "attempt": 2})
    assert calls.seen == [DO_KEY]


def test_a_refusal_is_an_answer_and_is_given_again(bench: Bench, calls: Calls) -> None:
    """What the handler wrote on its way to the refusal is forgotten: it had no effect."""
    calls.do = raising(Refused("out_of_stock", "none left"))
    effects = bench.process(bench.command(RESERVE))
    reply = answer_in(effects)
    assert (reply.outcome, reply.code, reply.text) == (Outcome.REFUSED, "out_of_stock", "none left")
    assert set(effects.state) == {MEMORY}
    calls.do = lambda: Reserved(reservation=RESERVATION)
    assert bench.answer(bench.command(RESERVE, attempt=2)).code == "out_of_stock"
    assert bench.alarms == []


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OSError("no route"), "failed", True),
        (Failed("bank_closed", "until nine"), "bank_closed", True),
        (Failed("account_gone", retryable=False), "account_gone", False),
    ],
)
def test_an_exception_is_an_error_at_once_and_forgotten(
    bench: Bench, calls: Calls, error: Exception, code: str, *, retryable: bool
) -> None:
    """The worker does not retry: the saga does, and then the handler runs again."""
    calls.do = raising(error)
    effects = bench.process(bench.command(RESERVE))
    reply = answer_in(effects)
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, code, retryable)
    assert effects.state == {}
    assert [alarm.name for alarm in bench.alarms] == ["command-failed"]
    calls.do = lambda: Reserved(reservation=RESERVATION)
    assert bench.answer(bench.command(RESERVE, attempt=2)).outcome is Outcome.OK
    assert calls.seen == [DO_KEY, DO_KEY]


def test_an_undo_that_comes_first_runs_and_stops_the_do(bench: Bench, calls: Calls) -> None:
    """As for any unknown outcome; the do that comes after it is refused."""
    assert bench.answer(bench.command(RELEASE, UNDO)).outcome is Outcome.OK
    reply = bench.answer(bench.command(RESERVE))
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "undone")
    assert calls.seen == [UNDO_KEY]


def test_an_undo_that_failed_stops_the_do_too(bench: Bench, calls: Calls) -> None:
    """The saga is turning back, whatever became of this attempt."""
    calls.undo = raising(OSError("no route"))
    assert bench.answer(bench.command(RELEASE, UNDO)).outcome is Outcome.ERROR
    assert bench.answer(bench.command(RESERVE)).code == "undone"
    calls.undo = lambda: None
    assert bench.answer(bench.command(RELEASE, UNDO, attempt=2)).outcome is Outcome.OK
    assert bench.answer(bench.command(RELEASE, UNDO, attempt=3)).outcome is Outcome.OK
    assert calls.seen == [UNDO_KEY, UNDO_KEY]


def test_do_undo_and_a_late_do(bench: Bench, calls: Calls) -> None:
    """An Ok would claim an effect that is undone."""
    for message, way in ((RESERVE, Direction.DO), (RELEASE, UNDO)):
        assert bench.answer(bench.command(message, way)).outcome is Outcome.OK
    assert bench.answer(bench.command(RESERVE, attempt=2)).code == "undone"
    assert calls.seen == [DO_KEY, UNDO_KEY]


def test_steps_of_other_keys_are_not_mixed_up(bench: Bench, calls: Calls) -> None:
    """Memory goes by saga, step and key."""
    bench.process(bench.command(RELEASE, UNDO))
    assert bench.answer(bench.command(RESERVE, key="o-2")).outcome is Outcome.OK
    assert calls.seen == [UNDO_KEY, "order/do/reserve:o-2"]


def test_a_command_behind_its_deadline_is_answered_without_running(
    bench: Bench, calls: Calls
) -> None:
    """Nobody waits for it. An undo stops its do all the same."""
    reply = bench.answer(bench.command(RESERVE, in_s=0))
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "expired", True)
    assert bench.answer(bench.command(RELEASE, UNDO, in_s=-5)).code == "expired"
    assert bench.answer(bench.command(RESERVE)).code == "undone"
    assert (calls.seen, bench.alarms) == ([], [])


@pytest.mark.parametrize(("timeout_s", "in_s"), [(0.01, 30.0), (30.0, 0.01)])
def test_a_handler_is_cut_at_its_limit_or_at_the_deadline(
    bench: Bench, timeout_s: float, in_s: float
) -> None:
    """Whichever is first. Nobody knows then what it did."""

    @bench.worker.command(Reserve, timeout_s=timeout_s)
    async def reserve(_command: Reserve, _delivery: Delivery) -> Reserved:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    reply = bench.answer(bench.command(RESERVE, in_s=in_s))
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "PEN-W8", True)


@pytest.mark.parametrize("returned", [None, "text", RELEASE, Shelf(taken=1)])
def test_a_wrong_reply_is_an_error_that_no_attempt_mends(bench: Bench, returned: Any) -> None:
    """The effect has happened: the outcome is unknown, and will be each time."""

    @bench.worker.command(Reserve, state=Shelf)
    async def reserve(_command: Reserve, delivery: Delivery) -> Any:
        delivery.state(Shelf).put("s", Shelf(taken=1))
        return returned

    effects = bench.process(bench.command(RESERVE))
    reply = answer_in(effects)
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "PEN-W30", False)
    assert effects.state == {}


def test_a_reply_where_none_is_declared_is_wrong_too(bench: Bench) -> None:
    """Nobody could read it."""

    @bench.worker.command(Release)
    async def release(_command: Release, _delivery: Delivery) -> Any:
        return Reserved(reservation=RESERVATION)

    assert bench.answer(bench.command(RELEASE)).code == "PEN-W30"


def test_a_reply_that_is_too_large_is_an_error_that_no_attempt_mends(
    bench: Bench, calls: Calls
) -> None:
    """Never a crash, and its state is forgotten (formats.md F18)."""
    calls.do = lambda: Reserved(reservation=RESERVATION, note="x" * 20_000)
    effects = bench.process(bench.command(RESERVE))
    reply = answer_in(effects)
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "PEN-E3", False)
    assert effects.state == {}


def test_an_answer_for_which_there_is_no_room_at_all_is_parked(bench: Bench, calls: Calls) -> None:
    """The saga learns by its timeout; an undo stops its do all the same."""
    bench.limit_bytes = 300
    calls.undo = raising(OSError("x" * 1_000))
    effects = bench.process(bench.command(RELEASE, UNDO))
    _, note = letter_in(effects)
    assert (note.reason, note.error_code) == ("bad-output", "PEN-E3")
    assert set(effects.state) == {MEMORY}


def test_the_smallest_record_and_the_longest_key_crash_nothing(bench: Bench, calls: Calls) -> None:
    """Where no answer fits the tombstone still does."""
    bench.limit_bytes = 1_024
    for size in (800, 896, 897, 4_000):
        key = "x" * size
        effects = bench.process(bench.command(RELEASE, UNDO, key=key))
        assert len(effects.state) == 1
        assert bench.process(bench.command(RESERVE, key=key)).state == {}
    assert len(calls.seen) == 4


def test_a_reply_that_cannot_be_written_is_an_error(bench: Bench, calls: Calls) -> None:
    """Certain to fail is not doubt."""
    calls.do = lambda: Reserved(reservation=RESERVATION, note="\ud800")
    reply = bench.answer(bench.command(RESERVE))
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, False)
    assert reply.code.startswith("PEN-A")


def test_the_inbox_is_asked_for_once(bench: Bench, calls: Calls) -> None:
    """And before the handler runs: behind its return nothing may be awaited."""
    for number in range(3):
        bench.process(bench.command(RESERVE, key=f"o-{number}"))
    assert bench.asked == [INBOX]
    assert len(calls.seen) == 3


def test_a_command_of_a_saga_without_an_inbox_is_parked(bench: Bench, calls: Calls) -> None:
    """Its handler does not run: nobody would hear of it. Its undo stops it all the same."""

    async def missing(topic: str) -> int:
        raise TopicMissing(topics=topic)

    bench.partition_count = missing
    effects = bench.process(bench.command(RESERVE))
    _, note = letter_in(effects)
    assert (note.reason, note.error_code, effects.state) == ("no-inbox", "PEN-E4", {})
    assert set(bench.process(bench.command(RELEASE, UNDO)).state) == {MEMORY}
    assert calls.seen == []


SPOILED: dict[str, Callable[[Read], Read]] = {
    "another key": lambda record: replace(record, key=b"o-2"),
    "no key": lambda record: replace(record, key=None),
    "no text as key": lambda record: replace(record, key=b"\xff"),
    "no step": lambda record: replace(
        record, headers=[each for each in record.headers if each[0] != "penstock-step"]
    ),
    "no number": lambda record: with_header(record, "penstock-attempt", b"one"),
    "no inbox": lambda record: with_header(record, "reply-to", b"shop.orders"),
    "another saga's inbox": lambda record: with_header(
        record, "reply-to", b"_penstock.shop.saga.refund.inbox"
    ),
    "no UTF-8": lambda record: with_header(record, "penstock-step", b"\xff"),
    "long correlation": lambda record: with_header(record, "ce_correlationid", b"x" * 2_000),
    "too many": lambda record: replace(record, headers=[*record.headers, *[("x", b"")] * 100]),
}


def with_header(record: Read, name: str, value: bytes) -> Read:
    """A record with one more header; the last of a name counts."""
    return replace(record, headers=[*record.headers, (name, value)])


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_command_with_broken_headers_is_parked_and_not_answered(
    bench: Bench, calls: Calls, spoil: Callable[[Read], Read]
) -> None:
    """Nobody can tell which step an answer would belong to; the partition goes on."""
    effects = bench.process(spoil(bench.command(RESERVE)))
    record, note = letter_in(effects)
    assert len(effects.outputs) == 1
    assert (note.reason, effects.state, calls.seen) == ("bad-headers", {}, [])
    assert record.value == bench.command(RESERVE).value


def test_a_key_that_nobody_may_write_is_parked(bench: Bench, calls: Calls) -> None:
    """Keys have a limit (events/envelope.py)."""
    effects = bench.process(bench.command(RESERVE, key="x" * 5_000))
    assert letter_in(effects)[1].reason == "bad-headers"
    assert calls.seen == []


def test_a_long_key_is_remembered_like_any_other(bench: Bench, calls: Calls) -> None:
    """Its digest stands in the changelog."""
    for attempt in (1, 2):
        reply = bench.answer(bench.command(RESERVE, attempt=attempt, key="x" * 3_000))
        assert reply.outcome is Outcome.OK
    assert len(calls.seen) == 1


def test_a_command_that_cannot_be_decoded_is_answered_and_parked(
    bench: Bench, calls: Calls
) -> None:
    """The saga learns of it at once, and somebody can look at the bytes."""
    record = bench.command(RESERVE)
    broken = replace(record, value=(record.value or b"")[:-1])
    effects = bench.process(broken)
    letter, note = letter_in(effects)
    assert (letter.value, note.reason, effects.state) == (broken.value, "undecodable", {})
    reply = answer_beside(effects)
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, False)
    assert reply.code == note.error_code
    assert calls.seen == []


def test_a_command_of_an_unknown_schema_may_be_readable_later(bench: Bench, calls: Calls) -> None:
    """So the saga may try again; and what was answered before is said again."""
    bench.process(bench.command(RESERVE, key="o-2"))
    unknown = b"\xc3\x01" + b"\x00" * 9
    for key, outcome in (("o-1", Outcome.ERROR), ("o-2", Outcome.OK)):
        effects = bench.process(replace(bench.command(RESERVE, key=key), value=unknown))
        letter_in(effects)
        reply = answer_beside(effects)
        assert (reply.outcome, reply.retryable) == (outcome, True)
    assert calls.seen == ["order/do/reserve:o-2"]


def test_an_undo_that_cannot_be_decoded_stops_its_do(bench: Bench, calls: Calls) -> None:
    """The saga is turning back, whatever its bytes say."""
    bench.process(replace(bench.command(RELEASE, UNDO), value=b"?"))
    assert bench.answer(bench.command(RESERVE)).code == "undone"
    assert calls.seen == []


def test_what_cannot_be_decoded_and_is_not_for_here_is_only_parked(
    bench: Bench, calls: Calls
) -> None:
    """The worker whose command it is answers it."""
    effects = bench.process(replace(bench.command(Elsewhere(sku="s")), value=b"?"))
    assert len(effects.outputs) == 1
    letter_in(effects)
    effects = bench.process(Read(b"?", headers=[("penstock-saga", b"\xff")]))
    assert len(effects.outputs) == 1
    assert bench.process(bench.command(Elsewhere(sku="s"))).outputs == []
    assert calls.seen == []


# --- commands that nobody handles here, and old shapes of those that somebody does ---------------

ELSEWHERE = Elsewhere(sku="s")


def parking(bench: Bench, **rules: Any) -> Calls:
    """The same handlers in a worker that parks what it does not handle."""
    bench.worker = Worker("stock", **({"unknown_types": "park"} | rules))
    return Calls(bench.worker)


def answered_letter(effects: Effects) -> tuple[DeadLetterNote, StepReply]:
    """The note of a dead letter, and the answer beside it."""
    assert len(effects.outputs) == 2
    _, note = letter_in(effects)
    return note, answer_beside(effects)


def test_a_command_that_nobody_handles_here_is_anothers_unless_the_worker_says_so(
    bench: Bench, calls: Calls
) -> None:
    """So it is neither parked nor answered, and is counted."""
    effects = bench.process(bench.command(ELSEWHERE))
    assert (effects.outputs, effects.state) == ([], {})
    assert bench.pipeline.statistics().by_type == {"stock.Elsewhere": 1}
    assert calls.seen == []


def test_a_command_that_nobody_handles_is_answered_where_it_is_parked(bench: Bench) -> None:
    """No saga waits for it for ever; it may try again, for a newer worker may be on its way."""
    calls = parking(bench)
    for attempt in (1, 2):
        effects = bench.process(bench.command(ELSEWHERE, attempt=attempt))
        note, reply = answered_letter(effects)
        assert (note.reason, note.error_code) == ("unknown-type", "PEN-W42")
        assert (reply.outcome, reply.code, reply.attempt) == (Outcome.ERROR, "PEN-W42", attempt)
        assert reply.retryable
        assert "stock.Elsewhere" in (reply.text or "")
        assert effects.state == {}
    assert calls.seen == []
    assert bench.answer(bench.command(RESERVE)).outcome is Outcome.OK


def test_an_undo_that_nobody_handles_stops_its_do_where_it_is_parked(bench: Bench) -> None:
    """The saga is turning back, whatever asks for it."""
    calls = parking(bench)
    effects = bench.process(bench.command(ELSEWHERE, UNDO))
    assert set(effects.state) == {MEMORY}
    assert answered_letter(effects)[1].outcome is Outcome.ERROR
    assert bench.answer(bench.command(RESERVE)).code == "undone"
    assert calls.seen == []


def test_a_command_that_nobody_handles_and_nobody_can_be_told_of_is_parked(bench: Bench) -> None:
    """One letter, whether no saga asks, its headers are broken, or its inbox is not there."""
    parking(bench)
    asked = bench.command(ELSEWHERE)

    async def missing(topic: str) -> int:
        raise TopicMissing(topics=topic)

    bench.partition_count = missing
    for record in (
        replace(asked, headers=[]),
        *(spoil(asked) for spoil in SPOILED.values()),
        asked,
    ):
        effects = bench.process(record)
        assert len(effects.outputs) == 1
        assert letter_in(effects)[1].reason == "unknown-type"
        assert effects.state == {}
    assert set(bench.process(bench.command(ELSEWHERE, UNDO)).state) == {MEMORY}


def test_a_command_that_is_ignored_is_anothers(bench: Bench) -> None:
    """Workers that share a topic name each other's commands."""
    calls = parking(bench, ignores=[Elsewhere])
    effects = bench.process(bench.command(ELSEWHERE))
    assert (effects.outputs, effects.state) == ([], {})
    assert calls.seen == []


def test_a_command_that_nobody_handles_stops_its_partition_where_that_is_declared(
    bench: Bench,
) -> None:
    """It stays where it is: nothing is answered, and nothing is lost."""
    parking(bench, unknown_types="refuse")
    with pytest.raises(UnknownTypeRefused, match=r"stock\.commands/2 at offset 7"):
        bench.process(bench.command(ELSEWHERE))


class Take(Record, name="Take"):
    """What `Reserve` was: under another name, and without a kind of thing."""

    number: int


@upcast
def by_number(old: Take) -> Reserve:
    """Say it as one says it now."""
    return Reserve(sku=str(100 // old.number))


def taken(bench: Bench, number: int) -> Read:
    """The command in its old shape, as an old saga sends it."""
    record = with_header(bench.command(RESERVE), "ce_type", b"stock.Take")
    return replace(record, value=encoder_of(Take)(Take(number=number)))


def test_an_old_shape_of_a_command_is_carried_out_as_the_present_one(bench: Bench) -> None:
    """By the upcast that the worker was given."""
    calls = parking(bench, upcasts=[by_number])
    bench.known = Known({**bench.known.schemas, **knowing(Take).schemas})
    assert bench.answer(taken(bench, 5)).outcome is Outcome.OK
    assert calls.seen == [DO_KEY]


def test_an_old_shape_whose_upcast_fails_is_answered(bench: Bench) -> None:
    """Its old name says that it is for here; another attempt would end alike."""
    calls = parking(bench, upcasts=[by_number])
    bench.known = Known({**bench.known.schemas, **knowing(Take).schemas})
    note, reply = answered_letter(bench.process(taken(bench, 0)))
    assert (note.reason, note.error_code) == ("undecodable", "PEN-E56")
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "PEN-E56", False)
    assert calls.seen == []


def test_a_condemned_command_is_parked_and_its_saga_times_out(bench: Bench, calls: Calls) -> None:
    """An undo still leaves its tombstone, as long as that is not refused too."""
    condemned = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=False)
    effects = bench.process(bench.command(RESERVE), condemned)
    assert (letter_in(effects)[1].reason, effects.state) == ("refused-by-broker", {})
    bare = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=True)
    assert bench.process(bench.command(RELEASE, UNDO), bare).state == {}
    assert set(bench.process(bench.command(RELEASE, UNDO), condemned).state) == {MEMORY}
    assert bench.answer(bench.command(RESERVE)).code == "undone"
    assert calls.seen == []


# --- where no saga asks --------------------------------------------------------------------------


def bare_command() -> Read:
    """A command that a program has published."""
    return Read(encoder_of(Reserve)(RESERVE), headers=[("ce_id", b"id-1")])


def test_a_command_without_a_saga_is_carried_out_and_nobody_is_told(
    bench: Bench, calls: Calls
) -> None:
    """Its state changes count; nothing is remembered of it, and it is carried out each time."""
    effects = bench.process(bare_command())
    assert (effects.outputs, set(effects.state)) == ([], {state_key("stock.Shelf", "s")})
    bench.process(bare_command())
    assert (calls.seen, bench.asked) == (["id-1", "id-1"], [])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused("no"), "refused"),
        (OSError(), "failed"),
        (Failed("x"), "failed"),
    ],
)
def test_a_command_without_a_saga_that_fails_is_parked(
    bench: Bench, calls: Calls, error: Exception, reason: str
) -> None:
    """There is nobody to answer, and it is not tried again."""
    calls.do = raising(error)
    effects = bench.process(bare_command())
    _, note = letter_in(effects)
    assert (note.reason, note.attempts, effects.state) == (reason, 1, {})
    assert len(calls.seen) == 1


def test_a_wrong_reply_to_nobody_is_parked_too(bench: Bench) -> None:
    """A declaration holds whoever asks."""

    @bench.worker.command(Reserve)
    async def reserve(_command: Reserve, _delivery: Delivery) -> Any:
        return None

    assert letter_in(bench.process(bare_command()))[1].reason == "bad-output"


# --- what a handler is told ----------------------------------------------------------------------


def test_a_handler_is_told_who_asks(bench: Bench) -> None:
    """Keys of the effect and of what it undoes, attempt and deadline are the saga's."""
    seen: list[tuple[Any, ...]] = []

    def note(delivery: Delivery) -> None:
        keys = (delivery.idempotency_key, delivery.undoes_key)
        seen.append((*keys, delivery.saga, delivery.step, delivery.attempt, delivery.deadline))

    @bench.worker.command(Reserve)
    async def reserve(_command: Reserve, delivery: Delivery) -> Reserved:
        note(delivery)
        return Reserved(reservation=RESERVATION)

    @bench.worker.command(Release, undoes=Reserve)
    async def release(_command: Release, delivery: Delivery) -> None:
        note(delivery)

    due = bench.clock.wall() + timedelta(seconds=30)
    bench.process(bench.command(RESERVE, attempt=3))
    bench.process(bench.command(RELEASE, UNDO))
    bench.process(bench.command(RESERVE, key="o-2", deadline_ms=10**17))
    bench.process(bare_command())
    assert seen == [
        (DO_KEY, None, "order", "reserve", 3, due),
        (UNDO_KEY, DO_KEY, "order", "reserve", 1, due),
        (
            "order/do/reserve:o-2",
            None,
            "order",
            "reserve",
            1,
            datetime.max.replace(tzinfo=UTC),
        ),
        ("id-1", None, None, None, 1, None),
    ]


# --- beside it -----------------------------------------------------------------------------------


def test_events_and_commands_share_a_topic(bench: Bench, calls: Calls) -> None:
    """Each takes its own way through one pipeline."""
    seen = []

    @bench.worker.on(Counted)
    async def count(event: Counted, _delivery: Delivery) -> None:
        seen.append(event.sku)

    bench.process(Read(encoder_of(Counted)(Counted(sku="e"))))
    assert bench.answer(bench.command(RESERVE)).outcome is Outcome.OK
    assert (seen, calls.seen) == (["e"], [DO_KEY])


def test_memory_that_cannot_be_read_fails_the_partition(bench: Bench, calls: Calls) -> None:
    """Running the handler could repeat an effect."""
    bench.state.apply(MEMORY, b"\xc3\x01" + b"\x00" * 9)
    with pytest.raises(StateUnreadable, match="ParticipantMemory"):
        bench.process(bench.command(RESERVE))
    assert calls.seen == []


def test_state_that_cannot_be_read_fails_the_partition(bench: Bench) -> None:
    """It is not the command's fault, and no answer to it."""
    bench.state.apply(state_key("stock.Shelf", "s"), b"\xc3\x01" + b"\x00" * 9)

    @bench.worker.command(Reserve, state=Shelf)
    async def reserve(_command: Reserve, delivery: Delivery) -> Reserved:
        delivery.state(Shelf).get("s")
        raise AssertionError

    for record in (bench.command(RESERVE), bare_command()):
        with pytest.raises(StateUnreadable, match="Shelf"):
            bench.process(record)


def test_memory_is_forgotten_by_a_timer_when_its_time_has_come(bench: Bench, calls: Calls) -> None:
    """Fourteen days after the deadline the step could run again."""
    record = bench.command(RESERVE, in_s=30)
    bench.process(record)
    timed: Timed = bench.pipeline
    value = bench.state.get(MEMORY)
    assert value is not None
    due_ms = timed.timing(MEMORY, value).due_ms
    assert due_ms == bench.clock.wall_ms() + 30_000 + 14 * 24 * 3600 * 1000
    assert timed.lane_key(MEMORY) == record.key
    assert timed.fire(MEMORY, due_ms - 1, bench.state, None).state == {}
    condemned = Condemnation(reason="?", without_value=False)
    assert timed.fire(MEMORY, due_ms, bench.state, condemned).state == {MEMORY: None}
    forgotten = timed.fire(MEMORY, due_ms, bench.state, None)
    assert (forgotten.state, forgotten.outputs) == ({MEMORY: None}, [])
    bench.apply(forgotten)
    assert bench.answer(bench.command(RESERVE)).outcome is Outcome.OK
    assert len(calls.seen) == 2


@dataclass
class Commits:
    """Takes all work."""

    works: list[Work] = field(default_factory=list)

    async def commit(self, work: Work) -> None:
        """Take it."""
        self.works.append(work)


def test_a_running_partition_answers_in_order_and_forgets_in_time(
    bench: Bench, calls: Calls
) -> None:
    """Commands of one key share a lane, however long each takes; a timer leaves a tombstone."""
    commits = Commits()

    async def scenario() -> None:
        work = PartitionWork(
            Run(position=0, finished=Finished(), caught_up_at=0),
            processor=bench.pipeline,
            committer=commits,
            state=bench.state,
            suspicion=Suspicion(),
            limits=WorkLimits(),
            clock=bench.clock,
            on_commit=lambda _work: None,
            timed=bench.pipeline,
            timers=Timers(),
        )
        work.offer(
            [
                replace(bench.command(RELEASE, UNDO), offset=0),
                replace(bench.command(RESERVE), offset=1),
                replace(bench.command(RESERVE, key="o-2"), offset=2),
                replace(bench.command(RESERVE, attempt=2), offset=3),
            ]
        )
        await bench.clock.advance(1.0)
        assert set(calls.seen) == {UNDO_KEY, "order/do/reserve:o-2"}
        assert MEMORY in bench.state.keys(b"s/")
        # The wall clock is set, because a partition looks at it each second of the other one.
        bench.clock.jump_wall(timedelta(days=14, seconds=31))
        await bench.clock.advance(2.0)
        assert work.trouble is None
        closing = asyncio.ensure_future(work.close(5.0))
        await bench.clock.advance(1.0)
        assert await closing

    asyncio.run(scenario())
    outcomes = [
        _decode(record.value or b"").reply
        for work in commits.works
        for records in work.outputs.values()
        for record in records
        if record.key == b"o-1"
    ]
    told = [(reply.way, reply.outcome, reply.attempt) for reply in outcomes if reply is not None]
    assert told == [
        (Way.UNDO, Outcome.OK, 1),
        (Way.DO, Outcome.REFUSED, 1),
        (Way.DO, Outcome.REFUSED, 2),
    ]
    assert [work.state.get(MEMORY, b"kept") for work in commits.works][-1] is None
    assert not list(bench.state.keys(b"s/penstock.ParticipantMemory/"))


def test_state_of_users_names_no_time(bench: Bench, calls: Calls) -> None:
    """Nor does anything where no commands are carried out."""
    shelf = state_key("stock.Shelf", "s")
    bench.process(bench.command(RESERVE))
    assert bench.pipeline.timing(shelf, bench.state.get(shelf) or b"").due_ms is None
    events = Bench()

    @events.worker.on(Counted)
    async def count(_event: Counted, _delivery: Delivery) -> None: ...

    assert events.pipeline.timing(MEMORY, b"").due_ms is None
    assert events.pipeline.lane_key(MEMORY) == MEMORY
    assert events.pipeline.fire(MEMORY, 10**15, events.state, None).state == {}
    assert calls.seen == [DO_KEY]


def test_memory_keys_follow_from_the_command_alone(bench: Bench) -> None:
    """A do and its undo meet in one entry."""
    for direction in Direction:
        asked = CommandHeaders.parse(bench.command(RESERVE, direction).headers)
        assert asked is not None
        assert memory_key(asked, b"o-1") == MEMORY


# --- counters -----------------------------------------------------------------------------------

TAKEN = Counters("taken", decrements=True)
COMPONENT = state_key("penstock.CounterComponent", "taken/s")


@dataclass
class Counting:
    """Handlers that count, and what they end in."""

    do: Callable[[], object]
    undo: Callable[[], object]


@pytest.fixture
def counting(bench: Bench) -> Counting:
    """What is reserved is counted, what is released is taken away again."""
    ends = Counting(do=lambda: Reserved(reservation=RESERVATION), undo=lambda: None)

    @bench.worker.command(Reserve, counters=TAKEN)
    async def reserve(command: Reserve, delivery: Delivery) -> Reserved:
        delivery.counters(TAKEN).increment(command.sku)
        return ends.do()  # type: ignore[return-value] # handlers may return anything

    @bench.worker.command(Release, undoes=Reserve, counters=TAKEN)
    async def release(command: Release, delivery: Delivery) -> None:
        delivery.counters(TAKEN).decrement(command.sku)
        ends.undo()

    return ends


def counted(bench: Bench) -> tuple[int, int]:
    """What the partition has counted."""
    value = bench.state.get(COMPONENT)
    if value is None:
        return (0, 0)
    schema = declaration_of(CounterComponent).schema
    component = decoder_of(schema, CounterComponent)(value)
    return (component.increments, component.decrements)


def test_a_command_counts_where_its_reply_is_the_answer(bench: Bench, counting: Counting) -> None:
    """In the transaction that holds the answer, do and undo alike."""
    del counting
    effects = bench.process(bench.command(RESERVE))
    assert answer_in(effects).outcome is Outcome.OK
    ((place, key),) = effects.latest
    assert (place.topic, key) == ("_penstock.shop.crdt.taken", b"stock/stock.commands/2:s")
    assert counted(bench) == (1, 0)
    bench.process(bench.command(RELEASE, UNDO))
    assert counted(bench) == (1, 1)


def test_an_answer_out_of_memory_does_not_count_again(bench: Bench, counting: Counting) -> None:
    """The handler does not run, so nothing is asked for."""
    del counting
    bench.process(bench.command(RESERVE))
    for attempt in (1, 2):
        assert not bench.process(bench.command(RESERVE, attempt=attempt)).latest
    assert counted(bench) == (1, 0)


@pytest.mark.parametrize(
    "error",
    [Refused("none"), OSError("no route"), Failed("gone", retryable=False)],
    ids=["refused", "raised", "failed"],
)
def test_a_command_that_is_not_done_counts_nothing(
    bench: Bench, counting: Counting, error: Exception
) -> None:
    """Whatever it asked for on its way."""
    counting.do = raising(error)
    effects = bench.process(bench.command(RESERVE))
    assert answer_in(effects).outcome is not Outcome.OK
    assert not effects.latest
    assert counted(bench) == (0, 0)


def test_a_command_whose_reply_does_not_fit_counts_nothing(
    bench: Bench, counting: Counting
) -> None:
    """Its answer is an error after all."""
    counting.do = lambda: Reserved(reservation=RESERVATION, note="n" * 20_000)
    effects = bench.process(bench.command(RESERVE))
    assert answer_in(effects).outcome is Outcome.ERROR
    assert not effects.latest
    assert counted(bench) == (0, 0)


def test_a_command_whose_counter_is_full_is_answered_with_an_error(
    bench: Bench, counting: Counting
) -> None:
    """Once and for all: nothing of what it did counts, and the saga turns back."""
    del counting
    full = CounterComponent(kind="pn", increments=COUNT_LIMIT, decrements=0)
    bench.state.apply(COMPONENT, encoder_of(CounterComponent)(full))
    effects = bench.process(bench.command(RESERVE))
    reply = answer_in(effects)
    assert (reply.outcome, reply.code, reply.retryable) == (Outcome.ERROR, "PEN-W36", False)
    assert (effects.state, effects.latest) == ({}, {})
    assert [alarm.name for alarm in bench.alarms] == ["command-failed"]


def test_a_refusal_stays_one_where_the_counter_is_full(bench: Bench, counting: Counting) -> None:
    """What is not done counts nothing, so nothing can be in its way."""
    counting.do = raising(Refused("none"))
    full = CounterComponent(kind="pn", increments=COUNT_LIMIT, decrements=0)
    bench.state.apply(COMPONENT, encoder_of(CounterComponent)(full))
    reply = answer_in(bench.process(bench.command(RESERVE)))
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "none")


def test_a_command_that_no_saga_asks_for_counts_or_is_parked(
    bench: Bench, counting: Counting
) -> None:
    """Done it counts; refused, failed or full it leaves a letter and nothing else."""
    alone = Read(encoder_of(Reserve)(RESERVE))
    bench.process(alone)
    assert counted(bench) == (1, 0)
    full = CounterComponent(kind="pn", increments=COUNT_LIMIT, decrements=0)
    bench.state.apply(COMPONENT, encoder_of(CounterComponent)(full))
    for end, reason in (
        (counting.do, "bad-output"),
        (raising(OSError()), "failed"),
        (raising(Refused("no")), "refused"),
    ):
        counting.do = end
        effects = bench.process(alone)
        assert letter_in(effects)[1].reason == reason
        assert (effects.state, effects.latest) == ({}, {})
