"""What a saga leaves on its topics: its record, its history, its definitions; and their codecs.

    state         key of the saga -> SagaRecord
    history       key of the saga -> HistoryRecord, one for each transition
    definitions   version         -> DefinitionRecord

The engine works on plain values (engine/state.py, engine/facts.py); these classes give them a
schema. They are framed and evolve like users' records (formats.md F9).

Laws:
1. What is written reads back as an equal value.
2. Fields are added with defaults, and none is removed or changes its meaning.
3. A record that cannot be read is never guessed: the errors of the codecs pass through. Nor is a
   saga's record that a newer version wrote: what is added there would be lost when it is written
   again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Way
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.state import (
    Announcement,
    Failure,
    Parking,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.lookup import SchemaLookup, found_in, own_in
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import fingerprint_in

__all__ = [
    "RECORDS",
    "SAGA_TABLE",
    "DefinitionRecord",
    "HistoryRecord",
    "RecordReader",
    "SagaRecord",
    "Transition",
    "encode_definition",
    "encode_saga",
    "encode_transition",
]

__namespace__ = "penstock"


class TimerRecord(Record):
    """`state.Timer`."""

    wait: Wait
    due_ms: int


class StepRecord(Record):
    """`state.StepState`."""

    status: StepStatus
    attempt: int
    undo_attempt: int
    fresh_from: int
    first_sent_ms: int | None
    timer: TimerRecord | None
    data: bytes | None
    code: str
    skipped: bool


class FailureRecord(Record):
    """`state.Failure`."""

    step: str
    code: str


class ParkingRecord(Record):
    """`state.Parking`."""

    phase: Phase
    step: str
    way: Way
    code: str
    text: str


class SagaRecord(Record):
    """`state.SagaState`, without its key, which is the record's."""

    version: int
    phase: Phase
    seq: int
    input: bytes
    started_ms: int
    updated_ms: int
    due_ms: int | None
    """When the next of its timers is due: read alone where a state is restored."""
    steps: list[StepRecord]
    deadline_ms: int | None
    remove_ms: int | None
    failure: FailureRecord | None
    parked: ParkingRecord | None
    announced: Announcement | None = None


class FactRecord(Record):
    """`facts.Fact`."""

    kind: FactKind
    step: str
    way: Way | None
    attempt: int
    due_ms: int | None
    data: bytes | None
    code: str
    text: str
    phase: Phase | None
    count: int


class HistoryRecord(Record):
    """`Transition`, without the saga's key, which is the record's."""

    seq: int
    at_ms: int
    version: int
    trigger: str
    cause: str
    facts: list[FactRecord]


class DefinitionRecord(Record):
    """A definition in one version, as its first writer gave it."""

    version: int
    digest: str
    text: str
    schemas: list[str]


SAGA_TABLE: Final = declaration_of(SagaRecord).full_name
"""Name of the table of state that sagas are kept in."""
RECORDS: Final[tuple[type[Record], ...]] = (SagaRecord, HistoryRecord, DefinitionRecord)
"""Every record of this room; their schemas are published before any of them is written."""

_SAGA: Final[AvroSchema] = declaration_of(SagaRecord).schema
_HISTORY: Final[AvroSchema] = declaration_of(HistoryRecord).schema
_SAGA_TIMES: Final[AvroSchema] = AvroSchema.parse(
    '{"type":"record","name":"SagaRecord","namespace":"penstock","fields":['
    '{"name":"updated_ms","type":"long"},{"name":"due_ms","type":["null","long"]}]}'
)
"""The part of a saga's record that timers need; a restore reads nothing else."""

_write_saga: Callable[[Mapping[str, Any]], bytes] = datum_encoder_of(_SAGA)
_write_history: Callable[[Mapping[str, Any]], bytes] = datum_encoder_of(_HISTORY)

encode_definition: Final[Callable[[DefinitionRecord], bytes]] = encoder_of(DefinitionRecord)
"""Write a definition as a framed value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one input did to a saga, or to a key without one: an entry of its history."""

    key: str
    """Of the saga."""
    seq: int
    """The saga's count after it; 0 where there is no saga."""
    at_ms: int
    """When, by the partition's time."""
    version: int
    """Of the definition that decided."""
    trigger: str
    """What kind of input it was, such as start, reply or timer."""
    cause: str
    """`ce_id` of the input record; empty for a timer."""
    facts: tuple[Fact, ...]
    """What happened."""


def encode_saga(state: SagaState) -> bytes:
    """Write a saga's state as a framed value."""
    return _write_saga(
        {
            "version": state.version,
            "phase": state.phase,
            "seq": state.seq,
            "input": state.input,
            "started_ms": state.started_ms,
            "updated_ms": state.updated_ms,
            "due_ms": state.due_ms,
            "steps": [_step_datum(step) for step in state.steps],
            "deadline_ms": state.deadline_ms,
            "remove_ms": state.remove_ms,
            "failure": None
            if state.failure is None
            else {"step": state.failure.step, "code": state.failure.code},
            "parked": None if state.parked is None else _parking_datum(state.parked),
            "announced": state.announced,
        }
    )


