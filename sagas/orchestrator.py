"""A saga's inbox, record by record: from the envelope to what follows from it.

    record -> envelope -> input -> decide -> effects: commands, events, history, the saga's record

One orchestrator serves the inbox of one saga, all versions together. It decides nothing: what a
record means is read here, what follows from it says `decide`, and all that follows is one commit
with the record's offset. Timers that run out take the same way.

Laws:
1. The saga's record, its history, its commands and the offset are one transaction: nobody sees a
   command whose saga does not remember it.
2. A record that cannot be read is a dead letter, and the partition goes on. A saga's own record
   that cannot be read fails the partition. What a slow cluster keeps from being read is neither: it
   is a doubt, and the record is read again.
3. Between reading a saga and changing it nothing else touches that saga, though its record's data
   may have to be waited for: the lanes keep one key in order, timers included.
4. What is certain to be refused is never sent: its saga is parked instead, and nothing of that
   transition remains but the parking (formats.md F18).
5. A bug of ours that one record or one timer brings to light parks its saga, and the others go on:
   nothing was done, because deciding does nothing.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.event import Event
from penstock.events.headers import (
    TEXT_LIMIT,
    HeadersOverLimit,
    UnreadableHeader,
    parse_headers,
)
from penstock.events.identity import Entropy
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import InboxMessage
from penstock.sagas.decoded_sagas import DecodedSagas
from penstock.sagas.definition_book import DefinitionBook
from penstock.sagas.engine.announcement import announces
from penstock.sagas.engine.decide import Decision, decide
from penstock.sagas.engine.effects import DeadLetter, PublishEvent, SendCommand, SoundAlarm
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.inputs import Input, OutputsRefused, TimersDue
from penstock.sagas.engine.notes import Note, ParkingCode
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Phase, SagaState
from penstock.sagas.inbox_reading import InboxReading, StartRefused, trigger_of
from penstock.sagas.outputs import Cause, Outputs, Unsendable
from penstock.sagas.records import (
    SAGA_TABLE,
    RecordReader,
    Transition,
    encode_saga,
)
from penstock.schemas.codec_errors import DecodeError, UnknownFingerprint
from penstock.schemas.errors import (
    CallerError,
    ExitCode,
    InternalError,
    PenstockError,
    WorldError,
)
from penstock.schemas.record import Record
from penstock.workers.group_commit import Effects
from penstock.workers.parking import Parking
from penstock.workers.state import IllegalStateKey, PartitionState, state_key, table_prefix
from penstock.workers.suspicion import Condemnation
from penstock.workers.timers import Timing

__all__ = [
    "InputRefused",
    "Orchestrator",
    "OrchestratorContext",
    "OrchestratorStatistics",
    "Undecidable",
]

RECORD_LIMIT_BYTES: Final = 512 * 1024
"""Size of a saga's record at most; what would make it larger parks the saga (formats.md F18)."""
PARKING_ROOM: Final = 8 * 1024
"""Bytes by which a parked saga may exceed that: the reason must find room."""
_COUNTING_BYTES: Final = 16
"""Bytes by which the count of transitions and the time may grow."""
_PREFIX: Final = table_prefix(SAGA_TABLE)
_UNTAKEABLE: Final = (DecodeError, StartRefused, CallerError, HeadersOverLimit, UnreadableHeader)
"""What says that a record is wrong. Any other error says that the world is, and may mend."""


@dataclass(eq=False, kw_only=True)
class InputRefused(WorldError):
    """A record of an inbox belongs to nothing that this saga knows."""

    problem: str
    """What is wrong with it, a short stable name first."""

    code: ClassVar[str] = "PEN-S43"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The record was not taken: {problem}."
    why: ClassVar[str] = "Taking it could make a saga do what nobody asked for."
    remedy: ClassVar[str] = "Mend the program that wrote it."


