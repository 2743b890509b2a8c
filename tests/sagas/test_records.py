"""The records that a saga leaves: codecs, schema files, and bytes that must stay readable."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import (
    InboxMessage,
    Outcome,
    Start,
    StepReply,
    Way,
    encode_inbox_message,
)
from penstock.infra.schema_files.export import file_text
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
from penstock.sagas.records import (
    RECORDS,
    DefinitionRecord,
    RecordReader,
    SagaRecord,
    Transition,
    encode_definition,
    encode_saga,
    encode_transition,
)
from penstock.schemas.codec import decoder_of
from penstock.schemas.codec_errors import NewerRecord, UnknownFingerprint
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

ALL: tuple[type[Record], ...] = (*RECORDS, InboxMessage)


class Known:
    """Knows the schemas of this version, and further ones."""

    def __init__(self, *further: AvroSchema) -> None:
        """Know them."""
        self._further = further

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """One of them, or none."""
        schemas = [*(declaration_of(record).schema for record in ALL), *self._further]
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


READER = RecordReader(Known())

longs = st.integers(min_value=0, max_value=2**62)
texts = st.text(max_size=20)
states = st.builds(
    SagaState,
    key=st.just("o-1"),
    version=longs,
    phase=st.sampled_from(Phase),
    seq=longs,
    input=st.binary(max_size=40),
    started_ms=longs,
    updated_ms=longs,
    steps=st.lists(
        st.builds(
            StepState,
            status=st.sampled_from(StepStatus),
            attempt=longs,
            undo_attempt=longs,
            fresh_from=longs,
            first_sent_ms=st.none() | longs,
            timer=st.none() | st.builds(Timer, wait=st.sampled_from(Wait), due_ms=longs),
            data=st.none() | st.binary(max_size=40),
            code=texts,
            skipped=st.booleans(),
        ),
        max_size=4,
    ).map(tuple),
    deadline_ms=st.none() | longs,
    remove_ms=st.none() | longs,
    failure=st.none() | st.builds(Failure, step=texts, code=texts),
    parked=st.none()
    | st.builds(
        Parking,
        phase=st.sampled_from(Phase),
        step=texts,
        direction=st.sampled_from(Direction),
        code=texts,
        text=texts,
    ),
    announced=st.none() | st.sampled_from(Announcement),
)
facts = st.builds(
    Fact,
    kind=st.sampled_from(FactKind),
    step=texts,
    direction=st.none() | st.sampled_from(Direction),
    attempt=longs,
    due_ms=st.none() | longs,
    data=st.none() | st.binary(max_size=40),
    code=texts,
    text=texts,
    phase=st.none() | st.sampled_from(Phase),
    count=longs,
)
transitions = st.builds(
    Transition,
    key=st.just("o-1"),
    seq=longs,
    at_ms=longs,
    version=longs,
    trigger=texts,
    cause=texts,
    facts=st.lists(facts, max_size=4).map(tuple),
)


@given(states)
def test_a_saga_reads_back_as_it_was_written(state: SagaState) -> None:
    """Law 1, for the record on the state topic; its times can be read alone."""
    value = encode_saga(state)
    assert READER.saga("o-1", value) == state
    assert READER.times(value) == (state.updated_ms, state.due_ms)


@given(transitions)
def test_a_transition_reads_back_as_it_was_written(transition: Transition) -> None:
    """Law 1, for the record on the history topic."""
    assert READER.transition("o-1", encode_transition(transition)) == transition


def test_a_definition_reads_back_as_it_was_written() -> None:
    """Law 1, for the record on the definitions topic."""
    record = DefinitionRecord(version=3, digest="d", text="saga: x", schemas=["{}"])
    assert READER.definition(encode_definition(record)) == record


@pytest.mark.parametrize("record", ALL)
def test_the_schema_file_is_the_schema_of_the_class(record: type[Record]) -> None:
    """A change of such a record shows as a change of its file, and is thought about."""
    schema = declaration_of(record).schema
    file = files("penstock.schemas").joinpath(f"avsc/{schema.full_name}.avsc")
    assert file.read_text(encoding="utf-8") == file_text(schema)


def test_a_record_of_an_unknown_version_is_not_guessed() -> None:
    """Law 3."""
    with pytest.raises(UnknownFingerprint):
        READER.saga("o-1", b"\xc3\x01" + bytes(8) + b"x")


def test_f9_a_sagas_record_of_a_newer_version_is_not_read() -> None:
    """Law 3: what is added there would be lost when this version writes the record again."""
    document = json.loads(declaration_of(SagaRecord).schema.text)
    document["fields"].append({"name": "priority", "type": "long", "default": 0})
    newer = AvroSchema.parse(json.dumps(document))
    reader = RecordReader(Known(newer))
    value = b"\xc3\x01" + newer.fingerprint + encode_saga(GOLDEN_STATE)[10:] + b"\x02"
    for read in (lambda: reader.saga("o-1", value), lambda: reader.times(value)):
        with pytest.raises(NewerRecord, match="priority"):
            read()


GOLDEN_STATE = SagaState(
    key="o-1",
    version=2,
    phase=Phase.PARKED,
    seq=7,
    input=b"in",
    started_ms=1_000,
    updated_ms=2_000,
    steps=(
        StepState(status=StepStatus.DONE, attempt=1, first_sent_ms=1_000, data=b"r"),
        StepState(
            status=StepStatus.UNDOING,
            attempt=2,
            undo_attempt=3,
            fresh_from=1,
            timer=Timer(wait=Wait.RETRY, due_ms=3_000),
            code="timeout",
        ),
    ),
    deadline_ms=9_000,
    failure=Failure(step="b", code="no_funds"),
    parked=Parking(
        phase=Phase.COMPENSATING, step="b", direction=Direction.UNDO, code="stuck", text="t"
    ),
)
GOLDEN_TRANSITION = Transition(
    key="o-1",
    seq=7,
    at_ms=2_000,
    version=2,
    trigger="reply",
    cause="c",
    facts=(
        Fact(kind=FactKind.DONE, step="a", data=b"r"),
        Fact(kind=FactKind.SENT, step="b", direction=Direction.DO, attempt=1, due_ms=3_000),
        Fact(kind=FactKind.MOVED, phase=Phase.COMPENSATING),
    ),
)
GOLDEN_REPLY = InboxMessage(
    reply=StepReply(
        step="a", way=Way.DO, attempt=2, outcome=Outcome.REFUSED, code="no", text="none left"
    )
)
GOLDEN_STATE_BYTES = bytes.fromhex(
    "c301e15687e84d0c963d04080e04696ed00fa01f02f02e040402000002d00f0002027200000a0406"
    "02000202f02e000e74696d656f7574000002d08c0100020262106e6f5f66756e647302040262020a"
    "737475636b0274"
)
GOLDEN_TRANSITION_BYTES = bytes.fromhex(
    "c301fde413733738bcc30ea01f040a7265706c790263060802610000000202720000000002026202"
    "000202f02e0000000000160000000000000002040000"
)
GOLDEN_REPLY_BYTES = bytes.fromhex(
    "c3019236077da0e90d460002026100040200046e6f126e6f6e65206c65667401000000"
)
"""As version 0.1.0 wrote them: never to be changed, only added to. State and history are from
before sagas announced that they had turned round; the schemas of then lie in `OLD_SCHEMAS`."""
OLD_SCHEMAS = Path(__file__).parent / "records_without_announcements"

GOLDEN_END = replace(
    GOLDEN_STATE,
    phase=Phase.COMPENSATED,
    steps=GOLDEN_STATE.steps[:1],
    deadline_ms=None,
    remove_ms=9_000,
    parked=None,
    announced=Announcement.PUBLISHED,
)
GOLDEN_ENDING = replace(
    GOLDEN_TRANSITION,
    facts=(
        Fact(kind=FactKind.MOVED, phase=Phase.COMPENSATED),
        Fact(kind=FactKind.ANNOUNCED, text="shop.OrderTurnedBack"),
        Fact(kind=FactKind.UNANNOUNCED, code="PEN-S46", text="t"),
    ),
)
GOLDEN_END_BYTES = bytes.fromhex(
    "c301205fa3eb7d0d0726040c0e04696ed00fa01f02d08c01020402000002d00f0002027200000000"
    "02d08c01020262106e6f5f66756e6473000200"
)
GOLDEN_ENDING_BYTES = bytes.fromhex(
    "c3017e2c3cbba1a97c250ea01f040a7265706c790263061600000000000000020c00280000000000"
    "002873686f702e4f726465725475726e65644261636b00002a00000000000e50454e2d5334360274"
    "000000"
)
"""The same with announcements. Never to be changed, either."""


def test_old_records_can_still_be_read() -> None:
    """State, history and what lies in an inbox outlive versions."""
    old = [AvroSchema.parse(path.read_text("utf-8")) for path in OLD_SCHEMAS.iterdir()]
    reader = RecordReader(Known(*old))
    assert reader.saga("o-1", GOLDEN_STATE_BYTES) == GOLDEN_STATE
    assert reader.times(GOLDEN_STATE_BYTES) == (GOLDEN_STATE.updated_ms, GOLDEN_STATE.due_ms)
    assert reader.transition("o-1", GOLDEN_TRANSITION_BYTES) == GOLDEN_TRANSITION
    assert READER.saga("o-1", GOLDEN_END_BYTES) == GOLDEN_END
    assert READER.transition("o-1", GOLDEN_ENDING_BYTES) == GOLDEN_ENDING
    writer = declaration_of(InboxMessage).schema
    assert decoder_of(writer, InboxMessage)(GOLDEN_REPLY_BYTES) == GOLDEN_REPLY


def test_records_are_written_as_ever() -> None:
    """The latest golden bytes are what this version writes, too."""
    assert encode_saga(GOLDEN_END) == GOLDEN_END_BYTES
    assert encode_transition(GOLDEN_ENDING) == GOLDEN_ENDING_BYTES
    assert encode_inbox_message(GOLDEN_REPLY) == GOLDEN_REPLY_BYTES


def test_what_is_added_costs_old_records_nothing() -> None:
    """Law 2: a saga without an announcement is written as before, and one byte says that."""
    assert encode_saga(GOLDEN_STATE)[10:] == GOLDEN_STATE_BYTES[10:] + b"\x00"
    assert encode_transition(GOLDEN_TRANSITION)[10:] == GOLDEN_TRANSITION_BYTES[10:]


@pytest.mark.parametrize("parts", [{}, {"start": Start(input=b""), "reply": GOLDEN_REPLY.reply}])
def test_an_envelope_holds_exactly_one_part(parts: dict[str, Any]) -> None:
    """None and two are refused where they are made and where they are read."""
    with pytest.raises(ValidationError):
        InboxMessage(**parts)
