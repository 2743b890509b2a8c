"""The memory of participants as state: its keys, its bytes, and how it is forgotten."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest

from penstock.events.log import RecordTooLarge
from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.events.saga_messages import Outcome
from penstock.infra.schema_files.export import file_text
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.group_commit import Effects
from penstock.workers.lanes import lane_of
from penstock.workers.participant import BLANK, Answer, Memory
from penstock.workers.participant_memory import Memories, ParticipantMemory, memory_key
from penstock.workers.state import PartitionState, state_key
from penstock.workers.state_table import StateUnreadable
from penstock.workers.timers import Timing

SCHEMA = declaration_of(ParticipantMemory).schema
FILE = "avsc/penstock.ParticipantMemory.avsc"
FULL = Memory(
    done=Answer(outcome=Outcome.REFUSED, code="full", text="until May"),
    undone=Answer(outcome=Outcome.OK, data=b"\x01\x02"),
    undo_attempt=3,
    tombstone=True,
    forget_ms=1_700_000_000_000,
)
GOLDEN = bytes.fromhex(
    "c301118b129c1f29cef7"
    "80a0abfef962"  # forget_ms
    "02 02 00 0866756c6c 12756e74696c204d6179"  # done
    "02 00 02040102 00 00"  # undone
    "06 01"  # undo_attempt, tombstone
)
"""`FULL` as version 0.1.0 wrote it: never to be changed, only added to."""


class Files:
    """Knows the schema that lies in a file, as a changelog's reader of a later version will."""

    def __init__(self, *further: AvroSchema) -> None:
        """Know further ones too."""
        self._further = further

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """One of them, by its fingerprint."""
        schema = AvroSchema.parse(files("penstock.schemas").joinpath(FILE).read_text("utf-8"))
        known = (schema, *self._further)
        return next((each for each in known if each.fingerprint == fingerprint), None)


def ask(key: str = "o-1", direction: Direction = Direction.DO) -> CommandHeaders:
    """A command of the step `reserve`."""
    return CommandHeaders(
        saga="order",
        step="reserve",
        direction=direction,
        attempt=1,
        idempotency_key=idempotency_key("order", direction, "reserve", key),
        deadline_ms=0,
        reply_to="_penstock.shop.saga.order.inbox",
    )


KEY = memory_key(ask(), b"o-1")


def kept(memory: Memory, key: bytes = KEY, *, limit_bytes: int = 10_000) -> PartitionState:
    """A state that holds one memory."""
    effects, state = Effects(), PartitionState()
    Memories(Files(), limit_bytes=limit_bytes).keep(key, memory, effects)
    for changed, value in effects.state.items():
        state.apply(changed, value)
    return state


@pytest.fixture
def memories() -> Memories:
    """A reader that knows the file alone."""
    return Memories(Files(), limit_bytes=10_000)


def test_the_schema_file_is_the_schema_of_the_class() -> None:
    """A change of the record shows as a change of its file, and is thought about."""
    text = files("penstock.schemas").joinpath(FILE).read_text("utf-8")
    assert text == file_text(SCHEMA)


def test_memory_is_written_as_ever_and_read_back(memories: Memories) -> None:
    """Changelogs outlive versions."""
    state = kept(FULL)
    assert state.get(KEY) == GOLDEN
    assert memories.recall(KEY, state) == FULL


@pytest.mark.parametrize("memory", [FULL, Memory(tombstone=True, forget_ms=5)])
def test_what_is_kept_is_recalled(memories: Memories, memory: Memory) -> None:
    """And of what was never kept nothing is known."""
    assert memories.recall(KEY, kept(memory)) == memory
    assert memories.recall(KEY, PartitionState()) is BLANK


def test_do_and_undo_share_an_entry_and_nobody_else_does() -> None:
    """The tombstone that an undo leaves lies where the do looks for it."""
    keys = {
        memory_key(ask(key, direction), key.encode())
        for key in ("o-1", "o-2", "", "a:b", "a#b", "/", "x" * 896, "x" * 897, "x" * 4_096)
        for direction in Direction
    }
    assert len(keys) == 9
    assert state_key("penstock.ParticipantMemory", "order/reserve:o-1") == KEY


@pytest.mark.parametrize("key", ["o-1", "", "a:b/c", "ä" * 448, "ä" * 449, "x" * 4_096])
def test_every_key_of_a_saga_fits_into_a_key_of_state(memories: Memories, key: str) -> None:
    """A long one stands there as its digest. Where it stands as it is, it tells the lane."""
    raw = key.encode()
    entry = memory_key(ask(key), raw)
    assert len(entry) <= 1_100
    if len(raw) <= 896:
        assert memories.lane_key(entry) == raw
        assert lane_of(memories.lane_key(entry), 0, 16) == lane_of(raw, 77, 16)
    else:
        assert memories.lane_key(entry)


def test_an_entry_is_forgotten_when_its_time_has_come(memories: Memories) -> None:
    """And not before; who looks too early changes nothing."""
    state = kept(FULL)
    value = state.get(KEY)
    assert value is not None
    assert memories.timing(KEY, value) == Timing(FULL.forget_ms)
    assert memories.forget(KEY, FULL.forget_ms - 1, state).state == {}
    assert memories.forget(KEY, FULL.forget_ms, state).state == {KEY: None}
    assert memories.forget(memory_key(ask(), b"other"), FULL.forget_ms, state).state == {}


def test_other_tables_name_no_time(memories: Memories) -> None:
    """Their values are not even looked at."""
    key = state_key("shop.Count", "order/reserve:o-1")
    state = PartitionState()
    state.apply(key, b"no record")
    assert memories.timing(key, b"no record") == Timing(None)
    assert memories.forget(key, 10**15, state).state == {}


def test_an_entry_that_cannot_be_read_is_never_guessed(memories: Memories) -> None:
    """Answering without it could repeat an effect."""
    for value in (b"", b"\xc3\x01" + b"\x00" * 9, GOLDEN[:-1]):
        state = PartitionState()
        state.apply(KEY, value)
        with pytest.raises(StateUnreadable, match="ParticipantMemory"):
            memories.recall(KEY, state)


def test_f9_an_entry_of_a_newer_version_is_not_read() -> None:
    """What is added there would be lost when this version writes the entry again."""
    document = json.loads(SCHEMA.text)
    document["fields"].append({"name": "effects", "type": "long", "default": 0})
    newer = AvroSchema.parse(json.dumps(document))

    memories, state = Memories(Files(newer), limit_bytes=10_000), PartitionState()
    state.apply(KEY, b"\xc3\x01" + newer.fingerprint + GOLDEN[10:] + b"\x02")
    with pytest.raises(StateUnreadable, match="PEN-A57"):
        memories.recall(KEY, state)


def test_a_memory_without_a_reply_is_always_written() -> None:
    """What stops a do must not be lost because of a setting."""
    refused = Answer(outcome=Outcome.REFUSED, code="c" * 128, text="\U0001f600" * 1_024)
    memory = Memory(done=refused, undone=refused, tombstone=True)
    with pytest.raises(RecordTooLarge):
        kept(replace(memory, undone=Answer(outcome=Outcome.OK, data=b"x" * 20_000)), limit_bytes=1)
    key = memory_key(ask("x" * 896), b"x" * 896)
    assert kept(memory, key, limit_bytes=1).get(key) is not None


def test_memory_that_is_no_record_any_more_is_refused() -> None:
    """Certain to be refused by the broker, so refused before any transaction."""
    large = Memory(done=Answer(outcome=Outcome.OK, data=b"x" * 20_000))
    with pytest.raises(RecordTooLarge, match="changelog"):
        kept(large)