@dataclass(eq=False, kw_only=True)
class Undecidable(InternalError):
    """Penstock has a bug that keeps it from deciding what a record does to its saga."""

    saga: str
    """The saga."""
    problem: str
    """What went wrong."""

    code: ClassVar[str] = "PEN-S45"
    what: ClassVar[str] = "Nobody knows what the record would do to its saga {saga}: {problem}"
    why: ClassVar[str] = "It is a bug of penstock, and what it would do to the saga may be wrong."
    remedy: ClassVar[str] = (
        "Report it with the saga's history; then decide about the saga as an operator."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorContext:
    """What an orchestrator needs from outside."""

    parking: Parking
    """Makes dead letters."""
    book: DefinitionBook
    """All versions of the saga."""
    outputs: Outputs
    """Makes records of commands and events."""
    messages: EventDecoder[Record]
    """Reads envelopes."""
    reading: InboxReading
    """Makes inputs of envelopes."""
    reader: RecordReader
    """Reads sagas' records."""
    look_up: Callable[[bytes], Awaitable[object]]
    """Asks the catalogue for an unknown fingerprint, in bounded time."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Jitter."""
    alarm: RaiseAlarm
    """Where alarms go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorStatistics:
    """An orchestrator in numbers, since the process began."""

    transitions: int
    """Inputs that left a fact."""
    orphans: int
    """Answers to keys without a saga."""
    kept: int
    """Sagas that are kept decoded now."""
    kept_bytes: int
    """Bytes of their records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What is decided about: an input, and where it came from."""

    key: str
    """Of the saga."""
    input: Input
    """What decide is told."""
    trigger: str
    """What kind of input it is, for the history."""
    cause: str = ""
    """`ce_id` of the input record; empty for a timer."""
    traceparent: str | None = None
    """Trace context of the input record."""
    record: LogRecord | None = None
    """The input record; None for a timer."""


class _Unannounced(Unsendable):
    """What is certain to be refused says that a saga has turned round."""


@final
class Orchestrator:
    """Serves a saga's inbox; fulfils workers' `Processor` and `Timed`."""

    def __init__(self, context: OrchestratorContext) -> None:
        """Begin; nothing is kept here but what can be read again."""
        self._context = context
        self._sagas = DecodedSagas(context.reader)
        self._transitions = self._orphans = 0

    # --- records -----------------------------------------------------------------------------

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Take a record of the inbox."""
        try:
            key = self._key(record)
            message = await self._message(record)
        except (DecodeError, InputRefused) as error:
            bare = condemned is not None and condemned.without_value
            return self._park(record, error, "undecodable", bare=bare)
        saga = self._saga(key, state)
        if condemned is not None:
            return await self._condemned(record, key, message, saga, condemned)
        program = self._program(saga)
        try:
            given = await self._context.reading.input_of(message, key, program)
            headers = parse_headers(record.headers)
        except _UNTAKEABLE as error:
            return self._park(record, error, "refused")
        return self._apply(
            _Given(
                key=key,
                input=given,
                trigger=trigger_of(message),
                cause=_carried(headers.id) or f"{record.topic}/{record.partition}/{record.offset}",
                traceparent=_carried(headers.traceparent),
                record=record,
            ),
            program,
            saga,
        )

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Make nothing ready: every schema that sagas use was published at the start."""
        assert not tuple(types)

    async def _message(self, record: LogRecord) -> InboxMessage:
        value = record.value or b""
        try:
            message = self._context.messages.decode(value)
        except UnknownFingerprint as unknown:
            await self._context.look_up(bytes.fromhex(unknown.fingerprint))
            message = self._context.messages.decode(value)
        if not isinstance(message, InboxMessage):
            raise InputRefused(problem="foreign-type: it is no envelope")
        return message

    async def _condemned(
        self,
        record: LogRecord,
        key: str,
        message: InboxMessage,
        saga: SagaState | None,
        condemned: Condemnation,
    ) -> Effects:
        """The broker refused twice what followed from this record: park both it and its saga."""
        refused = InputRefused(problem=f"refused-by-broker: {condemned.reason}")
        letter = self._park(record, refused, "refused-by-broker", bare=condemned.without_value)
        if saga is None:
            return letter
        program = self._program(saga)
        try:
            given = await self._context.reading.input_of(message, key, program)
        except _UNTAKEABLE:  # nothing followed from it but the dead letter that it is by now
            code = ParkingCode.NOT_SENT
        else:
            code = self._refused_code(given, program, saga)
        effects = self._apply(
            _Given(
                key=key,
                input=OutputsRefused(reason=condemned.reason, code=code),
                trigger="refused-by-broker",
                record=record,
            ),
            program,
            saga,
        )
        _add_outputs(letter, effects)
        return effects

    def _refused_code(
        self, given: Input, program: Program, saga: SagaState, *, now_ms: int = 0
    ) -> ParkingCode:
        """What the broker refused: to see it, it is decided once more, and nothing is done."""
        now_ms = max(now_ms, self._context.clock.wall_ms(), saga.updated_ms)
        try:
            decision = decide(program, saga.key, saga, given, now_ms=now_ms, draw=0.0)
        except Exception:  # noqa: BLE001 - a bug was met before the broker was: see law 5
            return ParkingCode.NOT_SENT
        told = announces(decision.effects)
        return ParkingCode.NOT_ANNOUNCED if told else ParkingCode.NOT_SENT

    # --- timers ------------------------------------------------------------------------------

    def timing(self, key: bytes, value: bytes) -> Timing:
        """When a saga is due."""
        return self._sagas.timing(key, value)

    def lane_key(self, key: bytes) -> bytes:
        """The saga's key."""
        return key.removeprefix(_PREFIX)

    def fire(
        self, key: bytes, now_ms: int, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Let the timers of a saga run out."""
        name = self.lane_key(key).decode()
        saga = self._saga(name, state)
        assert saga is not None
        program, given = self._program(saga), TimersDue()
        refused: Input | None = None
        if condemned is not None:
            code = self._refused_code(given, program, saga, now_ms=now_ms)
            refused = OutputsRefused(reason=condemned.reason, code=code)
        return self._apply(
            _Given(
                key=name,
                input=refused or given,
                trigger="refused-by-broker" if refused else "timer",
            ),
            program,
            saga,
            now_ms=now_ms,
        )

    # --- what follows ------------------------------------------------------------------------

    def _apply(
        self, given: _Given, program: Program, saga: SagaState | None, *, now_ms: int = 0
    ) -> Effects:
        seen_ms = 0 if saga is None else saga.updated_ms
        now_ms = max(now_ms, self._context.clock.wall_ms(), seen_ms)
        try:
            return self._decided(given, program, saga, now_ms)
        except Unsendable as unsendable:
            if saga is None:
                assert given.record is not None, "a timer belongs to a saga"
                refused = InputRefused(problem=f"unsendable: {unsendable}")
                return self._park(given.record, refused, "refused")
            told = isinstance(unsendable, _Unannounced)
            code = ParkingCode.NOT_ANNOUNCED if told else ParkingCode.NOT_SENT
            given = replace(
                given,
                input=OutputsRefused(reason=str(unsendable), code=code),
                trigger=f"{given.trigger}, not sent",
            )
            return self._decided(given, program, saga, now_ms)
        except Exception as bug:  # noqa: BLE001 - whatever it is, it is ours; see law 5
            return self._undecided(given, program, saga, now_ms, bug)

    def _undecided(
        self,
        given: _Given,
        program: Program,
        saga: SagaState | None,
        now_ms: int,
        bug: Exception,
    ) -> Effects:
        """Keep what shows a bug, and park the saga that has met it.

        Raises:
            Exception: the bug itself, where no record could show it and nothing could be parked.
        """
        problem = f"{type(bug).__name__}: {bug}"
        letter = Effects()
        if given.record is not None:
            error = Undecidable(saga=f"{self._context.book.saga}/{given.key}", problem=problem)
            letter = self._park(given.record, error, "bug")
        if saga is None or not _can_be_parked(saga):
            if given.record is None:
                raise bug
            return letter
        given = replace(
            given,
            input=OutputsRefused(reason=problem, code=ParkingCode.BUG),
            trigger=f"{given.trigger}, not decided",
        )
        effects = self._decided(given, program, saga, now_ms)
        _add_outputs(letter, effects)
        return effects

    def _decided(
        self, given: _Given, program: Program, saga: SagaState | None, now_ms: int
    ) -> Effects:
        """Decide, and make records of what follows.

        Raises:
            Unsendable: one of them is certain to be refused. Nobody was told of anything.
        """
        draw = self._context.entropy.random()
        decision = decide(program, given.key, saga, given.input, now_ms=now_ms, draw=draw)
        effects = Effects()
        if decision.facts:
            cause = Cause(
                key=given.key,
                started_ms=now_ms if decision.state is None else decision.state.started_ms,
                id=given.cause,
                traceparent=given.traceparent,
                now_ms=now_ms,
            )
            self._write_outputs(decision, cause, effects)
            self._write_history(given, program, decision, cause, effects)
        self._write_state(given, saga, decision, effects)
        self._write_letters(given, decision, effects)
        self._tell(given, decision)
        return effects

    def _write_outputs(self, decision: Decision, cause: Cause, effects: Effects) -> None:
        outputs = self._context.outputs
        for effect in decision.effects:
            if isinstance(effect, SendCommand):
                effects.emit(*outputs.command(effect, cause))
            elif isinstance(effect, PublishEvent):
                effects.emit(*self._event(effect, cause))

    def _event(self, publish: PublishEvent, cause: Cause) -> tuple[Partition, NewRecord]:
        try:
            return self._context.outputs.event(publish, cause)
        except Unsendable as unsendable:
            if announces([publish]):
                raise _Unannounced(*unsendable.args) from unsendable
            raise

    def _write_letters(self, given: _Given, decision: Decision, effects: Effects) -> None:
        for effect in decision.effects:
            if isinstance(effect, DeadLetter):
                assert given.record is not None, "a timer leaves no letter"
                refused = InputRefused(problem=f"{effect.code}: {effect.text}")
                _add_outputs(self._park(given.record, refused, effect.reason), effects)

    def _write_history(
        self,
        given: _Given,
        program: Program,
        decision: Decision,
        cause: Cause,
        effects: Effects,
    ) -> None:
        if _is_orphan(decision):
            return
        transition = Transition(
            key=given.key,
            seq=0 if decision.state is None else decision.state.seq,
            at_ms=cause.now_ms,
            version=program.definition.version,
            trigger=given.trigger,
            cause=given.cause,
            facts=decision.facts,
        )
        effects.emit(*self._context.outputs.history_entry(transition, cause))

    def _write_state(
        self, given: _Given, saga: SagaState | None, decision: Decision, effects: Effects
    ) -> None:
        if decision.state is saga:
            return
        entry = state_key(SAGA_TABLE, given.key)
        if decision.state is None:
            self._sagas.forget(entry)
            effects.change(entry, None)
            return
        value = encode_saga(decision.state)
        limit_bytes = min(RECORD_LIMIT_BYTES, self._context.outputs.limit_bytes - PARKING_ROOM)
        if isinstance(given.input, OutputsRefused):
            limit_bytes += PARKING_ROOM
        if len(value) > limit_bytes and not _only_waits(saga, decision.state, value):
            message = f"its record has {len(value)} bytes, the limit is {limit_bytes}"
            raise Unsendable(message)
        self._sagas.keep(entry, value, decision.state)
        effects.change(entry, value)

    # --- what is known -----------------------------------------------------------------------

    def _key(self, record: LogRecord) -> str:
        """The saga's key, checked to be one and to be where it belongs."""
        try:
            key = (record.key or b"").decode()
            state_key(SAGA_TABLE, key)
        except (UnicodeDecodeError, IllegalStateKey):
            raise InputRefused(problem="no-key: its key is no text of 1 to 1024 bytes") from None
        inbox = self._context.outputs.inbox
        assert record.key is not None
        if partition_of(record.key, self._context.outputs.partitions[inbox]) != record.partition:
            raise InputRefused(
                problem="wrong-partition: its key belongs to another partition, where its saga is"
            )
        return key

    def _saga(self, key: str, state: PartitionState) -> SagaState | None:
        entry = state_key(SAGA_TABLE, key)
        value = state.get(entry)
        return None if value is None else self._sagas.read(entry, key, value)

    def _program(self, saga: SagaState | None) -> Program:
        book = self._context.book
        return book.latest if saga is None else book.program(saga.version)

    def _park(
        self, record: LogRecord, failure: PenstockError, reason: str, *, bare: bool = False
    ) -> Effects:
        """Make the dead letter of a record its only effect."""
        now_ms = self._context.clock.wall_ms()
        return self._context.parking.park(record, failure, reason, now_ms=now_ms, bare=bare)

    def _tell(self, given: _Given, decision: Decision) -> None:
        self._transitions += bool(decision.facts)
        self._orphans += _is_orphan(decision)
        facts = {"saga": f"{self._context.book.saga}/{given.key}"}
        for effect in decision.effects:
            if isinstance(effect, SoundAlarm):
                self._context.alarm(Alarm(name=effect.name, text=effect.text, facts=facts))

    def statistics(self) -> OrchestratorStatistics:
        """What it has done so far."""
        return OrchestratorStatistics(
            transitions=self._transitions,
            orphans=self._orphans,
            kept=len(self._sagas),
            kept_bytes=self._sagas.size_bytes,
        )


def _carried(text: str | None) -> str | None:
    """Return a header of anybody's as it may be written again, else nothing."""
    return text if text and len(text) <= TEXT_LIMIT else None


def _add_outputs(letter: Effects, effects: Effects) -> None:
    for partition, output in letter.outputs:
        effects.emit(partition, output)


def _can_be_parked(saga: SagaState) -> bool:
    """Whether it goes on by itself, and a step of it can wait for an operator."""
    goes_on = saga.phase is not Phase.PARKED and not saga.phase.ended
    return goes_on and any(step.timer is not None for step in saga.steps)


def _only_waits(before: SagaState | None, after: SagaState, value: bytes) -> bool:
    """Whether a parked saga is parked still, with no more in its record than was there before.

    The reason may have made it larger than a record should be; who asks is answered all the same.
    """
    if before is None or before.phase is not Phase.PARKED or after.phase is not Phase.PARKED:
        return False
    return len(value) <= len(encode_saga(before)) + _COUNTING_BYTES


def _is_orphan(decision: Decision) -> bool:
    facts = decision.facts
    return decision.state is None and bool(facts) and all(map(_silent, facts))


def _silent(fact: Fact) -> bool:
    """Whether a fact about a key without a saga is one that nobody waits to read."""
    return fact.kind is FactKind.NOTED and fact.code == Note.ORPHAN