def _step_datum(step: StepState) -> dict[str, Any]:
    timer = step.timer
    return {
        "status": step.status,
        "attempt": step.attempt,
        "undo_attempt": step.undo_attempt,
        "fresh_from": step.fresh_from,
        "first_sent_ms": step.first_sent_ms,
        "timer": None if timer is None else {"wait": timer.wait, "due_ms": timer.due_ms},
        "data": step.data,
        "code": step.code,
        "skipped": step.skipped,
    }


def _parking_datum(parking: Parking) -> dict[str, Any]:
    return {
        "phase": parking.phase,
        "step": parking.step,
        "way": parking.direction.name,
        "code": parking.code,
        "text": parking.text,
    }


def encode_transition(transition: Transition) -> bytes:
    """Write an entry of a history as a framed value."""
    return _write_history(
        {
            "seq": transition.seq,
            "at_ms": transition.at_ms,
            "version": transition.version,
            "trigger": transition.trigger,
            "cause": transition.cause,
            "facts": [_fact_datum(fact) for fact in transition.facts],
        }
    )


def _fact_datum(fact: Fact) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "step": fact.step,
        "way": None if fact.direction is None else fact.direction.name,
        "attempt": fact.attempt,
        "due_ms": fact.due_ms,
        "data": fact.data,
        "code": fact.code,
        "text": fact.text,
        "phase": fact.phase,
        "count": fact.count,
    }


@final
class RecordReader:
    """Reads the records of this room, whichever version wrote them."""

    def __init__(self, schemas: SchemaLookup) -> None:
        """Look up writers' schemas here; each is compiled when it first comes."""
        self._schemas = schemas
        self._sagas: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}
        self._times: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}
        self._histories: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}

    def saga(self, key: str, value: bytes) -> SagaState:
        """Read a saga's record.

        Raises:
            UnknownFingerprint: its writer's schema is not known.
            NewerRecord: a newer version wrote it.
            DecodeError: it is no saga's record.
        """
        datum = self._read(self._sagas, value, _SAGA, own=_SAGA)
        failure, parked = datum["failure"], datum["parked"]
        return SagaState(
            key=key,
            version=datum["version"],
            phase=Phase(datum["phase"]),
            seq=datum["seq"],
            input=datum["input"],
            started_ms=datum["started_ms"],
            updated_ms=datum["updated_ms"],
            steps=tuple(_step_of(step) for step in datum["steps"]),
            deadline_ms=datum["deadline_ms"],
            remove_ms=datum["remove_ms"],
            failure=None if failure is None else Failure(**failure),
            parked=None if parked is None else _parking_of(parked),
            announced=None if datum["announced"] is None else Announcement(datum["announced"]),
        )

    def times(self, value: bytes) -> tuple[int, int | None]:
        """Read from a saga's record when it was updated and when it is due; as `saga` raises."""
        datum = self._read(self._times, value, _SAGA_TIMES, own=_SAGA)
        return datum["updated_ms"], datum["due_ms"]

    def transition(self, key: str, value: bytes) -> Transition:
        """Read an entry of a history; as `saga` raises."""
        datum = self._read(self._histories, value, _HISTORY)
        return Transition(
            key=key,
            seq=datum["seq"],
            at_ms=datum["at_ms"],
            version=datum["version"],
            trigger=datum["trigger"],
            cause=datum["cause"],
            facts=tuple(_fact_of(fact) for fact in datum["facts"]),
        )

    def definition(self, value: bytes) -> DefinitionRecord:
        """Read a definition; as `saga` raises."""
        writer = found_in(self._schemas, fingerprint_in(value))
        return decoder_of(writer, DefinitionRecord)(value)

    def _read(
        self,
        readers: dict[bytes, Callable[[bytes], dict[str, Any]]],
        value: bytes,
        schema: AvroSchema,
        *,
        own: AvroSchema | None = None,
    ) -> dict[str, Any]:
        fingerprint = fingerprint_in(value)
        read = readers.get(fingerprint)
        if read is None:
            if own is None:
                writer = found_in(self._schemas, fingerprint)
            else:
                writer = own_in(self._schemas, fingerprint, own)
            read = readers[fingerprint] = datum_decoder_of(writer, schema)
        return read(value)


def _step_of(datum: Mapping[str, Any]) -> StepState:
    timer = datum["timer"]
    return StepState(
        status=StepStatus(datum["status"]),
        attempt=datum["attempt"],
        undo_attempt=datum["undo_attempt"],
        fresh_from=datum["fresh_from"],
        first_sent_ms=datum["first_sent_ms"],
        timer=None if timer is None else Timer(wait=Wait(timer["wait"]), due_ms=timer["due_ms"]),
        data=datum["data"],
        code=datum["code"],
        skipped=datum["skipped"],
    )


def _parking_of(datum: Mapping[str, Any]) -> Parking:
    return Parking(
        phase=Phase(datum["phase"]),
        step=datum["step"],
        direction=Direction[datum["way"]],
        code=datum["code"],
        text=datum["text"],
    )


def _fact_of(datum: Mapping[str, Any]) -> Fact:
    way, phase = datum["way"], datum["phase"]
    return Fact(
        kind=FactKind(datum["kind"]),
        step=datum["step"],
        direction=None if way is None else Direction[way],
        attempt=datum["attempt"],
        due_ms=datum["due_ms"],
        data=datum["data"],
        code=datum["code"],
        text=datum["text"],
        phase=None if phase is None else Phase(phase),
        count=datum["count"],
    )
