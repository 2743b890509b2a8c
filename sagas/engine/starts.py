"""The beginning of a saga, and what is said to those who begin it again (S15)."""

from penstock.sagas.engine.effects import DeadLetter
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Started
from penstock.sagas.engine.notes import Note
from penstock.sagas.engine.program import BadSagaKey
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.walk import go_on
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import PenstockError

__all__ = ["begin", "compare"]


def begin(turn: Turn, started: Started) -> None:
    """Begin a saga."""
    definition = turn.program.definition
    try:
        key = turn.program.key_of(started.input)
    except (BadSagaKey, DecodeError) as error:
        _refuse(turn, error)
        return
    if key != started.key:
        problem = "differs from that of the record that carries it"
        _refuse(turn, BadSagaKey(saga=definition.saga, problem=problem))
        return
    deadline_ms = definition.deadline_ms
    turn.fact(
        FactKind.STARTED,
        data=started.input,
        due_ms=None if deadline_ms is None else turn.now_ms + deadline_ms,
        count=len(definition.steps),
    )
    turn.note(Note.ACCEPTED)
    go_on(turn)


def compare(turn: Turn, started: Started) -> None:
    """Answer a start of a saga that has begun: by the same input, or by another."""
    try:
        same = turn.program.same_input(turn.saga.input, started.input)
    except DecodeError as error:
        _refuse(turn, error)
        return
    turn.note(Note.ALREADY if same else Note.CONFLICT)


def _refuse(turn: Turn, error: PenstockError) -> None:
    turn.effect(DeadLetter(reason="bad-start", code=error.code, text=error.message))
    turn.note(Note.FOREIGN, text=error.message)
